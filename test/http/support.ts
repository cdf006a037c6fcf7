import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, type AppOptions, startApp } from "#src/app.ts";
import { silentLog } from "#src/base/log.ts";
import { parseConfig } from "#src/config/config.ts";
import { readEnvironment } from "#src/config/env.ts";

/** What a test asks; a `body` that is no text is sent as JSON. */
export interface Asked {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** An answer, read. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

/** The real application on a temporary folder, asked over real sockets. */
export interface Edge {
  readonly app: App;
  readonly folder: string;
  readonly url: string;
  readonly port: number;
  /** Over TCP. */
  ask(method: string, path: string, asked?: Asked): Promise<Answered>;
  /** Over the operator's socket. */
  operate(method: string, path: string, asked?: Asked): Promise<Answered>;
  /** Bytes as they are, and what comes back until the peer closes or is silent. */
  raw(text: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts one; `env` are settings besides the folder and a free port. */
export async function startEdge(
  env: Readonly<Record<string, string>> = {},
  options: Partial<AppOptions> = {},
): Promise<Edge> {
  const folder = mkdtempSync(join(tmpdir(), "writ-http-"));
  const raw = readEnvironment({
    WRIT_DATA: folder,
    WRIT_LISTEN: "127.0.0.1:0",
    WRIT_DISK_RESERVE: "1MiB",
    WRIT_ALLOW_RANGES: "127.0.0.0/8",
    WRIT_RATE_SOURCE: "0",
    WRIT_RATE_AGENT: "0",
    WRIT_RATE_TENANT: "0",
    ...env,
  });
  const app = await startApp({ config: parseConfig(raw), raw, log: silentLog, ...options });
  const url = app.address;
  const port = Number(new URL(url).port);
  return {
    app,
    folder,
    url,
    port,
    ask: (method, path, asked) => send(url, undefined, method, path, asked),
    operate: (method, path, asked) => send("http://localhost", app.socketPath, method, path, asked),
    raw: (text) => sendRaw(port, text),
    stop: async () => {
      await app.stop(100);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function send(
  origin: string,
  unix: string | undefined,
  method: string,
  path: string,
  { token, body, headers, signal }: Asked = {},
): Promise<Answered> {
  const response = await fetch(origin + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: toBody(body) }),
    ...(unix === undefined ? {} : { unix }),
    ...(signal === undefined ? {} : { signal }),
    redirect: "manual",
  });
  const text = await response.text();
  const isJson = text !== "" && /json(?:;|$)/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

function toBody(body: unknown): BodyInit {
  const isPlain = typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
  return isPlain ? (body as BodyInit) : JSON.stringify(body);
}

function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (data) => {
      answer += data.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
    socket.setTimeout(400, () => socket.destroy());
    socket.write(text);
  });
}

/** What most tests begin with: an agent with a key, a connection to `upstream`, and policies. */
export interface Household {
  readonly agent: string;
  readonly key: string;
  readonly admin: string;
  readonly pdp: string;
}

/** Permits everything; what is dangerous asks a person by the built-in policy. */
export const PERMIT_ALL = `@id("all") permit (principal, action, resource);`;

/** Fills a tenant through the API itself. */
export async function settle(edge: Edge, tenant = "default", upstream = "http://127.0.0.1:9"): Promise<Household> {
  const headers = { "writ-tenant": tenant };
  const post = async (path: string, body: unknown): Promise<Answered> => {
    const answer = await edge.operate("POST", path, { body, headers });
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    return answer;
  };
  if (tenant !== "default") await post("/v1/admin/tenants", { name: tenant });
  const agent = await post("/v1/admin/agents", { name: "helper" });
  const key = await post("/v1/admin/keys", { agent: "helper" });
  const admin = await post("/v1/admin/tokens", { kind: "admin", name: "owner" });
  const pdp = await post("/v1/admin/tokens", { kind: "pdp" });
  await post("/v1/admin/connections", {
    name: "api",
    connector: "http",
    url: upstream,
    credential: { kind: "bearer", value: "upstream-secret-0123456789" },
  });
  const put = await edge.operate("PUT", "/v1/admin/policies", { body: { source: PERMIT_ALL }, headers });
  if (put.status !== 200) throw new Error(put.text);
  return { agent: agent.json.id, key: key.json.key, admin: admin.json.token, pdp: pdp.json.token };
}
