import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

const PATH = "/v1/admin/policies/shadow";
let edge: Edge;
let home: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
});
afterAll(() => edge.stop());

const as = (token: string) => (method: string, path: string, body?: unknown) =>
  edge.ask(method, path, body === undefined ? { token } : { token, body });

test("a version is shadowed, shows its differences, and is stopped", async () => {
  const admin = as(home.admin);
  const draft = `@id("none") forbid (principal, action, resource);`;
  const put = await admin("PUT", "/v1/admin/policies", { source: draft });
  await admin("POST", "/v1/admin/policies/rollback", { version: 1 });
  expect((await admin("GET", PATH)).status).toBe(404);
  const started = await admin("PUT", PATH, { version: put.json.version });
  expect([started.status, started.json]).toEqual([
    200,
    { version: put.json.version, started_at: expect.any(String), started_by: expect.stringMatching(/^sub_/) },
  ]);
  const body = { command: "/github/issues/list", resource: { type: "GitHub::Repository", id: "acme/app" } };
  const asked = await as(home.key)("POST", "/v1/authorize", body);
  expect(asked.json.decision).toBe("allow");
  expect(asked.text).not.toContain("shadow");
  const shown = await admin("GET", PATH);
  expect(shown.json).toMatchObject({ version: put.json.version, compared: 1, differ: 1, same: 0, same_outcome: 0 });
  expect(shown.json.groups).toEqual([
    {
      decision: "allow",
      shadow_decision: "deny",
      command: "/github/issues/list",
      policies: ["all"],
      shadow_policies: ["none"],
      count: 1,
      examples: [asked.json.decision_id],
    },
  ]);
  expect((await admin("DELETE", PATH)).status).toBe(204);
  expect((await admin("DELETE", PATH)).status).toBe(404);
});

test.each([[{ version: 99 }], [{ version: 0 }], [{}], [{ version: 1, enforce: true }]])(
  "%j is refused",
  async (body) => {
    const answer = await as(home.admin)("PUT", PATH, body);
    expect([400, 404]).toContain(answer.status);
  },
);

test("it is for those who manage the tenant, each in their own", async () => {
  const other = await settle(edge, "elsewhere");
  await as(home.admin)("PUT", PATH, { version: 1 });
  expect((await as(other.admin)("GET", PATH)).status).toBe(404);
  for (const token of [home.key, home.pdp]) expect((await as(token)("GET", PATH)).status).toBe(403);
  await as(home.admin)("DELETE", PATH);
});
