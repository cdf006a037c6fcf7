import { fromHex, toBase64 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import { checkKey, type HeldLock, type ObjectEntry, type ObjectLock, type ObjectStore } from "./object-store.ts";
import {
  createSender,
  expectDone,
  type S3Answer,
  type S3Dependencies,
  type S3Location,
  type S3Send,
} from "./object-store-call.ts";
import { withExpiryRule } from "./object-store-expiry.ts";
import { putInParts } from "./object-store-parts.ts";
import { elementsOf, textOf } from "./object-store-xml.ts";
import type { HeaderField } from "./request-head.ts";

/** A bucket of an S3-compatible store, through the one way out. */
export function createS3Store(location: S3Location, dependencies: S3Dependencies): ObjectStore {
  const send = createSender(location, dependencies);
  const keyOf = (key: string): string => location.prefix + checkKey(key);
  const encryption = encryptionHeaders(location.encryption);
  return {
    kind: "s3",
    description: `s3://${location.bucket}/${location.prefix} at ${location.endpoint}`,
    put: async (name, body, { contentType, lock, signal }) => {
      const key = keyOf(name);
      const headers: HeaderField[] = [
        ["content-type", contentType],
        ["x-amz-meta-sha256", body.sha256],
        ...encryption,
        ...lockHeaders(lock),
      ];
      if (body.parts.length > 1) return putInParts(send, key, body, headers, signal);
      const bytes = await body.read(0, body.bytes);
      const checksum: HeaderField = ["x-amz-checksum-sha256", toBase64(fromHex(body.sha256))];
      const request = { method: "PUT" as const, key, body: bytes, bodyHash: body.sha256, signal };
      await expectDone(await send({ ...request, headers: [...headers, checksum] }), "put", key);
    },
    get: async (name, range) => {
      const key = keyOf(name);
      if (range !== undefined && range.end <= range.start) return { bytes: 0, stream: emptyStream() };
      const headers: HeaderField[] =
        range === undefined ? [] : [["range", `bytes=${range.start}-${Math.max(range.end - 1, range.start)}`]];
      const answer = await send({ method: "GET", key, headers, isDownload: true });
      if (answer.status === 404) return absent(answer);
      // A store that ignores the range would have its whole object taken for the part.
      if (range !== undefined && answer.status !== 206) await expectDone(answer, "get a range of", key, [206]);
      if (answer.status !== 200 && answer.status !== 206) await expectDone(answer, "get", key);
      return { bytes: lengthOf(answer), stream: answer.response.body };
    },
    head: async (name) => {
      const key = keyOf(name);
      const answer = await send({ method: "HEAD", key });
      if (answer.status === 404) return absent(answer);
      await expectDone(answer, "look up", key);
      return { key: name, bytes: lengthOf(answer) };
    },
    list: (prefix) => listBucket(send, location.prefix, prefix),
    delete: async (name) => {
      const key = keyOf(name);
      const answer = await send({ method: "DELETE", key });
      if (answer.status !== 404) await expectDone(answer, "delete", key);
    },
    readLock: async (name) => {
      const key = keyOf(name);
      const retention = await send({ method: "GET", key, query: [["retention", ""]] });
      const hold = await send({ method: "GET", key, query: [["legal-hold", ""]] });
      return parseLock(await shortText(retention), await shortText(hold));
    },
    expireAfter: (days) => withExpiryRule(send, location.prefix, days),
  };
}

/** The body of an answer that should be short; what is long is an object, and none of it is wanted. */
async function shortText(answer: S3Answer): Promise<string> {
  if (answer.status !== 200) return (await answer.text()) && "";
  try {
    return (await answer.text()).slice(0, 10_000);
  } catch (error) {
    if (isWritError(error, "upstream_too_large")) return "";
    throw error;
  }
}

/** Stores disagree on the name of the element around mode and date (GetObjectRetention). */
function parseLock(retention: string, hold: string): HeldLock | undefined {
  const mode = textOf(retention, "Mode");
  const until = Date.parse(textOf(retention, "RetainUntilDate") ?? "");
  const legal = textOf(hold, "Status");
  if (mode === undefined && legal === undefined) return undefined;
  return { mode, until: Number.isNaN(until) ? undefined : until, legalHold: legal === "ON" };
}

async function* listBucket(send: S3Send, root: string, prefix: string): AsyncGenerator<ObjectEntry, void> {
  let token: string | undefined;
  do {
    const query: [string, string][] = [
      ["list-type", "2"],
      ["prefix", root + prefix],
    ];
    if (token !== undefined) query.push(["continuation-token", token]);
    const xml = await expectDone(await send({ method: "GET", key: "", query }), "list", root + prefix);
    for (const entry of elementsOf(xml, "Contents")) {
      const key = textOf(entry, "Key") ?? "";
      if (key.startsWith(root + prefix))
        yield { key: key.slice(root.length), bytes: Number(textOf(entry, "Size") ?? "0") };
    }
    const next = textOf(xml, "IsTruncated") === "true" ? textOf(xml, "NextContinuationToken") : undefined;
    if (next !== undefined && next === token) throw new WritError("object_store_failed", "the store lists in circles");
    token = next;
  } while (token !== undefined);
}

function lockHeaders(lock: ObjectLock | undefined): readonly HeaderField[] {
  if (lock === undefined) return [];
  const headers: HeaderField[] = [
    ["x-amz-object-lock-mode", lock.mode],
    ["x-amz-object-lock-retain-until-date", toRfc3339(lock.until)],
  ];
  return lock.legalHold ? [...headers, ["x-amz-object-lock-legal-hold", "ON"]] : headers;
}

function encryptionHeaders(encryption: string | undefined): readonly HeaderField[] {
  if (encryption === undefined) return [];
  const [, key] = /^aws:kms:(.+)$/.exec(encryption) ?? [];
  if (key === undefined) return [["x-amz-server-side-encryption", encryption]];
  return [
    ["x-amz-server-side-encryption", "aws:kms"],
    ["x-amz-server-side-encryption-aws-kms-key-id", key],
  ];
}

function lengthOf(answer: S3Answer): number {
  const length = Number(answer.header("content-length"));
  if (Number.isSafeInteger(length) && length >= 0) return length;
  throw new WritError("object_store_failed", "the store does not say how long an object is");
}

async function absent(answer: S3Answer): Promise<undefined> {
  await answer.text().catch((error: unknown) => messageOf(error));
  return undefined;
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
