import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const MAIN = resolve(import.meta.dir, "../../src/main.ts");

/** What a command did. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run besides its words. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  readonly cwd?: string;
}

/** Starts the program from its sources; nothing of this process's settings reaches it. */
export function spawnWrit(words: readonly string[], { env = {}, stdin = "", cwd }: RunOptions = {}) {
  return Bun.spawn([process.execPath, MAIN, ...words], {
    env: { PATH: process.env["PATH"] ?? "", HOME: tmpdir(), ...env },
    stdin: typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin,
    stdout: "pipe",
    stderr: "pipe",
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** Runs the program to its end. */
export async function writ(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawnWrit(words, options);
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

/** The objects of output that is JSON, a line each. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A new empty folder, short enough for a socket in it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "writ-cli-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** What an error must look like: lines of words, no stack, nothing that moves a cursor. */
export function isCleanError({ code, stderr }: Outcome): boolean {
  return (
    code === 2 &&
    /^writ: .+\n(?:hint: .+\n)?$/.test(stderr) &&
    !/\n\s+at /.test(stderr) &&
    !/\p{Cc}/u.test(stderr.replaceAll("\n", ""))
  );
}
