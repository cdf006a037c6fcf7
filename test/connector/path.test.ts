import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_PATH_BYTES, type PathForm, readPath } from "#src/connector/path.ts";

const HOSTILE: readonly (readonly [path: string, form: PathForm])[] = [
  ["", "not_rooted"],
  ["repos/acme", "not_rooted"],
  ["http://evil.example/x", "absolute_url"],
  ["HTTPS:/evil.example", "absolute_url"],
  ["javascript:x", "absolute_url"],
  ["@evil.example/x", "authority"],
  ["//evil.example/x", "authority"],
  ["//", "authority"],
  ["\\\\evil.example\\x", "backslash"],
  ["/\\evil.example", "backslash"],
  ["/a\\..\\b", "backslash"],
  ["/a%5cb", "backslash"],
  ["/a%5Cb", "backslash"],
  ["/.", "dot_segment"],
  ["/..", "dot_segment"],
  ["/a/../b", "dot_segment"],
  ["/a/./b", "dot_segment"],
  ["/a/...", "dot_segment"],
  ["/a/%2e%2e/b", "dot_segment"],
  ["/a/.%2E/b", "dot_segment"],
  ["/a/%2e/b", "dot_segment"],
  ["/a/..%20/b", "dot_segment"],
  ["/a/%20../b", "dot_segment"],
  ["/a/..%2fb", "dot_segment"],
  ["/a/x%2f..%2fb", "dot_segment"],
  ["/a//b", "empty_segment"],
  ["/a//", "empty_segment"],
  ["/a/%2f", "empty_segment"],
  ["/a/x%2f", "empty_segment"],
  ["/a/x%2f%2fb", "empty_segment"],
  ["/a/%252e%252e/b", "double_encoding"],
  ["/a/x%252fy", "double_encoding"],
  ["/a/%25%32%65", "encoded_unreserved"],
  ["/a/%2541", "double_encoding"],
  ["/repos/%61cme/app", "encoded_unreserved"],
  ["/repos/acme/%41pp", "encoded_unreserved"],
  ["/a/x%7Ey", "encoded_unreserved"],
  ["/a/x%2dy", "encoded_unreserved"],
  ["/a%00b", "control_character"],
  ["/a%0d%0aHost:x", "control_character"],
  ["/a%7f", "control_character"],
  ["/a%c2%85b", "control_character"],
  ["/a\u0000b", "control_character"],
  ["/a\r\nHost: x", "control_character"],
  ["/a b", "control_character"],
  ["/a\tb", "control_character"],
  ["/a#b", "fragment"],
  ["/a?b", "query_in_path"],
  ["/a;jsessionid=1/b", "path_parameter"],
  ["/a/..;/b", "path_parameter"],
  ["/a%3bx", "path_parameter"],
  ["/ä", "non_ascii"],
  ["/\u212A", "non_ascii"],
  ["/a%", "malformed_encoding"],
  ["/a%2", "malformed_encoding"],
  ["/a%zz", "malformed_encoding"],
  ["/a%u002e", "malformed_encoding"],
  ["/a%ff", "malformed_encoding"],
  ["/a%c0%af", "malformed_encoding"],
  ["/a%c0%ae%c0%ae/b", "malformed_encoding"],
  ["/a%ed%a0%80", "malformed_encoding"],
  ["/%20a", "edge_space"],
  ["/a%20", "edge_space"],
  ["/a%20%2fb", "edge_space"],
  ["/a%e2%80%aeb", "invisible_character"],
  ["/a%e2%80%8bb", "invisible_character"],
  ["/a%ef%bb%bfb", "invisible_character"],
  ["/a%cc%88", "not_normalized"],
  ["/%ef%bc%8e%ef%bc%8e/b", "compatibility_character"],
  ["/a%ef%bc%8fb", "compatibility_character"],
  ["/a%e2%84%80b", "compatibility_character"],
  ['/a"b', "unsafe_character"],
  ["/a<b", "unsafe_character"],
  ["/a{b}", "unsafe_character"],
  ["/a|b", "unsafe_character"],
  ["/a^b", "unsafe_character"],
  ["/a`b", "unsafe_character"],
  [`/${"a".repeat(MAX_PATH_BYTES)}`, "overlong"],
  ["/a".repeat(65), "overlong"],
];

describe("a path that two readers could read differently", () => {
  test.each(HOSTILE)("%j is refused as %s", (path, form) => {
    const read = readPath(path);
    expect(read.kind === "refused" ? read.form : read).toBe(form);
  });
});

const GOOD: readonly (readonly [path: string, segments: readonly string[], trailingSlash: boolean])[] = [
  ["/", [], false],
  ["/a", ["a"], false],
  ["/a/", ["a"], true],
  ["/@scope%2fname", ["@scope/name"], false],
  ["/@scope%2Fname", ["@scope/name"], false],
  ["/@scope/name", ["@scope", "name"], false],
  ["/a%20b/%C3%A9", ["a b", "é"], false],
  ["/100%25off", ["100%off"], false],
  ["/c%23/a%3fb", ["c#", "a?b"], false],
  ["/.github/..a/a..b/a.", [".github", "..a", "a..b", "a."], false],
  ["/a:b@c,d+e=f!$&'()*~", ["a:b@c,d+e=f!$&'()*~"], false],
  ["/%F0%9F%98%80", ["😀"], false],
];

test.each(GOOD)("%j reads as %j", (path, segments, trailingSlash) => {
  const read = readPath(path);
  if (read.kind === "refused") throw new Error(read.form);
  expect(read.segments.map(({ text }) => text)).toEqual([...segments]);
  expect(read.trailingSlash).toBe(trailingSlash);
});

const pieces = fc.constantFrom(
  "/",
  "%2f",
  "%2e",
  ".",
  "..",
  "%25",
  "%",
  "\\",
  ";",
  "a",
  "A",
  "é",
  "%c3%a9",
  " ",
  "%20",
  "@",
  ":",
  "\u0000",
  "%00",
  "#",
  "?",
);
const nasty = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.array(pieces, { maxLength: 12 }).map((all) => `/${all.join("")}`),
);

test("what is read is read by a URL parser as the same path, and decodes to the same segments", () => {
  fc.assert(
    fc.property(nasty, (path) => {
      const read = readPath(path);
      if (read.kind === "refused") return;
      expect(new URL(path, "http://host.example").pathname).toBe(path);
      expect(new URL(`http://host.example${path}`).host).toBe("host.example");
      const bare = read.trailingSlash ? path.slice(0, -1) : path;
      expect(read.segments.map(({ text }) => text)).toEqual(
        bare === "/" ? [] : bare.slice(1).split("/").map(decodeURIComponent),
      );
      for (const { text, slash } of read.segments) {
        expect(text.includes("/")).toBe(slash);
        for (const part of text.split("/")) expect(["", ".", ".."]).not.toContain(part);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a hostile path is read in linear time", () => {
  const started = performance.now();
  for (const unit of ["/a", "%2f", "%25", "/.", "a ", "%c3%a9", "ä"]) readPath(`/${unit.repeat(1_000_000)}`);
  for (const unit of ["%2fa", "%25a", "a.", "%c3%a9"]) readPath(`/${unit.repeat(600)}!`);
  expect(performance.now() - started).toBeLessThan(500);
});
