import { toHex, utf8 } from "#src/base/bytes.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { createSigner, type Signer } from "#src/crypto/ed25519.ts";
import { sha256, sha256Hex } from "#src/crypto/hash.ts";
import { blobLine, checkpointLine, eventLine, headerLine, keyLine, sealLine } from "#src/ledger/bundle.ts";
import { type Checkpoint, signCheckpoint } from "#src/ledger/checkpoint.ts";
import type { CheckpointRecord } from "#src/ledger/checkpoint-trail.ts";
import { composeEvent, GENESIS_HASH, hashEventHex } from "#src/ledger/event.ts";
import { type PublishedKey, publishKey } from "#src/ledger/keys.ts";
import { CompactRange, leafHash } from "#src/ledger/merkle.ts";
import { type Seal, signSeal } from "#src/ledger/seal.ts";

export const T0 = Date.UTC(2026, 0, 31, 23, 59, 58);

export interface Stored {
  readonly seq: number;
  readonly bytes: string;
  readonly hash: string;
}

/** A signer that is the same in every run. */
export function signerOf(name: string): Signer {
  return createSigner(sha256(name));
}

/** A chain as Writ makes one, in memory. */
export class Chain {
  readonly tenant: string;
  readonly events: Stored[] = [];
  readonly seals: Seal[] = [];
  readonly keys: PublishedKey[] = [];
  readonly checkpoints: CheckpointRecord[] = [];
  readonly blobs = new Map<string, Uint8Array>();
  readonly lines: string[] = [];
  signer: Signer;
  tree = CompactRange.empty();
  head = GENESIS_HASH;

  constructor(tenant = "ten_a", signer = signerOf("first")) {
    this.tenant = tenant;
    this.signer = signer;
    this.keys.push(publishKey(signer, toRfc3339(T0)));
  }

  add(data: Record<string, unknown> = {}, at = T0 + this.events.length * 250, type = "decision.made"): this {
    const seq = this.events.length + 1;
    const bytes = composeEvent({
      tenant: this.tenant,
      seq,
      id: `evt_${seq}`,
      at: toRfc3339(at),
      type,
      actor: "sub_1",
      prev: this.head,
      dataJson: canonicalize(data),
    });
    this.head = hashEventHex(bytes);
    this.tree.append(leafHash(bytes));
    this.events.push({ seq, bytes, hash: this.head });
    this.lines.push(eventLine(bytes, this.head));
    return this;
  }

  blob(text: string): { ref: string } {
    const bytes = utf8(text);
    this.blobs.set(sha256Hex(bytes), bytes);
    return { ref: `sha256:${sha256Hex(bytes)}` };
  }

  seal(signer = this.signer): this {
    const head = { tenant: this.tenant, seq: this.events.length, hash: this.head, root: toHex(this.tree.root()) };
    this.seals.push(signSeal(signer, [head]));
    this.lines.push(sealLine(this.seals.at(-1)!));
    return this;
  }

  /** A checkpoint of all events so far; `changes` to what it says before it is signed. */
  checkpoint(changes: Partial<Checkpoint> = {}, signer = this.signer): this {
    const record = this.checkpointRecord(changes, signer);
    this.checkpoints.push(record);
    this.lines.push(checkpointLine(record));
    return this;
  }

  checkpointRecord(changes: Partial<Checkpoint> = {}, signer = this.signer): CheckpointRecord {
    const checkpoint: Checkpoint = {
      origin: `i/${this.tenant}`,
      size: this.events.length,
      root: toHex(this.tree.root()),
      head: this.head,
      at: toRfc3339(T0 + this.events.length * 250),
      ...changes,
    };
    return { note: signCheckpoint(checkpoint, signer), size: checkpoint.size };
  }

  rotate(name: string): this {
    const next = signerOf(name);
    this.keys.push(publishKey(next, toRfc3339(T0 + this.keys.length), this.signer));
    this.signer = next;
    return this;
  }

  header(): string {
    const [last, root] = [this.events.length, toHex(this.tree.root())];
    const madeAt = toRfc3339(T0 + 1e6);
    return headerLine({
      instance: "i",
      tenant: this.tenant,
      first: 1,
      last,
      prev: GENESIS_HASH,
      frontier: [],
      root,
      madeAt,
    });
  }

  bundle(): string[] {
    const blobs = [...this.blobs].map(([sum, bytes]) => blobLine(sum, bytes));
    return [this.header(), ...this.keys.map(keyLine), ...this.lines, ...blobs];
  }

  /** The bundle of the events from `first` on; `first` must not stand before a seal of an earlier event. */
  bundleFrom(first: number): string[] {
    const before = CompactRange.empty();
    for (const event of this.events.slice(0, first - 1)) before.append(leafHash(event.bytes));
    const header = headerLine({
      instance: "i",
      tenant: this.tenant,
      first,
      last: this.events.length,
      prev: this.events[first - 2]?.hash ?? GENESIS_HASH,
      frontier: before.toHashes().map(toHex),
      root: toHex(this.tree.root()),
      madeAt: toRfc3339(T0 + 1e6),
    });
    const start = this.lines.indexOf(eventLine(this.events[first - 1]!.bytes, this.events[first - 1]!.hash));
    return [header, ...this.keys.map(keyLine), ...this.lines.slice(start)];
  }
}

/** Six events, four seals, two keys, one blob: every kind of line. */
export function smallChain(): Chain {
  const chain = new Chain();
  chain.add({ type: "first" }).seal();
  chain
    .add({ entities: chain.blob('[{"uid":1}]'), n: 1.5 })
    .add({ text: 'ä\u2028"\\' })
    .seal();
  chain.rotate("second").add({ key: "rotated" }).seal();
  return chain
    .add({ a: [1, null, true] })
    .add({ actor: { sealed: "AAAA", subject: "sub_1" } })
    .seal();
}

/** The same with a checkpoint behind the second, the fourth and the last seal. */
export function checkpointedChain(): Chain {
  const chain = new Chain();
  chain.add({ type: "first" }).seal();
  chain
    .add({ entities: chain.blob('[{"uid":1}]') })
    .add({ n: 1.5 })
    .seal()
    .checkpoint();
  chain.rotate("second").add({ key: "rotated" }).seal();
  return chain
    .add({ a: [1, null, true] })
    .seal()
    .checkpoint()
    .add({ z: 0 })
    .add({ z: 1 })
    .seal()
    .checkpoint();
}
