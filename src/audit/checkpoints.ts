import { utf8 } from "#src/base/bytes.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import {
  type Checkpoint,
  checkpointOrigin,
  checkpointText,
  parseCheckpoint,
  signCheckpoint,
} from "#src/ledger/checkpoint.ts";
import { parseEvent } from "#src/ledger/event.ts";
import { keyId } from "#src/ledger/keys.ts";
import { CompactRange, leafHash } from "#src/ledger/merkle.ts";
import {
  type CheckpointRow,
  insertCheckpoint,
  readCheckpointCovering,
  readCheckpoints,
  readCosignatures,
  readNewestCheckpoint,
  readNewestPeriod,
} from "#src/store/checkpoints.ts";
import { readEventBySeq, readHead } from "#src/store/events.ts";
import { readTenants } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import { isExtended } from "./proofs.ts";
import type { Recorder } from "./recorder.ts";

/** The type of the event that records a checkpoint. It stands behind the events that the checkpoint covers. */
export const CHECKPOINT_EVENT = "checkpoint.signed";
/** The type of the event in the instance's own chain that names the newest checkpoint of every other chain. */
export const COLLECTED_EVENT = "checkpoint.collected";

/** A checkpoint, with all signatures that it has. */
export interface CheckpointView extends Checkpoint {
  /** Id of the seal key that signed. */
  readonly key: string;
  readonly madeBy: "schedule" | "request";
  /** The signed note, the cosignatures of witnesses behind Writ's own signature. */
  readonly note: string;
  /** Names of the witnesses whose cosignatures it has. */
  readonly witnesses: readonly string[];
}

/** Signed statements of what a chain was: small, kept elsewhere, they show whether it was changed since. */
export interface Checkpoints {
  /**
   * A checkpoint of all events so far. Where nothing but the record of the newest has come since, that is the answer.
   * Throws `not_found` for a tenant without events, `history_changed` where the chain does not extend its newest checkpoint.
   */
  request(tenant: TenantId, actor: SubjectId): Promise<CheckpointView>;
  /** The newest, or the one of exactly this size; `not_found`. */
  show(tenant: TenantId, size?: number): Promise<CheckpointView>;
  /** Newest first. */
  list(tenant: TenantId, page: { readonly before?: number; readonly limit?: number }): Promise<CheckpointView[]>;
  /**
   * Makes what is due: one a chain and period, whenever Writ was started; of the instance's own chain last, which then covers
   * those of all others.
   */
  makeDue(): Promise<void>;
}

/** What {@link createCheckpoints} needs. */
export interface CheckpointsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly clock: Clock;
  readonly log: Log;
  readonly instance: { readonly instanceId: string; readonly tenant: TenantId };
  readonly every: "day" | "hour";
  /** The newest seal key that is published. */
  readonly signer: () => Promise<Signer>;
}

const PERIOD_MS = { day: 86_400_000, hour: 3_600_000 };
const DEFAULT_LIST = 50;
const ATTEMPTS = 5;

/** Who made a checkpoint, and when it counts for a period. */
type Occasion =
  | { readonly madeBy: "request"; readonly actor: SubjectId }
  | { readonly madeBy: "schedule"; readonly period: number };

/** Makes the service. */
export function createCheckpoints(dependencies: CheckpointsDependencies): Checkpoints {
  const { recorder, reader, clock, log, instance, every } = dependencies;

  const view = async (tenant: TenantId, row: CheckpointRow): Promise<CheckpointView> => {
    const { note: _, ...checkpoint } = parseCheckpoint(row.note);
    const cosignatures = await readCosignatures(reader, tenant, row.size);
    return {
      ...checkpoint,
      key: row.keyId,
      madeBy: row.madeBy,
      note: row.note + cosignatures.map(({ line }) => line).join(""),
      witnesses: cosignatures.map(({ witness }) => witness),
    };
  };

  /** What the newest events are, in a checkpoint that extends the newest one. */
  const compose = async (tenant: TenantId, newest: CheckpointRow | undefined): Promise<Checkpoint> => {
    const head = await readHead(reader, tenant);
    if (head === undefined) throw new WritError("not_found");
    const before = newest === undefined ? undefined : parseCheckpoint(newest.note);
    if (
      before !== undefined &&
      (head.seq < before.size || !(await isExtended(reader, tenant, before, { size: head.seq, root: head.root })))
    ) {
      log.error("a chain does not extend its newest checkpoint", undefined, {
        tenant,
        size: before.size,
        events: head.seq,
      });
      throw new WritError("history_changed");
    }
    return {
      origin: checkpointOrigin(instance.instanceId, tenant),
      size: head.seq,
      root: head.root,
      head: head.hash,
      at: toRfc3339(Math.max(clock.now(), head.at, newest?.at ?? 0)),
    };
  };

  /** Whether `row` covers all but the event that records it. */
  const isNewestOf = async (tenant: TenantId, row: CheckpointRow): Promise<boolean> => {
    const head = await readHead(reader, tenant);
    if (head?.seq !== row.size + 1) return false;
    const event = await readEventBySeq(reader, tenant, head.seq);
    return event?.type === CHECKPOINT_EVENT && parseEvent(event.bytes).data["size"] === row.size;
  };

  /** One after another, so that none is signed by an older key than the one before it. */
  let running: Promise<unknown> = Promise.resolve();
  const tryMake = (tenant: TenantId, occasion: Occasion): Promise<CheckpointRow | undefined> => {
    const made = running.then(() => makeOne(tenant, occasion));
    running = made.catch(() => undefined);
    return made;
  };

  /** One try: undefined where the chain's newest checkpoint is another one by now. */
  const makeOne = async (tenant: TenantId, occasion: Occasion): Promise<CheckpointRow | undefined> => {
    const newest = await readNewestCheckpoint(reader, tenant);
    const checkpoint = await compose(tenant, newest);
    if (occasion.madeBy === "request" && newest !== undefined && (await isNewestOf(tenant, newest))) return newest;
    const signer = await dependencies.signer();
    const row: CheckpointRow = {
      size: checkpoint.size,
      at: Date.parse(checkpoint.at),
      madeBy: occasion.madeBy,
      period: occasion.madeBy === "schedule" ? occasion.period : null,
      keyId: keyId(signer.publicKey),
      note: signCheckpoint(checkpoint, signer),
    };
    const result = await recorder.tryRecord({
      tenant,
      type: CHECKPOINT_EVENT,
      actor: occasion.madeBy === "request" ? occasion.actor : "system",
      statements: [insertCheckpoint(tenant, row)],
      data: {
        size: row.size,
        root: checkpoint.root,
        at: checkpoint.at,
        key: row.keyId,
        made_by: row.madeBy,
        period: row.period === null ? undefined : toRfc3339(row.period),
        text: sha256Hex(checkpointText(checkpoint)),
      },
      ignoresClock: true,
    });
    return result.kind === "committed" ? row : undefined;
  };

  const makeScheduled = async (tenant: TenantId, period: number): Promise<void> => {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      if (((await readNewestPeriod(reader, tenant)) ?? -1) >= period) return;
      if ((await tryMake(tenant, { madeBy: "schedule", period })) !== undefined) return;
    }
  };

  /** Names the newest checkpoint of every other chain in the instance's own, so that its next one covers them. */
  const collect = async (tenants: readonly TenantId[]): Promise<void> => {
    const texts: string[] = [];
    for (const tenant of tenants.toSorted()) {
      const row = await readNewestCheckpoint(reader, tenant);
      if (row !== undefined) texts.push(parseCheckpoint(row.note).note.text);
    }
    const document = canonicalize({ checkpoints: texts });
    const sha256 = sha256Hex(document);
    await recorder.record({
      tenant: instance.tenant,
      type: COLLECTED_EVENT,
      actor: "system",
      blobs: [{ sha256, bytes: document }],
      data: { checkpoints: { ref: `sha256:${sha256}` }, count: texts.length, root: collectedRoot(texts) },
      ignoresClock: true,
    });
  };

  return {
    request: async (tenant, actor) => {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
        const row = await tryMake(tenant, { madeBy: "request", actor });
        if (row !== undefined) return view(tenant, row);
      }
      throw new WritError("conflict");
    },
    show: async (tenant, size) => {
      const row =
        size === undefined
          ? await readNewestCheckpoint(reader, tenant)
          : await readCheckpointCovering(reader, tenant, size);
      if (row === undefined || (size !== undefined && row.size !== size)) throw new WritError("not_found");
      return view(tenant, row);
    },
    list: async (tenant, { before = Number.MAX_SAFE_INTEGER, limit = DEFAULT_LIST }) => {
      const views: CheckpointView[] = [];
      for (const row of await readCheckpoints(reader, tenant, before, limit)) views.push(await view(tenant, row));
      return views;
    },
    makeDue: async () => {
      const period = Math.floor(clock.now() / PERIOD_MS[every]) * PERIOD_MS[every];
      const others = (await readTenants(reader)).map(({ tenantId }) => tenantId).filter((id) => id !== instance.tenant);
      const failed: unknown[] = [];
      for (const tenant of others) await makeScheduled(tenant, period).catch((error: unknown) => failed.push(error));
      if (((await readNewestPeriod(reader, instance.tenant)) ?? -1) < period) {
        await collect(others);
        await makeScheduled(instance.tenant, period);
      }
      // A chain whose history was changed must not keep the others from their checkpoints; the job fails all the same.
      const first = failed.find((error) => !isWritError(error, "history_changed")) ?? failed[0];
      if (first !== undefined) throw first;
    },
  };
}

/** Root of the RFC 6962 tree over the texts of checkpoints, lower-case hex. */
export function collectedRoot(texts: readonly string[]): string {
  const range = CompactRange.empty();
  for (const text of texts) range.append(leafHash(utf8(text)));
  return range.root().toHex();
}
