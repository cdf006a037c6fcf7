import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { redactText } from "#src/redact/redact.ts";
import { createScanner } from "#src/redact/scanner.ts";
import { describeShared, sharedData } from "#test/support/shared-data.ts";
import { clean } from "./support.ts";

/**
 * How many of the 426 are reached. The rest are names of public buckets and shops, one ordinary word, and one name that
 * stands a second time in its text as part of another.
 */
const REACHED = 414;

describeShared("texts that contain a secret", () => {
  test("hold it no more", () => {
    const cases: { text_b64: string; secret_b64: string }[] = JSON.parse(
      readFileSync(sharedData("secrets/noseyparker.json"), "utf8"),
    );
    const reached = cases.filter(({ text_b64, secret_b64 }) => {
      const text = Buffer.from(text_b64, "base64");
      const secret = Buffer.from(secret_b64, "base64");
      expect(text.includes(secret)).toBe(true);
      return !clean(createScanner({ knownValues: [] }), [text]).includes(secret);
    });
    expect(cases.length).toBe(426);
    expect(reached.length).toBeGreaterThanOrEqual(REACHED);
  });
});

describe("well-known formats", () => {
  const token = `writ_agent_${"0123456789abcdefghjkmnpqrs"}_${"Ab3_".repeat(10)}xyz9Zk2Qa`;
  test.each([
    [`got ${token}.`, "got [redacted:writ-credential]."],
    [
      "GET / Authorization: Bearer ghp_XIxB7KMNdAr3zqWtQqhE94qglHqOzn1D1stg",
      "GET / Authorization: Bearer [redacted:github-token]",
    ],
    ["https://bob:hunter2@host/x", "https://[redacted:url-userinfo]@host/x"],
    ['{"password":"hunter22"}', '{"password":"[redacted:password]"}'],
    ['{"a":"{\\"password\\":\\"hunter22\\"}"}', '{"a":"{\\"password\\":\\"[redacted:password]\\"}"}'],
    ['{"password":"ab\\"cd12\\\\","x":1}', '{"password":"[redacted:password]\\\\","x":1}'],
    ["api_key = 951bc382db9abad29c68634761dd6e19", "api_key = [redacted:secret]"],
    ["x\\nghp_XIxB7KMNdAr3zqWtQqhE94qglHqOzn1D1stg", "x\\n[redacted:github-token]"],
    ["%22ghp_XIxB7KMNdAr3zqWtQqhE94qglHqOzn1D1stg%22", "%22[redacted:github-token]%22"],
    ["\\npm_TCllNwh2WLQlMWVhybM1iQrsTj6rMQ0BOh6d", "\\n[redacted:npm-token]"],
    ["gh\u200bp_XIxB7KMNdAr3zqWtQqhE94qglHqOzn1D1stg", "[redacted:github-token]"],
  ])("%p", (text, cleaned) => {
    expect(redactText(text).text).toBe(cleaned);
  });

  const long = "aB3$".repeat(900);
  test.each([
    ["password = 'ab\"cd12'; x", "password = '[redacted:password]'; x"],
    ["password = 'ab12zz\", cd'", "password = '[redacted:password]'"],
    [`password = "${'a1\\"'.repeat(30)}zz"`, 'password = "[redacted:password]"'],
    [`password = '${"a1\\'".repeat(30)}zz'`, "password = '[redacted:password]'"],
    [JSON.stringify({ x: `{"password":"a1\\"b2\\"c3d4"}` }), '{"x":"{\\"password\\":\\"[redacted:password]\\"}"}'],
    [`password = "${long}"`, 'password = "[redacted:password]"'],
    [`password=${long.replaceAll("$", "z")} x`, "password=[redacted:password] x"],
    [`{"a":"password='x1y2z3","b":"it's"}`, `{"a":"password='[redacted:password]","b":"it's"}`],
    [`password = "${"aB3$".repeat(1024)}tail"`, 'password = "[redacted:password]tail"'],
  ])("a password goes to its end: %p", (text, cleaned) => {
    expect(redactText(text).text).toBe(cleaned);
  });

  test("are counted", () => {
    const { findings } = redactText("https://a:bcd@x https://a:bcd@y \u200b AKIADEADBEEFDEADBEEF");
    expect(findings).toEqual(
      new Map([
        ["url-userinfo", 2],
        ["aws-access-key-id", 1],
        ["invisible", 1],
      ]),
    );
  });
});
