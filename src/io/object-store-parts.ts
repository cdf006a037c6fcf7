import { fromHex, toBase64, utf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import type { ObjectBody } from "./object-store.ts";
import type { S3Send } from "./object-store-call.ts";
import { elementsOf, escapeXml, textOf } from "./object-store-xml.ts";
import type { HeaderField } from "./request-head.ts";

interface DonePart {
  readonly number: number;
  readonly tag: string;
  readonly bytes: number;
  readonly checksum: string | undefined;
}

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

/**
 * Puts an object in parts. What an earlier attempt of the same object left in the store is taken up where it ended: a part
 * counts as done where its length and, if the store keeps sums, its sum are right. Whoever calls reads the object back.
 */
export async function putInParts(
  send: S3Send,
  key: string,
  body: ObjectBody,
  headers: readonly HeaderField[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const upload = (await findUpload(send, key, signal)) ?? (await beginUpload(send, key, headers, signal));
  const done = await listParts(send, key, upload, signal);
  const parts: DonePart[] = [];
  for (const [index, sha256] of body.parts.entries()) {
    const start = index * body.partBytes;
    const end = Math.min(start + body.partBytes, body.bytes);
    const checksum = toBase64(fromHex(sha256));
    const known = done.get(index + 1);
    const isThere = known?.bytes === end - start && known.checksum === checksum;
    parts.push(
      isThere ? known : await putPart(send, key, upload, { body, start, end, index, sha256, checksum, signal }),
    );
  }
  await completeUpload(send, key, upload, parts, signal);
}

/** The newest upload of exactly this key that was begun and not ended. */
async function findUpload(send: S3Send, key: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const query = [
    ["uploads", ""],
    ["prefix", key],
  ] as const;
  const answer = await send({ method: "GET", key: "", query, signal });
  const xml = await answer.text();
  // A store that does not list them begins anew each time.
  if (answer.status !== 200) return undefined;
  const found = elementsOf(xml, "Upload").filter((upload) => textOf(upload, "Key") === key);
  return found.map((upload) => textOf(upload, "UploadId")).findLast((id) => id !== undefined && id !== "");
}

async function beginUpload(
  send: S3Send,
  key: string,
  headers: readonly HeaderField[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const answer = await send({
    method: "POST",
    key,
    query: [["uploads", ""]],
    headers: [...headers, ["x-amz-checksum-algorithm", "SHA256"]],
    signal,
  });
  return textOf(await requireDone(answer, "begin", key), "UploadId") ?? fail("begin", key, "it gave no id");
}

async function listParts(
  send: S3Send,
  key: string,
  upload: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, DonePart>> {
  const answer = await send({ method: "GET", key, query: [["uploadId", upload]], signal });
  const xml = await answer.text();
  if (answer.status !== 200) return new Map();
  const parts = elementsOf(xml, "Part").map(
    (part): DonePart => ({
      number: Number(textOf(part, "PartNumber")),
      tag: textOf(part, "ETag") ?? "",
      bytes: Number(textOf(part, "Size")),
      checksum: textOf(part, "ChecksumSHA256"),
    }),
  );
  return new Map(parts.filter(({ tag }) => tag !== "").map((part) => [part.number, part]));
}

interface PartToPut {
  readonly body: ObjectBody;
  readonly start: number;
  readonly end: number;
  readonly index: number;
  readonly sha256: string;
  readonly checksum: string;
  readonly signal: AbortSignal | undefined;
}

async function putPart(send: S3Send, key: string, upload: string, part: PartToPut): Promise<DonePart> {
  const { body, start, end, index, sha256, checksum, signal } = part;
  const answer = await send({
    method: "PUT",
    key,
    query: [
      ["partNumber", String(index + 1)],
      ["uploadId", upload],
    ],
    headers: [["x-amz-checksum-sha256", checksum]],
    body: await body.read(start, end),
    bodyHash: sha256,
    signal,
  });
  await requireDone(answer, `put part ${index + 1} of`, key);
  const tag = answer.header("etag") ?? fail("put a part of", key, "it gave no tag");
  return { number: index + 1, tag, bytes: end - start, checksum };
}

async function completeUpload(
  send: S3Send,
  key: string,
  upload: string,
  parts: readonly DonePart[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const listed = parts.map(
    ({ number, tag, checksum }) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(tag)}</ETag>` +
      `<ChecksumSHA256>${escapeXml(checksum ?? "")}</ChecksumSHA256></Part>`,
  );
  const body = utf8(`<CompleteMultipartUpload xmlns="${NAMESPACE}">${listed.join("")}</CompleteMultipartUpload>`);
  const answer = await send({ method: "POST", key, query: [["uploadId", upload]], body, signal });
  const text = await answer.text();
  // A repeated request finds the upload gone that the first one completed; and a 200 may carry an error in its body.
  if (answer.status === 404 && textOf(text, "Code") === "NoSuchUpload") {
    const head = await send({ method: "HEAD", key, signal });
    if (head.status === 200) return;
  }
  const code = textOf(text, "Code");
  if (answer.status === 200 && elementsOf(text, "Error").length === 0) return;
  fail("complete", key, code ?? `status ${answer.status}`);
}

async function requireDone(
  answer: { readonly status: number; text(): Promise<string> },
  doing: string,
  key: string,
): Promise<string> {
  const text = await answer.text();
  if (answer.status !== 200) fail(doing, key, textOf(text, "Code") ?? `status ${answer.status}`);
  return text;
}

function fail(doing: string, key: string, why: string): never {
  throw new WritError("object_store_failed", `the store would not ${doing} \`${key}\`: ${why}`, {
    details: { store_code: why },
  });
}
