import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Json } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { lintRouteTable } from "#src/connector/lint.ts";
import { parseRouteTable } from "#src/connector/parse-table.ts";
import { SHIPPED_TABLES } from "#src/connector/registry.ts";
import { derived } from "./support.ts";

const ROUTE = {
  method: "POST",
  path: "/projects/{group}/{project}/issues",
  command: "/tracker/issues/create",
  resource: { type: "Tracker::Project", id: "{group}/{project}" },
  tier: "write",
  attributes: { group: "{group}" },
};
const TABLE = { id: "tracker", version: "2026.1", routes: [ROUTE], caseFold: ["group"], personal: ["query"] };

function parse(value: unknown) {
  return parseRouteTable(parseStrictJson(JSON.stringify(value)));
}

test("a table from outside parses, lints clean and derives", () => {
  const table = parse(TABLE);
  expect(lintRouteTable(table)).toEqual([]);
  const call = derived(table, "POST /projects/ACME/App/issues");
  expect([call.command, call.resource.id]).toEqual(["/tracker/issues/create", "acme/App"]);
  expect({ ...call.resource.attributes }).toEqual({ group: "acme" });
});

test.each([...SHIPPED_TABLES.values()].map((table) => [table.id, table] as const))(
  "the shipped table %s survives its own parser",
  (_, table) => {
    expect(parse(table)).toEqual(JSON.parse(JSON.stringify(table)));
  },
);

const route = (change: object) => ({ ...TABLE, routes: [{ ...ROUTE, ...change }] });
const BAD: readonly (readonly [place: string, value: unknown])[] = [
  ["table: an object", []],
  ["table: an object", null],
  ["`id`", { ...TABLE, id: "Tracker" }],
  ["`id`", { ...TABLE, id: "shell" }],
  ["`id`", { ...TABLE, id: "mcp" }],
  ["`id`", { version: "1", routes: [] }],
  ["`version`", { ...TABLE, version: 1 }],
  ["`extra`", { ...TABLE, extra: 1 }],
  ["`routes`", { ...TABLE, routes: {} }],
  ["`routes`", { ...TABLE, routes: Array(2001).fill(ROUTE) }],
  ["routes[0].`method`", route({ method: "HEAD" })],
  ["routes[0].`method`", route({ method: "post" })],
  ["routes[0].`tier`", route({ tier: "none" })],
  ["routes[0].`command`", route({ command: "/github/issues/create" })],
  ["routes[0].`command`", route({ command: "/tracker/Issues" })],
  ["routes[0].`command`", route({ command: "/tracker" })],
  ["routes[0].`body`", route({ body: {} })],
  ["routes[0].`resource`", route({ resource: undefined })],
  ["routes[0].resource.`type`", route({ resource: { type: "Project", id: "x" } })],
  ["routes[0].resource.`type`", route({ resource: { type: 'A::B" || true', id: "x" } })],
  ["routes[0].resource.`more`", route({ resource: { ...ROUTE.resource, more: 1 } })],
  ["routes[0].attributes", route({ attributes: 7 })],
  ["routes[0].attributes.`Big`", route({ attributes: { Big: "{group}" } })],
  ["routes[0].path", route({ path: "projects" })],
  ["routes[0].path", route({ path: "/a//b" })],
  ["routes[0].path", route({ path: "/a/../b" })],
  ["routes[0].path", route({ path: "/a/{x}{y}" })],
  ["routes[0].path", route({ path: "/a/{x}/{x}" })],
  ["routes[0].path", route({ path: "/a/{+x}/b" })],
  ["routes[0].path", route({ path: "/a/%2e" })],
  ["routes[0].path", route({ path: "/a/{__proto__}" })],
  ["routes[0].resource.id", route({ resource: { type: "A::B", id: "{group" } })],
  ["routes[0]: the resource id uses `{nowhere}`", route({ resource: { type: "A::B", id: "{nowhere}" } })],
  ["routes[0]: an attribute uses `{nowhere}`", route({ attributes: { a: "{nowhere}" } })],
  ["routes[0]: `group` is a path and a query parameter", route({ query: ["group"] })],
  ["`caseFold`", { ...TABLE, caseFold: ["Group!"] }],
  ["forms", { ...TABLE, forms: [] }],
  ["forms.`group`", { ...TABLE, forms: { group: "regex" } }],
  ["`trailingSlash`", { ...TABLE, trailingSlash: true }],
  ["`unlistedCommand`", { ...TABLE, unlistedCommand: "/github/{method}" }],
  ["`unlistedCommand`", { ...TABLE, unlistedCommand: "/tracker/any" }],
  ["aliases[0].`reason`", { ...TABLE, aliases: [{ path: "/x" }] }],
  ["refused[0].path", { ...TABLE, refused: [{ path: "x", reason: "no" }] }],
  ["bodyRouted[0].`tier`", { ...TABLE, bodyRouted: [{ path: "/x", tier: "read" }] }],
  ["bodyRouted[0].`lastSegment`", { ...TABLE, bodyRouted: [{ path: "/x", lastSegment: "x", tier: "danger" }] }],
];

test.each(BAD)("a fault is named at its place: %s", (place, value) => {
  let thrown: unknown;
  try {
    parse(value);
  } catch (error) {
    thrown = error;
  }
  expect(isWritError(thrown, "route_table_invalid")).toBe(true);
  expect((thrown as Error).message).toContain(place);
});

test("`__proto__` is an unknown field like any other", () => {
  expect(() =>
    parseRouteTable(parseStrictJson('{"id":"tracker","version":"1","routes":[],"__proto__":{"tier":"read"}}')),
  ).toThrow(/__proto__/);
  expect(() =>
    parseRouteTable(parseStrictJson('{"id":"tracker","version":"1","routes":[],"forms":{"__proto__":"number"}}')),
  ).toThrow(/__proto__/);
});

test("any JSON either parses or is refused with the one code", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        fc.jsonValue().map((routes) => ({ ...TABLE, routes })),
        fc.jsonValue().map((path) => route({ path })),
      ),
      (value) => {
        try {
          parseRouteTable(value as Json);
        } catch (error) {
          if (!isWritError(error, "route_table_invalid")) throw error;
        }
      },
    ),
    { numRuns: 500 },
  );
});
