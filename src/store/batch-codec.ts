import { fromBase64, toBase64 } from "#src/base/bytes.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { Work } from "./committer.ts";
import type { Unit } from "./unit.ts";

/**
 * A batch on its way to the writer's thread. A text crosses at a fraction of what cloning objects costs the main thread,
 * and nearly every unit is a decision that is nothing but its event.
 */
export interface EncodedBatch {
  /** For each item {@link LINES} lines, or one that says that it stands in `rest`. */
  readonly lines: string;
  /** What has statements, documents or anything else that is no text, in order. */
  readonly rest: readonly Work[];
}

/**
 * Tenant, expected epoch, whether it counts against the quota, then the event's id, type, actor and data, then the key of
 * its token, where its CID belongs and what is to be signed, in base64; three empty ones where it has none.
 */
const LINES = 10;
const IN_REST = "";

/** Encodes a batch; {@link decodeBatch} gives the same back. */
export function encodeBatch(batch: readonly Work[]): EncodedBatch {
  const lines: string[] = [];
  const rest: Work[] = [];
  for (const work of batch) {
    if (isEventAlone(work)) {
      const { tenant, expectEpoch, countsAgainstQuota, event } = work;
      lines.push(tenant, expectEpoch === undefined ? "" : String(expectEpoch), countsAgainstQuota ? "1" : "0");
      lines.push(event.id, event.type, event.actor, event.dataJson);
      if (event.token === undefined) lines.push("", "", "");
      else lines.push(event.token.keyId, String(event.token.cidAt), toBase64(event.token.signedBytes));
    } else {
      lines.push(IN_REST);
      rest.push(work);
    }
  }
  return { lines: lines.join("\n"), rest };
}

/** The inverse of {@link encodeBatch}. */
export function decodeBatch({ lines, rest }: EncodedBatch): Work[] {
  const batch: Work[] = [];
  const all = lines.split("\n");
  let fromRest = 0;
  for (let at = 0; at < all.length; ) {
    if (all[at] === IN_REST) {
      batch.push(rest[fromRest] as Work);
      fromRest += 1;
      at += 1;
      continue;
    }
    const [tenant, epoch, counts, id, type, actor, dataJson, keyId, cidAt, signed] = all.slice(at, at + LINES) as [
      TenantId,
      ...[string, string, string, string, string, string, string, string, string],
    ];
    const token = keyId === "" ? {} : { token: { keyId, cidAt: Number(cidAt), signedBytes: fromBase64(signed) } };
    batch.push({
      tenant,
      statements: [],
      event: { id, type, actor, dataJson, ...token },
      ...(epoch === "" ? {} : { expectEpoch: Number(epoch) }),
      countsAgainstQuota: counts === "1",
    });
    at += LINES;
  }
  return batch;
}

/** Whether the unit is its event and what that expects, in texts of one line each; canonical JSON always is one. */
function isEventAlone(work: Work): work is Unit {
  if ("touch" in work || work.statements.length > 0 || work.raisesEpoch || work.ignoresClock) return false;
  if (work.freesBytes !== undefined) return false;
  if (work.blobs !== undefined && work.blobs.length > 0) return false;
  const { id, type, actor, dataJson, token } = work.event;
  if (work.tenant === IN_REST || token?.keyId === "") return false;
  return !`${work.tenant}${id}${type}${actor}${dataJson}${token?.keyId ?? ""}`.includes("\n");
}
