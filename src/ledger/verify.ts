import { type ChainOptions, ChainVerifier, type EventRecord } from "./chain-verifier.ts";
import type { VerifyReport } from "./report.ts";
import type { Seal } from "./seal.ts";

/** Something to iterate over, at once or as it arrives. */
export type Source<Item> = AsyncIterable<Item> | Iterable<Item>;

/** What {@link verifyTenant} reads and against what. */
export interface VerifyTenantOptions extends ChainOptions {
  /** In the order of the chain. */
  readonly events: Source<EventRecord>;
  /** Ascending by the seq of this tenant's head; none of an event before `start.seq - 1`. */
  readonly seals: Source<Seal>;
  /** Called now and then with the seq that was reached. */
  readonly onProgress?: (seq: number) => void;
}

/** How many events lie between two calls of `onProgress`. */
export const PROGRESS_EVENTS = 4096;

/**
 * Verifies a tenant's chain, whole or from `start` on: every event is canonical and of this tenant, follows the one before
 * it (seq, `prev`, `at`) and has the hash recorded with it; every seal is by a known key, never an older one again, and
 * over exactly these events; the last event is sealed.
 *
 * Reads both sources once, in step, and holds one item of each. Throws only what the sources throw.
 */
export async function verifyTenant(options: VerifyTenantOptions): Promise<VerifyReport> {
  const verifier = new ChainVerifier(options);
  const seals = iterate(options.seals);
  let seal = await seals.next();
  const takeSeals = async (through: number): Promise<void> => {
    while (seal.done !== true && sealSeq(seal.value, options.tenant) <= through) {
      verifier.seal(seal.value);
      seal = await seals.next();
    }
  };
  let before = (options.start?.seq ?? 1) - 1;
  let untilProgress = PROGRESS_EVENTS;
  try {
    for await (const record of options.events) {
      if (seal.done !== true && sealSeq(seal.value, options.tenant) <= before) await takeSeals(before);
      verifier.event(record);
      if (verifier.hasEnded) break;
      before = record.seq;
      untilProgress -= 1;
      if (untilProgress > 0) continue;
      untilProgress = PROGRESS_EVENTS;
      options.onProgress?.(before);
    }
    if (!verifier.hasEnded) await takeSeals(Number.POSITIVE_INFINITY);
  } finally {
    await seals.return?.();
  }
  return verifier.finish();
}

/** Which event a seal follows; a seal without a head of this tenant is taken at once, and refused. */
function sealSeq(seal: Seal, tenant: string): number {
  return seal.heads.find((head) => head.tenant === tenant)?.seq ?? 0;
}

async function* iterate<Item>(source: Source<Item>): AsyncGenerator<Item, void> {
  yield* source;
}
