import type { TenantId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { Unit } from "#src/store/unit.ts";
import { eventDraft, type TestStore } from "#test/support/store.ts";

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** A CID as a writ has one: version 1, dag-cbor, SHA-256, base 32. */
function cidOf(seed: string): string {
  const bits = BigInt(`0x01711220${sha256Hex(seed)}`) << 2n;
  let text = "";
  for (let at = 285n; at >= 0n; at -= 5n) text += BASE32.charAt(Number((bits >> at) & 31n));
  return `b${text}`;
}

/** Data such as a decision's event holds: ids that differ, the rest as it repeats in practice. */
export function decisionData(n: number, entities?: string) {
  const id = (prefix: string, seed: string) => `${prefix}_${sha256Hex(seed).slice(0, 26)}`;
  return {
    agent: id("agt", `a${n % 20}`),
    claimed: { reason: `task ${n}` },
    command: n % 3 === 0 ? "/github/issues/create" : "/github/repos/get",
    connection: id("con", `c${n % 4}`),
    context: { cosigned: false, run: id("run", `r${n % 50}`), tier: n % 3 === 0 ? "write" : "read", time: n },
    cosigned: false,
    decision: n % 10 === 0 ? "deny" : "allow",
    ...(entities === undefined ? {} : { entities: { ref: `sha256:${entities}` } }),
    key: id("tok", `k${n % 20}`),
    limits: [],
    method: n % 3 === 0 ? "POST" : "GET",
    path: `/repos/acme/shop/issues/${n % 1000}`,
    policies: ["read-anything", "issues-of-the-shop"],
    reasons: n % 10 === 0 ? ["no_permit"] : ["permitted"],
    resource: `acme/shop/${n % 1000}`,
    resource_type: "Issue",
    tier: n % 3 === 0 ? "write" : "read",
    versions: { cedar: "4.13.0", classifier: 1, connector: 3, policies: 7, schema: 2 },
    writ: { cid: cidOf(`w${n}`), expires_at: "2026-01-01T00:01:00.000Z", single_use: n % 3 === 0 },
  };
}

/** A decision's event with the documents that it refers to. */
export function decisionUnit(store: TestStore, tenant: TenantId, n: number, entitySets = 5): Unit {
  const bytes = JSON.stringify({ entities: [`set ${n % entitySets}`] });
  const sha256 = sha256Hex(bytes);
  return {
    tenant,
    statements: [],
    event: eventDraft(store.ids, decisionData(n, sha256), "decision.made"),
    blobs: [{ sha256, bytes }],
  };
}

/** Records so many decisions, in batches. */
export async function recordDecisions(store: TestStore, tenant: TenantId, count: number, from = 0): Promise<void> {
  for (let n = 0; n < count; n += 512) {
    const size = Math.min(512, count - n);
    const units = Array.from({ length: size }, (_, i) => decisionUnit(store, tenant, from + n + i));
    const results = await Promise.all(units.map((unit) => store.writer.submit(unit)));
    const refused = results.find((result) => result.kind === "refused");
    if (refused !== undefined) throw new Error(`a unit was refused: ${JSON.stringify(refused)}`);
  }
}
