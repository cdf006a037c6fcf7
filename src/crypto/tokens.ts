import { crc32 } from "node:zlib";
import { toBase64Url } from "#src/base/bytes.ts";
import { type Branded, type IdSource, newId, type TokenId } from "#src/base/ids.ts";
import { equalInConstantTime, sha256 } from "./hash.ts";

/** The kinds of credential that Writ issues. */
export const TOKEN_KINDS = ["agent", "admin", "pdp", "device", "scim"] as const;
/** A kind of credential. */
export type TokenKind = (typeof TOKEN_KINDS)[number];

/** A new credential: the text is shown once, the hash is stored. */
export interface IssuedToken {
  readonly kind: TokenKind;
  readonly id: TokenId;
  /** `writ_<kind>_<id>_<secret><checksum>`. */
  readonly text: string;
  /** SHA-256 of the secret part: the secret has 256 random bits, so a slow hash would add nothing. */
  readonly hash: Uint8Array;
}

/** What a presented credential says of itself; nothing of it is proven yet. */
export interface ParsedToken {
  readonly kind: TokenKind;
  readonly id: TokenId;
  readonly secret: string;
}

const SECRET_CHARACTERS = 43;
const CHECKSUM_CHARACTERS = 6;
const TOKEN = /^writ_(agent|admin|pdp|device|scim)_([0-9a-hjkmnp-tv-z]{26})_([A-Za-z0-9_-]{43})([0-9A-Za-z]{6})$/;
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Makes a credential. */
export function issueToken(kind: TokenKind, source: IdSource): IssuedToken {
  const id = newId("token", source);
  const body = `writ_${kind}_${id.slice(4)}_${toBase64Url(source.random(32))}`;
  return { kind, id, text: body + checksum(body), hash: hashSecret(body.slice(-SECRET_CHARACTERS)) };
}

/** The parts of a credential whose form and checksum are right, or undefined. A checksum is no proof: it spots typing errors. */
export function parseToken(text: string): ParsedToken | undefined {
  const match = TOKEN.exec(text);
  if (match === null) return undefined;
  const [, kind, id, secret, sum] = match as unknown as [string, TokenKind, string, string, string];
  if (checksum(text.slice(0, -CHECKSUM_CHARACTERS)) !== sum) return undefined;
  return { kind, id: `tok_${id}` as Branded<"token">, secret };
}

/** Whether `secret` is the one that `hash` was made of, in constant time. */
export function matchesTokenHash(secret: string, hash: Uint8Array): boolean {
  return equalInConstantTime(hashSecret(secret), hash);
}

function hashSecret(secret: string): Uint8Array {
  return sha256(`writ.token.v1\n${secret}`);
}

/** CRC-32 in base 62, six characters: lets a scanner recognise a leaked credential without asking anyone. */
function checksum(text: string): string {
  let rest = crc32(text);
  let sum = "";
  for (let i = 0; i < CHECKSUM_CHARACTERS; i += 1) {
    sum = BASE62.charAt(rest % 62) + sum;
    rest = Math.floor(rest / 62);
  }
  return sum;
}
