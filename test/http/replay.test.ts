import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Answered, type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let home: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
});
afterAll(() => edge.stop());

function replay(body: object = {}, token = home.admin): Promise<Answered> {
  return edge.ask("POST", "/v1/admin/policies/replay", { token, body });
}

describe("POST /v1/admin/policies/replay", () => {
  test("reproduces what was recorded and shows what a draft would change, grouped", async () => {
    const ask = (command: string) =>
      edge.ask("POST", "/v1/authorize", {
        token: home.key,
        body: { command, resource: { type: "GitHub::Repository", id: "acme/app" } },
      });
    for (const command of ["/github/issues/list", "/github/issues/list", "/github/issues/create"]) await ask(command);
    const call = { connection: "api", method: "DELETE", path: "/things/1" };
    const asked = await edge.ask("POST", "/v1/authorize", { token: home.key, body: { call } });
    expect(asked.json.decision).toBe("step_up");
    const unchanged = await replay();
    expect(unchanged.status).toBe(200);
    expect(unchanged.json).toEqual({
      replayed: 4,
      reproduced: 4,
      same_outcome: 0,
      changed: 0,
      erased: 0,
      unasked: 0,
      failed: 0,
      ungrouped: 0,
      groups: [],
      differences: [],
    });
    const before = (await edge.ask("GET", "/v1/audit/events?limit=1", { token: home.admin })).json.events[0];
    const source = `@id("all") permit (principal, action, resource);
      @id("no-lists") forbid (principal, action == Action::"/github/issues/list", resource);`;
    const { json } = await replay({ source });
    expect(json).toMatchObject({ replayed: 4, reproduced: 2, changed: 2 });
    expect(json.groups).toEqual([
      {
        from: "allow",
        to: "deny",
        command: "/github/issues/list",
        before: ["all"],
        after: ["no-lists"],
        count: 2,
        examples: [expect.stringMatching(/^dec_/), expect.stringMatching(/^dec_/)],
      },
    ]);
    expect(json.differences[0]).toMatchObject({
      recorded: { decision: "allow", policies: ["all"] },
      replayed: { decision: "deny", reason: "forbidden", policies: ["no-lists"] },
    });
    const after = (await edge.ask("GET", "/v1/audit/events?limit=1", { token: home.admin })).json.events[0];
    expect(after.id).toBe(before.id);
    expect((await replay({ source, since: "2999-01-01T00:00:00Z" })).json.replayed).toBe(0);
    expect((await replay({ version: 0 })).json).toMatchObject({ changed: 4 });
  });

  test.each([
    [{ source: "permit(;" }, 422, "policy_invalid"],
    [{ source: 'permit(principal, action == Action::"/nobody/knows", resource);' }, 422, "policy_invalid"],
    [{ source: "permit(principal, action, resource) when { false };" }, 422, "policy_invalid"],
    [{ version: 999 }, 404, "not_found"],
    [{ source: "", version: 1 }, 400, "invalid_argument"],
    [{ since: "yesterday" }, 400, "invalid_argument"],
  ])("%j is refused", async (body, status, code) => {
    const answer = await replay(body);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  test("sees one tenant's decisions alone, for those who manage it", async () => {
    const other = await settle(edge, "elsewhere");
    expect((await replay({}, other.admin)).json.replayed).toBe(0);
    for (const token of [home.key, home.pdp]) expect((await replay({}, token)).status).toBe(403);
  });
});
