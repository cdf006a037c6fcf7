import { type Bytes, concatBytes, fromUtf8, utf8, writeUtf8 } from "#src/base/bytes.ts";
import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { sha256, sha256Hex } from "#src/crypto/hash.ts";
import { parseCanonical } from "./canonical-text.ts";
import { isHash, isIdentifier, isJsonObject, isTimestamp, requireMembers } from "./shape.ts";

/** The version that every event states as `v`. */
export const EVENT_VERSION = 1;
/** What the first event of a chain names as the one before it. */
export const GENESIS_HASH = "0".repeat(64);

const HASH_PREFIX = "writ.audit.v1\n";
const HASH_PREFIX_BYTES = utf8(HASH_PREFIX);
/** What a type looks like. */
export const EVENT_TYPE = /^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*$/;
const REFERENCE = /^sha256:[0-9a-f]{64}$/;

/** The newest event of a chain: 0 and {@link GENESIS_HASH} for an empty one. */
export interface EventHead {
  readonly seq: number;
  /** Lower-case hex. */
  readonly hash: string;
}

/** What an event is composed of. */
export interface EventParts {
  readonly tenant: string;
  /** From 1, without gaps. */
  readonly seq: number;
  readonly id: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly at: string;
  /** Lower-case words with dots between them: `decision.made`. */
  readonly type: string;
  /** A random subject id. */
  readonly actor: string;
  /** The hash of the event before, lower-case hex; {@link GENESIS_HASH} for the first. */
  readonly prev: string;
  /** The RFC 8785 form of the object that holds all that is particular to this type. */
  readonly dataJson: string;
}

/** An event as read back; the objects in `data` have null prototypes. */
export interface ParsedEvent {
  readonly v: 1;
  readonly tenant: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly type: string;
  readonly actor: string;
  readonly prev: string;
  readonly data: JsonObject;
}

/**
 * The RFC 8785 form of an event, as text.
 *
 * Runs once per decision: the parts are put together as they are, so `dataJson` must already be canonical. A part that
 * {@link parseEvent} would refuse makes an event that does not verify.
 */
export function composeEvent(parts: EventParts): string {
  return (
    `{"actor":${JSON.stringify(parts.actor)},"at":"${parts.at}","data":${parts.dataJson},"id":${JSON.stringify(parts.id)},` +
    `"prev":"${parts.prev}","seq":${parts.seq},"tenant":${JSON.stringify(parts.tenant)},` +
    `"type":${JSON.stringify(parts.type)},"v":${EVENT_VERSION}}`
  );
}

/** SHA-256 of `"writ.audit.v1\n"` and the event's bytes: what the next event names as `prev`. */
export function hashEvent(bytes: Uint8Array | string): Bytes {
  return sha256(hashInput(bytes));
}

/** The same in lower-case hex. */
export function hashEventHex(bytes: Uint8Array | string): string {
  return sha256Hex(hashInput(bytes));
}

/** The sums of an event. */
export interface EventDigest {
  /** What the next event names as `prev`, lower-case hex. */
  readonly hash: string;
  /** The tree's leaf. */
  readonly leaf: Bytes;
  /** How many bytes the event has. */
  readonly length: number;
}

const PREFIX_LENGTH = HASH_PREFIX_BYTES.length;
/** Events up to this size are encoded into one place: the memory of a chain's worth of arrays costs more than the sums. */
const SCRATCH_BYTES = 64 * 1024;
const scratch = new Uint8Array(PREFIX_LENGTH + SCRATCH_BYTES);
scratch.set(HASH_PREFIX_BYTES);

/**
 * Both sums that a chain needs of an event, for the price of one encoding: {@link hashEventHex} and the tree's `leafHash`.
 */
export function digestEvent(bytes: Uint8Array | string): EventDigest {
  return digestEncoded(encodeForHash(bytes));
}

/** {@link digestEvent}, and what `read` makes of the event's bytes, which it must not keep: the next event takes their place. */
export function digestAndRead<Read>(
  bytes: Uint8Array | string,
  read: (encoded: Uint8Array) => Read,
): EventDigest & { readonly read: Read } {
  const input = encodeForHash(bytes);
  const { hash, leaf, length } = digestEncoded(input);
  return { hash, leaf, length, read: read(new Uint8Array(input.buffer, input.byteOffset + PREFIX_LENGTH, length)) };
}

function digestEncoded(input: Bytes): EventDigest {
  const hash = sha256Hex(input);
  // The leaf's input is 0x00 and the same bytes: the last byte of the prefix makes room for it.
  const last = PREFIX_LENGTH - 1;
  input[last] = 0;
  const leaf = sha256(new Uint8Array(input.buffer, input.byteOffset + last, input.length - last));
  input[last] = HASH_PREFIX_BYTES[last] as number;
  return { hash, leaf, length: input.length - PREFIX_LENGTH };
}

/** The prefix and the event's bytes. */
function encodeForHash(bytes: Uint8Array | string): Bytes {
  if (typeof bytes !== "string") {
    if (bytes.length > SCRATCH_BYTES) return concatBytes(HASH_PREFIX_BYTES, bytes);
    scratch.set(bytes, PREFIX_LENGTH);
    return new Uint8Array(scratch.buffer, 0, PREFIX_LENGTH + bytes.length);
  }
  // UTF-8 takes at most three bytes for what JavaScript counts as one.
  if (bytes.length * 3 > SCRATCH_BYTES) return utf8(HASH_PREFIX + bytes);
  return new Uint8Array(scratch.buffer, 0, PREFIX_LENGTH + writeUtf8(bytes, behindPrefix));
}

const behindPrefix = scratch.subarray(PREFIX_LENGTH);

function hashInput(bytes: Uint8Array | string): Uint8Array | string {
  return typeof bytes === "string" ? HASH_PREFIX + bytes : concatBytes(HASH_PREFIX_BYTES, bytes);
}

/**
 * Reads an event strictly: canonical bytes, exactly the nine members, each of its shape. Throws `verification_failed`.
 *
 * It says nothing about the chain: that `prev` is right and `seq` the next is for `verifyTenant`.
 */
export function parseEvent(text: string): ParsedEvent {
  return checkEvent(parseCanonical(text, "the event"));
}

/** {@link parseEvent} of UTF-8 bytes. */
export function parseEventBytes(bytes: Uint8Array): ParsedEvent {
  return parseEvent(decodeEvent(bytes));
}

/** The text of an event's bytes; throws `verification_failed` where they are not well-formed UTF-8. */
export function decodeEvent(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    if (!isWritError(cause)) throw cause;
    throw new WritError("verification_failed", "the event is not well-formed utf-8", { cause });
  }
}

/**
 * The SHA-256 sums (hex) of the blobs that an event refers to: the direct members of `data` that are exactly
 * `{"ref": "sha256:<hex>"}`.
 *
 * Only direct members count. Deeper down stands what callers stated, and nobody may make an event point at a blob that
 * never existed by putting an object of this form into a request.
 */
export function collectReferences(data: JsonObject): string[] {
  const found: string[] = [];
  for (const key of Object.keys(data)) {
    const member = data[key];
    if (!isJsonObject(member) || typeof member["ref"] !== "string" || Object.keys(member).length !== 1) continue;
    if (REFERENCE.test(member["ref"])) found.push(member["ref"].slice(7));
  }
  return found;
}

/** CIDv1, dag-cbor, SHA-256, in base 32: 36 bytes in 58 characters, the last of which has two bits that are 0. */
export const WRIT_CID = /^bafyrei[a-z2-7]{51}[aeimquy4]$/;

/** Whether an event names a writ by what cannot be the CID of one: `data.writ.cid` of a decision. */
export function hasMalformedWrit({ type, data }: Pick<ParsedEvent, "type" | "data">): boolean {
  const writ = type.startsWith("decision.") ? data["writ"] : undefined;
  if (!isJsonObject(writ)) return false;
  return typeof writ["cid"] !== "string" || !WRIT_CID.test(writ["cid"]);
}

function checkEvent(value: Json): ParsedEvent {
  const event = requireMembers(value, EVENT_MEMBERS, "the event");
  if (event["v"] !== EVENT_VERSION) refuse("v", "is not 1");
  if (!Number.isSafeInteger(event["seq"]) || (event["seq"] as number) < 1) refuse("seq", "is not a positive integer");
  if (!isIdentifier(event["tenant"])) refuse("tenant", "is not an identifier");
  if (!isIdentifier(event["id"])) refuse("id", "is not an identifier");
  if (!isIdentifier(event["actor"])) refuse("actor", "is not an identifier");
  if (!isTimestamp(event["at"])) refuse("at", "is not an RFC 3339 time in UTC with milliseconds");
  if (typeof event["type"] !== "string" || !EVENT_TYPE.test(event["type"]))
    refuse("type", "is not a dotted lower-case name");
  if (!isHash(event["prev"])) refuse("prev", "is not 64 hex digits");
  if (!isJsonObject(event["data"])) refuse("data", "is not an object");
  return event as unknown as ParsedEvent;
}

const EVENT_MEMBERS = ["actor", "at", "data", "id", "prev", "seq", "tenant", "type", "v"] as const;

function refuse(member: string, problem: string): never {
  throw new WritError("verification_failed", `\`${member}\` of the event ${problem}`);
}
