/** One piece of a segment's pattern: a character, any one character, or any run of them. */
export type SegmentToken = string | typeof ANY | typeof RUN;

/** Exactly one character. */
export const ANY = Symbol("any");
/** Any number of characters, none included. */
export const RUN = Symbol("run");

/** What one segment of a path, or of a glob, can be. */
export interface Segment {
  /** The text as it is written; with wildcards where `tokens` is there. */
  readonly text: string;
  /** Undefined for a segment without wildcards. */
  readonly tokens?: readonly SegmentToken[];
}

/**
 * A segment that may have wildcards: `*`, `?`, and `[…]`, which stands for any one character: a gate has to hold for whatever a
 * set can mean in any shell. An opening bracket that nothing closes is a character.
 */
export function parseSegment(text: string): Segment {
  if (!/[*?[]/.test(text)) return { text };
  const tokens: SegmentToken[] = [];
  const characters = [...text];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? "";
    const close = character === "[" ? characters.indexOf("]", at + 2) : -1;
    if (close !== -1) {
      tokens.push(ANY);
      at = close;
    } else if (character === "*") {
      if (tokens.at(-1) !== RUN) tokens.push(RUN);
    } else tokens.push(character === "?" ? ANY : character);
  }
  return tokens.every((token) => typeof token === "string") ? { text } : { text, tokens };
}

/**
 * Whether some name fits both. Its time is the product of the two lengths.
 *
 * @param hidesDots a wildcard at the beginning of `b` finds no name that begins with a dot, as in a shell
 */
export function segmentsMeet(a: Segment, b: Segment, hidesDots: boolean): boolean {
  if (a.tokens === undefined && b.tokens === undefined) return a.text === b.text;
  if (a.tokens !== undefined && b.tokens === undefined && cannotEnd(a.tokens, b.text)) return false;
  const left = a.tokens ?? [...a.text];
  const right = b.tokens ?? [...b.text];
  if (hidesDots && left[0] === "." && typeof right[0] !== "string") return false;
  return tokensMeet(left, right);
}

/** Most names are told apart by their last character. */
function cannotEnd(tokens: readonly SegmentToken[], text: string): boolean {
  const last = tokens.at(-1);
  return typeof last === "string" && !text.endsWith(last);
}

function tokensMeet(left: readonly SegmentToken[], right: readonly SegmentToken[]): boolean {
  // `row[j]`: whether what is before `i` on the left and before `j` on the right can be the same text.
  let row = new Array<boolean>(right.length + 1).fill(false);
  row[0] = true;
  for (let j = 0; j < right.length && right[j] === RUN; j += 1) row[j + 1] = true;
  for (const token of left) {
    const next = new Array<boolean>(right.length + 1).fill(false);
    if (token === RUN) next[0] = row[0] === true;
    for (let j = 0; j < right.length; j += 1) {
      const other = right[j];
      if (token === RUN || other === RUN) next[j + 1] = row[j + 1] === true || next[j] === true || row[j] === true;
      else next[j + 1] = row[j] === true && (token === ANY || other === ANY || token === other);
    }
    row = next;
  }
  return row[right.length] === true;
}
