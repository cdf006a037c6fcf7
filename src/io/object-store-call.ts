import { isWritError, WritError } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { Dialer } from "./dial.ts";
import type { CallLimits, HttpResponse } from "./exchange.ts";
import { httpRequest } from "./fetch.ts";
import { EMPTY_HASH, encodeStrictly, type StoreCredentials, signRequest } from "./object-store-sign.ts";
import { textOf } from "./object-store-xml.ts";
import { parseOrigin } from "./origin.ts";
import type { HeaderField } from "./request-head.ts";

/** A bucket, and how to reach it. */
export interface S3Location {
  /** `https://s3.eu-central-1.amazonaws.com`: an origin. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** What every key begins with: empty, or ends with `/`. */
  readonly prefix: string;
  /** `path`: the bucket is the first part of the path; `host`: it stands before the endpoint's host. */
  readonly style: "path" | "host";
  readonly credentials: StoreCredentials;
  /** Encryption by the store: `AES256`, `aws:kms`, or `aws:kms:` and the id of a key. */
  readonly encryption: string | undefined;
}

/** What a store stands on. */
export interface S3Dependencies {
  readonly dialer: Dialer;
  /** Milliseconds since 1970. */
  now(): number;
  /** 0 inclusive to 1 exclusive: spreads what is tried again. */
  random(): number;
  /** Waits so many milliseconds, or until the signal fires. */
  sleep?(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** One request to the bucket. */
export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Whole key, the prefix in it; empty for the bucket itself. */
  readonly key: string;
  readonly query?: readonly (readonly [string, string])[];
  readonly headers?: readonly HeaderField[];
  readonly body?: Uint8Array;
  /** SHA-256 of the body in hex, where it is known. */
  readonly bodyHash?: string;
  readonly signal?: AbortSignal | undefined;
  /** Whether the answer may be long: an object. */
  readonly isDownload?: boolean;
}

/** Sends a request, again and again where that may help, and gives the answer whatever its status. */
export type S3Send = (request: S3Request) => Promise<S3Answer>;

/** An answer. */
export interface S3Answer {
  readonly status: number;
  header(name: string): string | undefined;
  /** The body as text; for short ones. */
  text(): Promise<string>;
  readonly response: HttpResponse;
}

const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 10_000;
/** Statuses of a store that is busy or half down: the same request may do. */
const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const MAX_TEXT_BYTES = 8 * 2 ** 20;
const LIMITS: CallLimits = {
  connectMs: 10_000,
  headersMs: 60_000,
  idleMs: 60_000,
  totalMs: 600_000,
  maxResponseBytes: MAX_TEXT_BYTES,
  maxHeaderBytes: 64 * 1024,
};
const DOWNLOAD_LIMITS: CallLimits = { ...LIMITS, totalMs: 6 * 3_600_000, maxResponseBytes: 2 ** 42 };

/** Makes what sends signed requests to a bucket, each up to five times with growing pauses. */
export function createSender(location: S3Location, { dialer, now, random, sleep = pause }: S3Dependencies): S3Send {
  const endpoint = parseOrigin(location.endpoint);
  const origin =
    location.style === "path" ? endpoint : parseOrigin(`${endpoint.scheme}://${location.bucket}.${endpoint.authority}`);
  const root = location.style === "path" ? `/${encodeStrictly(location.bucket)}` : "";
  const sendOnce = async (request: S3Request): Promise<S3Answer> => {
    const { method, key, query = [], headers = [], body, isDownload } = request;
    const path = key === "" ? root || "/" : `${root}/${key.split("/").map(encodeStrictly).join("/")}`;
    const bodyHash = request.bodyHash ?? (body === undefined ? EMPTY_HASH : sha256Hex(body));
    const unsigned = { method, authority: origin.authority, path, query, headers, bodyHash };
    const signed = signRequest(unsigned, location.credentials, { region: location.region, now: now() });
    const response = await httpRequest(dialer, {
      origin: origin.text,
      method,
      target: signed.target,
      headers: signed.headers,
      ...(body === undefined ? {} : { body }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      limits: isDownload ? DOWNLOAD_LIMITS : LIMITS,
    });
    return toAnswer(response);
  };
  return async (request) => {
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt === ATTEMPTS;
      try {
        const answer = await sendOnce(request);
        if (isLast || !PASSING.has(answer.status)) return answer;
        await answer.text();
      } catch (error) {
        if (isLast || request.signal?.aborted || !mayPass(error)) throw error;
      }
      const longest = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), MAX_PAUSE_MS);
      await sleep(longest * (0.5 + random() / 2), request.signal);
    }
  };
}

/** Every request here may be repeated, so that an unknown outcome is one more reason to. */
function mayPass(error: unknown): boolean {
  return isWritError(error, "upstream_failed") || isWritError(error, "timeout");
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

function toAnswer(response: HttpResponse): S3Answer {
  const headers = new Map(response.headers.map(([name, value]) => [name.toLowerCase(), value]));
  let read: Promise<string> | undefined;
  return {
    status: response.status,
    header: (name) => headers.get(name),
    text: () => {
      read ??= readText(response);
      return read;
    },
    response,
  };
}

async function readText(response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > MAX_TEXT_BYTES) break;
    chunks.push(Uint8Array.from(chunk));
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Throws `object_store_failed` unless the answer is one of success; reads it to its end. */
export async function expectDone(
  answer: S3Answer,
  doing: string,
  key: string,
  wanted: readonly number[] = [200, 204],
): Promise<string> {
  const text = await answer.text();
  if (wanted.includes(answer.status)) return text;
  const code = textOf(text, "Code") ?? `status ${answer.status}`;
  const said = textOf(text, "Message");
  const message = `the store would not ${doing} \`${key}\`: ${code}${said === undefined ? "" : `, ${said.slice(0, 200)}`}`;
  throw new WritError("object_store_failed", message, { details: { store_code: code } });
}
