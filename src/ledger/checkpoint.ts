import { type Bytes, fromBase64, fromHex, toBase64, toHex, utf8 } from "#src/base/bytes.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { type Signer, verifySignature } from "#src/crypto/ed25519.ts";
import { HASH_BYTES } from "./merkle.ts";
import { isHash, isIdentifier, isTimestamp } from "./shape.ts";
import { ED25519, noteKeyHash, parseNote, type SignedNote, signNote } from "./signed-note.ts";

/**
 * What a checkpoint states: that the log `origin`, when it had `size` events, had this root and this last event. Format:
 * C2SP tlog-checkpoint, with the extension lines `head <hash>` and `at <time>`.
 */
export interface Checkpoint {
  /** `<instance>/<tenant>`: also the name that its keys have in signatures. */
  readonly origin: string;
  /** How many events it covers: the seq of the last. */
  readonly size: number;
  /** Of the tree over them, lower-case hex. */
  readonly root: string;
  /** Hash of the last of them, lower-case hex. */
  readonly head: string;
  /** When it was made: RFC 3339, UTC, milliseconds. */
  readonly at: string;
}

/** A checkpoint with its note. */
export interface SignedCheckpoint extends Checkpoint {
  readonly note: SignedNote;
}

const SIZE = /^[1-9][0-9]{0,15}$/;

/** The origin of a tenant's log. */
export function checkpointOrigin(instance: string, tenant: string): string {
  return `${instance}/${tenant}`;
}

/** The tenant of an origin, or undefined where it is none of Writ's. */
export function tenantOfOrigin(origin: string): string | undefined {
  const [instance, tenant, ...rest] = origin.split("/");
  return rest.length === 0 && isIdentifier(instance) && isIdentifier(tenant) ? tenant : undefined;
}

/** The text that is signed. */
export function checkpointText({ origin, size, root, head, at }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(fromHex(root))}\nhead ${head}\nat ${at}\n`;
}

/** The signed note of a checkpoint. */
export function signCheckpoint(checkpoint: Checkpoint, signer: Signer): string {
  return signNote(checkpointText(checkpoint), checkpoint.origin, signer);
}

/** Reads a checkpoint strictly: written again, it is the same text. Throws `verification_failed`. */
export function parseCheckpoint(note: string): SignedCheckpoint {
  const parsed = parseNote(note);
  const [origin = "", size = "", root = "", head = "", at = "", end, ...rest] = parsed.text.split("\n");
  if (end !== "" || rest.length > 0) refuse("it does not have five lines");
  if (tenantOfOrigin(origin) === undefined) refuse("its origin is not `<instance>/<tenant>`");
  if (!SIZE.test(size) || !Number.isSafeInteger(Number(size))) refuse("its size is not a positive integer");
  const checkpoint: Checkpoint = {
    origin,
    size: Number(size),
    root: toHex(decodeRoot(root)),
    head: head.slice("head ".length),
    at: at.slice("at ".length),
  };
  if (!isHash(checkpoint.head) || !isTimestamp(checkpoint.at)) refuse("its `head` or `at` is malformed");
  if (checkpointText(checkpoint) !== parsed.text) refuse("written again it is another text");
  return { ...checkpoint, note: parsed };
}

/** How a checkpoint stands to some keys. */
export type SignatureState<Key> =
  | { readonly kind: "signed"; readonly key: Key }
  /** A line names one of the keys, and its signature is wrong. */
  | { readonly kind: "invalid" }
  | { readonly kind: "unknown_key" };

/**
 * Whose signature a checkpoint has: the first key, of those given, that signed under the origin's name. A line that names a
 * key and is wrong spoils the checkpoint, whatever other lines say; lines of unknown keys count for nothing.
 */
export function findSigner<Key extends { readonly publicKey: Uint8Array }>(
  checkpoint: SignedCheckpoint,
  keys: Iterable<Key>,
): SignatureState<Key> {
  const { origin, note } = checkpoint;
  const text = utf8(note.text);
  const own = note.signatures.filter(({ name }) => name === origin);
  let found: Key | undefined;
  for (const key of keys) {
    const hash = noteKeyHash({ name: origin, type: ED25519, publicKey: Uint8Array.from(key.publicKey) });
    for (const { keyHash, signature } of own) {
      if (keyHash !== hash) continue;
      if (!verifySignature(signature, text, key.publicKey)) return { kind: "invalid" };
      found ??= key;
    }
  }
  return found === undefined ? { kind: "unknown_key" } : { kind: "signed", key: found };
}

function decodeRoot(text: string): Bytes {
  try {
    const root = fromBase64(text);
    if (root.length === HASH_BYTES) return root;
  } catch (error) {
    if (!isWritError(error)) throw error;
  }
  return refuse("its root is not the base64 of 32 bytes");
}

function refuse(problem: string): never {
  throw new WritError("verification_failed", `the checkpoint is malformed: ${problem}`);
}
