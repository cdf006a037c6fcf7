import { utf8 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { signWebhook } from "#src/crypto/webhook-signature.ts";
import { eventLine } from "#src/ledger/bundle.ts";
import type { EventRow } from "#src/store/events.ts";

/** Facility 13 (log audit), severity 6 (informational): RFC 5424 section 6.2.1. */
const PRIORITY = 13 * 8 + 6;
const MAX_MSGID = 32;
const NIL = "-";
/** RFC 5424 section 6: what a header field may hold. */
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * An event as a line of an evidence bundle has it: its bytes and its hash. What is personal stays sealed, so that erasing a
 * subject erases it in every collector too.
 */
export function streamLine(row: EventRow): string {
  return eventLine(row.bytes, row.hash);
}

/**
 * An event as a message of syslog (RFC 5424) in a frame of octets (RFC 6587 section 3.4.1, RFC 5425 section 4.3): the time
 * is the event's, MSGID its type, the message its line as JSON.
 *
 * The message is ASCII: JSON can say everything else in escapes, and a message without a byte order mark is not stated to be
 * UTF-8.
 */
export function syslogFrame(row: EventRow, hostname: string): string {
  const host = PRINTABLE.test(hostname) ? hostname.slice(0, 255) : NIL;
  const header = `<${PRIORITY}>1 ${toRfc3339(row.at)} ${host} writ ${NIL} ${row.type.slice(0, MAX_MSGID)} ${NIL}`;
  const message = `${header} ${toAscii(streamLine(row))}`;
  return `${message.length} ${message}`;
}

/** A body of lines and the headers that sign it. */
export function webhookBody(
  rows: readonly EventRow[],
  id: string,
  secret: string,
  nowSeconds: number,
): { readonly headers: readonly (readonly [name: string, value: string])[]; readonly body: Uint8Array } {
  const text = rows.map((row) => `${streamLine(row)}\n`).join("");
  return {
    headers: [["content-type", "application/jsonl"], ...signWebhook(secret, id, nowSeconds, text)],
    body: utf8(text),
  };
}

function toAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
