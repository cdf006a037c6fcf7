import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { WritError } from "#src/base/errors.ts";
import { createReadiness, type ReadinessGround } from "#src/http/readiness.ts";
import type { SqlValue } from "#src/store/unit.ts";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let home: Household;
beforeAll(async () => {
  edge = await startEdge({ WRIT_METRICS_TOKEN: "metrics-token-0123456789", WRIT_TRUST_PROXY: "127.0.0.1" });
  home = await settle(edge);
});
afterAll(() => edge.stop());

const OUTSIDE = { "x-forwarded-for": "192.0.2.7" };

describe("/healthz and /readyz", () => {
  test("answer anyone, and say why to this machine alone", async () => {
    expect((await edge.ask("GET", "/healthz", { headers: OUTSIDE })).json).toEqual({ status: "ok" });
    expect((await edge.ask("GET", "/readyz", { headers: OUTSIDE })).json).toEqual({ status: "ready" });
    const local = (await edge.ask("GET", "/readyz")).json;
    expect(local.checks.map((check: { name: string }) => check.name)).toEqual([
      "server",
      "store",
      "disk",
      "clock",
      "policies",
    ]);
    expect((await edge.operate("GET", "/readyz")).json.checks).toHaveLength(5);
  });

  test("a forwarded request is not this machine's where no proxy is trusted", async () => {
    const bare = await startEdge();
    try {
      expect((await bare.ask("GET", "/readyz")).json).toHaveProperty("checks");
      expect((await bare.ask("GET", "/readyz", { headers: OUTSIDE })).json).toEqual({ status: "ready" });
      expect((await bare.ask("GET", "/metrics", { headers: OUTSIDE })).status).toBe(403);
    } finally {
      await bare.stop();
    }
  });

  test("say what is not well", async () => {
    const ground = (changes: Partial<ReadinessGround>): ReadinessGround => ({
      reader: edge.app.services.reader,
      dataFolder: edge.folder,
      clock: { now: () => Date.now() },
      checkCapacity: () => undefined,
      isStopping: () => false,
      ...changes,
    });
    const failing = async (changes: Partial<ReadinessGround>) =>
      (await createReadiness(ground(changes))()).filter((check) => !check.ok).map((check) => check.name);
    const past = { now: () => Date.now() - 3_600_000 };
    const full = (): never => {
      throw new WritError("disk_full");
    };
    expect(await failing({})).toEqual([]);
    expect(await failing({ checkCapacity: full })).toEqual(["disk"]);
    expect(await failing({ clock: past })).toEqual(["clock"]);
    const instance = { instanceId: "i", operatorSubjectId: "s", createdAt: 0, clockAcceptedAt: past.now() };
    const accepting = {
      ...edge.app.services.reader,
      get: async <Row>(sql: string, params: readonly SqlValue[]) =>
        sql.includes("FROM instance") ? (instance as Row) : edge.app.services.reader.get<Row>(sql, params),
    };
    expect(await failing({ clock: past, reader: accepting })).toEqual([]);
    expect(await failing({ isStopping: () => true })).toEqual(["server"]);
    expect(await failing({ dataFolder: "/nowhere" })).toEqual(["store"]);
    const broken = {
      get: () => Promise.reject(new Error("no")),
      all: () => Promise.reject(new Error("no")),
      close() {},
    };
    expect(await failing({ reader: broken })).toEqual(["store", "clock", "policies"]);
  });
});

describe("/metrics", () => {
  test("are for this machine, the operator and whoever has the token", async () => {
    expect((await edge.ask("GET", "/metrics")).status).toBe(200);
    expect((await edge.operate("GET", "/metrics")).status).toBe(200);
    expect((await edge.ask("GET", "/metrics", { headers: OUTSIDE })).status).toBe(401);
    for (const token of ["metrics-token-012345678", "metrics-token-0123456789x", home.admin]) {
      expect((await edge.ask("GET", "/metrics", { headers: OUTSIDE, token })).status).toBe(401);
    }
    const token = "metrics-token-0123456789";
    const { status, headers, text } = await edge.ask("GET", "/metrics", { headers: OUTSIDE, token });
    expect([status, headers.get("content-type")]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
    expect(text).toContain("# TYPE writ_http_requests_total counter");
  });

  test("count by the route's pattern, never by its path", async () => {
    await edge.ask("GET", "/v1/admin/agents/helper", { token: home.admin });
    await edge.ask("GET", "/some/secret/path");
    await edge.ask("GET", "/v1/proxy/api/some/secret/path", { token: home.key });
    const { text } = await edge.ask("GET", "/metrics");
    expect(text).toContain('{method="GET",route="/v1/admin/agents/{agent}",status="200"} ');
    expect(text).toContain('{method="GET",route="unmatched",status="404"} ');
    expect(text).not.toContain("secret/path");
  });
});

describe("/.well-known/security.txt", () => {
  test("has the members that RFC 9116 requires", async () => {
    const { text, headers } = await edge.ask("GET", "/.well-known/security.txt");
    expect(headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(text).toMatch(/^Contact: mailto:security@localhost$/m);
    const expires = /^Expires: (.+)$/m.exec(text)?.[1] ?? "";
    expect(Date.parse(expires) - Date.now()).toBeGreaterThan(300 * 86_400_000);
    expect(Date.parse(expires) - Date.now()).toBeLessThanOrEqual(365 * 86_400_000);
  });
});
