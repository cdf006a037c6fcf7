import { afterAll, beforeAll, beforeEach } from "bun:test";
import type { ProxyAnswer } from "#src/gateway/proxy-call.ts";
import type { Connection, ConnectionSettings, NewConnection } from "#src/vault/connections.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { codeOf } from "#test/support/scenario.ts";
import { bodyOf, PERMIT_ALL, type TestAgent, type TestCall, type TestTenant } from "#test/support/tenant.ts";
import { startUpstream, type TestUpstream } from "#test/support/upstream.ts";

/** An instance for the file that calls {@link useStage}; a new tenant, agent and upstream for each of its tests. */
export let instance: TestInstance;
export let upstream: TestUpstream;
export let tenant: TestTenant;
export let agent: TestAgent;

/** Registers the hooks of a test file. */
export function useStage(options: Parameters<typeof startInstance>[0] = {}): void {
  let count = 0;
  beforeAll(async () => {
    instance = await startInstance(options);
    upstream = await startUpstream();
  });
  afterAll(async () => {
    upstream.stop();
    await instance.stop();
  });
  beforeEach(async () => {
    count += 1;
    upstream.stop();
    upstream = await startUpstream();
    tenant = await instance.tenant(`t${count}`);
    await tenant.policies(PERMIT_ALL);
    agent = await tenant.agent();
  });
}

/** Makes the connection `api` to the upstream. */
export function connect(settings: ConnectionSettings = {}, changes: Partial<NewConnection> = {}): Promise<Connection> {
  return tenant.connection({ url: upstream.origin, settings, ...changes });
}

export function get(call: Partial<TestCall> = {}): Promise<ProxyAnswer> {
  return tenant.call(agent, "api", { path: "/a", ...call });
}

export async function textOf(call: Partial<TestCall> = {}): Promise<string> {
  return bodyOf(await get(call));
}

/** The code of the error that the call, or reading its whole answer, ends in. */
export async function failure(call: Partial<TestCall> = {}): Promise<string> {
  return codeOf(await textOf(call).catch((error: unknown) => error));
}

/** The data of the events that record how calls ended, oldest first. */
export async function ends(): Promise<Readonly<Record<string, unknown>>[]> {
  const events = await instance.events(tenant);
  return events.filter(({ type }) => type === "call.finished").map(({ data }) => data);
}

/** The newest end, once every call that began has one: a read's is recorded while its answer is on its way. */
export async function lastEnd(): Promise<Readonly<Record<string, unknown>> | undefined> {
  for (let look = 0; look < 100; look += 1) {
    const events = await instance.events(tenant);
    const finished = events.filter(({ type }) => type === "call.finished");
    const begun = events.filter(({ type, data }) => type !== "call.finished" && data["call"] !== undefined);
    if (finished.length >= begun.length) return finished.at(-1)?.data;
    await Bun.sleep(5);
  }
  return undefined;
}

export function headersOf(answer: ProxyAnswer): Map<string, string> {
  if (answer.kind !== "response") throw new Error(answer.kind);
  return new Map(answer.headers);
}
