import type { Clock } from "#src/base/clock.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import { parseName } from "#src/base/names.ts";
import type { Dialer } from "#src/io/dial.ts";
import { parseCheckpoint } from "#src/ledger/checkpoint.ts";
import { verifyCosignature } from "#src/ledger/cosignature.ts";
import {
  COSIGNATURE,
  noteKeyHash,
  parseSignatureLine,
  parseVerifierKey,
  type VerifierKey,
} from "#src/ledger/signed-note.ts";
import { type CheckpointRow, insertCosignature, readNewestCheckpoint } from "#src/store/checkpoints.ts";
import type { Reader } from "#src/store/reader.ts";
import { deleteWitness, insertWitness, noteWitness, readWitnesses, type WitnessRow } from "#src/store/witnesses.ts";
import type { Proofs } from "./proofs.ts";
import type { Recorder } from "./recorder.ts";
import { addCheckpoint, parseWitnessUrl } from "./witness-protocol.ts";

/**
 * Servers of other people that sign the checkpoints of the instance's own chain, after they have seen proof that it only grew
 * (C2SP tlog-witness).
 */
export interface Witnesses {
  /** Throws `name_taken`, `invalid_argument` for an address or key that is none of a witness. */
  add(actor: SubjectId, name: string, url: string, verifierKey: string): Promise<WitnessRow>;
  list(): Promise<WitnessRow[]>;
  /** Its cosignatures stay; `not_found`. */
  remove(actor: SubjectId, name: string): Promise<void>;
  /** Sends the newest checkpoint to every witness that has not signed it; what goes wrong with one stands in the list. */
  sendNewest(): Promise<void>;
}

/** What {@link createWitnesses} needs. */
export interface WitnessesDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly clock: Clock;
  readonly log: Log;
  readonly dialer: Dialer;
  readonly proofs: Proofs;
  /** The tenant whose chain records what is done to the instance itself. */
  readonly instanceTenant: TenantId;
}

const MAX_ERROR = 200;

/** Makes the service. */
export function createWitnesses(dependencies: WitnessesDependencies): Witnesses {
  const { recorder, reader, clock, log, dialer, proofs, instanceTenant: tenant } = dependencies;

  const ask = async (witness: WitnessRow, key: VerifierKey, newest: CheckpointRow): Promise<void> => {
    const answer = await negotiate(witness, newest);
    const text = parseCheckpoint(newest.note).note.text;
    const line = answer.find((candidate) => isOf(candidate, key));
    if (line === undefined)
      throw new WritError("upstream_failed", "the witness did not sign with the key that it has here");
    const seconds = verifyCosignature(line, text, key);
    const at = clock.now();
    await recorder.record({
      tenant,
      type: "checkpoint.cosigned",
      actor: "system",
      statements: [
        insertCosignature(tenant, { size: newest.size, witness: witness.name, line: `${line}\n`, at }),
        noteWitness(tenant, witness.name, { seenSize: newest.size, lastAt: at, lastError: null }),
      ],
      data: { witness: witness.name, size: newest.size, key: key.name, cosigned_at: toRfc3339(seconds * 1000), line },
      ignoresClock: true,
    });
  };

  /** Sends the checkpoint with a proof from the size that the witness has, which it says where it is not the known one. */
  const negotiate = async (witness: WitnessRow, { size, note }: CheckpointRow): Promise<readonly string[]> => {
    let oldSize = witness.seenSize;
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const path = oldSize === 0 ? [] : (await proofs.consistency(tenant, oldSize, size)).path;
      const answer = await addCheckpoint(dialer, { url: witness.url, oldSize, path, note });
      if (answer.kind === "cosigned") return answer.lines;
      if (answer.size > size) {
        log.error("a witness has seen more of this chain than there is", undefined, {
          witness: witness.name,
          seen: answer.size,
          size,
        });
        throw new WritError("history_changed", `the witness has seen ${answer.size} events, and here are ${size}`);
      }
      oldSize = answer.size;
    }
    throw new WritError("upstream_failed", "the witness names another size each time");
  };

  return {
    add: async (actor, name, url, verifierKey) => {
      const row = { name: parseName(name, "name"), url: parseWitnessUrl(url), verifierKey, createdAt: clock.now() };
      if (parseVerifierKey(verifierKey)?.type !== COSIGNATURE) {
        throw new WritError(
          "invalid_argument",
          "the key is not a witness's verifier key: `name+hash+base64` of type 4",
        );
      }
      if ((await readWitnesses(reader, tenant)).some((known) => known.name === row.name))
        throw new WritError("name_taken");
      await recorder.record({
        tenant,
        type: "witness.added",
        actor,
        statements: [insertWitness(tenant, row)],
        data: { name: row.name, url: row.url, key: row.verifierKey },
      });
      return { ...row, seenSize: 0, lastAt: null, lastError: null };
    },
    list: () => readWitnesses(reader, tenant),
    remove: async (actor, name) => {
      if (!(await readWitnesses(reader, tenant)).some((known) => known.name === name)) throw new WritError("not_found");
      await recorder.record({
        tenant,
        type: "witness.removed",
        actor,
        statements: [deleteWitness(tenant, name)],
        data: { name },
        ignoresClock: true,
      });
    },
    sendNewest: async () => {
      const newest = await readNewestCheckpoint(reader, tenant);
      if (newest === undefined) return;
      for (const witness of await readWitnesses(reader, tenant)) {
        const key = parseVerifierKey(witness.verifierKey);
        if (witness.seenSize >= newest.size || key === undefined) continue;
        try {
          await ask(witness, key, newest);
        } catch (error) {
          if (!isWritError(error)) throw error;
          const lastError = `${error.code}: ${error.message}`.slice(0, MAX_ERROR);
          log.warn("a witness did not sign", { witness: witness.name, error: lastError });
          recorder.touch([
            noteWitness(tenant, witness.name, { seenSize: witness.seenSize, lastAt: clock.now(), lastError }),
          ]);
        }
      }
    },
  };
}

/** Whether a line of the answer is by this key: all others are of no interest, malformed ones too. */
function isOf(line: string, key: VerifierKey): boolean {
  try {
    const { name, keyHash } = parseSignatureLine(line);
    return name === key.name && keyHash === noteKeyHash(key);
  } catch (error) {
    if (!isWritError(error)) throw error;
    return false;
  }
}
