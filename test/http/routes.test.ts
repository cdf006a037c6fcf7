import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { methodsOf } from "#src/http/openapi.ts";
import type { Route } from "#src/http/route.ts";
import { allRoutes } from "#src/http/routes.ts";
import { createMetrics } from "#src/telemetry/metrics.ts";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

const GOLDEN = `${import.meta.dir}/../golden/routes.json`;
const ROUTES = allRoutes({ registry: createMetrics(), readiness: async () => [], openApi: () => "{}" });
const CALLERS = ["anonymous", "agent", "admin", "pdp", "operator"] as const;
/** Answers that say: not you. Any other one says that the route was entered. */
const REFUSALS: readonly (readonly [number, string])[] = [
  [401, "unauthenticated"],
  [403, "forbidden"],
];

let edge: Edge;
let home: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
});
afterAll(() => edge.stop());

/** A path that names nothing, so that nothing is done by trying. */
function pathOf(route: Route): string {
  return route.path.replace(/\{path…\}/, "absent/x").replace(/\{[a-z_]+\}/g, "absent");
}

async function mayEnter(route: Route, method: string, caller: (typeof CALLERS)[number]): Promise<boolean> {
  const path = pathOf(route);
  // A body that no shape takes: what is entered stops there.
  const body = method === "GET" || method === "HEAD" ? {} : { body: { no_such_field: 1 } };
  const token = { agent: home.key, admin: home.admin, pdp: home.pdp }[caller as "agent"];
  const answer =
    caller === "operator"
      ? await edge.operate(method, path, body)
      : await edge.ask(method, path, { ...body, ...(token === undefined ? {} : { token }) });
  // An answer to HEAD has no body to say more.
  return !REFUSALS.some(([status, code]) => answer.status === status && (answer.json?.code ?? code) === code);
}

describe("who may do what", () => {
  test("is as the golden file has it, on every route", async () => {
    const found: Record<string, readonly string[]> = {};
    for (const route of ROUTES) {
      for (const method of methodsOf(route)) {
        const allowed: string[] = [];
        for (const caller of CALLERS) if (await mayEnter(route, method, caller)) allowed.push(caller);
        found[`${method} ${route.path}`] = allowed;
      }
    }
    if (process.env["UPDATE_GOLDEN"] === "1") await Bun.write(GOLDEN, `${JSON.stringify(found, null, 2)}\n`);
    expect(found).toEqual(await Bun.file(GOLDEN).json());
  });

  test("every route says so itself, and in the same way", async () => {
    const golden = (await Bun.file(GOLDEN).json()) as Record<string, readonly string[]>;
    for (const route of ROUTES) {
      const declared = route.who.filter((role) => role !== "writ" && role !== "anyone");
      for (const method of methodsOf(route)) {
        const allowed = golden[`${method} ${route.path}`] ?? [];
        if (route.who.includes("anyone")) expect(allowed).toContain("anonymous");
        else expect(allowed.toSorted()).toEqual(declared.toSorted());
      }
    }
  });

  test("a writ opens the proxy and nothing else", async () => {
    const asked = await edge.ask("POST", "/v1/authorize", {
      token: home.key,
      body: { command: "/http/api/get", resource: { type: "Http::Endpoint", id: "x" } },
    });
    for (const route of ROUTES) {
      if (route.who.includes("anyone") || route.who.includes("writ")) continue;
      const [method = "GET"] = methodsOf(route);
      const answer = await edge.ask(method, pathOf(route), { token: asked.json.writ });
      expect([route.path, answer.status]).toEqual([route.path, 401]);
    }
    expect((await edge.ask("GET", "/v1/proxy/api/x", { token: asked.json.writ })).json.code).toBe("writ_mismatch");
  });
});
