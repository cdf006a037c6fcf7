import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { ErrorCode } from "#src/base/error-codes.ts";
import { isWritError } from "#src/base/errors.ts";
import { parseStrictJson, parseStrictJsonInSteps } from "#src/base/strict-json.ts";
import { describeShared, sharedData } from "#test/support/shared-data.ts";

/** The error code of a text, or undefined where it parses. Any other error is a failure. */
function codeOf(text: string, maxDepth = 64): ErrorCode | undefined {
  try {
    parseStrictJson(text, { maxDepth });
    return undefined;
  } catch (error) {
    if (isWritError(error)) return error.code;
    throw error;
  }
}

describe("integers", () => {
  test.each([
    "9007199254740991",
    "9007199254740992",
    "-9007199254740991",
    "-9007199254740992",
    "9007199254740991.0",
    "9.007199254740991e15",
    "9007199254740991e0",
    "90071992547409910e-1",
    "0",
    "-0",
    "0e5",
    "1e3",
    "1.5",
    "5e-324",
    "1e-400",
    "0.1",
  ])("%s is taken as JSON.parse takes it", (text) => {
    expect(Object.is(parseStrictJson(text), JSON.parse(text))).toBe(true);
  });

  test.each([
    "9007199254740993",
    "-9007199254740993",
    "9007199254740994",
    "9007199254740993.0",
    "9.007199254740993e15",
    "9.007199254740993E+15",
    "90071992547409930e-1",
    "900719925474099.3e1",
    "9007199254740992.5",
    "18446744073709551615",
    "1e400",
    "-1e400",
    "1e16",
    "1e22",
    `1${"0".repeat(5000)}`,
  ])("%s is out of range", (text) => {
    expect(codeOf(text)).toBe("integer_out_of_range");
    expect(codeOf(`{"a":[${text}]}`)).toBe("integer_out_of_range");
  });
});

describe("objects", () => {
  test("the same key twice is refused, however it is spelt and wherever it stands", () => {
    for (const text of [
      '{"a":1,"a":1}',
      '{"a":1,"b":2,"a":3}',
      '{"a":1,"\\u0061":2}',
      '{"":1,"":2}',
      '{"__proto__":1,"__proto__":2}',
      '{"toString":1,"toString":2}',
      '[{"x":{"k":1,"k":2}}]',
      '{"\\ud83d\\ude00":1,"\u{1f600}":2}',
    ]) {
      expect(codeOf(text)).toBe("json_duplicate_key");
    }
  });

  test("keys that only look alike are two keys", () => {
    for (const text of ['{"a":1,"A":2}', '{"é":1,"e\u0301":2}', '{"a":{"a":1}}', '[{"a":1},{"a":2}]']) {
      expect(codeOf(text)).toBeUndefined();
    }
  });

  test("`__proto__` and its like are plain members", () => {
    const value = parseStrictJson('{"__proto__":{"admin":true},"constructor":1,"hasOwnProperty":2}') as object;
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value)).toEqual(["__proto__", "constructor", "hasOwnProperty"]);
    expect("admin" in value).toBe(false);
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
  });

  test("a duplicate key that is very long does not fill the message", () => {
    const key = "k".repeat(100_000);
    try {
      parseStrictJson(`{"${key}":1,"${key}":2}`);
      throw new Error("it was accepted");
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(200);
    }
  });
});

describe("nesting", () => {
  test.each([
    ["arrays", "[", "]"],
    ["objects", '{"a":', "}"],
  ])("64 levels of %s are taken, 65 and 10,000 are not", (_name, open, close) => {
    const nest = (depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;
    expect(codeOf(nest(64))).toBeUndefined();
    expect(codeOf(nest(65))).toBe("json_too_deep");
    expect(codeOf(nest(10_000))).toBe("json_too_deep");
    expect(codeOf(open.repeat(100_000))).toBe("json_too_deep");
  });
});

describe("strings", () => {
  test.each([
    '"\\ud800"',
    '"\\udc00"',
    '"\\ude00\\ud83d"',
    '"\ud800"',
    '"x\\ud83dx"',
    '{"\\udfff":1}',
    '"\\ud83d\\ud83d\\ude00"',
  ])("%j has half a pair", (text) => {
    expect(codeOf(text)).toBe("json_lone_surrogate");
  });

  test("a pair is taken in any spelling", () => {
    for (const text of ['"\\ud83d\\ude00"', '"\u{1f600}"', '"\\uD83D\\uDE00"', '"\ud83d\\ude00"']) {
      expect(parseStrictJson(text)).toBe("\u{1f600}");
    }
  });

  test.each([
    '"\\x41"',
    '"\\u00 1"',
    '"\\u+041"',
    '"\\u004"',
    '"\\',
    '"a',
    '"\n"',
    '"\u0000"',
    '"\t"',
    "'a'",
    '"\\\'"',
    '"\\U0041"',
  ])("%j is malformed", (text) => {
    expect(codeOf(text)).toBe("body_not_json");
  });

  test("DEL and the controls above it stand for themselves", () => {
    expect(parseStrictJson('"\u007f\u0080\u2028\ufeff\uffff"')).toBe("\u007f\u0080\u2028\ufeff\uffff");
  });
});

describe("what is not one JSON value", () => {
  test.each([
    "",
    " ",
    "\ufeff1",
    "\u00a01",
    "1 2",
    "{}{}",
    "[1,]",
    "{,}",
    '{"a":1,}',
    '{"a"}',
    "{a:1}",
    "[",
    "]",
    "01",
    "-01",
    "+1",
    ".5",
    "5.",
    "1e",
    "1e+",
    "--1",
    "-",
    "0x10",
    "NaN",
    "Infinity",
    "-Infinity",
    "undefined",
    "True",
    "nul",
    "nulll",
    "// x\n1",
    "/**/1",
    "1_000",
    "[1 2]",
    '{"a" 1}',
    '{"a":1 "b":2}',
    "1n",
    "\u0661",
    "[1\u000b]",
    "1\f",
    "[,1]",
    "{1:2}",
  ])("%j", (text) => {
    expect(codeOf(text)).toBe("body_not_json");
    expect(() => JSON.parse(text)).toThrow();
  });
});

test("on everything that it accepts it agrees with JSON.parse, and it accepts nothing that JSON.parse does not", () => {
  const token = fc.constantFrom(
    ...'{}[]:,"\\/ \t\n\r0123456789-+.eEtrufalsn'.split(""),
    "\\u00e9",
    "null",
    '"a"',
    '"b":',
    "1e5",
  );
  const nearJson = fc.array(token, { maxLength: 24 }).map((parts) => parts.join(""));
  const mutated = fc
    .tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.constantFrom("", '"', "\\", ",", "0", "}", "\u0000"))
    .map(([text, at, insert]) => {
      const index = at % (text.length + 1);
      return text.slice(0, index) + insert + text.slice(index + (insert === "" ? 1 : 0));
    });
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof(fc.json({ maxDepth: 6 }), nearJson, mutated, fc.string()), (text) => {
      if (codeOf(text) !== undefined) return;
      accepted += 1;
      expect(JSON.stringify(parseStrictJson(text))).toBe(JSON.stringify(JSON.parse(text)));
    }),
    { numRuns: 6000 },
  );
  expect(accepted).toBeGreaterThan(1000);
});

test("what JSON.parse takes and it does not is refused for a stated reason", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6, stringUnit: "binary" }), (text) => {
      const code = codeOf(text);
      // fast-check's JSON has integers beyond 2^53 and keys that repeat; it is never malformed.
      expect([undefined, "integer_out_of_range", "json_duplicate_key", "json_lone_surrogate"]).toContain(code);
    }),
    { numRuns: 1000 },
  );
});

describe("in steps", () => {
  let steps = 0;
  const breathe = async (): Promise<void> => {
    steps += 1;
  };
  /** What comes of a text, or the code it is refused with. */
  const both = async (text: string) => {
    const outcome = (value: unknown) => (isWritError(value) ? value.code : value);
    let whole: unknown;
    try {
      whole = parseStrictJson(text);
    } catch (error) {
      whole = outcome(error);
    }
    const inSteps = await parseStrictJsonInSteps(text, breathe).catch(outcome);
    return { whole, inSteps };
  };

  test("long strings are the same, wherever an escape or a pair stands", async () => {
    const unit = fc.constantFrom("a", "\\n", "\\\\", '\\"', "\\u00e9", "\\ud83d\\ude00", "é", "😀", "\\/", "{", ":");
    const content = fc
      .tuple(fc.array(unit, { minLength: 1, maxLength: 12 }), fc.nat(7))
      .map(([units, shift]) => "x".repeat(shift) + units.join("").repeat(Math.ceil(300_000 / units.join("").length)));
    await fc.assert(
      fc.asyncProperty(content, content, async (a, b) => {
        const { whole, inSteps } = await both(`{"a": "${a}", "list": [1, "${b}", {"b": "short"}]}`);
        expect(typeof whole).toBe("object");
        expect(inSteps).toEqual(whole as never);
      }),
      { numRuns: 15 },
    );
    expect(steps).toBeGreaterThan(100);
  });

  test("what is refused is refused the same", async () => {
    const long = "x".repeat(300_000);
    for (const text of [
      `{"a": "${long}`,
      `{"a": "${long}\n"}`,
      `{"a": "${long}\\u12"}`,
      `{"a": "${long}\\ud800"}`,
      `{"a": "${long}\\"}`,
      `{"a": "${long}", "a": "${long}"}`,
      `{"${long}": "${long}"`,
      `"${long}" "${long}"`,
      `x"${long}"`,
      `{"a": "${"\\".repeat(300_001)}"}`,
    ]) {
      const { whole, inSteps } = await both(text);
      expect(typeof whole).toBe("string");
      expect(inSteps).toBe(whole as string);
    }
  });
});

describeShared("the list of naughty strings", () => {
  const strings = JSON.parse(readFileSync(sharedData("text/blns.json"), "utf8")) as string[];

  test("each survives as a value and as a key", () => {
    expect(strings).toHaveLength(515);
    for (const text of strings) {
      expect(parseStrictJson(JSON.stringify(text))).toBe(text);
      const object = parseStrictJson(JSON.stringify([[text, 1]]).replace(/^\[\[(.*),1\]\]$/s, "{$1:1}")) as object;
      expect(Object.keys(object)).toEqual([text]);
    }
  });

  test("each, taken as a document, is parsed as JSON.parse does or refused", () => {
    for (const text of strings) {
      if (codeOf(text) === undefined) expect(parseStrictJson(text)).toEqual(JSON.parse(text));
    }
  });
});

test("a string of escapes alone is read about as fast as any other", () => {
  const value = '\n"\\'.repeat(500_000);
  const text = JSON.stringify([value, "after"]);
  const start = performance.now();
  expect(parseStrictJson(text)).toEqual([value, "after"]);
  expect(performance.now() - start).toBeLessThan(150);
});

test("quotes behind backslashes end a string where they are not escaped", () => {
  for (const value of ["\\", "\\\\", '"', '\\"', '"\\', 'a\\"\\\\"b', "\u0000\u001f", "😀"]) {
    expect(parseStrictJson(JSON.stringify({ [value]: [value, ""] }))).toEqual({ [value]: [value, ""] });
  }
  for (const text of ['"\\', '"\\"', '"\\\\\\"', '"\\x"', '"\\u12g4"', '"a\nb\\n"', '"\\u12"', '["\\n]', '{"\\":1}']) {
    expect(() => parseStrictJson(text)).toThrow(expect.objectContaining({ code: "body_not_json" }));
  }
});
