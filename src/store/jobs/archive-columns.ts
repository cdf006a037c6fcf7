import type { KeyValue, SchemaElement } from "hyparquet";
import { fromBase64, toBase64 } from "#src/base/bytes.ts";
import { canonicalize, type Json, type JsonObject } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { keyToJson, type PublishedKey, parseKey } from "#src/ledger/keys.ts";
import { parseSeal, type Seal } from "#src/ledger/seal.ts";

/** What a segment says of itself in its Parquet key-value metadata. All but `madeBy` is proven by its events and its seal. */
export interface SegmentStatement {
  readonly instance: string;
  readonly tenant: string;
  readonly first: number;
  readonly last: number;
  /** Hash of the event before the first, lower-case hex. */
  readonly prev: string;
  /** Compact range of the `first - 1` leaves before the first. */
  readonly frontier: Uint8Array;
  /** Over the last event. */
  readonly seal: Seal;
  /** Every seal key that was published when the segment was written, oldest first. */
  readonly keys: readonly PublishedKey[];
}

/** The version of the layout of columns and metadata. */
export const SEGMENT_VERSION = "1";

/** The most rows in a row group, and the most bytes of events: what is held in memory at a time. */
export const ROW_GROUP_ROWS = 8192;
export const ROW_GROUP_BYTES = 12 * 2 ** 20;

/** The columns of a segment of events, in order. */
export const EVENT_SCHEMA: SchemaElement[] = [
  { name: "root", num_children: 12 },
  textColumn("tenant"),
  { name: "seq", type: "INT64", repetition_type: "REQUIRED" },
  textColumn("id"),
  {
    name: "at",
    type: "INT64",
    repetition_type: "REQUIRED",
    converted_type: "TIMESTAMP_MILLIS",
    logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MILLIS" },
  },
  textColumn("type"),
  textColumn("actor"),
  textColumn("command", "OPTIONAL"),
  textColumn("resource", "OPTIONAL"),
  textColumn("decision", "OPTIONAL"),
  textColumn("bytes"),
  textColumn("hash"),
  textColumn("prev"),
];

/** The columns of the documents that a segment's events refer to. */
export const BLOB_SCHEMA: SchemaElement[] = [
  { name: "root", num_children: 3 },
  textColumn("tenant"),
  textColumn("sha256"),
  textColumn("bytes"),
];

/** The columns that are read out of an event's `data`: texts as they stand there, null for what is sealed or absent. */
export interface DerivedColumns {
  readonly command: string | null;
  readonly resource: string | null;
  readonly decision: string | null;
}

/** Derives them. */
export function deriveColumns(data: JsonObject): DerivedColumns {
  return { command: textOf(data["command"]), resource: textOf(data["resource"]), decision: textOf(data["decision"]) };
}

function textOf(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}

/** The key-value metadata of a segment of events. */
export function statementToMetadata(statement: SegmentStatement): KeyValue[] {
  return [
    { key: "writ.version", value: SEGMENT_VERSION },
    { key: "writ.instance", value: statement.instance },
    { key: "writ.tenant", value: statement.tenant },
    { key: "writ.first", value: String(statement.first) },
    { key: "writ.last", value: String(statement.last) },
    { key: "writ.prev", value: statement.prev },
    { key: "writ.frontier", value: toBase64(statement.frontier) },
    { key: "writ.seal", value: canonicalize(sealToJson(statement.seal)) },
    { key: "writ.keys", value: canonicalize(statement.keys.map(keyToJson)) },
  ];
}

/** The inverse; throws `verification_failed`. */
export function parseStatement(metadata: readonly KeyValue[] | undefined): SegmentStatement {
  const values = new Map((metadata ?? []).map(({ key, value }) => [key, value ?? ""]));
  const need = (name: string): string => values.get(`writ.${name}`) ?? refuse(`it does not state \`writ.${name}\``);
  if (need("version") !== SEGMENT_VERSION) refuse("this version of the format is not known");
  const seqOf = (name: string): number =>
    /^[1-9][0-9]{0,15}$/.test(need(name)) ? Number(need(name)) : refuse(`\`writ.${name}\` is no seq`);
  try {
    return {
      instance: need("instance"),
      tenant: need("tenant"),
      first: seqOf("first"),
      last: seqOf("last"),
      prev: need("prev"),
      frontier: fromBase64(need("frontier")),
      seal: parseSeal(JSON.parse(need("seal"))),
      keys: (JSON.parse(need("keys")) as Json[]).map((key) => parseKey(key)),
    };
  } catch (error) {
    if (isWritError(error, "verification_failed")) throw error;
    return refuse("its metadata is malformed");
  }
}

/** A seal as JSON, as it stands in bundles. */
export function sealToJson(seal: Seal): Record<string, Json> {
  return { heads: seal.heads.map((head) => ({ ...head })), key: seal.key, signature: seal.signature };
}

function textColumn(name: string, repetition: "REQUIRED" | "OPTIONAL" = "REQUIRED"): SchemaElement {
  return {
    name,
    type: "BYTE_ARRAY",
    repetition_type: repetition,
    converted_type: "UTF8",
    logical_type: { type: "STRING" },
  };
}

function refuse(problem: string): never {
  throw new WritError("verification_failed", `the segment is malformed: ${problem}`);
}
