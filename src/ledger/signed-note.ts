import { type Bytes, concatBytes, fromBase64, toBase64, toHex, utf8 } from "#src/base/bytes.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { isAcceptableKey, KEY_BYTES, type Signer } from "#src/crypto/ed25519.ts";
import { sha256 } from "#src/crypto/hash.ts";

/**
 * C2SP signed-note: a text that ends with a line feed, an empty line, and signature lines, each an em dash, a space, the
 * key's name, a space, and the base64 of four bytes of key hash and the signature.
 */
export interface SignedNote {
  /** What is signed, its last line feed included. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** One signature line, read. */
export interface NoteSignature {
  readonly name: string;
  /** Four bytes, hex: which key of that name; see {@link noteKeyHash}. */
  readonly keyHash: string;
  readonly signature: Bytes;
}

/** A public key as C2SP writes it: name, hash and key in one text. */
export interface VerifierKey {
  readonly name: string;
  readonly type: number;
  /** 32 bytes. */
  readonly publicKey: Bytes;
}

/** Type of a plain Ed25519 signature over a note's text. */
export const ED25519 = 0x01;
/** Type of a witness's timestamped Ed25519 cosignature (C2SP tlog-cosignature). */
export const COSIGNATURE = 0x04;

const MAX_NOTE_CHARACTERS = 64 * 1024;
const MAX_SIGNATURES = 64;
const DASH = "\u2014 ";
const HASH_LENGTH = 4;
const NAME = /^[^\s+]{1,256}$/u;
// What may not stand in a note: ASCII control characters but the line feed.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones it looks for
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/** Which of the keys of a name signed: the first four bytes of SHA-256(name || 0x0A || type || key), in hex. */
export function noteKeyHash({ name, type, publicKey }: VerifierKey): string {
  return toHex(sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(type), publicKey)).subarray(0, HASH_LENGTH));
}

/** A note of `text`, which ends with a line feed, signed under the name `name`. */
export function signNote(text: string, name: string, signer: Signer): string {
  const key = { name, type: ED25519, publicKey: signer.publicKey };
  return `${text}\n${signatureLine(name, noteKeyHash(key), signer.sign(utf8(text)))}`;
}

/** A signature line, with its line feed. */
export function signatureLine(name: string, keyHash: string, signature: Uint8Array): string {
  return `${DASH}${name} ${toBase64(concatBytes(Uint8Array.fromHex(keyHash), signature))}\n`;
}

/** Reads a note strictly: what it gives, written again, is the same text. Throws `verification_failed`. */
export function parseNote(note: string): SignedNote {
  if (note.length > MAX_NOTE_CHARACTERS) refuse("it is longer than a note may be");
  if (CONTROL.test(note) || !note.isWellFormed()) refuse("it has characters that a note must not have");
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) refuse("it has no text and signatures");
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) refuse("it has too many signatures");
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/** Reads one signature line, without its line feed; throws `verification_failed`. */
export function parseSignatureLine(line: string): NoteSignature {
  const [name = "", encoded = "", ...rest] = line.slice(DASH.length).split(" ");
  if (!line.startsWith(DASH) || rest.length > 0 || !NAME.test(name)) refuse("a signature line is malformed");
  const bytes = decodeBase64(encoded);
  if (bytes === undefined || bytes.length <= HASH_LENGTH) refuse("a signature is not canonical base64");
  return { name, keyHash: toHex(bytes.subarray(0, HASH_LENGTH)), signature: bytes.slice(HASH_LENGTH) };
}

/** The text form of a public key: `<name>+<key hash>+<base64 of type and key>`. */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${noteKeyHash(key)}+${toBase64(concatBytes(Uint8Array.of(key.type), key.publicKey))}`;
}

/** The inverse; undefined for a text that is no such key, or of a type that is not Ed25519's. */
export function parseVerifierKey(text: string): VerifierKey | undefined {
  const match = /^([^\s+]{1,256})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,64})$/u.exec(text);
  if (match === null) return undefined;
  const [, name = "", hash = "", encoded = ""] = match;
  const bytes = decodeBase64(encoded);
  const type = bytes?.[0];
  if (bytes?.length !== KEY_BYTES + 1 || (type !== ED25519 && type !== COSIGNATURE)) return undefined;
  const key = { name, type, publicKey: bytes.slice(1) };
  return isAcceptableKey(key.publicKey) && noteKeyHash(key) === hash ? key : undefined;
}

function decodeBase64(text: string): Bytes | undefined {
  try {
    return fromBase64(text);
  } catch (error) {
    if (isWritError(error)) return undefined;
    throw error;
  }
}

function refuse(problem: string): never {
  throw new WritError("verification_failed", `the note is malformed: ${problem}`);
}
