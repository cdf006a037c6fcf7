import type { Tier } from "./tier.ts";

/** Characters that make a line look like another than it is. */
export interface HiddenCharacters {
  readonly tier: Tier;
  readonly message: string;
}

const NUL = /\0/;
const CONTROL = /[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/;
const LONE_RETURN = /\r(?!\n|$)/;
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const INVISIBLE = /[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200c\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0\u{e0000}-\u{e0fff}]/u;
const OTHER_BLANK = /[\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const JOINER = /(?<![\p{Extended_Pictographic}\ufe0f\p{Emoji_Modifier}])\u200d/u;
const BROKEN = /\ufffd/;

const KINDS: readonly (readonly [RegExp, Tier, string])[] = [
  [NUL, "danger", "contains a NUL, where shells and programs end a text differently"],
  [CONTROL, "danger", "contains control characters"],
  [LONE_RETURN, "danger", "contains a carriage return, which overwrites what is shown before it"],
  [DIRECTION, "danger", "contains characters that turn the direction of what is shown"],
  [INVISIBLE, "danger", "contains characters that are not shown"],
  [OTHER_BLANK, "write", "contains blanks that the shell takes for letters"],
  [JOINER, "write", "contains a joiner outside an emoji"],
  [BROKEN, "danger", "contains bytes that are not UTF-8"],
  [/\r/, "write", "contains carriage returns"],
];

/** Every kind of hidden character in `text`, lone surrogates included. */
export function hiddenCharacters(text: string): readonly HiddenCharacters[] {
  const found: HiddenCharacters[] = [];
  // Nothing to look for in plain ASCII, the usual case.
  if (/^[\t\n\x20-\x7e]*$/.test(text)) return found;
  for (const [pattern, tier, message] of KINDS) if (pattern.test(text)) found.push({ tier, message });
  if (!text.isWellFormed()) found.push({ tier: "danger", message: "contains half a character" });
  return found;
}
