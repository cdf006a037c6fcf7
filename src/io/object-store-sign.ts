import { hmacSha256, sha256Hex } from "#src/crypto/hash.ts";
import type { HeaderField } from "./request-head.ts";

/** What a store's owner gave out. */
export interface StoreCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** A request before it is signed. */
export interface UnsignedRequest {
  readonly method: string;
  /** Value of `Host`. */
  readonly authority: string;
  /** Encoded path, from `/` on. */
  readonly path: string;
  /** Decoded names and values. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Names in lower case. */
  readonly headers: readonly HeaderField[];
  /** SHA-256 of the body, lower-case hex. */
  readonly bodyHash: string;
}

/** Where and when a signature holds. */
export interface SigningScope {
  readonly region: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** SHA-256 of nothing. */
export const EMPTY_HASH = sha256Hex("");

/**
 * Signs a request to an S3 service with AWS Signature Version 4: gives its target and its header fields, the signature
 * among them. Every field that is given is signed, and so is the body, by its sum.
 */
export function signRequest(
  { method, authority, path, query, headers, bodyHash }: UnsignedRequest,
  { accessKey, secretKey }: StoreCredentials,
  { region, now }: SigningScope,
): { readonly target: string; readonly headers: readonly HeaderField[] } {
  const time = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const fields: HeaderField[] = [...headers, ["x-amz-content-sha256", bodyHash], ["x-amz-date", time]];
  const signed = [...fields, ["host", authority] as const].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const names = signed.map(([name]) => name).join(";");
  const queryText = query
    .map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`)
    .toSorted()
    .join("&");
  const canonical = [
    method,
    path,
    queryText,
    ...signed.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, " ")}`),
    "",
    names,
    bodyHash,
  ].join("\n");
  const signature = hmacSha256(
    signingKey(secretKey, scope),
    `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256Hex(canonical)}`,
  ).toHex();
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope},SignedHeaders=${names},Signature=${signature}`;
  return {
    target: queryText === "" ? path : `${path}?${queryText}`,
    headers: [...fields, ["authorization", authorization]],
  };
}

/** RFC 3986 section 2.3: everything but unreserved characters is encoded, of UTF-8. */
export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function signingKey(secretKey: string, scope: string): Uint8Array {
  let key: Uint8Array = new TextEncoder().encode(`AWS4${secretKey}`);
  for (const part of scope.split("/")) key = hmacSha256(key, part);
  return key;
}
