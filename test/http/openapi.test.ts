import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { describeRoutes, methodsOf, openApiPath } from "#src/http/openapi.ts";
import { allRoutes } from "#src/http/routes.ts";
import { createMetrics } from "#src/telemetry/metrics.ts";
import { type Edge, startEdge } from "./support.ts";

const ROUTES = allRoutes({ registry: createMetrics(), readiness: async () => [], openApi: () => "{}" });

let edge: Edge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.stop());

describe("the description of the interface", () => {
  // biome-ignore lint/suspicious/noExplicitAny: a document of somebody else's shape
  const described = describeRoutes(ROUTES, "http://localhost:8620") as any;

  test("has every route that is registered but for the pages, and no other", () => {
    const registered = ROUTES.filter(({ isPage }) => isPage !== true).flatMap((route) =>
      methodsOf(route).map((method) => `${method} ${openApiPath(route.path)}`),
    );
    const written = Object.entries(described.paths).flatMap(([path, item]) =>
      Object.keys(item as object).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(written.sort()).toEqual(registered.sort());
    expect(new Set(registered).size).toBe(registered.length);
  });

  test("every path in it answers, with something else than `not_found` for the route itself", async () => {
    for (const [path, item] of Object.entries(described.paths)) {
      for (const method of Object.keys(item as object)) {
        const answer = await edge.ask(method.toUpperCase(), path.replace(/\{[a-z_]+\}/g, "absent"));
        expect([path, method, answer.status === 404 || answer.status === 405]).toEqual([path, method, false]);
      }
    }
  });

  test("names each operation once, and each parameter of its path", () => {
    const ids = new Set<string>();
    for (const [path, item] of Object.entries(described.paths)) {
      // biome-ignore lint/suspicious/noExplicitAny: as above
      for (const operation of Object.values(item as Record<string, any>)) {
        expect(ids.has(operation.operationId)).toBe(false);
        ids.add(operation.operationId);
        const named = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => name);
        // biome-ignore lint/suspicious/noExplicitAny: as above
        const listed = (operation.parameters ?? []).filter((p: any) => p.in === "path").map((p: any) => p.name);
        expect(listed).toEqual(named);
        expect(operation.summary).toBeString();
        expect(Object.keys(operation.responses).length).toBeGreaterThan(1);
      }
    }
  });

  test("is served", async () => {
    const { status, json, headers } = await edge.ask("GET", "/openapi.json");
    expect([status, headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(json.openapi).toBe("3.1.0");
    expect(Object.keys(json.paths).sort()).toEqual(Object.keys(described.paths).sort());
  });
});
