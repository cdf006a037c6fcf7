import { toBase64Url } from "#src/base/bytes.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { IdSource } from "#src/base/ids.ts";
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

const LIFETIME_MS = 300_000;
/** Beyond it the oldest is forgotten: whoever floods the sign-in costs memory that is bounded. */
const MAX_OPEN = 10_000;

/** Makes one; challenges are in memory alone, so that a restart voids them. */
export function createCeremonies<Subject>(ids: IdSource, clock: Clock): Ceremonies<Subject> {
  const open = new Map<
    string,
    { readonly challenge: Uint8Array; readonly subject: Subject; readonly endsAt: number }
  >();
  return {
    begin: (subject) => {
      const oldest = open.keys().next();
      if (open.size >= MAX_OPEN && oldest.done !== true) open.delete(oldest.value);
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
