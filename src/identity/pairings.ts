import { toHex } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import type { DeviceId, IdSource, TenantId } from "#src/base/ids.ts";
import { sha256 } from "#src/crypto/hash.ts";

/** A machine that waits for a person to confirm it. Nothing of it is stored: after a restart it asks again. */
export interface Pairing {
  /** Eight characters, without the dash. */
  readonly code: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** What the machine calls itself. */
  readonly name: string;
  readonly source: string;
  readonly startedAt: number;
  endsAt: number;
  state: "waiting" | "confirming" | "confirmed";
  /** What it is given, once it is confirmed. */
  issued: { readonly tenant: TenantId; readonly device: DeviceId; readonly token: string } | undefined;
}

/** Machines that wait. */
export interface Pairings {
  /** Throws `rate_limited` where too many wait, from this source or in all. */
  add(publicKey: Uint8Array, name: string, source: string, now: number): Pairing;
  /**
   * By its code, as a person typed it. Throws `not_found`, and `rate_limited` for whoever guessed wrong too often.
   *
   * @param guesser whose wrong codes are counted
   */
  find(code: string, guesser: string, now: number): Pairing;
  /** By its code; counts nothing. */
  peek(code: string, now: number): Pairing | undefined;
}

/** How long a code is good, in milliseconds. */
export const PAIRING_MS = 600_000;
const CODE_CHARACTERS = 8;
const MAX_WAITING = 1000;
const MAX_WAITING_OF_SOURCE = 10;
const MAX_WRONG = 10;
const MAX_GUESSERS = 10_000;
/** Crockford's base 32: without I, L, O and U. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Makes a table of pairings without any. */
export function createPairings(ids: IdSource): Pairings {
  const byCode = new Map<string, Pairing>();
  const wrong = new Map<string, { count: number; readonly endsAt: number }>();

  const expire = (now: number): void => {
    for (const [code, { endsAt }] of byCode) if (endsAt <= now) byCode.delete(code);
  };

  const countWrong = (guesser: string, now: number): void => {
    const known = wrong.get(guesser);
    if (known !== undefined && known.endsAt > now) known.count += 1;
    else {
      if (wrong.size >= MAX_GUESSERS) wrong.clear();
      wrong.set(guesser, { count: 1, endsAt: now + PAIRING_MS });
    }
  };

  const peek = (text: string, now: number): Pairing | undefined => {
    const found = byCode.get(readCode(text));
    return found !== undefined && found.endsAt > now ? found : undefined;
  };

  return {
    peek,
    add: (publicKey, name, source, now) => {
      expire(now);
      const key = toHex(publicKey);
      // The same machine asks again: what it asked before is void.
      for (const [code, other] of byCode) {
        if (other.state === "waiting" && toHex(other.publicKey) === key) byCode.delete(code);
      }
      const ofSource = [...byCode.values()].filter((other) => other.source === source).length;
      if (byCode.size >= MAX_WAITING || ofSource >= MAX_WAITING_OF_SOURCE) {
        throw new WritError("rate_limited", "too many machines wait to be paired: come back in some minutes", {
          details: { retry_after_seconds: PAIRING_MS / 1000 },
        });
      }
      const code = newCode(ids, byCode);
      const endsAt = now + PAIRING_MS;
      const pairing: Pairing = {
        code,
        publicKey,
        name,
        source,
        startedAt: now,
        endsAt,
        state: "waiting",
        issued: undefined,
      };
      byCode.set(code, pairing);
      return pairing;
    },
    find: (text, guesser, now) => {
      const guesses = wrong.get(guesser);
      if (guesses !== undefined && guesses.endsAt > now && guesses.count >= MAX_WRONG) {
        throw new WritError("rate_limited", "too many codes that are none: come back in some minutes", {
          details: { retry_after_seconds: Math.ceil((guesses.endsAt - now) / 1000) },
        });
      }
      const found = peek(text, now);
      if (found !== undefined) return found;
      countWrong(guesser, now);
      throw new WritError("not_found", "no machine waits with this code: it may be mistyped, used or too old");
    },
  };
}

/** The code as people read and type it. */
export function showCode(code: string): string {
  return `${code.slice(0, CODE_CHARACTERS / 2)}-${code.slice(CODE_CHARACTERS / 2)}`;
}

/** What two screens show, so that a person can compare which machine it is. */
export function fingerprint(publicKey: Uint8Array): string {
  const hex = toHex(sha256(publicKey)).slice(0, 16);
  return (hex.match(/.{4}/g) ?? []).join(" ");
}

function newCode(ids: IdSource, taken: ReadonlyMap<string, unknown>): string {
  for (;;) {
    // 256 is a multiple of 32: every character is as likely.
    const code = Array.from(ids.random(CODE_CHARACTERS), (byte) => ALPHABET.charAt(byte % 32)).join("");
    if (!taken.has(code)) return code;
  }
}

function readCode(text: string): string {
  return text.toUpperCase().replace(/[\s-]/g, "").replaceAll("O", "0").replace(/[IL]/g, "1");
}
