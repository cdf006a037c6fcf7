import { type ChainOptions, ChainVerifier, type EventRecord } from "./chain-verifier.ts";
import type { CheckpointRecord } from "./checkpoint-trail.ts";
import type { VerifyReport } from "./report.ts";
import type { Seal } from "./seal.ts";

/** Something to iterate over, at once or as it arrives. */
export type Source<Item> = AsyncIterable<Item> | Iterable<Item>;

/**
 * What {@link verifyTenant} reads and against what.
 *
 * This is the seam for readers: whatever can give events, seals and checkpoints in the order of the chain can be verified,
 * be it a database, a bundle, or segments in a folder or a bucket. `start` says where the events begin where they are not a
 * whole chain; `checks` are what an adapter has to say of each event.
 */
export interface VerifyTenantOptions extends ChainOptions {
  /** In the order of the chain, one by one or in arrays. */
  readonly events: Source<EventRecord | readonly EventRecord[]>;
  /** Ascending by the seq of this tenant's head; none of an event before `start.seq - 1`. */
  readonly seals: Source<Seal>;
  /** Ascending by size; none of a size below `start.seq - 1`. */
  readonly checkpoints?: Source<CheckpointRecord>;
  /** Called now and then with the seq that was reached. */
  readonly onProgress?: (seq: number) => void;
}

/** How many events lie between two calls of `onProgress`. */
export const PROGRESS_EVENTS = 4096;

/**
 * Verifies a tenant's chain, whole or from `start` on: every event is canonical and of this tenant, follows the one before
 * it (seq, `prev`, `at`) and has the hash recorded with it; every seal is by a known key, never an older one again, and
 * over exactly these events; every checkpoint likewise; the last event is sealed.
 *
 * Reads all sources once, in step, and holds one item of each. Throws only what the sources throw.
 */
export async function verifyTenant(options: VerifyTenantOptions): Promise<VerifyReport> {
  const verifier = new ChainVerifier(options);
  const seals = new Beside(options.seals, (seal) => sealSeq(seal, options.tenant));
  const checkpoints = new Beside(options.checkpoints ?? [], ({ size }) => size);
  await Promise.all([seals.advance(), checkpoints.advance()]);
  const takeBeside = async (through: number): Promise<void> => {
    for (; seals.next <= through; await seals.advance()) verifier.seal(seals.item);
    for (; checkpoints.next <= through; await checkpoints.advance()) verifier.checkpoint(checkpoints.item);
  };
  let before = (options.start?.seq ?? 1) - 1;
  let nextProgress = before + PROGRESS_EVENTS;
  try {
    reading: for await (const given of options.events) {
      for (const record of isMany(given) ? given : [given]) {
        if (seals.next <= before || checkpoints.next <= before) await takeBeside(before);
        verifier.event(record);
        if (verifier.hasEnded) break reading;
        before = record.seq;
      }
      if (before < nextProgress) continue;
      nextProgress = before + PROGRESS_EVENTS;
      options.onProgress?.(before);
    }
    if (!verifier.hasEnded) {
      await takeBeside(before);
      // What is left is of events that are not here: each is refused.
      for (; !seals.isDone; await seals.advance()) verifier.seal(seals.item);
      for (; !checkpoints.isDone; await checkpoints.advance()) verifier.checkpoint(checkpoints.item);
    }
  } finally {
    await Promise.all([seals.close(), checkpoints.close()]);
  }
  return verifier.finish();
}

/** Which event a seal follows; a seal without a head of this tenant is taken at once, and refused. */
function sealSeq(seal: Seal, tenant: string): number {
  return seal.heads.find((head) => head.tenant === tenant)?.seq ?? 0;
}

function isMany(given: EventRecord | readonly EventRecord[]): given is readonly EventRecord[] {
  return Array.isArray(given);
}

/** What stands beside the events: one item is held, with the event that it follows. */
class Beside<Item> {
  /** The event that the held item follows; infinite where there is none. */
  next = Number.POSITIVE_INFINITY;
  isDone = false;
  private readonly source: AsyncGenerator<Item, void>;
  private readonly placeOf: (item: Item) => number;
  private held: Item | undefined;

  constructor(source: Source<Item>, placeOf: (item: Item) => number) {
    this.source = iterate(source);
    this.placeOf = placeOf;
  }

  get item(): Item {
    return this.held as Item;
  }

  async advance(): Promise<void> {
    const result = await this.source.next();
    this.isDone = result.done === true;
    this.held = result.done === true ? undefined : result.value;
    this.next = result.done === true ? Number.POSITIVE_INFINITY : this.placeOf(result.value);
  }

  async close(): Promise<void> {
    await this.source.return();
  }
}

async function* iterate<Item>(source: Source<Item>): AsyncGenerator<Item, void> {
  yield* source;
}
