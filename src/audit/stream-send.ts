import { join } from "node:path";
import { utf8 } from "#src/base/bytes.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import type { Dialer } from "#src/io/dial.ts";
import { httpRequest } from "#src/io/fetch.ts";
import { parseOrigin } from "#src/io/origin.ts";
import { appendLines } from "#src/io/rotating-file.ts";
import type { EventRow } from "#src/store/events.ts";
import { streamLine, syslogFrame, webhookBody } from "./stream-message.ts";
import { type StreamSettings, syslogOrigin } from "./stream-settings.ts";

/** What sending needs. */
export interface StreamSender {
  readonly dialer: Dialer;
  /** What this instance is called in syslog. */
  readonly hostname: string;
  /** Where files are: a folder a stream. */
  readonly folder: string;
  readonly now: () => number;
  /** Ends what is being sent. */
  readonly signal: AbortSignal;
}

type Socket = Awaited<ReturnType<Dialer["dialSocket"]>>;

/** How long a collector may take for a batch, in milliseconds. */
export const SEND_MS = 15_000;
const CONNECT_MS = 5000;
/** How long a collector's own closing would take to be noticed, in milliseconds. */
const QUIET_MS = 50;
const LIMITS = {
  connectMs: CONNECT_MS,
  headersMs: SEND_MS,
  idleMs: 5000,
  totalMs: SEND_MS,
  maxResponseBytes: 64 * 1024,
  maxHeaderBytes: 32 * 1024,
} as const;

/**
 * Sends events in the order of the chain. When it resolves the collector has all of them; when it throws it may have some.
 * Throws `upstream_failed`, `timeout`, what the dialer throws, and `disk_full` or `store_failed` for a file.
 */
export async function sendEvents(
  sender: StreamSender,
  stream: string,
  settings: StreamSettings,
  rows: readonly EventRow[],
): Promise<void> {
  switch (settings.kind) {
    case "syslog":
      return sendSyslog(sender, settings, rows);
    case "webhook":
      return sendWebhook(sender, stream, settings, rows);
    case "file": {
      const text = rows.map((row) => `${streamLine(row)}\n`).join("");
      return appendLines(join(sender.folder, stream), "events.jsonl", utf8(text), settings);
    }
  }
}

async function sendWebhook(
  { dialer, now, signal }: StreamSender,
  stream: string,
  { url, secret }: Extract<StreamSettings, { kind: "webhook" }>,
  rows: readonly EventRow[],
): Promise<void> {
  const { origin, pathname, search } = new URL(url);
  // The same events have the same id whenever they are sent, so that a receiver knows them again.
  const id = `${stream}.${rows[0]?.seq ?? 0}-${rows.at(-1)?.seq ?? 0}`;
  const { headers, body } = webhookBody(rows, id, secret, Math.floor(now() / 1000));
  const answer = await httpRequest(dialer, {
    origin,
    target: `${pathname}${search}`,
    method: "POST",
    headers: [["user-agent", "writ"], ["accept-encoding", "identity"], ...headers],
    body,
    signal,
    limits: LIMITS,
  });
  await answer.body.cancel();
  if (answer.status < 200 || answer.status > 299) {
    throw new WritError("upstream_failed", `it answered with the status ${answer.status}`);
  }
}

/**
 * Syslog has no acknowledgement. TCP has one: a collector that closes a connection in which something is unread resets it.
 * So each batch has a connection of its own, which this side closes first, a moment behind the last byte; when the other then
 * closes too, without a reset, it was read to its end. A collector that closes first has not.
 */
async function sendSyslog(
  { dialer, hostname, signal }: StreamSender,
  settings: Extract<StreamSettings, { kind: "syslog" }>,
  rows: readonly EventRow[],
): Promise<void> {
  const bytes = utf8(rows.map((row) => syslogFrame(row, hostname)).join(""));
  const socket = await dialer.dialSocket(parseOrigin(syslogOrigin(settings)), { connectMs: CONNECT_MS, signal });
  try {
    await readToItsEnd(socket, bytes, signal);
  } finally {
    socket.destroy();
  }
}

function readToItsEnd(socket: Socket, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOurTurn = true;
    let closing: ReturnType<typeof setTimeout> | undefined;
    const end = (error?: WritError): void => {
      clearTimeout(timer);
      clearTimeout(closing);
      signal.removeEventListener("abort", abort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const fail = (message: string): void => end(new WritError("upstream_failed", message));
    const abort = (): void => fail("the stream was ended");
    const timer = setTimeout(() => {
      end(new WritError("timeout", `the collector did not read it and close within ${SEND_MS} ms`));
    }, SEND_MS);
    signal.addEventListener("abort", abort, { once: true });
    socket.on("error", (error) => fail(`the collector broke the connection: ${messageOf(error)}`));
    const peerClosed = (): void => {
      if (!isOurTurn) end();
      else fail("the collector closed before it had everything");
    };
    socket.on("end", peerClosed);
    socket.on("close", (hadError: boolean) => {
      if (hadError) fail("the collector broke the connection");
      else peerClosed();
    });
    // A collector has nothing to say; what it says anyway is dropped.
    socket.on("data", () => {});
    socket.write(bytes, () => {
      closing = setTimeout(() => {
        isOurTurn = false;
        socket.end();
      }, QUIET_MS);
    });
  });
}
