import { type Bytes, fromBase64Url, fromUtf8, toBase64Url } from "#src/base/bytes.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import type { PersonId, TenantId } from "#src/base/ids.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { approvalChallenge, type ChallengePurpose } from "#src/ledger/approval-challenge.ts";

/** A challenge that waits for its signature. */
export interface IssuedChallenge<Kept> {
  readonly challenge: Bytes;
  /** What the challenge is the digest of. */
  readonly preimage: JsonObject;
  readonly kept: Kept;
}

/** Challenges that were fixed for one person and one purpose each. Kept in memory: after a restart one asks again. */
export interface Challenges<Kept> {
  /** Fixes a challenge. @param now milliseconds */
  issue(tenant: TenantId, person: PersonId, preimage: JsonObject, kept: Kept, now: number): IssuedChallenge<Kept>;
  /**
   * The challenge that an assertion answers: once. `challenge_unknown` where there is none for this person, where it was
   * answered before, or where it is older than {@link CHALLENGE_MS}.
   */
  take(tenant: TenantId, person: PersonId, assertion: unknown, now: number): IssuedChallenge<Kept>;
}

/** How long a person may take to sign, in milliseconds. */
export const CHALLENGE_MS = 300_000;
/** More than one person could sign at a time; their oldest go first, and nobody else's. */
export const MAX_WAITING_EACH = 32;
/** People whose challenges are kept before those that nobody can answer any more are swept. */
const SWEEP_PEOPLE = 1000;
const MAX_CLIENT_DATA_CHARACTERS = 8192;

interface Waiting<Kept> extends IssuedChallenge<Kept> {
  readonly endsAt: number;
}

/** Makes a table of challenges without any. */
export function createChallenges<Kept>(purpose: ChallengePurpose): Challenges<Kept> {
  const people = new Map<string, Map<string, Waiting<Kept>>>();
  const keyOf = (tenant: TenantId, person: PersonId): string => `${tenant} ${person}`;
  return {
    issue: (tenant, person, preimage, kept, now) => {
      if (people.size >= SWEEP_PEOPLE) for (const key of people.keys()) dropLate(people, key, now);
      const key = keyOf(tenant, person);
      const own = dropLate(people, key, now);
      const oldest = own.keys().next();
      if (own.size >= MAX_WAITING_EACH && oldest.done !== true) own.delete(oldest.value);
      const challenge = approvalChallenge(purpose, preimage);
      const issued = { challenge, preimage, kept };
      people.set(key, own.set(toBase64Url(challenge), { ...issued, endsAt: now + CHALLENGE_MS }));
      return issued;
    },
    take: (tenant, person, assertion, now) => {
      const key = keyOf(tenant, person);
      const own = dropLate(people, key, now);
      const challenge = challengeIn(assertion) ?? "";
      const found = own.get(challenge);
      own.delete(challenge);
      if (own.size === 0) people.delete(key);
      if (found === undefined) throw new WritError("challenge_unknown");
      return found;
    },
  };
}

/** What of a person's waits still, without what is too late: it stands oldest first. */
function dropLate<Kept>(
  people: Map<string, Map<string, Waiting<Kept>>>,
  key: string,
  now: number,
): Map<string, Waiting<Kept>> {
  const own = people.get(key) ?? new Map<string, Waiting<Kept>>();
  for (const [challenge, { endsAt }] of own) {
    if (endsAt > now) break;
    own.delete(challenge);
  }
  if (own.size === 0) people.delete(key);
  return own;
}

/** The challenge that the assertion's client data name: where to look, and nothing that is believed. */
function challengeIn(assertion: unknown): string | undefined {
  const response = memberOf(assertion, "response");
  const encoded = memberOf(response, "clientDataJSON");
  if (typeof encoded !== "string" || encoded.length > MAX_CLIENT_DATA_CHARACTERS) return undefined;
  try {
    const challenge = memberOf(parseStrictJson(fromUtf8(fromBase64Url(encoded))), "challenge");
    return typeof challenge === "string" ? challenge : undefined;
  } catch (error) {
    if (isWritError(error)) return undefined;
    throw error;
  }
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
