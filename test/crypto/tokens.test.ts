import { describe, expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { isId } from "#src/base/ids.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { issueToken, matchesTokenHash, parseToken, TOKEN_KINDS } from "#src/crypto/tokens.ts";

describe.each(TOKEN_KINDS)("%s", (kind) => {
  test("what is issued parses, matches its hash, and is not in it", () => {
    const issued = issueToken(kind, systemIdSource);
    const parsed = parseToken(issued.text);
    expect(issued.text).toStartWith(`writ_${kind}_`);
    expect(parsed).toEqual({ kind, id: issued.id, secret: issued.text.slice(-49, -6) });
    expect(isId("token", issued.id)).toBe(true);
    expect(matchesTokenHash(parsed!.secret, issued.hash)).toBe(true);
    expect(issued.hash).toHaveLength(32);
  });

  test("any one changed character fails the form or the checksum", () => {
    const { text } = issueToken(kind, systemIdSource);
    for (let at = 0; at < text.length; at += 1) {
      for (const character of ["0", "Z", "a", "_", "-", " ", "é"]) {
        if (text[at] === character) continue;
        expect(parseToken(text.slice(0, at) + character + text.slice(at + 1))).toBeUndefined();
      }
    }
  });

  test("any two neighbours swapped, one lost or one doubled fails", () => {
    const { text } = issueToken(kind, systemIdSource);
    for (let at = 0; at < text.length - 1; at += 1) {
      const [one = "", two = ""] = [text[at], text[at + 1]];
      if (one !== two) expect(parseToken(text.slice(0, at) + two + one + text.slice(at + 2))).toBeUndefined();
      expect(parseToken(text.slice(0, at) + text.slice(at + 1))).toBeUndefined();
      expect(parseToken(text.slice(0, at + 1) + text.slice(at))).toBeUndefined();
    }
  });
});

test("the checksum is CRC-32 in base 62, so that others can check it", () => {
  const { text } = issueToken("agent", systemIdSource);
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const value = [...text.slice(-6)].reduce((sum, character) => sum * 62 + alphabet.indexOf(character), 0);
  expect(value).toBe(crc32(text.slice(0, -6)));
});

test("a fixed source gives a fixed credential", () => {
  const source = { now: () => 0, random: (length: number) => new Uint8Array(length) };
  const { text } = issueToken("pdp", source);
  expect(text.slice(0, -6)).toBe(`writ_pdp_${"0".repeat(26)}_${"A".repeat(43)}`);
  expect(parseToken(text)).toBeDefined();
});

test("another kind's name in front is not that kind", () => {
  const { text } = issueToken("agent", systemIdSource);
  for (const kind of ["admin", "pdp", "device", "scim", "root", "__proto__", "AGENT"]) {
    expect(parseToken(text.replace("agent", kind))).toBeUndefined();
  }
});

test("text around it, line ends and other scripts' letters fail", () => {
  const { text } = issueToken("agent", systemIdSource);
  for (const hostile of [
    `${text}\n`,
    `\n${text}`,
    ` ${text}`,
    `${text} `,
    `Bearer ${text}`,
    text + text,
    `${text}\0`,
    "",
  ]) {
    expect(parseToken(hostile)).toBeUndefined();
  }
  expect(parseToken(text.replace("writ", "wr\u0456t"))).toBeUndefined();
});

test("arbitrary text never parses and never throws; a megabyte is answered at once", () => {
  fc.assert(fc.property(fc.string({ maxLength: 120 }), (text) => parseToken(text) === undefined));
  const start = performance.now();
  expect(parseToken(`writ_agent_${"0".repeat(1_000_000)}`)).toBeUndefined();
  expect(performance.now() - start).toBeLessThan(100);
});

test("a hash matches its own secret alone, and a hash of another length matches nothing", () => {
  const [one, two] = [issueToken("agent", systemIdSource), issueToken("agent", systemIdSource)];
  const secret = parseToken(one.text)!.secret;
  expect(matchesTokenHash(secret, two.hash)).toBe(false);
  expect(matchesTokenHash(`${secret} `, one.hash)).toBe(false);
  expect(matchesTokenHash("", one.hash)).toBe(false);
  for (const length of [0, 31, 33]) expect(matchesTokenHash(secret, new Uint8Array(length))).toBe(false);
  for (let bit = 0; bit < 256; bit += 1) {
    const changed = Uint8Array.from(one.hash);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(matchesTokenHash(secret, changed)).toBe(false);
  }
});
