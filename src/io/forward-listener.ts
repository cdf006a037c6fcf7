import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { messageOf, WritError } from "#src/base/errors.ts";
import type { ListenAddress } from "#src/config/setting-values.ts";

/** What a client asks a proxy for (CONNECT, RFC 9110 section 9.3.6). */
export interface ConnectRequest {
  /** Lower case; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** `Proxy-Authorization` as it stands there. */
  readonly authorization: string | undefined;
  /** The client's address. */
  readonly source: string;
}

/** What becomes of it. */
export type ConnectAnswer =
  | { readonly kind: "refuse"; readonly status: 400 | 403 | 407 | 429 | 502; readonly message: string }
  /** To a server of this process, which knows the client by the port that the connection comes from. */
  | { readonly kind: "inside"; readonly port: number; begin(localPort: number): void; end(localPort: number): void }
  /** To wherever this socket leads. */
  | { readonly kind: "tunnel"; readonly socket: Socket };

/** Answers a CONNECT. What it throws is answered 502. */
export type ConnectHandler = (request: ConnectRequest) => Promise<ConnectAnswer>;

/** A listener that takes CONNECT and nothing else. */
export interface ForwardListener {
  readonly address: string;
  readonly port: number;
  /** Takes no more connections and cuts those that are there. */
  close(): Promise<void>;
}

const MAX_HEAD_BYTES = 16 * 1024;
const HEAD_MS = 10_000;
const IDLE_MS = 300_000;
const MAX_CONNECTIONS = 2000;
const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  407: "Proxy Authentication Required",
  429: "Too Many Requests",
  502: "Bad Gateway",
};

/** Listens. With `tls` it is what clients call an https proxy. Throws `config_invalid` where the address cannot be used. */
export async function listenForward(
  listen: ListenAddress,
  tls: { readonly cert: string; readonly key: string } | undefined,
  handle: ConnectHandler,
): Promise<ForwardListener> {
  const open = new Set<Socket>();
  const accept = (socket: Socket): void => {
    if (open.size >= MAX_CONNECTIONS) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket));
    void serve(socket, handle);
  };
  const server =
    tls === undefined
      ? createServer({ noDelay: true }, accept)
      : createTlsServer({ ...tls, minVersion: "TLSv1.3" }, accept);
  const host = listen.host === "localhost" ? "127.0.0.1" : listen.host;
  await start(server, host, listen.port);
  const bound = server.address();
  return {
    address: host,
    port: typeof bound === "object" && bound !== null ? bound.port : listen.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

function start(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new WritError("config_invalid", `cannot listen on \`${host}:${port}\`: ${messageOf(cause)}`, { cause }));
    });
    server.listen(port, host, resolve);
  });
}

async function serve(socket: Socket, handle: ConnectHandler): Promise<void> {
  const head = await readHead(socket);
  if (head === undefined) {
    socket.destroy();
    return;
  }
  const request = parseConnect(head.text, socket.remoteAddress ?? "unknown");
  if (request === undefined) {
    refuse(socket, 400, "this proxy takes CONNECT, for https, and nothing else");
    return;
  }
  let answer: ConnectAnswer;
  try {
    answer = await handle(request);
  } catch (error) {
    answer = { kind: "refuse", status: 502, message: messageOf(error) };
  }
  if (answer.kind === "refuse") refuse(socket, answer.status, answer.message);
  else if (answer.kind === "tunnel") relay(socket, answer.socket, head.rest);
  else relayInside(socket, answer, head.rest);
}

/** The head of the request and what came behind it; undefined where there is none in time, or too much of it. */
function readHead(socket: Socket): Promise<{ readonly text: string; readonly rest: Buffer } | undefined> {
  const { promise, resolve } = Promise.withResolvers<{ readonly text: string; readonly rest: Buffer } | undefined>();
  let bytes = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end >= 0 && end <= MAX_HEAD_BYTES) {
      socket.pause();
      resolve({ text: bytes.toString("latin1", 0, end), rest: bytes.subarray(end + 4) });
    } else if (bytes.length > MAX_HEAD_BYTES) resolve(undefined);
  };
  const onEnd = (): void => resolve(undefined);
  const timer = setTimeout(onEnd, HEAD_MS);
  socket.on("data", onData).on("end", onEnd).on("close", onEnd);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.off("data", onData).off("end", onEnd).off("close", onEnd);
  });
}

/** Reads the head strictly; undefined for anything but a CONNECT with an authority and at most one authorization. */
export function parseConnect(head: string, source: string): ConnectRequest | undefined {
  const [line = "", ...fields] = head.split("\r\n");
  const [, bracketed, name, port = ""] =
    /^CONNECT (?:\[([0-9a-f:.]+)\]|([a-z0-9._-]{1,253})):([1-9][0-9]{0,4}) HTTP\/1\.[01]$/i.exec(line) ?? [];
  const host = bracketed ?? name;
  if (host === undefined || Number(port) > 65_535) return undefined;
  let authorization: string | undefined;
  for (const field of fields) {
    const [, key, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(field) ?? [];
    if (key === undefined) return undefined;
    const lower = key.toLowerCase();
    // A body would be taken for the tunnel's first bytes by one side and not by the other.
    if (lower === "transfer-encoding" || (lower === "content-length" && value !== "0")) return undefined;
    if (lower !== "proxy-authorization") continue;
    if (authorization !== undefined) return undefined;
    authorization = value;
  }
  return { host: host.toLowerCase(), port: Number(port), authorization, source };
}

function refuse(socket: Socket, status: number, message: string): void {
  const body = `${message}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    ...(status === 407 ? ['Proxy-Authenticate: Basic realm="writ", charset="UTF-8"'] : []),
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

function relayInside(
  socket: Socket,
  { port, begin, end }: Extract<ConnectAnswer, { kind: "inside" }>,
  rest: Buffer,
): void {
  const inner = connectTcp({ host: "127.0.0.1", port, noDelay: true });
  inner.on("error", () => socket.destroy());
  inner.once("connect", () => {
    const local = inner.localPort ?? 0;
    // Before any byte goes through, so that no request is there before whoever made it is known.
    begin(local);
    inner.once("close", () => end(local));
    relay(socket, inner, rest);
  });
}

/** Bytes both ways until one side ends; a relay on which nothing moves is cut. */
function relay(client: Socket, upstream: Socket, rest: Buffer): void {
  const cut = (): void => {
    client.destroy();
    upstream.destroy();
  };
  for (const side of [client, upstream]) side.on("error", cut).on("close", cut).setTimeout(IDLE_MS, cut);
  if (client.destroyed || upstream.destroyed) {
    cut();
    return;
  }
  client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
  if (rest.length > 0) upstream.write(rest);
  client.pipe(upstream);
  upstream.pipe(client);
  client.resume();
}
