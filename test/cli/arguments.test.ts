import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Arguments, parseArguments } from "#src/cli/arguments.ts";
import type { Accepted } from "#src/cli/option.ts";
import { UsageError } from "#src/cli/usage-error.ts";

const COMMAND: Accepted = {
  positionals: [{ name: "NAME" }, { name: "REST", optional: true, many: true }],
  options: [
    { name: "url", value: "URL", help: "" },
    { name: "source", value: "CIDR", many: true, help: "" },
    { name: "auth", value: "KIND", choices: ["bearer", "none"], help: "" },
    { name: "deny", help: "" },
  ],
};

const parse = (...words: string[]): Arguments => parseArguments(COMMAND, words);

function usageError(...words: string[]): UsageError {
  try {
    parse(...words);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error("it was understood");
}

describe("a command line is taken apart", () => {
  test("options stand anywhere, with a space or an equals sign", () => {
    for (const words of [
      ["n", "--url", "u", "--deny"],
      ["--url=u", "n", "--deny"],
      ["--deny", "--url", "u", "--", "n"],
    ]) {
      const args = parse(...words);
      expect([args.at("NAME"), args.option("url"), args.has("deny"), args.has("json")]).toEqual([
        "n",
        "u",
        true,
        false,
      ]);
    }
  });

  test("a value may begin with a dash, hold an equals sign or be empty", () => {
    expect(parse("n", "--url", "--deny").option("url")).toBe("--deny");
    expect(parse("n", "--url=a=b").option("url")).toBe("a=b");
    expect(parse("n", "--url=").option("url")).toBe("");
  });

  test("what may be given again is a list in order", () => {
    expect(parse("n", "--source", "a", "--source=b").list("source")).toEqual(["a", "b"]);
    expect(parse("n").list("source")).toEqual([]);
  });

  test("a single dash is a place, and so is all that follows two", () => {
    expect(parse("-", "--", "--url", "--nope").allAt("REST")).toEqual(["--url", "--nope"]);
  });

  test("help is understood whatever is missing", () => {
    expect(parse("--help").has("help")).toBe(true);
    expect(parse("-h", "--url", "u").has("help")).toBe(true);
  });

  test("numbers and durations are read", () => {
    expect(parse("n", "--url", "30d").seconds("url")).toBe(30 * 86_400);
    expect(parse("n", "--url", "12").count("url", { min: 1, max: 12 })).toBe(12);
    expect(parse("n").count("url", { min: 1, max: 12 })).toBeUndefined();
    for (const text of ["0d", "d", "-1s", "1.5h", "30", "30D", "1e3s", "9".repeat(40)]) {
      expect(() => parse("n", `--url=${text}`).seconds("url")).toThrow(UsageError);
    }
    for (const text of ["0", "13", "01", "+1", "1.0", "0x1", " 1", "NaN", "9".repeat(30)]) {
      expect(() => parse("n", `--url=${text}`).count("url", { min: 1, max: 12 })).toThrow(UsageError);
    }
  });
});

describe("what is wrong is said", () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[], "NAME is missing"],
    [[""], "NAME is empty"],
    [["n", "--url"], "`--url` needs a value: URL"],
    [["n", "--url", "a", "--url", "b"], "`--url` is given twice"],
    [["n", "--deny=yes"], "`--deny` takes no value"],
    [["n", "--auth", "basic"], "`--auth` is one of bearer, none"],
    [["n", "-url", "a"], "there is no option `-url`"],
    [["n", "-x"], "there is no option `-x`"],
    [["n", "--__proto__", "a"], "there is no option `--__proto__`"],
    [["n", "--constructor=a"], "there is no option `--constructor`"],
  ];
  for (const [words, message] of cases) test(message, () => expect(usageError(...words).message).toBe(message));

  test("a near name is suggested, a far one is not", () => {
    expect(usageError("n", "--sorce=1").hint).toBe("did you mean `--source`?");
    expect(usageError("n", "--rul", "1").hint).toBe("did you mean `--url`?");
    expect(usageError("n", "--zzzzzzz").hint).toBeUndefined();
  });

  test("no value is repeated: it may be a secret in the wrong place", () => {
    const secret = "ghp_0123456789abcdef";
    for (const words of [
      ["n", `--deny=${secret}`],
      ["n", `--auth=${secret}`],
      ["n", `--nope=${secret}`],
      ["n", "--url", "u", "--url", secret],
    ]) {
      const { message, hint } = usageError(...words);
      expect(`${message} ${hint}`).not.toContain(secret);
    }
    const single = { positionals: [{ name: "NAME" }] };
    expect(() => parseArguments(single, ["n", secret])).toThrow(
      "there is more on the command line than this command takes",
    );
  });
});

describe("for any words", () => {
  test("the answer is arguments or a usage error of one line", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom("--url", "--", "-", "--deny", "--help"))), (words) => {
        try {
          parse(...words);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          expect((error as UsageError).message).not.toMatch(/\p{Cc}/u);
        }
      }),
    );
  });

  test("what is given after two dashes comes back as it was", () => {
    const word = fc.string({ minLength: 1 });
    fc.assert(
      fc.property(word, fc.array(word), fc.string(), (name, rest, url) => {
        fc.pre(!url.includes("\0"));
        const args = parse("--url", url, "--", name, ...rest);
        expect([args.at("NAME"), args.allAt("REST"), args.option("url")]).toEqual([name, rest, url]);
      }),
    );
  });
});
