import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { methodsOf } from "#src/http/openapi.ts";
import type { Route } from "#src/http/route.ts";
import { allRoutes } from "#src/http/routes.ts";
import { may, PERSON_ROLES, type PersonRole } from "#src/identity/roles.ts";
import { createMetrics } from "#src/telemetry/metrics.ts";
import { type Machine, pairMachine } from "#test/support/device.ts";
import { type Browser, enrolOwner, enrolPerson } from "#test/support/signed-in.ts";
import { type Answered, type Edge, type Household, settle, startEdge } from "./support.ts";

const GOLDEN = `${import.meta.dir}/../golden/routes.json`;
const ROUTES = allRoutes({ registry: createMetrics(), readiness: async () => [], openApi: () => "{}" });
const CALLERS = ["anonymous", "agent", "device", "admin", "pdp", "operator"] as const;
type Caller = (typeof CALLERS)[number] | `person:${PersonRole}`;
/** Answers that say: not you. Any other one says that the route was entered. */
const REFUSALS: readonly (readonly [number, string])[] = [
  [401, "unauthenticated"],
  [403, "forbidden"],
];

let edge: Edge;
let home: Household;
let machine: Machine;
/** A device's proofs are taken three seconds after a server began: this one's clock is told so. */
let skew = 0;
const clock = { now: () => Date.now() + skew };
const people = new Map<PersonRole, Browser>();
beforeAll(async () => {
  edge = await startEdge({}, { clock });
  skew = 3000;
  home = await settle(edge);
  machine = await pairMachine(edge, ["helper"], { now: clock.now });
  const owner = await enrolOwner(edge);
  for (const role of PERSON_ROLES) {
    people.set(role, role === "owner" ? owner : await enrolPerson(edge, owner, role, [role]));
  }
});
afterAll(() => edge.stop());

/** Whether an answer says: not you. A page says it by sending the browser to where one signs in. */
function isRefusal({ status, json, headers }: Answered): boolean {
  if (status === 303) return headers.get("location")?.startsWith("/sign-in") === true;
  // An answer to HEAD has no body to say more.
  return REFUSALS.some(([refused, code]) => status === refused && (json?.code ?? code) === code);
}

/** A path that names nothing, so that nothing is done by trying. */
function pathOf(route: Route): string {
  return route.path.replace(/\{path…\}/, "absent/x").replace(/\{[a-z_]+\}/g, "absent");
}

async function mayEnter(route: Route, method: string, caller: Caller): Promise<boolean> {
  const path = pathOf(route);
  // A body that no shape takes: what is entered stops there.
  const body = {
    ...(method === "GET" || method === "HEAD" ? {} : { body: { no_such_field: 1 } }),
    // A stream that begins is entered, and has no end to wait for.
    ...(route.produces === "text/event-stream" ? { signal: AbortSignal.timeout(200) } : {}),
  };
  const token = { agent: home.key, admin: home.admin, pdp: home.pdp }[caller as "agent"];
  const browser = caller.startsWith("person:") ? people.get(caller.slice("person:".length) as PersonRole) : undefined;
  const asking =
    browser !== undefined
      ? browser.ask(method, path, body)
      : caller === "device"
        ? machine.ask(method, path, body)
        : caller === "operator"
          ? edge.operate(method, path, body)
          : edge.ask(method, path, { ...body, ...(token === undefined ? {} : { token }) });
  const answer = await asking.catch((error: Error) =>
    error.name === "TimeoutError" ? undefined : Promise.reject(error),
  );
  if (answer === undefined) return true;
  return !isRefusal(answer);
}

describe("who may do what", () => {
  test("is as the golden file has it, on every route", async () => {
    const found: Record<string, readonly string[]> = {};
    for (const route of ROUTES) {
      for (const method of methodsOf(route)) {
        const allowed: string[] = [];
        const callers = [...CALLERS, ...PERSON_ROLES.map((role) => `person:${role}` as const)];
        for (const caller of callers) if (await mayEnter(route, method, caller)) allowed.push(caller);
        found[`${method} ${route.path}`] = allowed;
      }
    }
    if (process.env["UPDATE_GOLDEN"] === "1") await Bun.write(GOLDEN, `${JSON.stringify(found, null, 2)}\n`);
    expect(found).toEqual(await Bun.file(GOLDEN).json());
  }, 60_000);

  test("every route says so itself, and in the same way", async () => {
    const golden = (await Bun.file(GOLDEN).json()) as Record<string, readonly string[]>;
    for (const route of ROUTES) {
      const { permission } = route;
      const declared = route.who
        .filter((role) => role !== "writ" && role !== "anyone" && role !== "person")
        // A device may do what the agent may that it acts for.
        .flatMap((role) => (role === "agent" ? ["agent", "device"] : [role]))
        .concat(
          !route.who.includes("person")
            ? []
            : (PERSON_ROLES.filter((role) => permission === undefined || may([role], permission)).map(
                (role) => `person:${role}`,
              ) as never[]),
        );
      for (const method of methodsOf(route)) {
        const allowed = golden[`${method} ${route.path}`] ?? [];
        if (route.who.includes("anyone")) expect(allowed).toContain("anonymous");
        else expect(allowed.toSorted()).toEqual(declared.toSorted());
      }
    }
  });

  test("whatever an administrator's token may do in a tenant, people may by a permission", () => {
    const without = ROUTES.filter(
      (route) => route.path.startsWith("/v1/") && route.who.includes("admin") && route.permission === undefined,
    );
    expect(without.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
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
      expect([route.path, isRefusal(answer)]).toEqual([route.path, true]);
    }
    expect((await edge.ask("GET", "/v1/proxy/api/x", { token: asked.json.writ })).json.code).toBe("writ_mismatch");
  });
});
