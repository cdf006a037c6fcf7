import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { methodsOf } from "#src/http/openapi.ts";
import type { Route } from "#src/http/route.ts";
import { allRoutes } from "#src/http/routes.ts";
import { createMetrics } from "#src/telemetry/metrics.ts";
import { type Browser, createBrowser, enrolOwner } from "#test/support/signed-in.ts";
import { type Edge, startEdge } from "./support.ts";

const ROUTES = allRoutes({ registry: createMetrics(), readiness: async () => [], openApi: () => "{}" });
const SAFE: readonly string[] = ["GET", "HEAD"];

let edge: Edge;
let owner: Browser;
beforeAll(async () => {
  edge = await startEdge();
  owner = await enrolOwner(edge);
});
afterAll(() => edge.stop());

/** Every unsafe way that a signed-in person could be made to use. */
const UNSAFE: readonly (readonly [method: string, route: Route])[] = ROUTES.filter(({ who }) =>
  who.includes("person"),
).flatMap((route) =>
  methodsOf(route)
    .filter((method) => !SAFE.includes(method))
    .map((method) => [method, route] as const),
);

const pathOf = ({ path }: Route): string => path.replace(/\{[a-z_]+…?\}/g, "absent");

/** What each of them answers to a person's request with these headers. */
async function answersTo(headers: Readonly<Record<string, string>>, routes = UNSAFE): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const [method, route] of routes) {
    const { status, json } = await owner.ask(method, pathOf(route), { headers, body: { no_such_field: 1 } });
    found.add(status === 403 && json.code === "csrf_refused" ? "refused" : `${method} ${route.path}: ${status}`);
  }
  return found;
}

describe("a forged request to any route that changes anything", () => {
  test("there are such routes", () => {
    expect(UNSAFE.length).toBeGreaterThan(40);
  });

  const forged: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["from another site", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    ["from another port of this host", { origin: "http://localhost:9999", "sec-fetch-site": "same-site" }],
    ["with an opaque origin", { origin: "null", "sec-fetch-site": "cross-site" }],
    ["whose headers contradict each other", { origin: "http://localhost:8620", "sec-fetch-site": "cross-site" }],
    ["from an address bar", { "sec-fetch-site": "none" }],
  ];
  for (const [name, headers] of forged) {
    test(`${name} is refused`, async () => {
      expect(await answersTo(headers)).toEqual(new Set(["refused"]));
    });
  }

  test("that says nothing of where it is from is refused", async () => {
    for (const [method, route] of UNSAFE) {
      const answer = await edge.ask(method, pathOf(route), {
        headers: {
          cookie: owner.cookie as string,
          "writ-csrf": owner.csrfToken as string,
          "writ-reauthentication": owner.proof as string,
          "user-agent": "Test/1.0",
        },
        body: { no_such_field: 1 },
      });
      expect([route.path, answer.status, answer.json.code]).toEqual([route.path, 403, "csrf_refused"]);
    }
  });

  test("without its session's token, or with that of another, is refused", async () => {
    const signedIn = UNSAFE.filter(([, { isFromPages }]) => isFromPages !== true);
    expect(signedIn.length).toBeGreaterThan(40);
    const another = createBrowser(edge, owner.authenticator);
    await another.signIn();
    for (const token of ["", "x", another.csrfToken as string, "é"]) {
      expect(await answersTo({ "writ-csrf": encodeURIComponent(token) }, signedIn)).toEqual(new Set(["refused"]));
    }
  });

  test("is no matter of tokens: they are not sent by browsers on their own", async () => {
    const { json } = await edge.operate("POST", "/v1/admin/tokens", { body: { kind: "admin" } });
    const headers = { origin: "https://evil.example", "sec-fetch-site": "cross-site" };
    const made = await edge.ask("POST", "/v1/admin/agents", { token: json.token, headers, body: { name: "by-token" } });
    expect(made.status).toBe(201);
  });
});

describe("what is sensitive", () => {
  const sensitive = UNSAFE.filter(([, { isSensitive }]) => isSensitive === true);
  const ask = async (headers: Readonly<Record<string, string>>): Promise<ReadonlySet<string>> => {
    const codes = new Set<string>();
    for (const [method, route] of sensitive) {
      const answer = await owner.ask(method, pathOf(route), { headers, body: { no_such_field: 1 } });
      codes.add(answer.json.code === "reauthentication_required" ? "asked" : `${method} ${route.path}`);
    }
    return codes;
  };

  test("is keys, tokens, connections, policies and people at least", () => {
    const paths = new Set(sensitive.map(([, { path }]) => /^\/v1\/admin\/([a-z-]+)/.exec(path)?.[1]));
    for (const resource of ["keys", "tokens", "connections", "policies", "people", "sessions"]) {
      expect(paths).toContain(resource);
    }
  });

  test("asks the passkey again, on each route, and takes no proof that is not this session's", async () => {
    const another = createBrowser(edge, owner.authenticator);
    await another.signIn();
    const [at = "", signature = ""] = (owner.proof as string).split(".");
    const later = `${Number(at) + 1}.${signature}`;
    for (const proof of ["", "x", another.proof as string, later, `${at}.`]) {
      expect(await ask({ "writ-reauthentication": proof })).toEqual(new Set(["asked"]));
    }
    expect((await owner.reauthenticate()).status).toBe(201);
    expect((await ask({})).has("asked")).toBe(false);
  });

  test("is no matter of tokens and of the host", async () => {
    expect((await edge.operate("POST", "/v1/admin/tokens", { body: { kind: "pdp" } })).status).toBe(201);
  });
});
