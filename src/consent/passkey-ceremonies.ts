import { fromBase64Url, toBase64Url, utf8 } from "#src/base/bytes.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { IdSource } from "#src/base/ids.ts";
import { equalInConstantTime, hmacSha256 } from "#src/crypto/hash.ts";
import { parseClientData } from "./passkey-client-data.ts";

/** Challenges that browsers were given and have not answered: each is answered at most once, and within five minutes. */
export interface Ceremonies<Subject> {
  /** A new challenge for a purpose. */
  begin(subject: Subject): Uint8Array;
  /**
   * What the challenge in an answer's client data was made for; it is gone with that. Throws `passkey_refused` for one
   * that was never made, was answered already or is too old, alike.
   */
  take(clientData: unknown): { readonly challenge: Uint8Array; readonly subject: Subject };
}

/** Challenges that anybody may ask for, as often as they like: one that was not answered takes no memory. */
export interface OpenCeremonies {
  begin(): Uint8Array;
  /** The challenge in an answer's client data, where it was made here and is not too old. Throws `passkey_refused`. */
  read(clientData: unknown): Uint8Array;
  /** To be called once the answer has verified, and before anything comes of it: `passkey_refused` the second time. */
  spend(challenge: Uint8Array): void;
}

const LIFETIME_MS = 300_000;
/** Beyond it the oldest is forgotten. */
const MAX_OPEN = 10_000;
/** Of one link or session: whoever begins more than these drowns their own and nobody else's. */
export const MAX_OPEN_EACH = 16;

/**
 * Makes one; challenges are in memory alone, so that a restart voids them.
 *
 * @param keyOf the link or session that it is begun with
 */
export function createCeremonies<Subject>(
  ids: IdSource,
  clock: Clock,
  keyOf: (subject: Subject) => string,
): Ceremonies<Subject> {
  const open = new Map<
    string,
    { readonly challenge: Uint8Array; readonly subject: Subject; readonly endsAt: number }
  >();
  const forget = (key: string | undefined): void => {
    if (key !== undefined) open.delete(key);
  };
  return {
    begin: (subject) => {
      const own = [...open].filter(([, other]) => keyOf(other.subject) === keyOf(subject));
      if (own.length >= MAX_OPEN_EACH) forget(own[0]?.[0]);
      if (open.size >= MAX_OPEN) forget(open.keys().next().value);
      const challenge = Uint8Array.from(ids.random(32));
      open.set(toBase64Url(challenge), { challenge, subject, endsAt: clock.now() + LIFETIME_MS });
      return challenge;
    },
    take: (clientData) => {
      const { challenge } = parseClientData(clientData);
      const found = open.get(challenge);
      open.delete(challenge);
      if (found === undefined || found.endsAt <= clock.now()) throw new WritError("passkey_refused");
      return found;
    },
  };
}

const NONCE_BYTES = 16;
const TIME_BYTES = 8;
const MAC_BYTES = 32;

/** Makes one. A challenge is a nonce, its end and a MAC over both by a key of this process, so that a restart voids it. */
export function createOpenCeremonies(ids: IdSource, clock: Clock): OpenCeremonies {
  const key = Uint8Array.from(ids.random(32));
  /** Those that were answered, with their end: in the order of answering. */
  const spent = new Map<string, number>();
  const macOf = (head: Uint8Array): Uint8Array => hmacSha256(key, utf8(`writ.sign-in.v1\n${toBase64Url(head)}`));
  return {
    begin: () => {
      const head = new Uint8Array(NONCE_BYTES + TIME_BYTES);
      head.set(ids.random(NONCE_BYTES));
      new DataView(head.buffer).setBigUint64(NONCE_BYTES, BigInt(clock.now() + LIFETIME_MS));
      return Uint8Array.from([...head, ...macOf(head)]);
    },
    read: (clientData) => {
      const challenge = fromBase64Url(parseClientData(clientData).challenge);
      const head = challenge.slice(0, NONCE_BYTES + TIME_BYTES);
      const isOurs =
        challenge.length === head.length + MAC_BYTES && equalInConstantTime(challenge.slice(head.length), macOf(head));
      if (!isOurs || endOf(head) <= clock.now() || spent.has(toBase64Url(challenge))) {
        throw new WritError("passkey_refused");
      }
      return challenge;
    },
    spend: (challenge) => {
      for (const [text, endsAt] of spent) if (endsAt <= clock.now()) spent.delete(text);
      const text = toBase64Url(challenge);
      if (spent.has(text)) throw new WritError("passkey_refused");
      spent.set(text, endOf(challenge));
    },
  };
}

function endOf(challenge: Uint8Array): number {
  return Number(new DataView(challenge.buffer, challenge.byteOffset).getBigUint64(NONCE_BYTES));
}
