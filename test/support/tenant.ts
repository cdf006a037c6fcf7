import type { JsonObject } from "#src/base/canonical-json.ts";
import type { TenantId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { Ask, CallBody } from "#src/decision/ask.ts";
import type { PresentedWrit } from "#src/decision/writ.ts";
import type { ProxyAnswer, ProxyCall } from "#src/gateway/proxy-call.ts";
import type { Agent, NewAgent } from "#src/identity/agents.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import { DEFAULT_TENANT } from "#src/identity/tenants.ts";
import type { NewToken } from "#src/identity/tokens.ts";
import type { Services } from "#src/services.ts";
import type { Connection, NewConnection } from "#src/vault/connections.ts";

/** An agent with a key, proven. */
export interface TestAgent {
  readonly agent: Agent;
  /** The key's text. */
  readonly key: string;
  readonly principal: AgentPrincipal;
}

/** A call as a test states it; the rest is usual. */
export interface TestCall {
  readonly method?: string;
  readonly path: string;
  readonly query?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array>;
  readonly bodyLength?: number;
  readonly claimed?: JsonObject;
  readonly waitSeconds?: number;
  readonly signal?: AbortSignal;
}

/** A tenant, and the short ways of tests to fill and use it. */
export interface TestTenant {
  readonly id: TenantId;
  readonly name: string;
  agent(name?: string, changes?: Omit<NewAgent, "name">): Promise<TestAgent>;
  /** Another key of the same agent. */
  key(agent: TestAgent, changes?: Partial<NewToken>): Promise<TestAgent>;
  connection(changes: Partial<NewConnection> & Pick<NewConnection, "url">): Promise<Connection>;
  policies(source: string): Promise<number>;
  /** Declares types and actions of the tenant's own. */
  schema(source: string): Promise<number>;
  /** Asks for a call, with a writ unless `mint` is false. */
  authorize(agent: TestAgent, connection: string, call: TestCall, ttlSeconds?: number): ReturnType<Decide>;
  /** Asks for a command on a resource. */
  state(agent: TestAgent, stated: NonNullable<Ask["stated"]>, more?: Partial<Ask>): ReturnType<Decide>;
  /** Calls with the agent's key. */
  call(agent: TestAgent, connection: string, call: TestCall): Promise<ProxyAnswer>;
  /** Calls under a writ: its text, or all that is presented. */
  callWith(writ: Uint8Array | PresentedWrit, connection: string, call: TestCall): Promise<ProxyAnswer>;
  /** The operator's yes or no. */
  answer(approval: string, verdict?: "approved" | "denied"): Promise<void>;
}

type Decide = Services["decider"]["decide"];

/** Permits everything that needs no person. */
export const PERMIT_ALL = `@id("all") permit (principal, action, resource);`;

/** Uses the tenant `default`, or makes one of that name. */
export async function createTenantHelper(services: Services, name = DEFAULT_TENANT): Promise<TestTenant> {
  const {
    instance,
    tenants,
    agents,
    tokens,
    connections,
    policies,
    authenticator,
    decider,
    gateway,
    approvalDecisions,
  } = services;
  const actor = instance.operator;
  const { tenantId: id } = name === DEFAULT_TENANT ? await tenants.show(name) : await tenants.create(actor, name);
  const key = async (agent: Agent, changes: Partial<NewToken> = {}): Promise<TestAgent> => {
    const { text } = await tokens.issue(id, actor, { kind: "agent", agent: agent.id, ...changes });
    const principal = (await authenticator.authenticate(text, "127.0.0.1")) as AgentPrincipal;
    return { agent, key: text, principal };
  };
  return {
    id,
    name,
    agent: async (agentName = "builder", changes = {}) =>
      key(await agents.create(id, actor, { name: agentName, ...changes })),
    key: ({ agent }, changes) => key(agent, changes),
    connection: (changes) =>
      connections.create(id, actor, {
        name: "api",
        connector: "http",
        credential: { kind: "bearer", value: DEFAULT_SECRET },
        ...changes,
      }),
    policies: async (source) => (await policies.put(id, actor, { source, message: "test", activate: true })).version,
    schema: async (source) => (await services.policySchemas.put(id, actor, { source, message: "test" })).version,
    authorize: ({ principal }, connection, call, ttlSeconds = 60) =>
      decider.decide({
        principal,
        call: {
          connection,
          method: call.method ?? "GET",
          path: call.path,
          query: call.query ?? "",
          headers: call.headers ?? [],
          body: fixedBody(call.body),
        },
        claimed: call.claimed ?? {},
        mint: { ttlSeconds },
      }),
    state: ({ principal }, stated, more = {}) =>
      decider.decide({ principal, stated, claimed: {}, mint: { ttlSeconds: 60 }, ...more }),
    call: async ({ key: text }, connection, call) => {
      const principal = (await authenticator.authenticate(text, "127.0.0.1")) as AgentPrincipal;
      return gateway.call(proxyCall({ kind: "agent", principal }, connection, call));
    },
    callWith: (writ, connection, call) => {
      const presented = writ instanceof Uint8Array ? { proofs: [writ] } : writ;
      return gateway.call(proxyCall({ kind: "writ", presented }, connection, call));
    },
    answer: async (approval, verdict = "approved") => {
      await approvalDecisions.decideOnHost(id, actor, approval, { verdict });
    },
  };
}

/** The credential of a test's connection unless it brings one. */
export const DEFAULT_SECRET = "upstream-credential-0123456789";

/** A call with everything that an edge would give. */
export function proxyCall(caller: ProxyCall["caller"], connection: string, call: TestCall): ProxyCall {
  const { body } = call;
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const stream = bytes instanceof Uint8Array ? streamOf(bytes) : (bytes ?? null);
  const length = bytes instanceof Uint8Array ? bytes.length : call.bodyLength;
  return {
    caller,
    connection,
    method: call.method ?? "GET",
    path: call.path,
    query: call.query ?? "",
    headers: call.headers ?? [],
    body: stream,
    ...(length === undefined ? {} : { bodyLength: length }),
    claimed: call.claimed ?? {},
    waitSeconds: call.waitSeconds ?? 0,
    signal: call.signal ?? new AbortController().signal,
  };
}

/** The whole answer's body as text. */
export async function bodyOf(answer: ProxyAnswer): Promise<string> {
  if (answer.kind !== "response") throw new Error(`no response but ${answer.outcome.decision}`);
  return answer.body === null ? "" : new Response(answer.body as BodyInit).text();
}

/** A stream of one chunk. */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

function fixedBody(body: TestCall["body"]): CallBody {
  if (body instanceof ReadableStream) throw new Error("an authorization states its whole body");
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : (body ?? new Uint8Array(0));
  return { bytes: async () => bytes, hash: async () => sha256Hex(bytes) };
}
