import { describe, expect, test } from "bun:test";
import type { Ipld } from "#src/ucan/ipld.ts";
import { parseSelector, selectValue } from "#src/ucan/selector.ts";
import { codeOf } from "./support.ts";

const unlimited = () => true;

describe("selectors", () => {
  const value = {
    foo: { bar: [10, 20, 30], "a b": 1, ".": 2, größe: 3 },
    list: [0, 1, 2, 3, 4],
    bytes: Uint8Array.of(0xd6, 0xa9, 0xc1, 0x8c),
    nil: null,
    text: "abc",
  };
  const select = (selector: string) => selectValue(parseSelector(selector), value, unlimited);

  test("find what they name", () => {
    const found: [string, unknown][] = [
      [".", value],
      [".foo.bar", [10, 20, 30]],
      ['.["foo"]["a b"]', 1],
      ['.foo["."]', 2],
      ['.foo.["a b"]', 1],
      [".foo.größe", 3],
      ['.["fo\\u006f"].bar[0]', 10],
      [".foo.bar[-1]", 30],
      [".foo.bar[2]", 30],
      [".list[1:3]", [1, 2]],
      [".list[3:]", [3, 4]],
      [".list[:2]", [0, 1]],
      [".list[0:-2]", [0, 1, 2]],
      [".list[9:]", []],
      [".list[]", [0, 1, 2, 3, 4]],
      [".foo.bar[][0]", 10],
      [".bytes[3]", 0x8c],
      [".bytes[1:3]", Uint8Array.of(0xa9, 0xc1)],
      [".nil", null],
      [".nope?", null],
      [".nope???", null],
      [".list[99]?", null],
      [".text.x?", null],
      [".nope?.deeper?", null],
    ];
    for (const [selector, expected] of found) expect(select(selector)).toEqual(expected as Ipld);
    expect(selectValue(parseSelector(".[]"), { a: 1, b: 2 }, unlimited)).toEqual([1, 2]);
  });

  test("find nothing where there is nothing, and an earlier failure is not healed by a later `?`", () => {
    for (const selector of [
      ".nope",
      ".foo.bar[3]",
      ".foo.bar[-4]",
      ".text[0]",
      ".text[0:1]",
      ".list.x",
      ".foo[0]",
      ".nil.x",
      ".nope.x?",
      ".nope?.x",
      ".text[]",
      ".bytes[]",
    ]) {
      expect(select(selector)).toBeUndefined();
    }
  });

  test("see own members only", () => {
    for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty", "length"]) {
      expect(select(`.${key}`)).toBeUndefined();
      expect(select(`.list["${key}"]`)).toBeUndefined();
    }
  });

  test("are refused in any other form", () => {
    const malformed = [
      "",
      "foo",
      "..",
      "...",
      ".foo..bar",
      ".foo.",
      "..foo",
      '["foo"]',
      "[0]",
      ".[",
      ".]",
      ".[a]",
      ".[1.5]",
      ".[01]",
      ".[-0]",
      ".[:]",
      ".[1:2:3]",
      ".[ 0]",
      ".['a']",
      '.["a]',
      '.["\\x"]',
      ".foo-bar",
      ".foo bar",
      ".?foo",
      "?",
      ".foo[0",
      ".foo|.bar",
      `.${"a".repeat(600)}`,
      ".a".repeat(40),
      ".[99999999999]",
      null,
      1,
      [],
    ];
    for (const selector of malformed)
      expect(`${String(selector).slice(0, 20)} ${codeOf(() => parseSelector(selector))}`).toEndWith(" writ_invalid");
  });
});
