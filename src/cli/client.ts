import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { fromUtf8 } from "#src/base/bytes.ts";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import { createLog } from "#src/base/log.ts";
import { type ClientConfig, parseClientConfig, parseConfig } from "#src/config/config.ts";
import { loadKeyMaterial } from "#src/config/key-material.ts";
import type { ListenAddress } from "#src/config/setting-values.ts";
import { ApiError } from "./api-error.ts";
import type { RunningApp } from "./application.ts";
import type { Arguments } from "./arguments.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { UsageError } from "./usage-error.ts";

/** A JSON object that the server answered. */
export type Answer = Readonly<Record<string, unknown>>;
/** Parameters of a query; those that are undefined are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/** The server, as commands ask it. Whatever is not a success is thrown as {@link ApiError}. */
export interface Api {
  get(path: string, query?: Query): Promise<Answer>;
  post(path: string, body?: unknown): Promise<Answer>;
  put(path: string, body: unknown): Promise<Answer>;
  delete(path: string): Promise<Answer>;
  /** An answer as it arrives. */
  stream(path: string, query?: Query): Promise<AsyncIterable<Uint8Array>>;
}

/** Who asks, where it is not the instance operator. */
export interface Caller {
  /** A credential of Writ; none for a machine that is not paired yet. */
  readonly token: string | undefined;
  /** The server that it is good at, where that is not for the settings to say. */
  readonly url?: string;
  /** Proves that a device makes its requests. */
  readonly prover?: RequestProver;
}

/** Makes the headers by which a device proves a request. */
export interface RequestProver {
  headers(request: {
    readonly method: string;
    readonly target: string;
    readonly body: string | undefined;
    readonly token: string | undefined;
  }): Readonly<Record<string, string>>;
  /** Takes the server's word for what time it is, in seconds. */
  adjust(serverTime: number): void;
}

/** The operator's socket, in the data folder. */
export const SOCKET_FILE = "writ.sock";
const ANSWER_MS = 130_000;
/** How long a server has to say that it is there. */
const PROBE_MS = 5000;
/** Codes of the system for a connection that was never made. */
const NOBODY_THERE: ReadonlySet<string> = new Set(["ENOENT", "ECONNREFUSED"]);
/** Codes of answers to requests of which nothing was done. */
const UNTAKEN: ReadonlySet<string> = new Set(["not_sent", "not_ready"]);
const MAX_ATTEMPTS = 5;
const PROOF_RETRY_MS = 1200;
/** How long a data folder may be held by somebody who does not answer. */
const LOCKED_PATIENCE_MS = 3000;
const LOCKED_POLL_MS = 50;
/** How long connections that were made to a server that ends may take to say what they want. */
const LAST_REQUESTS_MS = 30;
const MAX_ANSWER_BYTES = 64 * 2 ** 20;

interface Route {
  readonly origin: string;
  /** A socket of the file system to connect to instead. */
  readonly unix: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly prover?: RequestProver | undefined;
}

/**
 * Opens the way to the server, lets `work` use it and closes it again.
 *
 * With `WRIT_URL` that is the server there; else the one on the data folder, through the operator's socket. Where none
 * runs, one is started in this process for as long as `work` takes, on the socket alone: it takes the folder's lock, so
 * that there are never two writers.
 */
export async function withApi(
  context: CommandContext,
  args: Arguments,
  work: (api: Api) => Promise<ExitCode>,
  caller?: Caller,
): Promise<ExitCode> {
  const config = parseClientConfig(context.environment());
  const tenant = args.option("tenant");
  const url = caller?.url ?? config.url;
  if (url !== undefined) return work(createApi(remoteRoute(config, url, tenant, caller)));
  const route = socketRoute(config.dataFolder, tenant, caller);
  let app = await reachServer(context, route);
  // What answered may have been another command's own server, which ends with it: then what was not taken is asked anew.
  const recover = async (): Promise<boolean> => {
    if (app !== undefined) return false;
    app = await reachServer(context, route);
    return true;
  };
  try {
    return await work(createApi(route, recover));
  } finally {
    if (app !== undefined) await stopOwnApp(app);
  }
}

/** The server that is there, and only that: none is started where none answers. */
export function connectApi(config: ClientConfig, caller: Caller): Api {
  const url = caller.url ?? config.url;
  if (url !== undefined) return createApi(remoteRoute(config, url, undefined, caller));
  return createApi(socketRoute(config.dataFolder, undefined, caller));
}

/** A server by its origin, as whoever the caller is; as nobody without one. */
export function openRemote(url: string, caller?: Caller): Api {
  return createApi(callerRoute({ origin: url, unix: undefined, headers: {} }, caller));
}

function callerRoute(route: Route, caller: Caller | undefined): Route {
  const { token, prover } = caller ?? {};
  if (token === undefined) return { ...route, prover };
  return { ...route, prover, headers: { ...route.headers, authorization: `Bearer ${token}` } };
}

/** Takes the socket away first: who comes now meets nobody and tries again, who was let in already is answered. */
async function stopOwnApp(app: RunningApp): Promise<void> {
  rmSync(app.socketPath, { force: true });
  await Bun.sleep(LAST_REQUESTS_MS);
  await app.stop();
}

/** Undefined once a server answers, or the one that was started because none does. */
async function reachServer(context: CommandContext, route: Route): Promise<RunningApp | undefined> {
  const endsAt = performance.now() + LOCKED_PATIENCE_MS;
  for (;;) {
    if (await isListening(route)) return undefined;
    try {
      return await startOwnApp(context);
    } catch (error) {
      if (!isWritError(error, "locked")) throw error;
      if (performance.now() > endsAt) {
        throw new WritError("locked", "another process holds this data folder and does not answer on its socket");
      }
    }
    // Whoever holds the folder starts, stops, or is another command that is done in a moment.
    await Bun.sleep(LOCKED_POLL_MS);
  }
}

/** What the server on a data folder says of itself: undefined where none answers, else each thing that is not well. */
export async function readServerProblems(dataFolder: string): Promise<readonly string[] | undefined> {
  const route = socketRoute(dataFolder, undefined, undefined);
  if (!(await isListening(route))) return undefined;
  const response = await send(route, "GET", "/readyz", undefined, PROBE_MS);
  const answer = parseAnswer(await readBounded(response)) ?? {};
  if (response.ok) return [];
  const checks = Array.isArray(answer["checks"]) ? (answer["checks"] as readonly Answer[]) : [];
  return checks.filter(({ ok }) => ok !== true).map(({ name, detail }) => `${name}: ${detail}`);
}

function remoteRoute(config: ClientConfig, url: string, tenant: string | undefined, caller: Caller | undefined): Route {
  if (tenant !== undefined) {
    throw new UsageError("`--tenant` is for the instance operator", "a token belongs to one tenant and acts there");
  }
  const token = caller?.token ?? config.token;
  if (token === undefined) throw new UsageError("`WRIT_URL` is set and `WRIT_TOKEN` is not");
  return callerRoute({ origin: url, unix: undefined, headers: {} }, { ...caller, token });
}

function socketRoute(dataFolder: string, tenant: string | undefined, caller: Caller | undefined): Route {
  const route = { origin: "http://localhost", unix: join(dataFolder, SOCKET_FILE), headers: {} };
  if (caller !== undefined) return callerRoute(route, caller);
  return tenant === undefined ? route : { ...route, headers: { "writ-tenant": tenant } };
}

async function isListening(route: Route): Promise<boolean> {
  if (route.unix !== undefined && !existsSync(route.unix)) return false;
  try {
    const response = await send(route, "GET", "/healthz", undefined, PROBE_MS);
    await response.body?.cancel();
    return true;
  } catch (error) {
    if (error instanceof ApiError) return false;
    throw error;
  }
}

async function startOwnApp({ environment, loadApp }: CommandContext): Promise<RunningApp> {
  const raw = environment();
  const config = parseConfig(raw);
  // A command does not make an instance: without its keys this is the wrong folder, or not one yet.
  loadKeyMaterial({ dataFolder: config.dataFolder, raw });
  const level = config.logLevel === "debug" ? "debug" : "warn";
  const log = createLog((line) => process.stderr.write(`${line}\n`), level);
  const startApp = await loadApp();
  return startApp({ config, raw, log, listen: "socket-only" });
}

/** `recover` finds a server again after one that took nothing of a request; false where it cannot. */
function createApi(route: Route, recover: () => Promise<boolean> = async () => false): Api {
  const askOnce = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await send(route, method, path, body);
    const text = await readBounded(response);
    const answer = text === "" ? {} : parseAnswer(text);
    if (!response.ok || answer === undefined) throw toApiError(response.status, answer);
    return answer;
  };
  const ask = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await askOnce(method, path, body);
      } catch (error) {
        if (await isNowProvable(route, error, attempt)) continue;
        const isUntaken =
          error instanceof ApiError && (UNTAKEN.has(error.code) || (method === "GET" && error.status === 0));
        if (!isUntaken || attempt === MAX_ATTEMPTS || !(await recover())) throw error;
      }
    }
  };
  return {
    get: (path, query) => ask("GET", path + formatQuery(query)),
    post: (path, body) => ask("POST", path, body),
    put: (path, body) => ask("PUT", path, body),
    delete: (path) => ask("DELETE", path),
    stream: async (path, query) => {
      const response = await send(route, "GET", path + formatQuery(query), undefined, Number.POSITIVE_INFINITY);
      if (!response.ok) throw toApiError(response.status, parseAnswer(await readBounded(response)));
      return response.body ?? new ReadableStream<Uint8Array>();
    },
  };
}

/** Whether a proof that was refused may be taken when it is made anew: by the server's clock, or a moment after it began. */
async function isNowProvable({ prover }: Route, error: unknown, attempt: number): Promise<boolean> {
  if (prover === undefined || attempt === MAX_ATTEMPTS) return false;
  if (!(error instanceof ApiError) || error.code !== "device_proof_refused") return false;
  const serverTime = error.problem["server_time"];
  if (typeof serverTime !== "number") return false;
  prover.adjust(serverTime);
  if (attempt > 1) await Bun.sleep(PROOF_RETRY_MS);
  return true;
}

/** Throws {@link ApiError} with status 0 where no answer came: `not_sent` where nobody was there to take the request. */
async function send(
  { origin, unix, headers: own, prover }: Route,
  method: string,
  path: string,
  given: unknown,
  limitMs = ANSWER_MS,
): Promise<Response> {
  const body = given === undefined ? undefined : JSON.stringify(given);
  const token = own["authorization"]?.slice("Bearer ".length);
  const headers = prover === undefined ? own : { ...own, ...prover.headers({ method, target: path, body, token }) };
  try {
    return await fetch(`${origin}${path}`, {
      method,
      headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
      ...(unix === undefined ? {} : { unix }),
      // A connection that was kept may be closed by the other side just as the next request is sent.
      keepalive: false,
      // A credential goes where it was meant to go.
      redirect: "error",
      ...(limitMs === Number.POSITIVE_INFINITY ? {} : { signal: AbortSignal.timeout(limitMs) }),
    });
  } catch (error) {
    const isUnsent = error instanceof Error && "code" in error && NOBODY_THERE.has(String(error.code));
    throw new ApiError(
      0,
      isUnsent ? "not_sent" : "unreachable",
      `no answer from \`${unix ?? origin}\`: ${messageOf(error)}`,
    );
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new ApiError(response.status, "unexpected_answer", "the answer is too large");
    chunks.push(chunk);
  }
  return fromUtf8(Buffer.concat(chunks));
}

/** Undefined for what is no JSON object. */
function parseAnswer(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

function toApiError(status: number, problem: Answer | undefined): ApiError {
  const { code, detail, title } = problem ?? {};
  if (problem === undefined || typeof code !== "string") {
    return new ApiError(status, "unexpected_answer", `the answer is none of Writ's (status ${status})`);
  }
  const message = typeof detail === "string" ? detail : typeof title === "string" ? title : code;
  return new ApiError(status, code, message, problem);
}

function formatQuery(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

/** When the certificate that a server on this machine shows is valid, in milliseconds. Whether it is trusted is not asked. */
export function readServedCertificate(
  listen: ListenAddress,
): Promise<{ readonly validFrom: number; readonly validTo: number }> {
  const host = listen.host === "0.0.0.0" ? "127.0.0.1" : listen.host === "::" ? "::1" : listen.host;
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port: listen.port, rejectUnauthorized: false, timeout: 5000 }, () => {
      const { valid_from: from, valid_to: to } = socket.getPeerCertificate();
      socket.destroy();
      resolve({ validFrom: Date.parse(from), validTo: Date.parse(to) });
    });
    socket.on("error", reject);
    socket.on("timeout", () => socket.destroy(new Error("no answer over TLS")));
  });
}
