import { type Bytes, concatBytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";

/** One header field: a name and a value. */
export type HeaderField = readonly [name: string, value: string];

/** How the body of a request is framed. */
export type RequestFraming = { readonly kind: "none" } | { readonly kind: "chunked" } | KnownLength;
/** A body whose length is known before it is sent. */
export interface KnownLength {
  readonly kind: "length";
  /** In bytes. */
  readonly length: number;
}

/** What goes before a request's body. */
export interface RequestHead {
  readonly method: string;
  /** The value of `Host`: the authority of the pinned origin. */
  readonly authority: string;
  /** Path and query in origin form, sent byte for byte. */
  readonly target: string;
  readonly headers: readonly HeaderField[];
  readonly framing: RequestFraming;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII without `#`: RFC 9112 section 3.2.1, and the few characters beyond RFC 3986 that clients do send. */
const TARGET = /^\/[\x21\x22\x24-\x7e]*$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** CONNECT would make a tunnel of the connection; TRACE would echo the credential. */
const REFUSED_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE"]);
/** Fields that frame the message or belong to the connection: they follow from the request and are not the caller's. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * The bytes of a request's head, RFC 9112 sections 3 and 5: `Host` first, then the caller's fields in their order, then
 * the framing.
 *
 * Throws `invalid_argument` for anything that could be read as two messages or as another target: control characters, a
 * space in the target, a field that frames the message, a method that is no token.
 */
export function encodeRequestHead(head: RequestHead): Bytes {
  if (!TOKEN.test(head.method) || REFUSED_METHODS.has(head.method.toUpperCase())) {
    throw new WritError("invalid_argument", `the method \`${printable(head.method)}\` cannot be sent`);
  }
  if (!TARGET.test(head.target)) {
    throw new WritError("invalid_argument", "the target is not a path and query of visible ASCII characters");
  }
  let text = `${head.method} ${head.target} HTTP/1.1\r\nHost: ${head.authority}\r\n`;
  for (const [name, value] of head.headers) {
    checkField(name, value);
    text += `${name}: ${value}\r\n`;
  }
  return encodeLatin1(`${text}${framingField(head.framing)}\r\n`);
}

/** One chunk of a chunked body, RFC 9112 section 7.1. `data` is not empty: an empty chunk would end the body. */
export function encodeChunk(data: Uint8Array): Bytes {
  return concatBytes(encodeLatin1(`${data.length.toString(16)}\r\n`), data, CRLF);
}

/** What ends a chunked body. */
export const LAST_CHUNK: Bytes = encodeLatin1("0\r\n\r\n");

const CRLF = encodeLatin1("\r\n");

function checkField(name: string, value: string): void {
  if (!TOKEN.test(name)) throw new WritError("invalid_argument", `\`${printable(name)}\` is not a header name`);
  if (CONNECTION_FIELDS.has(name.toLowerCase())) {
    throw new WritError("invalid_argument", `the header \`${printable(name)}\` belongs to the connection`);
  }
  if (!FIELD_VALUE.test(value)) {
    throw new WritError("invalid_argument", `the value of \`${printable(name)}\` has a character that cannot be sent`);
  }
}

function framingField(framing: RequestFraming): string {
  switch (framing.kind) {
    case "none":
      return "";
    case "chunked":
      return "Transfer-Encoding: chunked\r\n";
    case "length":
      return `Content-Length: ${framing.length}\r\n`;
  }
}

function encodeLatin1(text: string): Bytes {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

function printable(text: string): string {
  return text.slice(0, 60).replace(/[^\x20-\x7e]/g, "?");
}
