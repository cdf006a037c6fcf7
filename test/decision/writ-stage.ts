import { afterAll, beforeAll, beforeEach, expect } from "bun:test";
import { fromBase64Url } from "#src/base/bytes.ts";
import { createSigner } from "#src/crypto/ed25519.ts";
import type { MintedWrit } from "#src/decision/outcome.ts";
import type { PresentedWrit } from "#src/decision/writ.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import type { Connection } from "#src/vault/connections.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { PERMIT_ALL, type TestAgent, type TestCall, type TestTenant } from "#test/support/tenant.ts";
import { startUpstream, type TestUpstream } from "#test/support/upstream.ts";

/** An instance for the file that calls {@link useStage}; a new tenant with two agents for each of its tests. */
export let instance: TestInstance;
export let upstream: TestUpstream;
export let tenant: TestTenant;
export let agent: TestAgent;
export let ownAgent: TestAgent;
export let connection: Connection;
/** The key of `ownAgent`, which it holds itself. */
export const ownSigner = createSigner(new Uint8Array(32).fill(5));
export let count = 0;

/** Registers the hooks of a test file. */
export function useStage(): void {
  beforeAll(async () => {
    instance = await startInstance();
    upstream = await startUpstream();
  });
  afterAll(async () => {
    upstream.stop();
    await instance.stop();
  });
  beforeEach(async () => {
    count += 1;
    tenant = await instance.tenant(`t${count}`);
    await tenant.policies(PERMIT_ALL);
    connection = await tenant.connection({ url: upstream.origin });
    agent = await tenant.agent();
    ownAgent = await tenant.agent("own", { did: didOfSigner(ownSigner) });
    upstream.requests.length = 0;
  });
}

export const READ: TestCall = { path: "/a" };
export const WRITE: TestCall = { path: "/a", method: "POST", body: "hello" };

export async function mint(call: TestCall = READ, who = agent, ttl = 60): Promise<Uint8Array> {
  return tokenOf(await tenant.authorize(who, "api", call, ttl));
}

export function tokenOf(outcome: { readonly writ?: MintedWrit } | object): Uint8Array {
  const { writ } = outcome as { readonly writ?: MintedWrit };
  if (writ === undefined) throw new Error("no writ");
  return fromBase64Url(writ.token);
}

/** A writ for command and resource alone. */
export async function mintStated(who: TestAgent, command = "/http/api/get", id = "/a"): Promise<Uint8Array> {
  return tokenOf(await tenant.state(who, { command, resource: { type: "Http::Endpoint", id } }));
}

export const code = (writ: Uint8Array | PresentedWrit, call: TestCall = READ, to = "api"): Promise<string> =>
  rejection(tenant.callWith(writ, to, call));

export async function expectRefused(
  writ: Uint8Array | PresentedWrit,
  expected: string,
  call = READ,
  to = "api",
): Promise<void> {
  // The end of an earlier read may be recorded meanwhile.
  const count = async () => (await instance.events(tenant)).filter(({ type }) => type !== "call.finished").length;
  const before = await count();
  upstream.requests.length = 0;
  expect(await code(writ, call, to)).toBe(expected);
  expect(upstream.requests).toEqual([]);
  expect(await count()).toBe(before);
}
