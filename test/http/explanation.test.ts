import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Answered, type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let home: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
});
afterAll(() => edge.stop());

const PATH = "/v1/admin/policies/explanation";
const READ = { command: "/github/issues/list", resource: { type: "GitHub::Repository", id: "acme/app" } };
const WRITE = { ...READ, command: "/github/issues/create" };

function explain(body: object, token = home.admin): Promise<Answered> {
  return edge.ask("POST", PATH, { token, body });
}

/** What policies here name besides what connectors declare. */
const SCHEMA = `type Claimed = { ticket?: String }; entity Agent { level?: Long };`;

async function activate(source: string): Promise<number> {
  const put = await edge.operate("PUT", "/v1/admin/policies", { body: { source } });
  expect(put.status).toBe(200);
  return put.json.version;
}

async function newest(type: string) {
  return (await edge.ask("GET", `/v1/audit/events?type=${type}&limit=1`, { token: home.admin })).json.events[0];
}

describe("a hypothetical ask", () => {
  test("is decided as it would be, with what failed, its values, and what would help", async () => {
    const declared = await edge.operate("PUT", "/v1/admin/policies/schema", { body: { source: SCHEMA } });
    expect(declared.status).toBe(200);
    const version = await activate(
      `@id("trusted") permit (principal, action, resource) when { context has claimed && context.claimed has ticket && context.claimed.ticket == "T-1" };`,
    );
    const asked = { ...READ, context: { ticket: "T-2" } };
    const { status, json } = await explain({ agent: "helper", ...asked });
    expect([status, json.decision, json.reason, json.version]).toEqual([200, "deny", "no_permit", version]);
    expect(json.near[0]).toMatchObject({
      policy: "trusted",
      failed: { truth: "false", text: expect.stringContaining("T-1") },
    });
    expect(json.near[0].failed.values).toContainEqual({ name: "context.claimed.ticket", value: '"T-2"' });
    const decided = await edge.ask("POST", "/v1/authorize", { token: home.key, body: asked });
    expect(decided.json.decision).toBe("deny");
    const allowed = await explain({ agent: home.agent, ...READ, context: { ticket: "T-1" } });
    expect([allowed.json.decision, allowed.json.determining[0].policy]).toEqual(["allow", "trusted"]);
  });

  test("grants nothing, opens no approval and records only that somebody looked, without what is personal", async () => {
    await activate(`@id("all") permit (principal, action, resource);`);
    const before = await newest("decision");
    const call = { connection: "api", method: "DELETE", path: "/things/secret-name" };
    const { json } = await explain({ agent: "helper", call });
    expect(json).toMatchObject({ decision: "step_up", command: "/http/api/delete", resource_type: "Http::Endpoint" });
    expect(json.remedies).toContainEqual(expect.objectContaining({ kind: "cosigner", decision: "allow" }));
    expect((await newest("decision")).id).toBe(before.id);
    const { approvals } = (await edge.ask("GET", "/v1/admin/approvals", { token: home.admin })).json;
    expect(approvals).toEqual([]);
    const event = await newest("policy.explained");
    expect(event.data).toEqual({
      agent: home.agent,
      command: "/http/api/delete",
      resource_type: "Http::Endpoint",
      decision: "step_up",
      version: json.version,
    });
  });

  test.each([
    [{}, 400, "invalid_argument"],
    [{ agent: "helper" }, 400, "invalid_argument"],
    [{ agent: "nobody", ...READ }, 404, "not_found"],
    [{ agent: "helper", ...READ, context: { writ: {} } }, 422, "reserved_context_key"],
    [{ agent: "helper", ...READ, policies: "active" }, 400, "invalid_argument"],
    [{ agent: "helper", ...READ, run: "x" }, 400, "invalid_argument"],
    [{ decision: "dec_x" }, 404, "not_found"],
    [{ decision: "dec_00000000000000000000000000", agent: "helper" }, 400, "invalid_argument"],
  ])("%j is refused", async (body, status, code) => {
    const answer = await explain(body);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  test("is for those who may see it, each in their own tenant", async () => {
    const other = await settle(edge, "other");
    for (const token of [home.key, home.pdp])
      expect((await explain({ agent: "helper", ...READ }, token)).status).toBe(403);
    expect((await explain({ agent: home.agent, ...READ }, other.admin)).status).toBe(404);
    const mine = await edge.ask("POST", "/v1/authorize", { token: home.key, body: READ });
    expect((await explain({ decision: mine.json.decision_id }, other.admin)).status).toBe(404);
    expect((await explain({ decision: mine.json.decision_id })).status).toBe(200);
  });
});

describe("a recorded decision", () => {
  test("is explained under the policies that it was made under, or the active ones", async () => {
    const then = await activate(
      `@id("readers") permit (principal in AgentGroup::"crew", action in Action::"tier:read", resource)
       when { resource has labels && resource.labels.contains("public") };`,
    );
    const put = await edge.operate("PUT", "/v1/admin/entities/one?type=Agent&id=helper", {
      body: { attrs: { level: 3 }, parents: [{ type: "AgentGroup", id: "crew" }] },
    });
    expect(put.status).toBe(200);
    const attrs = { labels: ["public"] };
    await edge.operate("PUT", "/v1/admin/entities/one?type=GitHub::Repository&id=acme/app", { body: { attrs } });
    const decided = await edge.ask("POST", "/v1/authorize", { token: home.key, body: READ });
    expect(decided.json.decision).toBe("allow");
    const now = await activate(`@id("none") forbid (principal == Agent::"helper", action, resource);`);

    const recorded = (await explain({ decision: decided.json.decision_id })).json;
    expect(recorded).toMatchObject({ decision: "allow", version: then, decision_id: decided.json.decision_id });
    expect(recorded.determining[0].policy).toBe("readers");
    const today = (await explain({ decision: decided.json.decision_id, policies: "active" })).json;
    expect(today).toMatchObject({ decision: "deny", reason: "forbidden", version: now });
    expect((await newest("policy.explained")).data.explained).toBe(decided.json.decision_id);
  });

  test("of an enforcement point is explained as well, and is told what was asked of whom", async () => {
    const asked = await edge.ask("POST", "/v1/authorize", { token: home.key, body: WRITE });
    const evaluated = await edge.ask("POST", "/access/v1/evaluation", {
      token: home.pdp,
      body: { subject: { type: "agent", id: "helper" }, action: { name: "x" }, resource: { type: "doc", id: "1" } },
    });
    expect(evaluated.status).toBe(200);
    const event = await newest("evaluation");
    const { status, json } = await explain({ decision: event.id });
    expect([status, json.decision_id, json.command, json.resource_type, json.agent]).toEqual([
      200,
      event.id,
      "x",
      "doc",
      null,
    ]);
    const batch = await edge.ask("POST", "/access/v1/evaluations", {
      token: home.pdp,
      body: {
        subject: { type: "agent", id: "helper" },
        resource: { type: "doc", id: "1" },
        evaluations: [
          { action: { name: "x" } },
          { action: { name: "y" } },
          { subject: { type: "no-type", id: "z" }, action: { name: "x" } },
        ],
      },
    });
    const of = async (question?: number) =>
      explain({ decision: batch.headers.get("writ-decision-id"), ...(question === undefined ? {} : { question }) });
    expect((await of()).status).toBe(400);
    expect((await of(1)).json.command).toBe("y");
    expect([(await of(2)).status, (await of(3)).status]).toEqual([404, 404]);
    expect((await explain({ decision: asked.json.decision_id })).json.decision).toBe("deny");
  });
});
