/** Whether the bytes from `start` to `end` are plausibly a secret. Takes the same time for every length. */
export type ValueCheck = (bytes: Uint8Array, start: number, end: number) => boolean;

/** How much of a value is looked at. */
const CHECKED_BYTES = 64;

/** Values that stand where a password would and are none. */
const ORDINARY_WORDS: ReadonlySet<string> = new Set(
  "password passwd passphrase current-password new-password confirm-password confirmpassword text string number boolean true false null undefined required optional hidden none input username email basic bearer oauth oauth2 default object function symbol process secret secrets token redacted".split(
    " ",
  ),
);

/** Whether the value is written out, not computed: no template, no member of something, no word of a language, not redacted. */
export function isLiteral(bytes: Uint8Array, start: number, end: number): boolean {
  return isLiteralText(textOf(bytes, start, end));
}

/** Whether a value that is assigned to a password is plausibly one, not a label or a field's name; without quotes, a random one. */
export function isLikelyPassword(bytes: Uint8Array, start: number, end: number): boolean {
  if (!QUOTES.has(bytes[start - 1])) return isLikelyRandom(bytes, start, end);
  if (end - start < 6) return false;
  const value = textOf(bytes, start, end);
  if (/[\u0080-\u00ff]/.test(value) || !isLiteralText(value)) return false;
  if (/\s/.test(value))
    return /^[a-z]{3,10} [a-z]{3,10}$/.test(value) && !/pass|word|your|enter|new|old|set|for|the|is\b/.test(value);
  return !/^(?:[A-Z][a-z]+|[a-z]+\/[a-z/]+|.?[a-z]+(?:[-_.][a-z]+){2,}|\/.*|\.{1,2}\/.*)$/.test(value);
}

/** Whether a value looks drawn at random: long, with digits, and not a path, a digest or an identifier. */
export function isLikelyRandom(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 10) return false;
  const stop = Math.min(end, start + CHECKED_BYTES);
  let digits = 0;
  let letters = 0;
  let changes = 0;
  let last = -1;
  for (let i = start; i < stop; i += 1) {
    const byte = bytes[i] as number;
    if (byte <= 32 || byte >= 128) return false;
    const kind = byte >= 48 && byte <= 57 ? 0 : byte >= 97 && byte <= 122 ? 1 : byte >= 65 && byte <= 90 ? 2 : 3;
    if (kind === 0) digits += 1;
    else if (kind !== 3) letters += 1;
    if (kind !== last) changes += 1;
    last = kind;
  }
  if (letters === 0 || (digits + letters) * 3 < (stop - start) * 2 || digits < 2 || changes < (digits < 3 ? 6 : 4))
    return false;
  const value = textOf(bytes, start, end);
  return !/^(?:https?:|\/|\.|sha(?:1|256|384|512)-)/.test(value) && isLiteralText(value);
}

/** Whether a value has a digit or ends as base 64 does, and is written out: what follows `Authorization`. */
export function isLikelyCredential(bytes: Uint8Array, start: number, end: number): boolean {
  const value = textOf(bytes, start, end);
  return /\d|=$/.test(value) && isLiteralText(value);
}

/** Whether a name is one, and not a variable that holds it. */
export function isLikelyName(bytes: Uint8Array, start: number, end: number): boolean {
  const value = textOf(bytes, start, end);
  return isLiteralText(value) && !/^(?:user_?name|user|options|this|self|null|none|undefined)\b/i.test(value);
}

const QUOTES: ReadonlySet<number | undefined> = new Set([0x22, 0x27, 0x60]);

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(end - start, CHECKED_BYTES)).toString("latin1");
}

function isLiteralText(value: string): boolean {
  return (
    !/\$[({]|\{\{|#\{|<%|^[<{$%]|\[redacted|^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$/.test(value) &&
    !ORDINARY_WORDS.has(value.toLowerCase())
  );
}
