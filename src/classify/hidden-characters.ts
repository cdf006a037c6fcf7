import type { Tier } from "./tier.ts";

/** Characters that make a line look like another than it is. */
export interface HiddenCharacters {
  readonly tier: Tier;
  readonly message: string;
}

type Range = readonly [first: number, last: number];

interface Kind {
  readonly ranges: readonly Range[];
  readonly tier: Tier;
  readonly message: string;
}

const JOINER = 0x200d;
const RETURN = 0x0d;

const KINDS: readonly Kind[] = [
  { ranges: [[0, 0]], tier: "danger", message: "contains a NUL, where shells and programs end a text differently" },
  {
    ranges: [
      [0x01, 0x08],
      [0x0b, 0x0c],
      [0x0e, 0x1f],
      [0x7f, 0x9f],
    ],
    tier: "danger",
    message: "contains control characters",
  },
  {
    ranges: [
      [0x061c, 0x061c],
      [0x200e, 0x200f],
      [0x202a, 0x202e],
      [0x2066, 0x2069],
    ],
    tier: "danger",
    message: "contains characters that turn the direction of what is shown",
  },
  {
    ranges: [
      [0x00ad, 0x00ad],
      [0x034f, 0x034f],
      [0x115f, 0x1160],
      [0x17b4, 0x17b5],
      [0x180b, 0x180f],
      [0x200b, 0x200c],
      [0x2060, 0x2065],
      [0x206a, 0x206f],
      [0x3164, 0x3164],
      [0xfe00, 0xfe0e],
      [0xfeff, 0xfeff],
      [0xffa0, 0xffa0],
      [0xfff0, 0xfffb],
      [0xe0000, 0xe0fff],
    ],
    tier: "danger",
    message: "contains characters that are not shown",
  },
  {
    ranges: [
      [0x00a0, 0x00a0],
      [0x1680, 0x1680],
      [0x2000, 0x200a],
      [0x2028, 0x2029],
      [0x202f, 0x202f],
      [0x205f, 0x205f],
      [0x3000, 0x3000],
    ],
    tier: "write",
    message: "contains blanks that the shell takes for letters",
  },
  { ranges: [[0xfffd, 0xfffd]], tier: "danger", message: "contains bytes that are not UTF-8" },
  { ranges: [[0xd800, 0xdfff]], tier: "danger", message: "contains half a character" },
];

/** Nothing is hidden in plain ASCII, the usual case. */
const PLAIN = /^[\t\n -~]*$/;
const BEFORE_JOINER = /\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f/u;

/** Every kind of hidden character in `text`, once. */
export function hiddenCharacters(text: string): readonly HiddenCharacters[] {
  if (PLAIN.test(text)) return [];
  const found = new Set<HiddenCharacters>();
  let before = "";
  let afterReturn = false;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (afterReturn && character !== "\n") found.add(LONE_RETURN);
    afterReturn = code === RETURN;
    if (afterReturn) found.add(RETURNS);
    if (code === JOINER && !BEFORE_JOINER.test(before)) found.add(LONE_JOINER);
    if (code < 0x20 || code > 0x7e) {
      const kind = KINDS.find(({ ranges }) => ranges.some(([first, last]) => code >= first && code <= last));
      if (kind !== undefined) found.add(kind);
    }
    before = character;
  }
  return [...found];
}

const LONE_RETURN: HiddenCharacters = {
  tier: "danger",
  message: "contains a carriage return, which overwrites what is shown before it",
};
const RETURNS: HiddenCharacters = { tier: "write", message: "contains carriage returns, which are part of words" };
const LONE_JOINER: HiddenCharacters = { tier: "write", message: "contains a joiner outside an emoji" };
