import { expect, test } from "bun:test";
import { lintRouteTable } from "#src/connector/lint.ts";
import type { LintCode } from "#src/connector/lint-finding.ts";
import { SHIPPED_TABLES } from "#src/connector/registry.ts";
import { GITHUB_TABLE } from "#src/connector/shipped/github.ts";
import { HTTP_TABLE } from "#src/connector/shipped/http.ts";
import type { Route, RouteTable, Tier } from "#src/connector/table.ts";

const ROUTE: Route = {
  method: "GET",
  path: "/things/{thing}",
  command: "/api/things/get",
  resource: { type: "Api::Thing", id: "{thing}" },
  tier: "read",
};

function table(routes: readonly Partial<Route>[], more: Partial<RouteTable> = {}): RouteTable {
  return { id: "api", version: "1", routes: routes.map((route) => ({ ...ROUTE, ...route })), ...more };
}

function codes(linted: RouteTable, shipped?: RouteTable): LintCode[] {
  return lintRouteTable(linted, shipped).map(({ code }) => code);
}

test.each([...SHIPPED_TABLES.values()].map((shipped) => [shipped.id, shipped] as const))(
  "the shipped table %s is clean",
  (_, shipped) => {
    expect(lintRouteTable(shipped, shipped)).toEqual([]);
  },
);

const FAULTS: readonly (readonly [code: LintCode, table: RouteTable])[] = [
  ["shadowed_route", table([{}, { path: "/things/{other}", resource: { type: "Api::Thing", id: "{other}" } }])],
  ["shadowed_route", table([{}], { refused: [{ path: "/things/{any}", reason: "no" }] })],
  ["shadowed_route", table([{}], { aliases: [{ path: "/things/{any}", reason: "no" }] })],
  ["shadowed_route", table([{}], { bodyRouted: [{ path: "/things/{any}", tier: "danger" }] })],
  ["unused_parameter", table([{ path: "/x/{unused}/{thing}" }])],
  ["unused_parameter", table([{ query: ["q"] }])],
  ["unknown_parameter", table([{ resource: { type: "Api::Thing", id: "{thing}/{nowhere}" } }])],
  ["unknown_parameter", table([{ attributes: { a: "{nowhere}" } }])],
  ["malformed_command", table([{ command: "/api/Things" }])],
  ["malformed_command", table([{ command: "api/things" }])],
  ["malformed_command", table([{ command: "/api/things/" }])],
  ["malformed_command", table([{ command: "/other/things/get" }])],
  ["unknown_tier", table([{ tier: "harmless" as Tier }])],
  ["command_tier_conflict", table([{}, { method: "POST", tier: "danger" }])],
  ["command_tier_conflict", table([{ command: "/api/other/get", tier: "danger" }])],
  [
    "resource_without_parameter",
    table([{ resource: { type: "Api::Thing", id: "one" }, attributes: { thing: "{thing}" } }]),
  ],
  ["case_fold_unknown_parameter", table([{}], { caseFold: ["thign"] })],
  ["encoded_slash_unknown_parameter", table([{}], { encodedSlash: ["thign"] })],
  ["form_unknown_parameter", table([{}], { forms: { thign: "number" } })],
  ["personal_unknown_name", table([{}], { personal: ["thign"] })],
  ["personal_unknown_name", table([{ personal: ["thign"] }])],
  ["name_clash", table([{ query: ["thing"] }])],
  ["malformed_route", table([{ path: "/a/{+rest}/b" }])],
];

test.each(FAULTS)("lint finds %s", (code, faulty) => {
  expect(codes(faulty)).toContain(code);
});

test("a table without faults has no findings", () => {
  expect(
    codes(
      table(
        [
          {},
          { path: "/things/special", command: "/api/things/special", resource: { type: "Api::Thing", id: "special" } },
        ],
        { caseFold: ["thing"] },
      ),
    ),
  ).toEqual([]);
});

/** The shipped GitHub table with one thing changed. */
function github(change: Partial<RouteTable>, routes = GITHUB_TABLE.routes): RouteTable {
  return { ...GITHUB_TABLE, routes, ...change };
}

const MERGE = "/repos/{owner}/{repo}/pulls/{pull_number}/merge";
const extra = (route: Partial<Route>): Route => ({
  method: "PUT",
  path: MERGE,
  command: "/github/mine/merge",
  resource: { type: "GitHub::Repository", id: "{owner}/{repo}" },
  tier: "write",
  ...route,
});

test.each([
  [
    "the same route with a lower tier",
    github(
      {},
      GITHUB_TABLE.routes.map((route) =>
        route.path === MERGE && route.method === "PUT" ? { ...route, tier: "write" as const } : route,
      ),
    ),
  ],
  [
    "a more special route under it",
    github({}, [...GITHUB_TABLE.routes, extra({ path: "/repos/acme/{repo}/pulls/{pull_number}/merge" })]),
  ],
  [
    "a literal number in it",
    github({}, [...GITHUB_TABLE.routes, extra({ path: "/repos/{owner}/{repo}/pulls/7/merge" })]),
  ],
  [
    "a prefix in it",
    github({}, [...GITHUB_TABLE.routes, extra({ path: "/repos/{owner}/x{repo}/pulls/{pull_number}/merge" })]),
  ],
  [
    "the route and its nets left out",
    github(
      {},
      GITHUB_TABLE.routes.filter(({ method }) => method === "GET"),
    ),
  ],
  ["a route of its own on a refused path", github({ refused: [] })],
  ["the aliases left out", github({ aliases: [] })],
  ["body routing left out", github({ bodyRouted: [] })],
])("a tenant's table cannot lower a shipped tier: %s", (_, lowered) => {
  expect(codes(lowered, GITHUB_TABLE)).toContain("tier_lowered");
});

test("a tenant's table may raise tiers and add routes", () => {
  const raised = GITHUB_TABLE.routes.map((route) => ({ ...route, tier: "danger" as const }));
  expect(codes(github({}, raised), GITHUB_TABLE)).not.toContain("tier_lowered");
  const more = extra({
    method: "GET",
    path: "/repos/{owner}/{repo}/traffic/views",
    tier: "read",
    command: "/github/traffic/views",
  });
  expect(codes(github({}, [...GITHUB_TABLE.routes, more]), GITHUB_TABLE)).not.toContain("tier_lowered");
});

test("against the http table nothing is below the default of its method", () => {
  const floor = { ...HTTP_TABLE, bodyRouted: [] };
  expect(codes(table([{ method: "DELETE", tier: "write", command: "/api/things/delete" }]), floor)).toContain(
    "tier_lowered",
  );
  expect(codes(table([{ method: "POST", tier: "read", command: "/api/things/ask" }]), floor)).toContain("tier_lowered");
  expect(codes(table([{}]), floor)).toEqual([]);
  expect(codes(table([{}]), HTTP_TABLE)).toContain("tier_lowered");
});
