import { WritError } from "#src/base/errors.ts";
import type { HeaderField } from "./request-head.ts";

/** The head of a final response. */
export interface ResponseHead {
  /** 200 to 599 as a rule; any three digits but 1xx. */
  readonly status: number;
  /** As sent: order, case and repetitions kept; values are Latin-1 without surrounding white space. */
  readonly headers: readonly HeaderField[];
  readonly framing: ResponseFraming;
  /** Whether the sender means to keep the connection open after the body. */
  readonly persistent: boolean;
}

/** How the end of a response's body is known, RFC 9112 section 6.3. */
export type ResponseFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until_close" };

/** Receives a response as it is parsed: `head` once, `body` any number of times. */
export interface ResponseSink {
  head(head: ResponseHead): void;
  /** A view into what was pushed; never empty. */
  body(data: Uint8Array): void;
}

type State = "head" | "sized" | "until_close" | "chunk_size" | "chunk_data" | "chunk_end" | "trailer" | "done";

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const CHUNK_SIZE = /^([0-9a-fA-F]{1,12})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/;
const LENGTH = /^[0-9]{1,15}$/;

/**
 * An incremental parser of one HTTP/1.x response (RFC 9112), fed with bytes as they arrive.
 *
 * Strict, because the next response on the connection belongs to somebody else: lines end in CRLF, `Content-Length` stands
 * once and not beside `Transfer-Encoding`, the only transfer coding is `chunked`, no folded lines, no control characters.
 * Interim responses (1xx) are skipped, `101` is a fault since no upgrade is ever asked for. All heads together, chunk sizes
 * with their extensions, and trailers are bounded by `maxHeaderBytes` each; trailers are dropped.
 *
 * Every fault throws `upstream_failed`, `upstream_too_large` where a bound is exceeded. The parser holds no clock and does
 * no I/O; splitting the input at any byte gives the same result.
 */
export class ResponseParser {
  /** Whether bytes came behind the end of the message: the connection must not be used again. */
  surplus = false;
  private state: State = "head";
  private readonly line: LineBuffer;
  private readonly isHead: boolean;
  /** Bytes left of the body, or of the chunk. */
  private remaining = 0;
  private overhead = 0;
  private readonly maxHeaderBytes: number;

  constructor(options: { readonly method: string; readonly maxHeaderBytes: number }) {
    this.isHead = options.method === "HEAD";
    this.maxHeaderBytes = options.maxHeaderBytes;
    this.line = new LineBuffer(options.maxHeaderBytes);
  }

  /** Whether the whole response was seen. */
  get done(): boolean {
    return this.state === "done";
  }

  /** Takes the next bytes from the connection. */
  push(data: Uint8Array, sink: ResponseSink): void {
    let rest = data;
    while (rest.length > 0) {
      if (this.state === "done") {
        this.surplus = true;
        return;
      }
      rest = this.step(rest, sink);
    }
  }

  /** The connection has ended: that completes a body that lasts until then, and cuts every other. */
  finish(): void {
    if (this.state === "until_close") this.state = "done";
    if (this.state !== "done") throw fault("the connection was closed before the answer was complete");
  }

  private step(data: Uint8Array, sink: ResponseSink): Uint8Array {
    switch (this.state) {
      case "head":
        return this.takeHead(data, sink);
      case "sized":
        return this.takeBody(data, sink, "done");
      case "chunk_data":
        return this.takeBody(data, sink, "chunk_end");
      case "until_close":
        sink.body(data);
        return data.subarray(data.length);
      default:
        return this.takeLine(data);
    }
  }

  private takeHead(data: Uint8Array, sink: ResponseSink): Uint8Array {
    const { text, rest } = this.line.take(data, "\r\n\r\n");
    if (text === undefined) return rest;
    const head = parseResponseHead(text, this.isHead);
    this.spend(text.length + 4);
    if (head.status === 101) throw fault("the upstream switched protocols unasked");
    if (head.status < 200) return rest;
    this.startBody(head.framing);
    sink.head(head);
    return rest;
  }

  private startBody(framing: ResponseFraming): void {
    this.overhead = 0;
    switch (framing.kind) {
      case "none":
        this.state = "done";
        return;
      case "length":
        this.remaining = framing.length;
        this.state = framing.length === 0 ? "done" : "sized";
        return;
      case "chunked":
        this.state = "chunk_size";
        return;
      case "until_close":
        this.state = "until_close";
    }
  }

  private takeBody(data: Uint8Array, sink: ResponseSink, after: State): Uint8Array {
    const part = data.length > this.remaining ? data.subarray(0, this.remaining) : data;
    this.remaining -= part.length;
    if (this.remaining === 0) this.state = after;
    sink.body(part);
    return data.subarray(part.length);
  }

  private takeLine(data: Uint8Array): Uint8Array {
    const { text, rest } = this.line.take(data, "\r\n");
    if (text === undefined) return rest;
    if (this.state === "chunk_end") {
      if (text !== "") throw fault("a chunk is longer than its size says");
      this.state = "chunk_size";
    } else if (this.state === "chunk_size") {
      this.startChunk(text);
    } else if (text === "") {
      this.state = "done";
    } else {
      parseField(text);
      this.spend(text.length + 2);
    }
    return rest;
  }

  private startChunk(text: string): void {
    const size = CHUNK_SIZE.exec(text)?.[1];
    if (size === undefined) throw fault("a chunk size is malformed");
    if (text.length > size.length) this.spend(text.length);
    this.remaining = Number.parseInt(size, 16);
    this.state = this.remaining === 0 ? "trailer" : "chunk_data";
  }

  private spend(bytes: number): void {
    this.overhead += bytes;
    if (this.overhead > this.maxHeaderBytes) throw tooLarge();
  }
}

/**
 * Parses a response's head, the empty line left out. `isHead` says that the request's method was HEAD, whose responses
 * have no body. Throws `upstream_failed`.
 */
export function parseResponseHead(text: string, isHead: boolean): ResponseHead {
  const [first = "", ...lines] = text.split("\r\n");
  const status = STATUS_LINE.exec(first);
  if (status === null) throw fault("the status line is malformed");
  const headers = lines.map(parseField);
  const code = Number(status[2]);
  const isHttp11 = status[1] === "1";
  const framing = framingOf(code, headers, isHead, isHttp11);
  const options = valuesOf(headers, "connection").flatMap((value) => value.toLowerCase().split(/[ \t]*,[ \t]*/));
  return {
    status: code,
    headers,
    framing,
    persistent: isHttp11 && framing.kind !== "until_close" && !options.includes("close"),
  };
}

function parseField(line: string): HeaderField {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0));
  // Only spaces and tabs are left around the value: `trim` would take no-break spaces too.
  let start = colon + 1;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start += 1;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end -= 1;
  const value = line.slice(start, end);
  if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value)) throw fault("a header field is malformed");
  return [name, value];
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** RFC 9112 section 6.3, refusing what it lets a recipient repair. */
function framingOf(
  status: number,
  headers: readonly HeaderField[],
  isHead: boolean,
  isHttp11: boolean,
): ResponseFraming {
  const codings = valuesOf(headers, "transfer-encoding");
  const lengths = valuesOf(headers, "content-length");
  if (codings.length + lengths.length > 1) throw fault("the length of the answer is stated more than once");
  const [coding] = codings;
  const [length] = lengths;
  if (coding !== undefined && (!isHttp11 || coding.toLowerCase() !== "chunked")) {
    throw fault("the answer has a transfer coding other than chunked");
  }
  if (length !== undefined && !LENGTH.test(length)) throw fault("the content length is not a number");
  if (isHead || status < 200 || status === 204 || status === 304) return { kind: "none" };
  if (coding !== undefined) return { kind: "chunked" };
  if (length !== undefined) return { kind: "length", length: Number(length) };
  return { kind: "until_close" };
}

function valuesOf(headers: readonly HeaderField[], name: string): string[] {
  return headers.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value);
}

/** Gathers bytes until a delimiter, at most `maxBytes` of them. */
class LineBuffer {
  private held: Buffer = Buffer.alloc(0);
  private length = 0;
  private readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** The text before `delimiter` as Latin-1 once it is complete, and what came after; otherwise all of `data` is held. */
  take(data: Uint8Array, delimiter: string): { text: string | undefined; rest: Uint8Array } {
    const chunk = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const before = this.length;
    if (before === 0) {
      const end = chunk.indexOf(delimiter, 0, "latin1");
      if (end >= 0) return this.found(chunk, end, data, end + delimiter.length);
    }
    // One byte beyond the bound is enough to know that it is exceeded, however much has come.
    const room = this.maxBytes + delimiter.length + 1 - before;
    this.append(chunk.subarray(0, Math.max(room, 0)));
    const from = Math.max(0, before - delimiter.length + 1);
    const end = this.held.subarray(0, this.length).indexOf(delimiter, from, "latin1");
    if (end < 0) {
      if (this.length > this.maxBytes) throw tooLarge();
      return { text: undefined, rest: data.subarray(data.length) };
    }
    this.length = 0;
    return this.found(this.held, end, data, end + delimiter.length - before);
  }

  private found(from: Buffer, end: number, data: Uint8Array, used: number): { text: string; rest: Uint8Array } {
    if (end > this.maxBytes) throw tooLarge();
    return { text: from.toString("latin1", 0, end), rest: data.subarray(used) };
  }

  private append(chunk: Uint8Array): void {
    const needed = this.length + chunk.length;
    if (needed > this.held.length) {
      const grown = Buffer.alloc(Math.max(needed, this.held.length * 2, 1024));
      this.held.copy(grown, 0, 0, this.length);
      this.held = grown;
    }
    this.held.set(chunk, this.length);
    this.length = needed;
  }
}

function fault(message: string): WritError {
  return new WritError("upstream_failed", message);
}

function tooLarge(): WritError {
  return new WritError("upstream_too_large", "the upstream's headers are larger than the limit");
}
