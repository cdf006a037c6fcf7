import { toBase64Url } from "#src/base/bytes.ts";
import { createSigner } from "#src/crypto/ed25519.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { freePort, type RunningServer } from "./binary.ts";
import { createInstance, type Instance } from "./instance.ts";
import { echo, startUpstream, type TestUpstream } from "./upstream.ts";

/** Reads freely; a write waits until a person vouches. */
export const STORY_POLICY = `@id("reads")
permit (principal, action in Action::"tier:read", resource);

@id("writes-need-a-person")
permit (principal, action in Action::"tier:write", resource)
when { context.writ.cosigned };
`;

/** A running executable with an upstream, at the public address that its passkeys are for. */
export interface PagesWorld {
  readonly instance: Instance;
  readonly server: RunningServer;
  readonly upstream: TestUpstream;
  /** `http://localhost:PORT`. */
  readonly origin: string;
  /** The path and fragment of a fresh link for the first owner. */
  setupPath(): Promise<string>;
  /** A call of an agent through the proxy. */
  call(
    key: string,
    method: string,
    path: string,
    body?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
  stop(): Promise<void>;
}

/** Starts one on a fresh data folder. */
export async function startPagesWorld(): Promise<PagesWorld> {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const instance = createInstance({ WRIT_PUBLIC_URL: origin, WRIT_LISTEN: `127.0.0.1:${port}` });
  const upstream = await startUpstream(echo);
  const server = await instance.start();
  return {
    instance,
    server,
    upstream,
    origin,
    setupPath: async () => {
      const { pathname, hash } = new URL(String((await instance.ask(["person", "setup-link"]))["url"]));
      return pathname + hash;
    },
    call: (key, method, path, body, headers = {}) =>
      fetch(`${server.address}/v1/proxy/${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...headers },
        ...(body === undefined ? {} : { body }),
      }),
    stop: async () => {
      await server.stop();
      upstream.stop();
    },
  };
}

/** Fills a world with what a tenant of some weeks has, names that mean harm included where asked for. */
export async function furnish(
  world: PagesWorld,
  names: { readonly agent: string; readonly purpose: string },
): Promise<{ readonly key: string; readonly approval: string; readonly run: string; readonly code: string }> {
  const { instance, upstream } = world;
  await instance.ask(
    ["connection", "create", "files", "--connector", "http", "--url", upstream.origin, "--auth", "bearer"],
    "upstream-secret-value",
  );
  await instance.ask(["agent", "create", names.agent, "--group", "ci"]);
  await instance.ask(["agent", "create", "researcher", "--group", "research"]);
  const { key } = await instance.ask(["key", "create", names.agent, "--name", "runner"]);
  await instance.ask(["tools", "set", "WebFetch", "--tier", "write", "--per-run", "20", "--approval", "always"]);
  await instance.ask(["files", "rule", "add", "noAccess", "~/.config/secret/**"]);
  await instance.ask(["policy", "put", "-", "--message", "reads are free, writes ask a person"], STORY_POLICY);
  const agentKey = String(key);
  for (let count = 0; count < 6; count += 1) await world.call(agentKey, "GET", `files/reports/${count}`);
  await world.call(agentKey, "DELETE", "files/reports/1");
  await world.call(agentKey, "DELETE", "files/reports/2");
  const asked = await world.call(
    agentKey,
    "POST",
    "files/reports?draft=1",
    JSON.stringify({ title: names.purpose, text: "x".repeat(2000) }),
    {
      "content-type": "application/json",
      // A header is ASCII; what JSON escapes is the same text.
      "writ-context": JSON.stringify({ purpose: names.purpose, ticket: "OPS-17" }).replace(
        /[^\x20-\x7e]/g,
        (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
      ),
    },
  );
  const problem = (await asked.json()) as { readonly approval: { readonly id: string } };
  await instance.ask(["audit", "checkpoint"]);
  const code = await askToPair(world, "laptop");
  return { key: agentKey, approval: problem.approval.id, run: await work(world, agentKey, names.purpose), code };
}

/** A run with a call in it and what became of that; its id. */
async function work(world: PagesWorld, key: string, workItem: string): Promise<string> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const ask = async (path: string, body: object): Promise<Readonly<Record<string, unknown>>> => {
    const answer = await fetch(world.server.address + path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return (await answer.json()) as Readonly<Record<string, unknown>>;
  };
  const route = { auth_lane: "subscription", cost_lane: "company", cli: "coder", version: "1.2.0" };
  const { id } = await ask("/v1/runs", { work_item: workItem, level: "observed", route, limits: { max_calls: 50 } });
  const read = await world.call(key, "GET", "files/reports/1", undefined, { "writ-run": String(id) });
  await read.text();
  await ask(`/v1/runs/${String(id)}/receipts`, {
    tool: "Read",
    tier: "read",
    inputs: { path: workItem },
    output: { summary: "a report", bytes: 1200 },
    duration_ms: 42,
    success: true,
  });
  return String(id);
}

/** A machine that asks to be paired, and the code that it shows. */
export async function askToPair(world: PagesWorld, name: string): Promise<string> {
  const { publicKey } = createSigner(randomBytes(32));
  const answer = await fetch(`${world.server.address}/v1/devices/pairings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ public_key: toBase64Url(publicKey), name }),
  });
  return String(((await answer.json()) as Readonly<Record<string, unknown>>)["code"]);
}
