import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { commandCovers, isCommand, parseCommand } from "#src/ucan/command.ts";
import { codeOf } from "./support.ts";

const segment = fc.stringMatching(/^[a-z0-9_.-]{1,8}$/);
const command = fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join("/")}`);

describe("commands", () => {
  test("well-formed ones", () => {
    for (const text of ["/", "/a", "/github/issues/create", "/mcp/my-server/tool_1", "/größe"])
      expect(isCommand(text)).toBe(true);
  });

  test("malformed ones", () => {
    const malformed = [
      "",
      "a",
      "a/b",
      "/a/",
      "//",
      "//a",
      "/a//b",
      "/A",
      "/a/B",
      "/a b",
      "/a\n",
      "/a\u0000",
      "/\ud800",
      `/${"a".repeat(600)}`,
    ];
    for (const text of malformed) {
      expect(isCommand(text)).toBe(false);
      expect(codeOf(() => parseCommand(text))).toBe("writ_invalid");
    }
    expect(isCommand(null)).toBe(false);
  });

  test("cover whole segments only", () => {
    expect(commandCovers("/foo", "/foo/bar")).toBe(true);
    expect(commandCovers("/foo", "/foo")).toBe(true);
    expect(commandCovers("/", "/foo")).toBe(true);
    expect(commandCovers("/foo", "/foobar")).toBe(false);
    expect(commandCovers("/foo/bar", "/foo")).toBe(false);
    expect(commandCovers("/foo", "/")).toBe(false);
  });

  test("covering is a prefix of segments, for any two commands", () => {
    const segments = (text: string) => text.split("/").filter((part) => part !== "");
    fc.assert(
      fc.property(command, command, (a, b) => {
        const expected = segments(a).every((part, i) => segments(b)[i] === part);
        expect(commandCovers(a, b)).toBe(expected);
      }),
    );
  });
});
