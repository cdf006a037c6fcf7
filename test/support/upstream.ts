import type { Socket } from "node:net";
import { type RawUpstream, startRawUpstream } from "#test/io/raw-upstream.ts";

/** A request as an upstream got it. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query, byte for byte. */
  readonly target: string;
  /** Lower-case names; repeated ones joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  /** Latin-1, transfer coding removed. */
  readonly body: string;
}

/** What an upstream does with one request. */
export type Script = (socket: Socket, request: SeenRequest) => void;

/** An upstream on loopback that answers by script and remembers what it was asked. */
export interface TestUpstream extends RawUpstream {
  readonly requests: SeenRequest[];
  /** Replaces the script. */
  answer(script: Script): void;
}

/** Starts an upstream; it answers `ok` until told otherwise. */
export async function startUpstream(script: Script = respond("ok")): Promise<TestUpstream> {
  let current = script;
  const requests: SeenRequest[] = [];
  const consumed: number[] = [];
  const raw = await startRawUpstream((socket, received, connection) => {
    for (;;) {
      const from = consumed[connection] ?? 0;
      const parsed = parseRequest(received.slice(from));
      if (parsed === undefined) return;
      consumed[connection] = from + parsed.length;
      requests.push(parsed.request);
      current(socket, parsed.request);
    }
  });
  return {
    ...raw,
    requests,
    answer: (next) => {
      current = next;
    },
  };
}

/** One whole answer. */
export function respond(
  body: string | Uint8Array,
  { status = 200, headers = [] }: { status?: number; headers?: readonly string[] } = {},
): Script {
  const bytes = typeof body === "string" ? Buffer.from(body) : Buffer.from(body);
  const head = [`HTTP/1.1 ${status} Any`, ...headers, `Content-Length: ${bytes.length}`, "", ""].join("\r\n");
  return (socket) => void socket.write(Buffer.concat([Buffer.from(head, "latin1"), bytes]));
}

/** A chunked answer whose parts are sent one by one, a moment apart. */
export function respondInParts(parts: readonly (string | Uint8Array)[], headers: readonly string[] = []): Script {
  return (socket) => {
    socket.write([`HTTP/1.1 200 OK`, ...headers, "Transfer-Encoding: chunked", "", ""].join("\r\n"));
    let delay = 0;
    for (const part of parts) {
      const bytes = Buffer.from(part as string);
      const chunk = Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
      setTimeout(() => socket.write(chunk), delay);
      delay += 3;
    }
    setTimeout(() => socket.write("0\r\n\r\n"), delay);
  };
}

/** Answers with the request itself: its line, its headers and its body. */
export const echo: Script = (socket, request) => {
  const lines = [...request.headers].map(([name, value]) => `${name}: ${value}`);
  respond(`${request.method} ${request.target}\n${lines.join("\n")}\n\n${request.body}`)(socket, request);
};

function parseRequest(text: string): { readonly request: SeenRequest; readonly length: number } | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [line = "", ...fields] = text.slice(0, end).split("\r\n");
  const [method = "", target = ""] = line.split(" ");
  const headers = new Map<string, string>();
  for (const field of fields) {
    const colon = field.indexOf(":");
    const name = field.slice(0, colon).toLowerCase();
    const value = field.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const start = end + 4;
  const body =
    headers.get("transfer-encoding") === "chunked" ? readChunked(text, start) : readSized(text, start, headers);
  if (body === undefined) return undefined;
  return { request: { method, target, headers, body: body.text }, length: body.end };
}

interface Body {
  readonly text: string;
  readonly end: number;
}

function readSized(text: string, start: number, headers: ReadonlyMap<string, string>): Body | undefined {
  const end = start + Number(headers.get("content-length") ?? "0");
  return text.length < end ? undefined : { text: text.slice(start, end), end };
}

function readChunked(text: string, start: number): Body | undefined {
  let at = start;
  let body = "";
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (text.length < next) return undefined;
    if (size === 0) return { text: body, end: next };
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = next;
  }
}
