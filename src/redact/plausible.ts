/** Values that stand where a password would and are none. */
const ORDINARY_WORDS: ReadonlySet<string> = new Set(
  "password passwd passphrase current-password new-password confirm-password confirmpassword text string number boolean true false null undefined required optional hidden none input username email basic bearer oauth oauth2 default object function symbol process secret secrets token redacted".split(
    " ",
  ),
);

/** Whether `value` is written out, not computed: no template, no path, no redaction. */
export function isLiteral(value: string): boolean {
  return !/[{}<>]|\$[({A-Za-z]|^%|^\[redacted/.test(value) && !ORDINARY_WORDS.has(value.toLowerCase());
}

/** Whether a quoted `value` that is assigned to a password is plausibly one and not a label or a field's name. */
export function isLikelyPassword(value: string): boolean {
  if (value.length < 6 || /[\s\u0080-\u00ff]/.test(value) || !isLiteral(value)) return false;
  return !/^(?:[A-Z][a-z]+|[a-z]+:|[a-z]+\/[a-z/]+|.?[a-z]+(?:[-_.][a-z]+){2,}|\/.*|\.{1,2}\/.*)$/.test(value);
}

/** Whether `value` looks drawn at random: long, with digits, and not a path, version, date, number or identifier. */
export function isLikelyRandom(value: string): boolean {
  if (value.length < 10 || /[\s\u0080-\u00ff]/.test(value) || !isLiteral(value)) return false;
  let digits = 0;
  let letters = 0;
  let changes = 0;
  let separators = 0;
  let last = -1;
  for (let i = 0; i < value.length; i += 1) {
    const code = value.charCodeAt(i);
    const kind = code >= 48 && code <= 57 ? 0 : code >= 97 && code <= 122 ? 1 : code >= 65 && code <= 90 ? 2 : 3;
    if (kind === 0) digits += 1;
    else if (kind === 3) separators += 1;
    else letters += 1;
    if (kind !== last) changes += 1;
    last = kind;
  }
  if (letters === 0 || separators * 3 > value.length) return false;
  if (/^(?:https?:|\/|\.|sha(?:1|256|384|512)-)/.test(value)) return false;
  return digits >= 2 && (digits >= 3 || changes >= 6) && changes >= 4;
}
