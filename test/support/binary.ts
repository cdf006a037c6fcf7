import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** How a program ended. */
export interface Outcome {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a program is run with. Its environment is exactly this one. */
export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** 60 seconds unless given. */
  readonly timeoutMs?: number;
}

/** A server that runs. */
export interface RunningServer {
  /** `http://127.0.0.1:PORT`. */
  readonly address: string;
  readonly pid: number;
  /** Between the start of the process and the line that says that it listens, in milliseconds. */
  readonly readyMs: number;
  /** What it has written to standard error so far. */
  stderr(): string;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Outcome>;
  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<Outcome>;
}

const TOP = resolve(import.meta.dir, "../..");
const folders = new Set<string>();
const running = new Set<RunningServer>();
let binary: Promise<string> | undefined;

/**
 * The compiled executable, made first where it is missing or older than what it is made of. `WRIT_TEST_BINARY` names
 * another one, such as a release.
 */
export function writBinary(): Promise<string> {
  binary ??= findBinary();
  return binary;
}

async function findBinary(): Promise<string> {
  const given = process.env["WRIT_TEST_BINARY"];
  if (given !== undefined) return resolve(given);
  const path = join(TOP, "dist/writ");
  if (isFresh(path)) return path;
  const env = { HOME: process.env["HOME"] ?? "/", PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` };
  const { code, stderr } = await runProgram([join(TOP, "scripts/compile"), path], { cwd: TOP, env });
  if (code !== 0) throw new Error(`the executable does not compile: ${stderr}`);
  return path;
}

function isFresh(path: string): boolean {
  const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (made === undefined) return false;
  const sources = ["src", "views", "policies", "migrations"].flatMap((folder) =>
    existsSync(join(TOP, folder))
      ? readdirSync(join(TOP, folder), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
      : [],
  );
  return [...sources, join(TOP, "package.json"), join(TOP, "scripts/compile")].every(
    (file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) <= made,
  );
}

/** Runs a program to its end. One that takes too long is killed, and its code is null. */
export async function runProgram(words: readonly string[], options: RunOptions): Promise<Outcome> {
  const child = Bun.spawn([...words], {
    cwd: options.cwd,
    env: { ...options.env },
    stdin: options.input === undefined ? "ignore" : Buffer.from(options.input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? 60_000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { code: child.exitCode, stdout, stderr };
}

/** Starts `writ serve` and waits until it listens. Throws with what it said where it ends instead. */
export async function startServer(options: RunOptions, executable?: string): Promise<RunningServer> {
  const startedAt = performance.now();
  const child = Bun.spawn([executable ?? (await writBinary()), "serve", "--json"], {
    cwd: options.cwd,
    env: { ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let stdout = "";
  let stderr = "";
  const ready = Promise.withResolvers<{ readonly address: string }>();
  const decoder = new TextDecoder();
  const readOut = (async () => {
    for await (const chunk of child.stdout) {
      stdout += decoder.decode(chunk, { stream: true });
      if (stdout.includes("\n")) ready.resolve(JSON.parse(stdout.slice(0, stdout.indexOf("\n"))));
    }
  })();
  const readErr = (async () => {
    const text = new TextDecoder();
    for await (const chunk of child.stderr) stderr += text.decode(chunk, { stream: true });
  })();
  const exited = (async (): Promise<Outcome> => {
    await Promise.all([readOut, readErr, child.exited]);
    ready.reject(new Error(`the server ended with ${child.exitCode}: ${stderr}`));
    return { code: child.exitCode, stdout, stderr };
  })();
  let address = "";
  let readyMs = 0;
  const server: RunningServer = {
    get address() {
      return address;
    },
    get readyMs() {
      return readyMs;
    },
    pid: child.pid,
    stderr: () => stderr,
    signal: (signal) => child.kill(signal),
    stop: (signal = "SIGTERM") => {
      child.kill(signal);
      return exited;
    },
    exited,
  };
  running.add(server);
  void exited.then(() => running.delete(server));
  ({ address } = await ready.promise);
  readyMs = performance.now() - startedAt;
  return server;
}

/** An empty folder that {@link cleanUp} removes. */
export function freshFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `writ-e2e-${name}-`));
  folders.add(folder);
  return folder;
}

/** Ends what was started here and removes the folders. For `afterAll`. */
export async function cleanUp(): Promise<void> {
  await Promise.all([...running].map((server) => server.stop("SIGKILL")));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

/** A port of loopback that nobody listened on a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolvePort(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
