/** How many bytes, white space before them apart, decide at most. */
const DECIDING_BYTES = 6;

/** How much white space may stand before them. */
const MAX_BLANKS = 256;

/** How the text of an event stream begins. */
const EVENT_STREAM = ["data:", "event:", "id:", "retry:", ":"];
/** How a script begins that may be taken for a string. */
const DIRECTIVE = '"use ';
/** How a known value begins that was replaced. */
const REPLACED = "[r";

/**
 * Whether a text that begins with `bytes` is JSON, or an event stream, which usually carries JSON: then a backslash and what
 * follows it mean a character. It is when, white space and a byte order mark apart, it begins with `{`, `[`, `"` or a field
 * of an event stream; in scripts and prose such an escape is shown as it is. Undefined where more must be seen.
 */
export function beginsAsJson(bytes: Uint8Array, final: boolean): boolean | undefined {
  let start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (isSpace(bytes[start])) start += 1;
  if (start > MAX_BLANKS) return false;
  const head = String.fromCharCode(...bytes.subarray(start, start + DECIDING_BYTES));
  if (head.startsWith(REPLACED) || head.startsWith(DIRECTIVE)) return false;
  if (head === "[" && !final) return undefined;
  if (head.startsWith("{") || head.startsWith("[") || EVENT_STREAM.some((field) => head.startsWith(field))) return true;
  if (head.startsWith('"') && (final || !DIRECTIVE.startsWith(head))) return true;
  const marked = start === 0 && bytes[0] === 0xef && bytes.length < 3;
  const open = marked || [DIRECTIVE, ...EVENT_STREAM].some((beginning) => beginning.startsWith(head));
  return open && !final ? undefined : false;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
