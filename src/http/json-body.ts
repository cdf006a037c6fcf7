import { fromUtf8 } from "#src/base/bytes.ts";
import type { Json } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { parseStrictJson, parseStrictJsonInSteps } from "#src/base/strict-json.ts";
import { requireSigned } from "./signed-body.ts";

const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

/** A body beyond this is parsed in steps: it is mostly one long text, of policies or of a bundle. */
const LONG_BODY_BYTES = 256 * 1024;

/**
 * The body of a request as one JSON value; undefined where it has none.
 *
 * A body needs `Content-Type: application/json`: what a browser sends across origins without asking first has another one
 * or none. It is bounded while it arrives, strict UTF-8 and strict JSON.
 *
 * Throws `device_proof_refused` for another body than a device signed, `unsupported_media_type`, `body_too_large`, `body_not_json` and the codes of `parseStrictJson`.
 */
export async function readJsonBody(request: Request, maxBytes: number, sha256?: Uint8Array): Promise<Json | undefined> {
  const { headers } = request;
  const length = headers.get("content-length");
  if (length === "0" || (length === null && !headers.has("transfer-encoding"))) {
    if (sha256 !== undefined) requireSigned(new Uint8Array(), sha256);
    return undefined;
  }
  const type = headers.get("content-type");
  if (type !== "application/json" && (type === null || !JSON_TYPE.test(type))) {
    throw new WritError("unsupported_media_type", "send the body as application/json");
  }
  const bytes = await readBytes(request, length, maxBytes);
  if (sha256 !== undefined) requireSigned(bytes, sha256);
  if (bytes.length === 0) return undefined;
  const text = decode(bytes);
  return bytes.length > LONG_BODY_BYTES ? parseStrictJsonInSteps(text, nextTurn) : parseStrictJson(text);
}

/** Lets other requests have their turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** NOTE: the parser of requests takes no more than `Content-Length` says, so that bound can be checked beforehand. */
async function readBytes(request: Request, stated: string | null, maxBytes: number): Promise<Uint8Array> {
  if (stated !== null) {
    if (Number(stated) > maxBytes) throw tooLarge(maxBytes);
    return new Uint8Array(await request.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): WritError {
  return new WritError("body_too_large", `the body has more than ${maxBytes} bytes`);
}

function decode(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (error) {
    if (!isWritError(error)) throw error;
    throw new WritError("body_not_json", "the body is not well-formed utf-8");
  }
}
