import { expect, test } from "bun:test";
import { MAX_QUERY_BYTES, type PathForm } from "#src/connector/path.ts";
import {
  checkQuery,
  METHOD_OVERRIDE_HEADERS,
  METHOD_OVERRIDE_PARAMETERS,
  readQueryParameters,
} from "#src/connector/query.ts";

const REFUSED: readonly (readonly [query: string, form: PathForm])[] = [
  ["?a=b", "ambiguous_query"],
  ["a=b#c", "fragment"],
  ["a=b c", "control_character"],
  ["a=b\r\nX: y", "control_character"],
  ["a=%00", "control_character"],
  ["a=ä", "non_ascii"],
  ["a=\\x", "backslash"],
  ["a='x'", "unsafe_character"],
  ['a="x"', "unsafe_character"],
  ["a=%", "malformed_encoding"],
  ["%ff=1", "malformed_encoding"],
  ["_method=DELETE", "method_override"],
  ["a=1&_METHOD=delete", "method_override"],
  ["a=1;_method=DELETE", "method_override"],
  ["%5fmethod=DELETE", "method_override"],
  ["_method[]=DELETE", "method_override"],
  ["X-HTTP-Method-Override=PUT", "method_override"],
  ["$httpMethod=DELETE", "method_override"],
  ["a".repeat(MAX_QUERY_BYTES + 1), "overlong"],
];

test.each(REFUSED)("the query %j is refused as %s", (query, form) => {
  expect(checkQuery(query)?.form).toBe(form);
});

test.each(["", "a=b", "a=b&a=c", "filter[name]=x", "q=a+b%20c", "url=http://x.example/y?z", "a=%0a", "flag"])(
  "the query %j may be sent",
  (query) => {
    expect(checkQuery(query)).toBeUndefined();
  },
);

test.each([
  "ref=a&ref=b",
  "ref[]=a",
  "REF=a",
  "ref=a&Ref=b",
  "%72ef=a",
  "ref=a;x=b",
  "ref=a+b",
  "+ref=a",
  "ref[0]=a",
  "ref.x=a",
  "ref%20=a",
])("the parameter `ref` in %j is ambiguous", (query) => {
  expect(checkQuery(query)).toBeUndefined();
  expect(readQueryParameters(query, ["ref"])).toMatchObject({ kind: "refused", form: "ambiguous_query" });
});

test("a listed parameter is decoded once, others are not looked at", () => {
  expect(readQueryParameters("x=1&x=2&ref=a%2Fb&y=c+d", ["ref"])).toEqual(new Map([["ref", "a/b"]]));
  expect(readQueryParameters("ref=", ["ref"])).toEqual(new Map([["ref", ""]]));
  expect(readQueryParameters("ref", ["ref"])).toEqual(new Map([["ref", ""]]));
  expect(readQueryParameters("x=1", ["ref"])).toEqual(new Map());
  expect(readQueryParameters("ref=%252e", ["ref"])).toMatchObject({ form: "double_encoding" });
});

test("the lists of method overrides are in lower case", () => {
  for (const name of [...METHOD_OVERRIDE_HEADERS, ...METHOD_OVERRIDE_PARAMETERS]) expect(name).toBe(name.toLowerCase());
  expect(METHOD_OVERRIDE_HEADERS).toContain("x-http-method-override");
});
