import type { Socket } from "node:net";
import { toBase64, utf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import type { Deadline } from "./deadline.ts";
import type { Origin } from "./origin.ts";
import { parseResponseHead } from "./response-parser.ts";

const MAX_HEAD_BYTES = 16 * 1024;

/**
 * Asks the proxy at the other end of `socket` for a tunnel to `origin` (CONNECT, RFC 9110 section 9.3.6) and gives the
 * socket back once it is one. A user and password in the proxy's URL are sent as basic credentials.
 *
 * Throws `upstream_failed` when the proxy refuses, or answers with more than the head of a response.
 */
export async function openTunnel(socket: Socket, origin: Origin, proxy: URL, deadline: Deadline): Promise<Socket> {
  const target = `${origin.host.includes(":") ? `[${origin.host}]` : origin.host}:${origin.port}`;
  const head = deadline.raceOn(socket, readHead(socket));
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization(proxy)}\r\n`);
  const { status } = parseResponseHead(await head, true);
  if (status >= 200 && status < 300) return socket;
  socket.destroy();
  throw new WritError("upstream_failed", `the proxy answered ${status}`);
}

function authorization(proxy: URL): string {
  if (proxy.username === "" && proxy.password === "") return "";
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Proxy-Authorization: Basic ${toBase64(utf8(credentials))}\r\n`;
}

/** The head of the proxy's answer. Whatever is behind it would be the origin's, which has not been spoken to yet. */
function readHead(socket: Socket): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  const onData = (chunk: Buffer): void => {
    text += chunk.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0 && text.length <= MAX_HEAD_BYTES) return;
    socket.pause();
    if (end >= 0 && end === text.length - 4) resolve(text.slice(0, end));
    else reject(new WritError("upstream_failed", "the proxy's answer is malformed"));
  };
  const onClose = (): void => reject(new WritError("upstream_failed", "the proxy closed the connection"));
  socket.on("data", onData).on("error", reject).on("close", onClose).on("end", onClose);
  return promise.finally(() => {
    socket.off("data", onData).off("error", reject).off("close", onClose).off("end", onClose);
  });
}
