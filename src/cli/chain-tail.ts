import { toBase64 } from "#src/base/bytes.ts";
import type { TenantId } from "#src/base/ids.ts";
import { GENESIS_HASH, hashEventHex, parseEvent } from "#src/ledger/event.ts";
import { type PublishedKey, type TrustedKey, trustKeys } from "#src/ledger/keys.ts";
import { verifySeal } from "#src/ledger/seal.ts";
import { hasArchiveTables, readCut } from "#src/store/archive.ts";
import { readEventsAfter, readHead, readSealAtOrAfter } from "#src/store/events.ts";
import { readSealKeys } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";

/** What the end of one chain looks like. */
export interface ChainTail {
  /** How many events were looked at. */
  readonly events: number;
  /** Time of the newest event, in milliseconds. */
  readonly at: number;
  /** The first thing that is wrong. */
  readonly problem: string | undefined;
}

const PAGE = 250;

/** The published seal keys, each announced by the one before it; throws `verification_failed` where they are not. */
export async function readTrustedKeys(reader: Reader): Promise<ReadonlyMap<string, TrustedKey>> {
  const rows = await readSealKeys(reader);
  return trustKeys(
    rows.map(
      ({ keyId, publicKey, at, previous, signature }): PublishedKey => ({
        purpose: "seal",
        id: keyId,
        publicKey: toBase64(publicKey),
        at,
        ...(previous === null ? {} : { previous }),
        signature: toBase64(signature),
      }),
    ),
  );
}

/**
 * Looks at the newest events of a chain, at most so many, and at the seal over them: each has its hash and names the one
 * before it, and a known key sealed the last. What is older is for `writ verify`. Undefined for a chain without a head.
 */
export async function checkChainTail(
  reader: Reader,
  tenant: TenantId,
  keys: ReadonlyMap<string, TrustedKey>,
  maxEvents: number,
): Promise<ChainTail | undefined> {
  const head = await readHead(reader, tenant);
  if (head === undefined) return undefined;
  const cut = (await hasArchiveTables(reader)) ? await readCut(reader, tenant) : undefined;
  const start = { seq: cut?.lastSeq ?? 0, hash: cut?.head ?? GENESIS_HASH };
  const first = Math.max(start.seq + 1, head.seq - maxEvents + 1);
  const tail = { events: head.seq - first + 1, at: head.at };
  let before = { seq: first - 1, hash: first === start.seq + 1 ? start.hash : undefined };
  while (before.seq < head.seq) {
    const rows = await readEventsAfter(reader, tenant, before.seq, head.seq, PAGE);
    if (rows.length === 0) return { ...tail, problem: `event ${before.seq + 1} is missing` };
    for (const { seq, bytes, hash } of rows) {
      const problem = seq === before.seq + 1 ? checkEvent(bytes, hash, before.hash) : "the one before it is missing";
      if (problem !== undefined) return { ...tail, problem: `event ${seq}: ${problem}` };
      before = { seq, hash };
    }
  }
  if (before.hash !== head.hash) return { ...tail, problem: "the newest event is not the one recorded as the head" };
  return { ...tail, problem: await checkSeal(reader, tenant, keys, head) };
}

function checkEvent(bytes: string, hash: string, prev: string | undefined): string | undefined {
  if (hashEventHex(bytes) !== hash) return "its bytes do not have the hash recorded with them";
  try {
    if (prev !== undefined && parseEvent(bytes).prev !== prev) return "it does not name the hash of the one before it";
  } catch {
    return "it is malformed";
  }
  return undefined;
}

async function checkSeal(
  reader: Reader,
  tenant: TenantId,
  keys: ReadonlyMap<string, TrustedKey>,
  head: { readonly seq: number; readonly hash: string; readonly root: string },
): Promise<string | undefined> {
  const row = await readSealAtOrAfter(reader, tenant, head.seq);
  if (row === undefined) return "no seal covers the newest event";
  const { seq, hash, root, keyId, signature } = row;
  const key = keys.get(keyId);
  if (key === undefined) return `the newest seal is by an unknown key \`${keyId}\``;
  const seal = { heads: [{ tenant, seq, hash, root }], key: keyId, signature: toBase64(signature) };
  if (!verifySeal(seal, key.publicKey)) return "the newest seal's signature is not valid";
  if (seq === head.seq && (hash !== head.hash || root !== head.root)) return "the newest seal is over other events";
  return undefined;
}
