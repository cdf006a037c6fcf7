import { fromUtf8 } from "#src/base/bytes.ts";
import type { Json } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { parseEvent } from "#src/ledger/event.ts";
import { isPersonalValue, type PersonalValue, personalCiphertext } from "#src/ledger/personal.ts";
import type { EventRow } from "#src/store/events.ts";
import { personalBinding } from "./recorder.ts";

/** Opens what is personal in events. The vault is one. */
export interface PersonalOpener {
  /** The plaintext; undefined where the subject was erased. */
  openPersonal(
    tenant: TenantId,
    subject: SubjectId,
    binding: string,
    sealed: Uint8Array,
  ): Promise<Uint8Array | undefined>;
}

/** An event for people and programs to read; its bytes are the evidence, this is not. */
export interface EventView {
  readonly seq: number;
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  readonly type: string;
  readonly actor: string;
  /** Lower-case hex. */
  readonly hash: string;
  readonly prev: string;
  readonly data: Readonly<Record<string, Json>>;
  /** What became of each personal member of `data`. */
  readonly personal: Readonly<Record<string, PersonalState>>;
}

/**
 * `sealed`: as it is stored, for whoever may not see it. `opened`: the value stands in the data. `erased`: its subject's
 * key was destroyed. `unreadable`: it does not open although the key is there, as after tampering.
 */
export type PersonalState = "sealed" | "opened" | "erased" | "unreadable";

/**
 * Reads a stored event. Where an opener is given, personal members hold their values, or the word `erased` or `unreadable`;
 * else they stay sealed. Throws `verification_failed` for bytes that are no event of this tenant and place.
 */
export async function viewEvent(tenant: TenantId, row: EventRow, opener?: PersonalOpener): Promise<EventView> {
  const { id, at, type, actor, prev, data: stored } = parseEvent(row.bytes);
  const data: Record<string, Json> = Object.create(null);
  const personal: Record<string, PersonalState> = Object.create(null);
  for (const member of Object.keys(stored)) {
    const value = stored[member] as Json;
    if (!isPersonalValue(value)) {
      data[member] = value;
    } else if (opener === undefined) {
      data[member] = value;
      personal[member] = "sealed";
    } else {
      const opened = await openMember(tenant, id, member, value, opener);
      data[member] = opened.value;
      personal[member] = opened.state;
    }
  }
  return { seq: row.seq, id, at, type, actor, hash: row.hash, prev, data, personal };
}

async function openMember(
  tenant: TenantId,
  eventId: string,
  member: string,
  value: PersonalValue,
  opener: PersonalOpener,
): Promise<{ readonly value: Json; readonly state: PersonalState }> {
  try {
    const binding = personalBinding(eventId, member);
    const opened = await opener.openPersonal(tenant, value.subject as SubjectId, binding, personalCiphertext(value));
    if (opened === undefined) return { value: "erased", state: "erased" };
    return { value: JSON.parse(fromUtf8(opened)) as Json, state: "opened" };
  } catch (error) {
    if (!isWritError(error, "crypto_failed")) throw error;
    return { value: "unreadable", state: "unreadable" };
  }
}
