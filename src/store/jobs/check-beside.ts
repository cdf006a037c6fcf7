import type { Database } from "bun:sqlite";
import { equalBytes, utf8 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError } from "#src/base/errors.ts";
import { parseCheckpoint, tenantOfOrigin } from "#src/ledger/checkpoint.ts";
import type { CheckpointRecord } from "#src/ledger/checkpoint-trail.ts";
import { verifyCosignature } from "#src/ledger/cosignature.ts";
import type { ParsedEvent } from "#src/ledger/event.ts";
import type { EventCheck } from "#src/ledger/event-check.ts";
import { CompactRange, leafHash } from "#src/ledger/merkle.ts";
import type { ProblemCode, VerifyProblem } from "#src/ledger/report.ts";
import { parseVerifierKey } from "#src/ledger/signed-note.ts";
import type { CheckpointRow } from "../checkpoints.ts";
import { TileBuilder } from "../tree-builder.ts";
import { readCheckpointPage } from "./chain-rows.ts";

// What a database holds of trees, checkpoints and witnesses, beside the chain itself.

/** Says what is wrong. */
export type Note = (seq: number, code: ProblemCode, message: string) => void;

/** The stored checkpoints of a chain, of a size from `first - 1` to `through`. */
export async function* checkpointsOf(
  db: Database,
  tenant: string,
  first: number,
  through: number,
): AsyncGenerator<CheckpointRecord, void> {
  for (let after = first - 2; after < through; ) {
    const page = readCheckpointPage(db, tenant, after, through);
    for (const { size, note, at, keyId } of page) yield { size, note: String(note), at: timeText(at), key: keyId };
    after = page.at(-1)?.size ?? through;
  }
}

/** A time that cannot be written is no event's. */
export function timeText(at: number): string {
  try {
    return toRfc3339(at);
  } catch {
    return "";
  }
}

/**
 * Compares the stored tree with the leaves of the events as they come; undefined where nothing of it is stored.
 * @param before how many events lie before the first that comes
 */
export function treeCheck(
  db: Database,
  tenant: string,
  before: number,
  note: Note,
): ((seq: number, leaf: Uint8Array) => void) | undefined {
  const stored = db.query("SELECT 1 FROM tree_tiles WHERE tenant_id = ? LIMIT 1").get(tenant);
  if (stored === null) return undefined;
  const tileAt = readTilesAhead(db, tenant);
  let isWrong = false;
  let at = before;
  const builder = new TileBuilder(
    {
      read: (level, tile) => tileAt(level, tile, 0),
      events: () => [],
      write: (level, tile, hashes) => {
        if (isWrong) return;
        const found = tileAt(level, tile, hashes.length);
        if (found !== undefined && equalBytes(found.subarray(0, hashes.length), hashes)) return;
        isWrong = true;
        note(
          at,
          "tree_mismatch",
          `the stored tree up to event ${at} is not that of the events (level ${level}, tile ${tile})`,
        );
      },
    },
    before,
  );
  return (seq, leaf) => {
    at = seq;
    builder.append(leaf);
  };
}

/** How many tiles of a level are read at a time. */
const TILES_AHEAD = 64;

/**
 * Reads tiles in the order of the tree, many at a time: one look-up each, between the pages of the events, takes longer
 * than to hash what is in them. A tile that was read while it had fewer than `needed` bytes is read again.
 */
function readTilesAhead(db: Database, tenant: string) {
  const read = db.query<{ tile: number; hashes: Uint8Array }, [string, number, number]>(
    `SELECT tile, hashes FROM tree_tiles WHERE tenant_id = ? AND level = ? AND tile >= ? ORDER BY tile LIMIT ${TILES_AHEAD}`,
  );
  const ahead = new Map<number, ReadonlyMap<number, Uint8Array>>();
  return (level: number, tile: number, needed: number): Uint8Array | undefined => {
    const held = ahead.get(level)?.get(tile);
    if (held !== undefined && held.length >= needed) return held;
    const page = new Map(read.all(tenant, level, tile).map((row) => [row.tile, row.hashes]));
    ahead.set(level, page);
    return page.get(tile);
  };
}

/** Holds the events that record checkpoints against the checkpoints that are stored. */
export function checkpointCheck(db: Database): EventCheck {
  const find = db.query<CheckpointRow, [string, number]>(
    `SELECT size, at, made_by AS madeBy, period, key_id AS keyId, note FROM checkpoints WHERE tenant_id = ? AND size = ?`,
  );
  const blob = db.query<{ bytes: string }, [string, string]>(
    "SELECT bytes FROM blobs WHERE tenant_id = ? AND sha256 = ?",
  );
  return {
    name: "checkpoints",
    begin: (tenant) => ({
      event: (event) => {
        if (event.type === "checkpoint.signed") return checkSigned(event, find.get(tenant, Number(event.data["size"])));
        if (event.type !== "checkpoint.collected") return [];
        const sum = String((event.data["checkpoints"] as { ref?: unknown } | undefined)?.ref).slice("sha256:".length);
        const document = blob.get(tenant, sum)?.bytes;
        // That a document is missing, or not what its name says, is found with all other documents.
        return document === undefined ? [] : checkCollected(event, document, (owner, size) => find.get(owner, size));
      },
    }),
  };
}

function checkSigned({ seq, data }: ParsedEvent, row: CheckpointRow | null): VerifyProblem[] {
  const size = String(data["size"]);
  if (row === null) {
    const message = `event ${seq} records a checkpoint of ${size} events, which is not here`;
    return [{ seq, code: "checkpoint_missing", message }];
  }
  const period = row.period === null ? undefined : timeText(row.period);
  const isSame = data["at"] === timeText(row.at) && data["made_by"] === row.madeBy && data["period"] === period;
  if (isSame && data["key"] === row.keyId) return [];
  return [
    { seq, code: "index_mismatch", message: `the checkpoint of ${size} events is not as event ${seq} records it` },
  ];
}

function checkCollected(
  { seq, data }: ParsedEvent,
  document: string,
  find: (tenant: string, size: number) => CheckpointRow | null,
): VerifyProblem[] {
  const wrong = (message: string): VerifyProblem[] => [{ seq, code: "checkpoint_mismatch", message }];
  const texts = readTexts(document);
  if (texts === undefined) return wrong(`the list of checkpoints that event ${seq} collects is malformed`);
  const range = CompactRange.empty();
  for (const text of texts) range.append(leafHash(utf8(text)));
  if (range.root().toHex() !== data["root"] || texts.length !== data["count"]) {
    return wrong(`event ${seq} does not have the root of the checkpoints that it collects`);
  }
  for (const text of texts) {
    const [origin = "", size = ""] = text.split("\n");
    const row = find(tenantOfOrigin(origin) ?? "", Number(size));
    if (row === null) {
      const message = `event ${seq} names a checkpoint of \`${origin}\` with ${size} events, which is not here`;
      return [{ seq, code: "checkpoint_missing", message }];
    }
    if (!row.note.startsWith(`${text}\n`)) {
      return wrong(`the checkpoint of \`${origin}\` with ${size} events is not the one that event ${seq} names`);
    }
  }
  return [];
}

function readTexts(document: string): string[] | undefined {
  try {
    const { checkpoints } = JSON.parse(document) as { checkpoints?: unknown };
    if (!Array.isArray(checkpoints) || !checkpoints.every((text) => typeof text === "string")) return undefined;
    return checkpoints;
  } catch {
    return undefined;
  }
}

/** Verifies the cosignatures of every witness whose key is still known. */
export function checkCosignatures(db: Database, tenant: string, note: Note): void {
  const rows = db
    .query<{ size: number; line: string; text: string; key: string; witness: string }, [string]>(
      `SELECT cosignatures.size, cosignatures.line, checkpoints.note AS text, witnesses.verifier_key AS key,
          cosignatures.witness
        FROM cosignatures
        JOIN witnesses ON witnesses.tenant_id = cosignatures.tenant_id AND witnesses.name = cosignatures.witness
        JOIN checkpoints ON checkpoints.tenant_id = cosignatures.tenant_id AND checkpoints.size = cosignatures.size
        WHERE cosignatures.tenant_id = ?`,
    )
    .all(tenant);
  for (const { size, line, text, key, witness } of rows) {
    const verifier = parseVerifierKey(key);
    try {
      if (verifier !== undefined) {
        verifyCosignature(line.slice(0, -1), parseCheckpoint(text).note.text, verifier);
        continue;
      }
    } catch (error) {
      if (!isWritError(error)) throw error;
    }
    note(size, "cosignature_invalid", `the cosignature of \`${witness}\` of ${size} events is not valid`);
  }
}
