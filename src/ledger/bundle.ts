import { fromBase64, toBase64 } from "#src/base/bytes.ts";
import { canonicalize, type Json, type JsonObject } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { parseCanonical } from "./canonical-text.ts";
import type { CheckpointRecord, ConsistencyProof, InclusionProof } from "./checkpoint-trail.ts";
import { type EnrolmentLine, enrolmentLine, parseEnrolment } from "./enrolment.ts";
import { keyToJson, type PublishedKey, parseKey } from "./keys.ts";
import { parseSeal, type Seal } from "./seal.ts";
import { isHash, isIdentifier, isTimestamp, requireMembers } from "./shape.ts";

/**
 * An evidence bundle: JSON Lines, each the RFC 8785 form of an object with a `kind`, each ended by a line feed.
 *
 * In this order: the `header`; the `key` lines, from the first key of the instance on; then `event` lines in the order of
 * the chain, behind an event that a person signed its `assertion`, behind any its `inclusion` lines, the `seal` and the
 * `checkpoint` that end with it; at the end checkpoints of more events than are here, each behind its `consistency` line.
 * `blob` lines stand anywhere behind the header, an `enrolment` before the first `assertion` that it checks.
 */
export const BUNDLE_VERSION = 1;

/** What a bundle says of itself. `instance` and `made_at` are proven by nothing; all else is, by the seals. */
export interface BundleHeader {
  readonly instance: string;
  readonly tenant: string;
  /** Seq of the first event in it. */
  readonly first: number;
  /** Seq of the last; `first - 1` for a bundle without events. */
  readonly last: number;
  /** Hash of the event before the first, lower-case hex. */
  readonly prev: string;
  /** Compact range of the `first - 1` leaves before the first, lower-case hex, the largest subtree first. */
  readonly frontier: readonly string[];
  /** Root of the tree over the events 1 to `last`, lower-case hex. */
  readonly root: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly madeAt: string;
}

/** A line of a bundle, read. */
export type BundleLine =
  | { readonly kind: "header"; readonly header: BundleHeader }
  | { readonly kind: "key"; readonly key: PublishedKey }
  | { readonly kind: "event"; readonly text: string; readonly hash: string }
  | { readonly kind: "seal"; readonly seal: Seal }
  | { readonly kind: "checkpoint"; readonly checkpoint: CheckpointRecord }
  | { readonly kind: "inclusion"; readonly proof: InclusionProof }
  | { readonly kind: "consistency"; readonly proof: ConsistencyProof }
  | { readonly kind: "enrolment"; readonly enrolment: EnrolmentLine }
  | ({ readonly kind: "assertion" } & AssertionLine)
  | { readonly kind: "blob"; readonly sha256: string; readonly bytes: Uint8Array };

/** What a person's authenticator gave for an event, base64url. */
export interface AssertionLine {
  readonly seq: number;
  readonly assertion: {
    readonly authenticator_data: string;
    readonly client_data: string;
    readonly credential_id: string;
    readonly signature: string;
  };
}

/** The header's line, without its line feed, as are all. */
export function headerLine(header: BundleHeader): string {
  const { madeAt, ...rest } = header;
  return canonicalize({ ...rest, kind: "header", made_at: madeAt, v: BUNDLE_VERSION });
}

/** The line of a published key. */
export function keyLine(key: PublishedKey): string {
  return canonicalize({ ...keyToJson(key), kind: "key" });
}

/**
 * The line of an event.
 * @param text the event's own bytes, which stand in the line as they are
 * @param hash its hash, lower-case hex: lets the verifier name the very event that was changed
 */
export function eventLine(text: string, hash: string): string {
  return `${EVENT_OPENING}${text}${EVENT_HASH}${hash}${EVENT_CLOSING}`;
}

/** The line of a seal. */
export function sealLine(seal: Seal): string {
  return canonicalize({
    heads: seal.heads.map((head) => ({ ...head })),
    key: seal.key,
    kind: "seal",
    signature: seal.signature,
  });
}

/** The line of a checkpoint. */
export function checkpointLine({ note, size }: CheckpointRecord): string {
  return canonicalize({ kind: "checkpoint", note, size });
}

/** The line of an inclusion proof. */
export function inclusionLine(proof: InclusionProof): string {
  const { path, root, seq, size } = proof;
  return canonicalize({ kind: "inclusion", path: [...path], root, seq, size });
}

/** The line of a consistency proof. */
export function consistencyLine({ from, path, to }: ConsistencyProof): string {
  return canonicalize({ from, kind: "consistency", path: [...path], to });
}

/** The line of an enrolled passkey; nobody's name is in it. */
export function bundleEnrolmentLine({ name: _, ...enrolment }: EnrolmentLine): string {
  return enrolmentLine(enrolment);
}

/** The line of what a person's authenticator gave for the event right before it. */
export function assertionLine({ seq, assertion }: AssertionLine): string {
  return canonicalize({ ...assertion, kind: "assertion", seq });
}

/** The line of a blob that events refer to. */
export function blobLine(sha256: string, bytes: Uint8Array): string {
  return canonicalize({ bytes: toBase64(bytes), kind: "blob", sha256 });
}

const EVENT_OPENING = '{"event":';
const EVENT_HASH = ',"hash":"';
const EVENT_CLOSING = '","kind":"event"}';
const EVENT_TAIL = EVENT_HASH.length + 64 + EVENT_CLOSING.length;

/**
 * Reads a line, strictly. Throws `verification_failed`: also for a kind that is not known, because what cannot be
 * verified must not pass for verified.
 *
 * An event's text is cut out and not looked at: the chain's verifier parses it, which then holds for the whole line.
 */
export function parseBundleLine(line: string): BundleLine {
  if (line.startsWith(EVENT_OPENING)) return parseEventLine(line);
  const value = parseCanonical(line, "the line") as JsonObject;
  const kind = typeof value === "object" && value !== null ? value["kind"] : undefined;
  switch (kind) {
    case "header":
      return { kind, header: parseHeader(value) };
    case "key":
      return { kind, key: parseKey(value) };
    case "seal":
      return { kind, seal: parseSeal(value) };
    case "checkpoint":
      return { kind, checkpoint: parseCheckpointLine(value) };
    case "inclusion":
      return { kind, proof: parseInclusion(value) };
    case "consistency":
      return { kind, proof: parseConsistency(value) };
    case "enrolment":
      return { kind, enrolment: parseEnrolment(value) };
    case "assertion":
      return { kind, ...parseAssertion(value) };
    case "blob":
      return { kind, ...parseBlob(value) };
    default:
      throw new WritError("verification_failed", unknownKind(kind));
  }
}

function parseEventLine(line: string): BundleLine {
  const tail = line.length - EVENT_TAIL;
  const hash = line.slice(tail + EVENT_HASH.length, -EVENT_CLOSING.length);
  if (
    !line.startsWith(EVENT_HASH, tail) ||
    !line.endsWith(EVENT_CLOSING) ||
    !isHash(hash) ||
    tail <= EVENT_OPENING.length
  ) {
    throw new WritError("verification_failed", "the line of an event does not end with its hash and kind");
  }
  return { kind: "event", text: line.slice(EVENT_OPENING.length, tail), hash };
}

function parseHeader(value: Json): BundleHeader {
  const names = ["first", "frontier", "instance", "kind", "last", "made_at", "prev", "root", "tenant", "v"];
  const json = requireMembers(value, names, "the header");
  const { first, frontier, last } = json;
  if (json["v"] !== BUNDLE_VERSION) refuse("header", "this version of the format is not known");
  if (!Number.isSafeInteger(first) || (first as number) < 1) refuse("header", "`first` is not a positive integer");
  if (!Number.isSafeInteger(last) || (last as number) < (first as number) - 1)
    refuse("header", "`last` is before `first`");
  if (!isIdentifier(json["tenant"])) refuse("header", "`tenant` is not an identifier");
  if (typeof json["instance"] !== "string") refuse("header", "`instance` is not text");
  if (!isHash(json["prev"]) || !isHash(json["root"])) refuse("header", "`prev` and `root` have 64 hex digits");
  if (!Array.isArray(frontier) || !frontier.every(isHash)) refuse("header", "`frontier` is not a list of hashes");
  if (!isTimestamp(json["made_at"])) refuse("header", "`made_at` is not a time");
  const { kind: _, v: __, made_at: madeAt, ...rest } = json;
  return { ...rest, madeAt } as unknown as BundleHeader;
}

function parseCheckpointLine(value: Json): CheckpointRecord {
  const { note, size } = requireMembers(value, ["kind", "note", "size"], "the checkpoint");
  if (typeof note !== "string") refuse("checkpoint", "`note` is not text");
  if (!isCount(size)) refuse("checkpoint", "`size` is not a positive integer");
  return { note: note as string, size: size as number };
}

function parseInclusion(value: Json): InclusionProof {
  const { path, root, seq, size } = requireMembers(
    value,
    ["kind", "path", "root", "seq", "size"],
    "the inclusion proof",
  );
  if (!isCount(seq) || !isCount(size)) refuse("inclusion proof", "`seq` and `size` are positive integers");
  if (!isHash(root)) refuse("inclusion proof", "`root` has 64 hex digits");
  if (!isPath(path)) refuse("inclusion proof", "`path` is not a list of hashes");
  return { path, root, seq, size } as unknown as InclusionProof;
}

function parseConsistency(value: Json): ConsistencyProof {
  const { from, path, to } = requireMembers(value, ["from", "kind", "path", "to"], "the consistency proof");
  if (!isCount(from) || !isCount(to)) refuse("consistency proof", "`from` and `to` are positive integers");
  if (!isPath(path)) refuse("consistency proof", "`path` is not a list of hashes");
  return { from, path, to } as unknown as ConsistencyProof;
}

const ASSERTION = ["authenticator_data", "client_data", "credential_id", "signature"] as const;

function parseAssertion(value: Json): AssertionLine {
  const { kind: _, seq, ...assertion } = requireMembers(value, [...ASSERTION, "kind", "seq"].sort(), "the assertion");
  if (!isCount(seq)) refuse("assertion", "`seq` is not a positive integer");
  for (const name of ASSERTION) if (typeof assertion[name] !== "string") refuse("assertion", `\`${name}\` is not text`);
  return { seq, assertion } as unknown as AssertionLine;
}

function isCount(value: Json | undefined): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/** A proof in a tree of 2^53 leaves has fewer hashes. */
const MAX_PATH = 128;

function isPath(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length <= MAX_PATH && value.every(isHash);
}

function parseBlob(value: Json): { sha256: string; bytes: Uint8Array } {
  const json = requireMembers(value, ["bytes", "kind", "sha256"], "the blob");
  if (!isHash(json["sha256"])) refuse("blob", "`sha256` has 64 hex digits");
  if (typeof json["bytes"] !== "string") refuse("blob", "`bytes` is not text");
  try {
    return { sha256: json["sha256"] as string, bytes: fromBase64(json["bytes"] as string) };
  } catch (error) {
    if (!isWritError(error)) throw error;
    return refuse("blob", "`bytes` is not canonical base64");
  }
}

function unknownKind(kind: Json | undefined): string {
  return typeof kind === "string"
    ? `a line of the kind \`${kind.slice(0, 40)}\` is not one that this version can verify`
    : "the line has no kind";
}

function refuse(what: string, problem: string): never {
  throw new WritError("verification_failed", `the ${what} is malformed: ${problem}`);
}
