import { existsSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { WritError } from "#src/base/errors.ts";
import { compileFileRules, type FileGate, type FileRule, joinGates } from "#src/classify/file-rules.ts";
import { startRelay } from "#src/io/relay.ts";
import { trustBundle } from "#src/io/tls-authority.ts";
import type { AgentCaller } from "../agent-caller.ts";
import { textOf } from "../answer.ts";
import { ApiError } from "../api-error.ts";
import type { Arguments } from "../arguments.ts";
import type { Answer } from "../client.ts";
import { readProjectRules } from "../files-ground.ts";
import { versionOf, withHooksInPlace } from "./agent-program.ts";
import {
  API_SOCKET,
  containerCommand,
  ENVIRONMENT_FILE,
  INSIDE,
  INSIDE_API_PORT,
  INSIDE_PROXY_PORT,
  PROXY_SOCKET,
} from "./contain.ts";
import { cleanEnvironment, isReplaced, type RefusedVariable, type Variables } from "./environment.ts";
import { exposedPaths } from "./exposure.ts";
import { startHookHelper } from "./hook-helper.ts";

/** What a seat is prepared from. */
export interface RunAgentGround extends AgentCaller {
  readonly url: string;
  readonly level: "observed" | "contained";
  /** A fresh folder of this run's alone. */
  readonly folder: string;
  readonly words: readonly string[];
  readonly home: string;
  readonly cwd: string;
}

/** Everything that can be known before the run is opened. */
export interface Seat {
  readonly refused: readonly RefusedVariable[];
  readonly notes: readonly string[];
  readonly version: string | undefined;
  readonly knownValues: readonly string[];
  start(run: string): Promise<StartedSeat>;
}

/** What is to be run, and what stops what was started for it. */
export interface StartedSeat {
  readonly words: readonly string[];
  readonly env: Variables;
  stop(): void;
}

const HOOK_SOCKET = "hook.sock";

interface Proxy {
  readonly scheme: string;
  readonly port: number;
  readonly authority: string;
}

/** Checks all that would stop the run. Throws `invalid_argument` and `forbidden`. */
export async function prepareSeat(
  ground: RunAgentGround,
  args: Arguments,
  inherited: Readonly<Record<string, string | undefined>>,
): Promise<Seat> {
  const isContained = ground.level === "contained";
  if (!isContained && !args.has("unsafe-same-user")) refuseExposed(ground.dataFolder);
  const { kept, refused } = cleanEnvironment(inherited, new Set(args.list("allow-env")));
  const proxy = ground.key === undefined ? undefined : await readProxy(ground);
  const notes = [...(proxy === undefined ? ["there is no forward proxy: only hooks are asked"] : [])];
  const container = isContained ? { gate: await readGate(ground), program: ownProgram() } : undefined;
  const seen = isContained ? INSIDE : ground.folder;
  const hooked = withHooksInPlace(
    ground.words,
    container === undefined ? hookProgram() : join(INSIDE, "writ"),
    ground.folder,
    seen,
  );
  if (!hooked.isHooked)
    notes.push(`\`${basename(ground.words[0] ?? "")}\` has no hooks that are put in place by themselves`);
  return {
    // Writ's own settings and proxies are replaced, which is nothing to be told.
    refused: refused.filter(({ name }) => !isReplaced(name)),
    notes,
    version: await versionOf(ground.words, kept),
    knownValues: ground.key === undefined ? [] : [ground.key],
    start: async (run) => {
      const stopHelper = startHookHelper(ground, run, join(ground.folder, HOOK_SOCKET));
      const env = { ...kept, ...hooked.env, ...writEnvironment(ground, run, seen, proxy) };
      if (container === undefined) return { words: hooked.words, env, stop: stopHelper };
      const closeWays = await openWays(ground, proxy);
      const stop = (): void => {
        closeWays();
        stopHelper();
      };
      const command = containerCommand({
        ...ground,
        ...container,
        shared: args.list("share"),
        readable: args.list("read"),
        hasTerminal: process.stdin.isTTY === true && process.stdout.isTTY === true,
      });
      const path = `${INSIDE}:${env["PATH"] ?? "/usr/bin:/bin"}`;
      const inside = JSON.stringify({ ...env, PATH: path, TMPDIR: "/tmp" });
      writeFileSync(join(ground.folder, ENVIRONMENT_FILE), inside, { mode: 0o600 });
      return { words: [...command, ...hooked.words], env: { PATH: env["PATH"] ?? "/usr/bin:/bin" }, stop };
    },
  };
}

function refuseExposed(dataFolder: string): void {
  const [exposed] = exposedPaths(dataFolder);
  if (exposed === undefined) return;
  throw new WritError(
    "forbidden",
    `the program could read Writ's own data in \`${exposed}\`: run Writ as another user, or use \`--level contained\`; \`--unsafe-same-user\` starts it all the same`,
  );
}

async function readProxy({ api }: RunAgentGround): Promise<Proxy | undefined> {
  try {
    const answer: Answer = await api.get("/v1/forward-proxy");
    return { scheme: textOf(answer, "scheme"), port: Number(answer["port"]), authority: textOf(answer, "authority") };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** The rules that hold for this agent, and this project's own. */
async function readGate({ api, cwd }: RunAgentGround): Promise<FileGate> {
  const { policy } = await api.get("/v1/tools/offline-policy");
  const { files } = policy as { readonly files: readonly FileRule[] };
  const project = await readProjectRules(cwd);
  const gates = [compileFileRules(files)];
  if (project !== undefined) gates.push(compileFileRules(project.rules, { base: project.folder }));
  return joinGates(gates);
}

function hookProgram(): string {
  return basename(process.execPath).startsWith("writ") ? process.execPath : "writ";
}

function ownProgram(): string {
  if (basename(process.execPath).startsWith("writ")) return process.execPath;
  throw new WritError("invalid_argument", "an agent is contained by the compiled program alone");
}

/** What leads the program's calls to Writ, and tells it whom to trust. @param seen where the folder is for the program */
function writEnvironment(ground: RunAgentGround, run: string, seen: string, proxy: Proxy | undefined): Variables {
  const { key, level, folder } = ground;
  const server = new URL(ground.url);
  const isContained = level === "contained";
  const url = isContained ? `${server.protocol}//${server.hostname}:${INSIDE_API_PORT}` : ground.url;
  const own: Record<string, string> = {
    WRIT_RUN: run,
    WRIT_HOOK_SOCKET: join(seen, HOOK_SOCKET),
    ...(key === undefined ? {} : { WRIT_URL: url, WRIT_TOKEN: key }),
  };
  if (proxy === undefined || key === undefined) return own;
  writeFileSync(join(folder, "authority.pem"), proxy.authority, { mode: 0o600 });
  writeFileSync(join(folder, "authorities.pem"), trustBundle(proxy.authority), { mode: 0o600 });
  const port = isContained ? INSIDE_PROXY_PORT : proxy.port;
  const address = `${proxy.scheme}://${run}:${key}@${server.hostname}:${port}`;
  const bundle = join(seen, "authorities.pem");
  for (const name of ["HTTPS_PROXY", "https_proxy", "npm_config_https_proxy"]) own[name] = address;
  for (const name of BUNDLES) own[name] = bundle;
  return { ...own, NODE_EXTRA_CA_CERTS: join(seen, "authority.pem") };
}

/** Variables by which programs are told of a file with every authority that they trust. */
const BUNDLES = [
  "SSL_CERT_FILE",
  "CURL_CA_BUNDLE",
  "REQUESTS_CA_BUNDLE",
  "GIT_SSL_CAINFO",
  "CARGO_HTTP_CAINFO",
  "AWS_CA_BUNDLE",
  "PIP_CERT",
  "npm_config_cafile",
] as const;

/** The two ways out of a container: sockets that lead to the server and to its forward proxy, and nowhere else. */
async function openWays({ url, folder }: RunAgentGround, proxy: Proxy | undefined): Promise<() => void> {
  const server = new URL(url);
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const port = server.port === "" ? (server.protocol === "https:" ? 443 : 80) : Number(server.port);
  const relays = [await startRelay({ path: join(folder, API_SOCKET) }, { host, port })];
  if (proxy !== undefined)
    relays.push(await startRelay({ path: join(folder, PROXY_SOCKET) }, { host, port: proxy.port }));
  // Inside, the server's name leads to the container's own loopback, where the ways begin.
  const hosts = join(folder, "hosts");
  if (!existsSync(hosts)) writeFileSync(hosts, `127.0.0.1 localhost ${host}\n::1 localhost\n`, { mode: 0o644 });
  return () => {
    for (const relay of relays) relay.close();
  };
}
