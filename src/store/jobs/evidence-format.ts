import { fromUtf8 } from "#src/base/bytes.ts";
import type { Json } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import { open } from "#src/crypto/sealing.ts";
import type { ParsedEvent } from "#src/ledger/event.ts";
import {
  isPersonalValue,
  type PersonalValue,
  personalBinding,
  personalCiphertext,
  personalPlace,
} from "#src/ledger/personal.ts";
import type { EventRow } from "../events.ts";

/** How evidence is written down for people and spreadsheets. */
export type EvidenceFormat = "jsonl" | "csv" | "html";

/** An event for people to read: as stored, or with what is personal in the clear. */
export interface OpenedEvent {
  readonly prev: string;
  readonly data: Readonly<Record<string, Json>>;
  /** What became of each personal member: `sealed`, `opened`, `erased` or `unreadable`. */
  readonly personal: Readonly<Record<string, string>>;
}

/** The columns of CSV, and of the table of a page but the last two. */
export const CSV_COLUMNS = [
  "seq",
  "at",
  "type",
  "actor",
  "agent",
  "decision",
  "command",
  "tier",
  "resource",
  "run",
  "id",
  "hash",
  "data",
] as const;

/** What a spreadsheet takes for the beginning of a formula, white space before it included. */
const FORMULA = /^[\s]*[=+\-@|%]|^[\t\r\n]/;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
]);

/**
 * Opens what is personal with the keys that are given. Without keys everything stays sealed; with some, what belongs to
 * others than they are of does.
 */
export function openEvent(
  tenant: string,
  { id, prev, data: stored }: ParsedEvent,
  keys: ReadonlyMap<string, Uint8Array | null> | undefined,
): OpenedEvent {
  const data: Record<string, Json> = Object.create(null);
  const personal: Record<string, string> = Object.create(null);
  for (const member of Object.keys(stored)) {
    const value = stored[member] as Json;
    data[member] = value;
    if (!isPersonalValue(value)) continue;
    const key = keys?.get(value.subject);
    if (key === undefined) {
      personal[member] = "sealed";
    } else if (key === null) {
      data[member] = "erased";
      personal[member] = "erased";
    } else {
      const opened = openValue(tenant, id, member, value, key);
      data[member] = opened === undefined ? "unreadable" : opened;
      personal[member] = opened === undefined ? "unreadable" : "opened";
    }
  }
  return { prev, data, personal };
}

/** One event in a format; `opened` is undefined for bytes that are no event. */
export function formatEvent(format: EvidenceFormat, row: EventRow, opened: OpenedEvent | undefined): string {
  switch (format) {
    case "jsonl":
      return formatLine(row, opened);
    case "csv":
      return formatCsvRecord(CSV_COLUMNS.map((column) => cellOf(column, row, opened)));
    case "html":
      return formatTableRow(row, opened);
  }
}

/**
 * A record of CSV (RFC 4180): every field in quotes, CRLF at the end. What a spreadsheet would take for a formula gets an
 * apostrophe before it: what agents and upstreams wrote must not run on the reviewer's machine.
 */
export function formatCsvRecord(fields: readonly string[]): string {
  const quoted = fields.map((field) => `"${(FORMULA.test(field) ? `'${field}` : field).replaceAll('"', '""')}"`);
  return `${quoted.join(",")}\r\n`;
}

/** Text as it stands in HTML, in an element or in a quoted attribute; without characters that turn what is read around. */
export function escapeHtml(text: string): string {
  return text
    .replace(
      /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Cs}]/gu,
      (hidden) => `\\u${(hidden.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
    )
    .replace(/[&<>"']/g, (character) => ESCAPES.get(character) ?? "");
}

function formatLine(row: EventRow, opened: OpenedEvent | undefined): string {
  const { seq, id, type, actor, hash } = row;
  const base = { kind: "event", seq, id, at: timeText(row.at), type, actor, hash };
  if (opened === undefined) return `${JSON.stringify({ ...base, unreadable: row.bytes })}\n`;
  const { prev, data, personal } = opened;
  return `${JSON.stringify({ ...base, prev, data, personal })}\n`;
}

function formatTableRow(row: EventRow, opened: OpenedEvent | undefined): string {
  const cell = (text: string, kind = "") => `<td${kind}>${escapeHtml(text)}</td>`;
  const shown = opened === undefined ? "these bytes are no event" : JSON.stringify(opened.data, null, 1);
  return (
    `<tr id="e${row.seq}">${cell(String(row.seq))}${cell(timeText(row.at))}${cell(row.type)}${cell(row.actor)}` +
    `${cell(textIn(opened, "decision"))}${cell(textIn(opened, "command"))}${cell(textIn(opened, "resource"))}` +
    `<td><pre>${escapeHtml(shown)}</pre><code>${escapeHtml(row.hash)}</code></td></tr>\n`
  );
}

function cellOf(column: (typeof CSV_COLUMNS)[number], row: EventRow, opened: OpenedEvent | undefined): string {
  switch (column) {
    case "seq":
      return String(row.seq);
    case "at":
      return timeText(row.at);
    case "type":
    case "actor":
    case "id":
    case "hash":
      return row[column];
    case "data":
      return opened === undefined ? row.bytes : JSON.stringify(opened.data);
    default:
      return textIn(opened, column);
  }
}

function textIn(opened: OpenedEvent | undefined, member: string): string {
  const value = opened?.data[member];
  if (value === undefined || value === null) return "";
  if (opened?.personal[member] === "sealed") return "sealed";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}

function openValue(
  tenant: string,
  eventId: string,
  member: string,
  value: PersonalValue,
  key: Uint8Array,
): Json | undefined {
  try {
    const binding = personalBinding(tenant, value.subject, personalPlace(eventId, member));
    return JSON.parse(fromUtf8(open(key, personalCiphertext(value), binding))) as Json;
  } catch (error) {
    if (!isWritError(error, "crypto_failed")) throw error;
    return undefined;
  }
}
