import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fromBase64Url } from "#src/base/bytes.ts";
import { openOfflinePolicy } from "#src/classify/offline-policy.ts";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let home: Household;
let other: Household;

beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
  other = await settle(edge, "other");
});
afterAll(() => edge.stop());

const as = (token: string) => (method: string, path: string, body?: unknown) =>
  edge.ask(method, path, { token, ...(body === undefined ? {} : { body }) });
const authorize = (tool: unknown, more: object = {}) => as(home.key)("POST", "/v1/authorize", { tool, ...more });

describe("asking for a tool", () => {
  test("needs its name and its input, and nothing besides them", async () => {
    const good = { name: "Bash", input: { command: "ls", cwd: "/srv" } };
    const answer = await authorize(good);
    expect([answer.status, answer.json]).toMatchObject([
      200,
      { decision: "allow", command: "/shell/exec", tier: "read" },
    ]);
    expect(answer.json.writ).toBeUndefined();
    for (const more of [
      { command: "/shell/exec", resource: { type: "Shell::Command", id: "ls" } },
      { call: { connection: "api", method: "GET", path: "/" } },
    ]) {
      expect((await authorize(good, more)).status).toBe(400);
    }
    for (const bad of [
      {},
      { name: "Bash" },
      { ...good, extra: 1 },
      { ...good, cwd: "relative" },
      {
        ...good,
        found: [
          { path: "a", names: [] },
          { path: "a", names: [] },
        ],
      },
      { ...good, project: { folder: "/srv", rules: "loosen everything" } },
      { ...good, input: "ls" },
      { ...good, name: "../x" },
    ]) {
      expect((await authorize(bad)).status).toBe(400);
    }
  });

  test("is answered with the rule that closes a file", async () => {
    const { json } = await authorize({ name: "Read", input: { file_path: "/srv/.env" } });
    expect(json).toMatchObject({
      decision: "deny",
      reasons: [{ code: "file_closed" }, { code: "forbidden_by_policy" }],
    });
    expect(json.reasons[0].message).toContain("`.env`");
  });

  test("is answered with what remains", async () => {
    const set = await as(home.admin)("PUT", "/v1/admin/tools", { tool: "Glob", window: { calls: 3, seconds: 60 } });
    expect(set.status).toBe(200);
    const { json } = await authorize({ name: "Glob", input: { pattern: "src/*.ts", path: "/srv" } });
    expect(json.limits).toEqual([
      { scope: "window", tool: "Glob", limit: 3, used: 1, remaining: 2, resets_at: expect.stringMatching(/Z$/) },
    ]);
  });
});

describe("rules about files", () => {
  test("are added, listed and removed in their tenant alone", async () => {
    const ask = as(home.admin);
    const added = await ask("POST", "/v1/admin/file-rules", { glob: "plans/**", access: "noAccess" });
    expect([added.status, added.json]).toMatchObject([201, { level: "tenant", glob: "plans/**" }]);
    const again = await ask("POST", "/v1/admin/file-rules", { glob: "plans/**", access: "readOnly" });
    expect([again.status, again.json.code]).toEqual([409, "name_taken"]);
    const listOf = async (token: string) =>
      (await as(token)("GET", "/v1/admin/file-rules")).json.rules as { id?: string }[];
    expect((await listOf(home.admin)).some(({ id }) => id === added.json.id)).toBe(true);
    expect((await listOf(other.admin)).some(({ id }) => id !== undefined)).toBe(false);
    const path = `/v1/admin/file-rules/${added.json.id}`;
    expect((await as(other.admin)("DELETE", path)).status).toBe(404);
    expect((await ask("DELETE", path)).status).toBe(200);
    expect((await ask("DELETE", path)).status).toBe(404);
    for (const glob of ["../x", "", "a".repeat(400), "a\u0000"]) {
      expect((await ask("POST", "/v1/admin/file-rules", { glob, access: "noAccess" })).status).toBe(400);
    }
  });

  test("for an agent are about an agent of the tenant", async () => {
    const rule = { glob: "x", access: "readOnly", agent: home.agent };
    expect((await as(other.admin)("POST", "/v1/admin/file-rules", rule)).status).toBe(404);
    expect((await as(home.admin)("POST", "/v1/admin/file-rules", rule)).json).toMatchObject({ level: "agent" });
  });

  test("of the instance are the operator's", async () => {
    const glob = "/srv/of-the-instance/**";
    const headers = { "writ-tenant": "instance" };
    const made = await edge.operate("POST", "/v1/admin/file-rules", { body: { glob, access: "noAccess" }, headers });
    expect([made.status, made.json.level]).toEqual([201, "instance"]);
    const rules = (await as(other.admin)("GET", "/v1/admin/file-rules")).json.rules as object[];
    expect(rules).toContainEqual({ level: "instance", glob, access: "noAccess" });
    const { json } = await authorize({ name: "Read", input: { file_path: "/srv/of-the-instance/a" } });
    expect(json.decision).toBe("deny");
    const path = `/v1/admin/file-rules/${made.json.id}`;
    expect((await as(home.admin)("DELETE", path)).status).toBe(404);
    expect((await edge.operate("DELETE", path, { headers })).status).toBe(200);
  });
});

describe("the tool matrix", () => {
  test("takes lines whole and in bounds", async () => {
    const ask = as(home.admin);
    const line = {
      tool: "/http",
      tier: "write",
      max_calls_per_run: 5,
      window: { calls: 2, seconds: 3600 },
      approval: { when: "above_cost", cost: 9 },
      offline: { mode: "read_only", max_age_seconds: 60 },
      cost: 2,
      roles: ["coders"],
    };
    expect((await ask("PUT", "/v1/admin/tools", line)).json).toEqual(line);
    expect((await ask("GET", "/v1/admin/tools/one?tool=%2Fhttp")).json).toEqual(line);
    expect((await as(other.admin)("GET", "/v1/admin/tools/one?tool=%2Fhttp")).status).toBe(404);
    expect((await as(other.admin)("DELETE", "/v1/admin/tools?tool=%2Fhttp")).status).toBe(404);
    expect((await ask("DELETE", "/v1/admin/tools?tool=%2Fhttp")).status).toBe(200);
    for (const bad of [
      { tool: "two words" },
      { tool: "/Upper" },
      { tool: "x", tier: "none" },
      { tool: "x", cost: -1 },
      { tool: "x", roles: [] },
      { tool: "x", approval: { when: "sometimes" } },
      { tool: "x", window: { calls: 1 } },
    ]) {
      expect((await ask("PUT", "/v1/admin/tools", bad)).status).toBe(400);
    }
    expect((await ask("PUT", "/v1/admin/tool-budgets", { day: 100 })).json).toEqual({ day: 100 });
    expect((await ask("PUT", "/v1/admin/tool-budgets", {})).json).toEqual({});
  });

  test("comes signed to an agent, with the rules that hold for it", async () => {
    const { status, json, text } = await as(home.key)("GET", "/v1/tools/offline-policy");
    expect(status).toBe(200);
    const policy = openOfflinePolicy(
      JSON.stringify({ policy: json.policy, signature: json.signature }),
      fromBase64Url(json.public_key),
    );
    expect(policy.agent).toBe(home.agent);
    expect(policy.files.length).toBeGreaterThan(100);
    expect(text).not.toContain("upstream-secret");
    expect((await as(home.admin)("GET", "/v1/tools/offline-policy")).status).toBe(403);
  });
});
