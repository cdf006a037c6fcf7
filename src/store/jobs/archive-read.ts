import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  type RowGroup,
  type SchemaElement,
} from "hyparquet";
import { fromUtf8 } from "#src/base/bytes.ts";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import { BLOB_SCHEMA, EVENT_SCHEMA, parseStatement, type SegmentStatement } from "./archive-columns.ts";

/** A file of a segment, wherever it lies. */
export interface SegmentSource {
  /** Its length. */
  readonly bytes: number;
  /** The bytes from `start` up to `end`, exactly so many. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** An event as a segment holds it: what is beside `bytes` is derived from them, or should be. */
export interface SegmentRow {
  readonly tenant: string;
  readonly seq: number;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly type: string;
  readonly actor: string;
  readonly command: string | null;
  readonly resource: string | null;
  readonly decision: string | null;
  /** As they stand in the file. */
  readonly bytes: Uint8Array;
  readonly hash: string;
  readonly prev: string;
}

/** A document as a segment holds it. */
export interface SegmentBlob {
  readonly tenant: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

/** A segment of events that is open for reading. */
export interface OpenSegment {
  readonly statement: SegmentStatement;
  readonly events: number;
  /** The rows in the order of the file, a group at a time. */
  rows(): AsyncGenerator<readonly SegmentRow[], void>;
}

/** What a group of rows may hold, uncompressed: Writ's own have a tenth of it. */
const MAX_GROUP_BYTES = 256 * 2 ** 20;
const MAX_METADATA_BYTES = 64 * 2 ** 20;

/**
 * Opens a segment of events. Throws `verification_failed` for what is no segment, and what `source` throws.
 *
 * Reads the footer alone; memory is that of one group of rows at a time.
 */
export async function openSegment(source: SegmentSource): Promise<OpenSegment> {
  const metadata = await readMetadata(source, EVENT_SCHEMA);
  return {
    statement: parseStatement(metadata.key_value_metadata),
    events: Number(metadata.num_rows),
    rows: () => readGroups(source, metadata, toRow),
  };
}

/** The documents in a segment's file of them, a group at a time. Throws as {@link openSegment}. */
export async function* readSegmentBlobs(source: SegmentSource): AsyncGenerator<readonly SegmentBlob[], void> {
  yield* readGroups(source, await readMetadata(source, BLOB_SCHEMA), ([tenant, sha256, bytes]) => ({
    tenant: String(tenant),
    sha256: String(sha256),
    bytes: bytes as Uint8Array,
  }));
}

function toRow(row: readonly unknown[]): SegmentRow {
  const [tenant, seq, id, at, type, actor, command, resource, decision, bytes, hash, prev] = row;
  return {
    tenant: String(tenant),
    seq: Number(seq),
    id: String(id),
    at: Number(at),
    type: String(type),
    actor: String(actor),
    command: textOrNull(command),
    resource: textOrNull(resource),
    decision: textOrNull(decision),
    bytes: bytes as Uint8Array,
    hash: String(hash),
    prev: String(prev),
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

async function readMetadata(source: SegmentSource, schema: readonly SchemaElement[]): Promise<FileMetaData> {
  const metadata = await strictly(() =>
    parquetMetadataAsync(toBuffer(source), { geoparquet: false, initialFetchSize: 64 * 1024 }),
  );
  const { schema: found } = metadata;
  if (!hasColumns(found, schema)) malformed("its columns are not those of a segment");
  // The bytes of an event are what was hashed: decoding and encoding them again would hide what is not UTF-8.
  const bytes = found.find(({ name }) => name === "bytes");
  delete bytes?.converted_type;
  delete bytes?.logical_type;
  return metadata;
}

/** The root's own name is the writer's taste. */
function hasColumns(found: readonly SchemaElement[], wanted: readonly SchemaElement[]): boolean {
  if (found.length !== wanted.length) return false;
  return wanted.slice(1).every(({ name, type, repetition_type: repetition }, index) => {
    const column = found[index + 1];
    return column?.name === name && column.type === type && column.repetition_type === repetition;
  });
}

async function* readGroups<Row>(
  source: SegmentSource,
  metadata: FileMetaData,
  toTyped: (row: readonly unknown[]) => Row,
): AsyncGenerator<readonly Row[], void> {
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const { start, end } = rangeOf(group);
    if (end > source.bytes || Number(group.total_byte_size) > MAX_GROUP_BYTES)
      malformed("a group of rows is too large");
    const held = await source.read(start, end);
    const range = { rowStart, rowEnd };
    const rows = await strictly(() => decodeGroup(source.bytes, held, start, metadata, range));
    if (rows.length !== rowEnd - rowStart) malformed("a group has other rows than it states");
    yield rows.map(toTyped);
    rowStart = rowEnd;
  }
}

async function decodeGroup(
  fileBytes: number,
  held: Uint8Array,
  start: number,
  metadata: FileMetaData,
  range: { readonly rowStart: number; readonly rowEnd: number },
): Promise<readonly (readonly unknown[])[]> {
  const file: AsyncBuffer = {
    byteLength: fileBytes,
    slice: (from, to = fileBytes) => {
      if (from < start || to > start + held.length) throw new Error("a column lies outside its group of rows");
      return toArrayBuffer(held.subarray(from - start, to - start));
    },
  };
  const rows: (readonly unknown[])[] = [];
  await parquetRead({
    file,
    metadata,
    ...range,
    compressors: { ZSTD: (input, length) => boundedDecompress(input, length) },
    utf8: false,
    parsers: { stringFromBytes: strictText, timestampFromMilliseconds: (time: bigint) => Number(time) },
    onComplete: (found) => {
      for (const row of found as unknown[][]) rows.push(row);
    },
  });
  return rows;
}

function boundedDecompress(input: Uint8Array, length: number): Uint8Array {
  if (length > MAX_GROUP_BYTES) throw new Error("a page is too large");
  return new Uint8Array(Bun.zstdDecompressSync(new Uint8Array(input)));
}

function strictText(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : fromUtf8(bytes);
}

/** Where a group's columns lie in the file. */
function rangeOf(group: RowGroup): { readonly start: number; readonly end: number } {
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const { meta_data: column } of group.columns) {
    if (column === undefined) return malformed("a column has no metadata");
    const from = Number(column.dictionary_page_offset ?? column.data_page_offset);
    start = Math.min(start, from);
    end = Math.max(end, from + Number(column.total_compressed_size));
  }
  if (!(start >= 4 && start < end && end - start <= MAX_GROUP_BYTES)) malformed("a group of rows is misplaced");
  return { start, end };
}

function toBuffer(source: SegmentSource): AsyncBuffer {
  return {
    byteLength: source.bytes,
    slice: async (start, end = source.bytes) => {
      if (end - start > MAX_METADATA_BYTES) throw new Error("its metadata is too large");
      return toArrayBuffer(await source.read(Math.max(start, 0), end));
    },
  };
}

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

/** What a decoder makes of bytes that are no Parquet is a finding; what the source throws is passed on. */
async function strictly<Value>(action: () => Promise<Value>): Promise<Value> {
  try {
    return await action();
  } catch (error) {
    if (isWritError(error) && error.code !== "invalid_argument") throw error;
    return malformed(messageOf(error));
  }
}

function malformed(problem: string): never {
  throw new WritError("verification_failed", `the segment is malformed: ${problem.slice(0, 200)}`);
}
