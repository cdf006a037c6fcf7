import { toHex } from "#src/base/bytes.ts";
import { canonicalize, type Json } from "#src/base/canonical-json.ts";
import { invariant, WritError } from "#src/base/errors.ts";
import { type EventId, type IdSource, newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { type PersonalValue, personalPlace, personalValue } from "#src/ledger/personal.ts";
import type { Blob, Committed, Statement, TokenDraft, Unit, UnitResult } from "#src/store/unit.ts";
import type { Writer } from "#src/store/writer.ts";

/** Seals what is personal under its subject's key. The vault is one. */
export interface PersonalSealer {
  /**
   * @param binding what the value belongs to; it opens nowhere else
   * @returns the ciphertext
   */
  sealPersonal(tenant: TenantId, subject: SubjectId, binding: string, plaintext: Uint8Array): Promise<Uint8Array>;
}

/** Marks a member of an event's data as personal: the recorder seals it before anything is written. */
export class Personal {
  readonly subject: SubjectId;
  readonly value: Json;

  constructor(subject: SubjectId, value: Json) {
    this.subject = subject;
    this.value = value;
  }
}

/** The type-specific part of an event. Personal members stand at its top level. */
export type EventData = Readonly<Record<string, Json | Personal | undefined>>;

/** A write, as a service asks for it: the statements, the event, and what both rest on. */
export interface Change {
  readonly tenant: TenantId;
  /** Dotted, general to special. */
  readonly type: string;
  /** The subject who does it, or `system`. */
  readonly actor: SubjectId | "system";
  readonly data: EventData;
  readonly statements?: readonly Statement[];
  readonly blobs?: readonly Blob[];
  /** The event's id, where something else already names it: a decision's is its decision id. */
  readonly id?: string;
  readonly expectEpoch?: number;
  readonly raisesEpoch?: boolean;
  readonly countsAgainstQuota?: boolean;
  /** Bytes of events that pruning gives back to the tenant's quota; negative for what is restored. */
  readonly freesBytes?: number;
  /** Recorded though the clock be behind: for what takes rights away, or tells what happened. Nothing is granted by it. */
  readonly ignoresClock?: boolean;
  /** A token that comes into being with the event, which says {@link CID_ROOM} where its CID belongs. */
  readonly token?: Omit<TokenDraft, "cidAt">;
  /** Nobody waits for it: it may join the next commit instead of causing one. */
  readonly canWait?: boolean;
}

/**
 * The only way to write.
 *
 * A change is committed with its event or not at all, and is on the disk when the promise resolves.
 */
export interface Recorder {
  /** Commits a change, or throws: `conflict`, `clock_behind`, `disk_quota_exceeded`, `not_found`, `store_failed`. */
  record(change: Change): Promise<Committed>;
  /** Commits a change; that its expectations were not met is a result, not an error. */
  tryRecord(change: Change): Promise<UnitResult>;
  /** Bookkeeping without an event. */
  touch(statements: readonly Statement[]): void;
  /** The authority epoch that the next unit of this tenant has to expect. */
  epochOf(tenant: TenantId): number;
  /** Calls `listener` after each committed change that raised a tenant's epoch. */
  onEpochRaised(listener: (tenant: TenantId) => void): void;
}

/** What the recorder is made of. */
export interface RecorderDependencies {
  readonly writer: Writer;
  readonly sealer: PersonalSealer;
  readonly ids: IdSource;
}

const encoder = new TextEncoder();

/**
 * Stands in an event's data until its token is signed: as long as a token's CID, and nothing that anybody could have
 * written there, since it is made anew in each process and never leaves it.
 */
export const CID_ROOM = `b${toHex(randomBytes(29))}`;

function withRoom(token: Change["token"], dataJson: string): { readonly token?: TokenDraft } {
  if (token === undefined) return {};
  const cidAt = dataJson.indexOf(CID_ROOM);
  invariant(cidAt !== -1, "an event that comes with a token has room for its cid");
  return { token: { ...token, cidAt } };
}

/** Documents known to be stored already; more are sent again, which costs time and nothing else. */
const MAX_KNOWN_BLOBS = 50_000;

/** Makes the recorder. */
export function createRecorder({ writer, sealer, ids }: RecorderDependencies): Recorder {
  const listeners: ((tenant: TenantId) => void)[] = [];
  const knownBlobs = new Set<string>();

  const newBlobs = ({ tenant, blobs }: Change): readonly Blob[] =>
    blobs?.filter(({ sha256 }) => !knownBlobs.has(`${tenant} ${sha256}`)) ?? [];

  const noteCommitted = ({ tenant, raisesEpoch }: Change, blobs: readonly Blob[]): void => {
    if (knownBlobs.size > MAX_KNOWN_BLOBS) knownBlobs.clear();
    for (const { sha256 } of blobs) knownBlobs.add(`${tenant} ${sha256}`);
    if (raisesEpoch) for (const listener of listeners) listener(tenant);
  };

  const tryRecord = async (change: Change): Promise<UnitResult> => {
    const id = change.id ?? newId("event", ids);
    const blobs = newBlobs(change);
    const dataJson = await composeData(change, id, sealer);
    const unit: Unit = {
      tenant: change.tenant,
      statements: change.statements ?? [],
      event: { id, type: change.type, actor: change.actor, dataJson, ...withRoom(change.token, dataJson) },
      ...(blobs.length === 0 ? {} : { blobs }),
      ...(change.expectEpoch === undefined ? {} : { expectEpoch: change.expectEpoch }),
      raisesEpoch: change.raisesEpoch ?? false,
      countsAgainstQuota: change.countsAgainstQuota ?? false,
      ...(change.freesBytes === undefined ? {} : { freesBytes: change.freesBytes }),
      ignoresClock: change.ignoresClock ?? false,
    };
    const result = await writer.submit(unit, { canWait: change.canWait ?? false });
    if (result.kind === "committed") noteCommitted(change, blobs);
    return result;
  };
  return {
    tryRecord,
    record: async (change) => {
      const result = await tryRecord(change);
      if (result.kind === "committed") return result;
      throw refusedError(result.reason);
    },
    touch: (statements) => writer.touch(statements),
    epochOf: (tenant) => writer.epochOf(tenant),
    onEpochRaised: (listener) => void listeners.push(listener),
  };
}

/** What a sealed value is bound to: it opens in this event, as this member, alone. */
export function personalBinding(eventId: string, member: string): string {
  return personalPlace(eventId, member);
}

/** A new event id. */
export function newEventId(ids: IdSource): EventId {
  return newId("event", ids);
}

/** The error that a refused unit is to whoever did not expect it. */
export function refusedError(reason: Extract<UnitResult, { kind: "refused" }>["reason"]): WritError {
  switch (reason) {
    case "clock_behind":
      return new WritError("clock_behind");
    case "quota":
      return new WritError("disk_quota_exceeded");
    case "unknown_tenant":
      return new WritError("not_found");
    default:
      return new WritError("conflict");
  }
}

async function composeData(change: Change, eventId: string, sealer: PersonalSealer): Promise<string> {
  const members = Object.keys(change.data);
  // Nearly every decision has nothing personal in it, and is not copied.
  if (!members.some((member) => change.data[member] instanceof Personal)) return canonicalize(change.data);
  const data: Record<string, Json | PersonalValue | undefined> = {};
  for (const member of members) {
    const value = change.data[member];
    data[member] = value instanceof Personal ? await sealMember(change.tenant, eventId, member, value, sealer) : value;
  }
  return canonicalize(data);
}

async function sealMember(
  tenant: TenantId,
  eventId: string,
  member: string,
  personal: Personal,
  sealer: PersonalSealer,
): Promise<PersonalValue> {
  const plaintext = encoder.encode(canonicalize(personal.value));
  const binding = personalBinding(eventId, member);
  return personalValue(personal.subject, await sealer.sealPersonal(tenant, personal.subject, binding, plaintext));
}
