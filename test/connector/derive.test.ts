import { expect, test } from "bun:test";
import fc from "fast-check";
import { deriveCall } from "#src/connector/derive.ts";
import { SHIPPED_TABLES } from "#src/connector/registry.ts";
import {
  actionGroups,
  CALL_METHODS,
  defaultTier,
  isCommand,
  type Route,
  type RouteTable,
  TIERS,
} from "#src/connector/table.ts";
import { CONNECTION, derive, derived, shipped } from "./support.ts";

function api(paths: readonly string[], more: Partial<RouteTable> = {}): RouteTable {
  const routes = paths.map(
    (path, index): Route => ({
      method: "GET",
      path,
      command: `/api/route/${index}`,
      resource: { type: "Api::Thing", id: `${path.replaceAll("{+", "{")}` },
      tier: "read",
    }),
  );
  return { id: "api", version: "1", routes, ...more };
}

const routeOf = (table: RouteTable, line: string) => derived(table, line).route;

test("literal text wins over a prefix, a prefix over a parameter, a parameter over the rest", () => {
  const table = api(["/{+rest}", "/{any}/x", "/a/x", "/@{scope}/x", "/@@{scope}/x"]);
  expect(routeOf(table, "GET /a/x")).toBe("GET /a/x");
  expect(routeOf(table, "GET /b/x")).toBe("GET /{any}/x");
  expect(routeOf(table, "GET /@b/x")).toBe("GET /@{scope}/x");
  expect(routeOf(table, "GET /@@b/x")).toBe("GET /@@{scope}/x");
  expect(routeOf(table, "GET /@/x")).toBe("GET /{any}/x");
  expect(routeOf(table, "GET /b/y")).toBe("GET /{+rest}");
});

test("a branch that leads nowhere gives way to a more general route", () => {
  const table = api(["/a/b/c", "/{x}/b/d", "/{x}/{+rest}"]);
  expect(routeOf(table, "GET /a/b/c")).toBe("GET /a/b/c");
  expect(routeOf(table, "GET /a/b/d")).toBe("GET /{x}/b/d");
  expect(routeOf(table, "GET /a/b/e")).toBe("GET /{x}/{+rest}");
});

test("another method does not hide a more general route, and HEAD is GET", () => {
  const table = api(["/a", "/{x}"]);
  const routes = table.routes.map((route, index) => (index === 0 ? { ...route, method: "POST" as const } : route));
  expect(routeOf({ ...table, routes }, "GET /a")).toBe("GET /{x}");
  expect(routeOf({ ...table, routes }, "HEAD /a")).toBe("GET /{x}");
});

test("a table with many crossing routes is searched in bounded time", () => {
  const names = Array.from({ length: 10 }, (_, bits) => bits);
  const paths = Array.from(
    { length: 1024 },
    (_, n) => `/${names.map((bit) => ((n >> bit) & 1 ? "a" : `{p${bit}}`)).join("/")}/end${n}`,
  );
  const table = api(paths);
  derived(table, "GET /x");
  const started = performance.now();
  for (let i = 0; i < 20; i += 1) derived(table, `GET ${"/a".repeat(10)}/nowhere`);
  expect((performance.now() - started) / 20).toBeLessThan(20);
});

test("a parameter that may hold `%2f` holds it, others do not, and the rest reads it as a slash", () => {
  const table = api(["/p/{package}", "/q/{other}", "/r/{+rest}", "/r/secret/{+rest}"], {
    encodedSlash: ["package", "rest"],
  });
  expect(derived(table, "GET /p/a%2fb").resource.id).toBe("/p/a/b");
  expect(derive(table, "GET /q/a%2fb")).toMatchObject({ form: "encoded_slash" });
  expect(derive(table, "GET /s/a%2fb")).toMatchObject({ form: "encoded_slash" });
  expect(routeOf(table, "GET /r/a%2fb")).toBe("GET /r/{+rest}");
  expect(routeOf(table, "GET /r/secret%2fb")).toBe("GET /r/secret/{+rest}");
  expect(derive(table, "GET /r%2fa/b")).toMatchObject({ form: "encoded_slash" });
});

test("a slash at the end is refused, or accepted and sent as it is", () => {
  expect(derive(api(["/a/{x}"]), "GET /a/b/")).toMatchObject({ form: "trailing_slash" });
  const call = derived(api(["/a/{x}"], { trailingSlash: "accept" }), "GET /a/b/?q=1");
  expect([call.route, call.resource.id, call.target]).toEqual(["GET /a/{x}", "/a/b", "/a/b/?q=1"]);
});

test("a body-routed path can be refused", () => {
  const table = api([], {
    bodyRouted: [
      { path: "/rpc", tier: "refuse" },
      { lastSegment: "batch", tier: "refuse" },
    ],
  });
  expect(derive(table, "POST /rpc")).toMatchObject({ code: "route_refused" });
  expect(derive(table, "POST /v1/Batch")).toMatchObject({ code: "route_refused" });
});

test.each(["CONNECT", "TRACE", "get", "PROPFIND", "", "GET ", "POST\r\nX: y", "__proto__"])(
  "the method %j is refused",
  (method) => {
    expect(deriveCall(shipped("http"), CONNECTION, { method, path: "/" })).toMatchObject({
      code: "method_not_allowed",
    });
  },
);

test("a connection whose name cannot stand in a command derives nothing unlisted", () => {
  const call = { method: "GET", path: "/" };
  expect(deriveCall(shipped("http"), { connectionId: "n", connectionName: "../x" }, call)).toMatchObject({
    code: "invalid_argument",
  });
  expect(deriveCall(shipped("http"), { connectionId: "n", connectionName: "a/danger" }, call)).not.toMatchObject({
    kind: "derived",
    command: "/http/a/get",
  });
});

test("action groups go from special to general and end with the tier", () => {
  expect(actionGroups("/github/issues/create", "write")).toEqual(["/github/issues", "/github", "tier:write"]);
  expect(actionGroups("/a/b", "danger")).toEqual(["/a", "tier:danger"]);
});

test("default tiers", () => {
  expect(CALL_METHODS.map((method) => `${method} ${defaultTier(method)}`)).toEqual([
    "GET read",
    "HEAD read",
    "POST write",
    "PUT write",
    "PATCH write",
    "DELETE danger",
    "OPTIONS write",
  ]);
});

const segment = fc.oneof(
  fc.constantFrom(
    "repos",
    "acme",
    "ACME",
    "app",
    "pulls",
    "7",
    "merge",
    "-",
    "@s",
    "%2f",
    "a%2Fb",
    "..",
    "%2e",
    "",
    "contents",
    ".github",
    "-rev",
    "graphql",
    "__proto__",
    "constructor",
  ),
  fc.string({ maxLength: 8 }),
);
const anyPath = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.array(segment, { maxLength: 8 }).map((all) => `/${all.join("/")}`),
);
const anyMethod = fc.oneof(fc.constantFrom(...CALL_METHODS), fc.string({ maxLength: 6 }));
const anyQuery = fc.oneof(
  fc.constant(""),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("ref=a", "ref=a&ref=b", "text=x", "_method=PUT"),
);

test.each([...SHIPPED_TABLES.values()].map((table) => [table.id, table] as const))(
  "%s: deriving is total and a refusal derives nothing",
  (_, table) => {
    fc.assert(
      fc.property(anyMethod, anyPath, anyQuery, (method, path, query) => {
        const result = deriveCall(table, CONNECTION, { method, path, query });
        expect(deriveCall(table, CONNECTION, { method, path, query })).toEqual(result);
        if (result.kind === "refused") {
          for (const key of Object.keys(result)) expect(["kind", "code", "message", "form"]).toContain(key);
          expect(result.message).not.toBe("");
          return;
        }
        expect(result.target).toBe(query === "" ? path : `${path}?${query}`);
        expect(isCommand(result.command)).toBe(true);
        expect(result.groups).toEqual(actionGroups(result.command, result.tier));
        expect(TIERS).toContain(result.tier);
        expect(result.resource.id).not.toBe("");
        expect(Object.getPrototypeOf(result.resource.attributes)).toBeNull();
      }),
      { numRuns: 1500 },
    );
  },
);

test("a plain parameter never swallows a slash", () => {
  const table = api(["/a/{one}/{two}", "/a/{one}"]);
  const named = table.routes.map((route) => ({ ...route, attributes: { one: "{one}" } }));
  fc.assert(
    fc.property(anyPath, (path) => {
      const result = deriveCall({ ...table, routes: named }, CONNECTION, { method: "GET", path: `/a${path}` });
      if (result.kind === "derived" && result.route !== undefined)
        expect(result.resource.attributes["one"]).not.toContain("/");
    }),
    { numRuns: 500 },
  );
});

test("two spellings of one GitHub repository derive one id, whatever the case", () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);
  const recase = (text: string, mask: number) =>
    [...text].map((c, i) => ((mask >> i) & 1 ? c.toUpperCase() : c.toLowerCase())).join("");
  fc.assert(
    fc.property(name, name, fc.nat(4095), fc.nat(4095), (owner, repo, a, b) => {
      const ids = [`${owner}/${repo}`, `${recase(owner, a)}/${recase(repo, b)}`].map(
        (full) => derived(shipped("github"), `GET /repos/${full}`).resource.id,
      );
      expect(ids[0]).toBe(ids[1] ?? "");
    }),
    { numRuns: 200 },
  );
});
