import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Stand, standOf } from "./authzen-support.ts";
import { type Edge, settle, startEdge } from "./support.ts";

let edge: Edge;
let tenants = 0;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.stop());

async function stand(): Promise<Stand> {
  tenants += 1;
  const tenant = `callers-${tenants}`;
  return standOf(edge, tenant, await settle(edge, tenant));
}

async function eventsOf({ tenant }: Stand, type: string) {
  const { json } = await edge.operate("GET", `/v1/audit/events?type=${type}`, { headers: { "writ-tenant": tenant } });
  return json.events;
}

const ALICE = { type: "user", id: "alice" };
const VIEW = { name: "view" };
const DOC = { type: "document", id: "1" };
const QUESTION = { subject: ALICE, action: VIEW, resource: DOC };

/** What the questions are about. */
const SCHEMA = `entity folder in [folder]; entity user { ok?: Bool, level?: Long, dept?: String };
  entity document in [folder] { owner?: user, open?: Bool };
  action view appliesTo { principal: [user, Agent], resource: [document], context: { writ: Writ, note?: String } };`;

describe("what cedar cannot represent", () => {
  test("is a no with its reason, and never an error", async () => {
    const any = await stand();
    const cases: readonly (readonly [string, object])[] = [
      ["my-type", { subject: { type: "my-type", id: "x" } }],
      ["my-type", { resource: { type: "my-type", id: "x" } }],
      ["``", { resource: { type: "", id: "x" } }],
      ["Action", { resource: { type: "Action", id: "x" } }],
      ["A::Action", { resource: { type: "A::Action", id: "x" } }],
      ["in", { resource: { type: "in", id: "x" } }],
      ["resource.properties.a", { resource: { ...DOC, properties: { a: null } } }],
      ["subject.properties.a.1", { subject: { ...ALICE, properties: { a: [1, 1.5] } } }],
      ["context.a.b", { context: { a: { b: 0.25 } } }],
      ["action.properties.a", { action: { ...VIEW, properties: { a: null } } }],
      ["__entity", { context: { a: { __entity: { type: "a b", id: "x" } } } }],
      ["__extn", { context: { a: { __extn: { fn: "ip" } } } }],
      ["two underscores", { context: { __entity: { type: "user", id: "x" } } }],
    ];
    for (const [word, change] of cases) {
      const { status, json } = await any.ask("evaluation", { ...QUESTION, ...change });
      expect([word, status, json.decision, json.context?.code]).toEqual([word, 200, false, "not_representable"]);
      expect(json.context.reason).toContain(word);
    }
    const batch = await any.ask("evaluations", { ...QUESTION, evaluations: cases.map(([, change]) => change) });
    expect(batch.json.evaluations.map(({ decision }: { decision: boolean }) => decision)).toEqual(
      cases.map(() => false),
    );
    expect((await any.ask("search/resource", { ...QUESTION, resource: { type: "my-type" } })).json).toEqual({
      results: [],
    });
  });

  test("is a no where only cedar finds out", async () => {
    const any = await stand();
    await any.schema(`entity user; entity document; action view appliesTo {
      principal: [user], resource: [document], context: { writ: Writ, a: ipaddr } };`);
    await any.policies(`permit (principal, action == Action::"view", resource) when { context.a.isIpv4() };`);
    const asked = (arg: string) => ({ ...QUESTION, context: { a: { __extn: { fn: "ip", arg } } } });
    expect((await any.ask("evaluation", asked("10.0.0.1"))).json).toEqual({ decision: true });
    expect((await any.ask("evaluation", asked("nowhere"))).json.context.code).toBe("not_representable");
  });

  test("can be mapped by the tenant's table", async () => {
    const mapped = await stand();
    await mapped.schema(`namespace App { entity Employee; } entity Doc;
      action "doc:view" appliesTo { principal: [App::Employee], resource: [Doc], context: { writ: Writ } };`);
    await mapped.policies(`permit (principal is App::Employee, action == Action::"doc:view", resource is Doc);`);
    const asked = { subject: { type: "my-type", id: "x" }, action: VIEW, resource: DOC };
    expect((await mapped.ask("evaluation", asked)).json.decision).toBe(false);
    const map = {
      subject_types: { "my-type": "App::Employee" },
      resource_types: { document: "Doc" },
      actions: { view: "doc:view" },
    };
    await mapped.types(map);
    expect((await mapped.ask("evaluation", asked)).json).toEqual({ decision: true });
    expect((await mapped.ask("search/action", asked)).json).toEqual({
      results: [{ name: "doc:view" }, { name: "view" }],
    });
    const headers = { "writ-tenant": mapped.tenant };
    expect((await edge.operate("GET", "/v1/admin/type-map", { headers })).json).toEqual(map);
    const wrong = { subject_types: { a: "no type" } };
    expect((await edge.operate("PUT", "/v1/admin/type-map", { headers, body: wrong })).status).toBe(400);
  });
});

describe("what is malformed", () => {
  test("is 400, whatever is wrong with it, and the request id comes back", async () => {
    const any = await stand();
    const bad: readonly (readonly [string, unknown])[] = [
      ["evaluation", "{"],
      ["evaluation", "[]"],
      ["evaluation", { ...QUESTION, subject: undefined }],
      ["evaluation", { ...QUESTION, subject: { type: "user" } }],
      ["evaluation", { ...QUESTION, action: {} }],
      ["evaluation", { ...QUESTION, resource: { type: 1, id: "1" } }],
      ["evaluation", { ...QUESTION, context: [] }],
      ["evaluation", { ...QUESTION, context: { writ: { cosigned: true } } }],
      ["evaluation", { ...QUESTION, subject: { type: "user", id: "x".repeat(10_000) } }],
      [
        "evaluation",
        `{"subject":{"type":"user","id":"a","id":"b"},"action":{"name":"v"},"resource":{"type":"d","id":"1"}}`,
      ],
      [
        "evaluation",
        `{"subject":{"type":"user","id":"a"},"action":{"name":"v"},"resource":{"type":"d","id":"1"},"context":{"n":9007199254740993}}`,
      ],
      ["evaluations", { ...QUESTION, evaluations: [1] }],
      ["evaluations", { subject: ALICE, evaluations: [{ resource: DOC }] }],
      ["evaluations", { ...QUESTION, evaluations: [{}], options: { evaluations_semantic: "some" } }],
      ["evaluations", { ...QUESTION, evaluations: Array.from({ length: 1001 }, () => ({})) }],
      ["search/subject", { ...QUESTION, page: { limit: -1 } }],
      ["search/resource", { ...QUESTION, action: undefined }],
    ];
    for (const [path, body] of bad) {
      const answer = await any.ask(path, body, undefined, { "x-request-id": "my id" });
      expect([body, answer.status]).toEqual([body, 400]);
      expect(answer.headers.get("x-request-id")).toBe("my id");
      expect(answer.json.status).toBe(400);
    }
    const text = await any.ask("evaluation", JSON.stringify(QUESTION), undefined, { "content-type": "text/plain" });
    expect(text.status).toBe(400);
    const unproven = await any.ask("evaluation", QUESTION, "writ_pdp_nobody", { "x-request-id": "my id" });
    expect([unproven.status, unproven.headers.get("x-request-id")]).toEqual([401, "my id"]);
    expect((await any.ask("evaluation", QUESTION, any.home.admin)).status).toBe(403);
  });

  test("but fields that nobody knows are ignored", async () => {
    const any = await stand();
    const more = {
      subject: { ...ALICE, more: 1 },
      action: { ...VIEW, more: [] },
      resource: { ...DOC, more: null },
      more: {},
    };
    expect((await any.ask("evaluation", more)).json).toEqual({ decision: true });
  });

  test("ids are taken to the letter", async () => {
    const any = await stand();
    const odd = ['a"b', "a\nb", 'user::"x"', "", "'; DROP TABLE entities", "𝔘", "\u0000"];
    await any.entities(odd.slice(0, -1).map((id) => ({ uid: { type: "user", id }, attrs: { ok: true }, parents: [] })));
    await any.schema(SCHEMA);
    await any.policies(`permit (principal is user, action, resource) when { principal has ok && principal.ok };`);
    for (const id of odd) {
      const { json } = await any.ask("evaluation", { ...QUESTION, subject: { type: "user", id } });
      expect([id, json.decision]).toEqual([id, id !== "\u0000"]);
    }
    const { json } = await any.ask("search/subject", QUESTION);
    expect(json.results.map(({ id }: { id: string }) => id).sort()).toEqual(odd.slice(0, -1).sort());
  });
});

describe("properties and stored attributes", () => {
  test("take part, and what is stored wins", async () => {
    const any = await stand();
    await any.schema(SCHEMA);
    await any.policies(`permit (principal is user, action, resource is document)
      when { principal has level && principal.level > 3 && resource in folder::"open" && resource has owner &&
        resource.owner has dept && resource.owner.dept == "sales" };`);
    const folder = (id: string) => ({ type: "folder", id });
    await any.entities([
      { uid: DOC, attrs: { owner: { __entity: { type: "user", id: "bob" } } }, parents: [folder("sub")] },
      { uid: folder("sub"), attrs: {}, parents: [folder("open")] },
      { uid: { type: "user", id: "bob" }, attrs: { dept: "sales" }, parents: [] },
    ]);
    const asked = (level: number) => ({ ...QUESTION, subject: { ...ALICE, properties: { level } } });
    expect((await any.ask("evaluation", asked(4))).json.decision).toBe(true);
    expect((await any.ask("evaluation", asked(3))).json.decision).toBe(false);
    await any.entities([{ uid: ALICE, attrs: { level: 1 }, parents: [] }]);
    expect((await any.ask("evaluation", asked(9))).json.decision).toBe(false);
    await any.entities([{ uid: ALICE, attrs: { level: 5 }, parents: [] }]);
    expect((await any.ask("evaluation", asked(0))).json.decision).toBe(true);
  });

  test("of the action are context.action", async () => {
    const any = await stand();
    await any.schema(`entity user; entity document; action view appliesTo { principal: [user], resource: [document],
      context: { writ: Writ, action?: { method?: String } } };`);
    await any.policies(`permit (principal, action == Action::"view", resource)
      when { context has action.method && context.action.method == "GET" };`);
    const asked = (method: string) => ({ ...QUESTION, action: { ...VIEW, properties: { method } } });
    expect((await any.ask("evaluation", asked("GET"))).json.decision).toBe(true);
    expect((await any.ask("evaluation", asked("PUT"))).json.decision).toBe(false);
  });
});

describe("an agent", () => {
  const SELF = { type: "agent", id: "helper" };

  test("asks about itself alone", async () => {
    const any = await stand();
    const { key, agent } = any.home;
    const asked = { subject: SELF, action: VIEW, resource: DOC };
    for (const id of ["helper", agent]) {
      const answer = await any.ask("evaluation", { ...asked, subject: { type: "Agent", id } }, key);
      expect([answer.status, answer.json.decision]).toEqual([200, true]);
    }
    expect((await any.ask("evaluation", QUESTION, key)).status).toBe(403);
    expect((await any.ask("evaluation", { ...asked, subject: { type: "agent", id: "other" } }, key)).status).toBe(403);
    const mixed = { ...asked, evaluations: [{}, { subject: ALICE }] };
    expect((await any.ask("evaluations", mixed, key)).status).toBe(403);
    expect((await any.ask("search/resource", QUESTION, key)).status).toBe(403);
    expect((await any.ask("search/subject", QUESTION, key)).status).toBe(403);
  });

  test("finds itself and no other, though all may", async () => {
    const any = await stand();
    const headers = { "writ-tenant": any.tenant };
    await edge.operate("POST", "/v1/admin/agents", { body: { name: "other" }, headers });
    const asked = { subject: { type: "agent" }, action: VIEW, resource: DOC };
    const names = async (token?: string) =>
      (await any.ask("search/subject", asked, token)).json.results.map(({ id }: { id: string }) => id);
    expect(await names(any.home.key)).toEqual(["helper"]);
    expect((await names()).sort()).toEqual(["helper", "other"]);
  });

  test("finds only what it may see, and its page tokens tell nothing of the rest", async () => {
    const any = await stand();
    await any.schema(SCHEMA);
    await any.policies(`permit (principal, action, resource is document) when { resource has open && resource.open };`);
    await any.entities(
      ["a", "b-hidden", "c-hidden", "d", "e-hidden"].map((id) => ({
        uid: { type: "document", id },
        attrs: { open: !id.endsWith("hidden") },
        parents: [],
      })),
    );
    const asked = { subject: SELF, action: VIEW, resource: { type: "document" }, page: { limit: 1 } };
    const { text, json } = await any.ask("search/resource", asked, any.home.key);
    expect(json.results).toEqual([{ type: "document", id: "a" }]);
    const page = { token: json.page.next_token };
    expect((await any.ask("search/resource", { ...asked, page: { limit: 1 } })).json.results).toEqual(json.results);
    const end = await any.ask("search/resource", { ...asked, page }, any.home.key);
    expect(end.json).toEqual({
      page: { next_token: "", count: 1, total: 2 },
      results: [{ type: "document", id: "d" }],
    });
    expect(text + Buffer.from(json.page.next_token, "base64url").toString("latin1")).not.toContain("hidden");
  });

  test("says of itself only what stands under context.claimed", async () => {
    const any = await stand();
    await any.schema(`entity Agent { role?: String }; entity document { role?: String };
      type Claimed = { subject?: { role?: String }, role?: String };
      action view, claimed appliesTo { principal: [Agent], resource: [document],
        context: { writ: Writ, role?: String, claimed?: Claimed } };`);
    await any.policies(`permit (principal, action == Action::"view", resource)
        when { context has role || principal has role || resource has role };
      permit (principal, action == Action::"claimed", resource)
        when { context has claimed.subject.role && context.claimed.subject.role == "x" };`);
    const properties = { role: "x" };
    const asked = {
      subject: { ...SELF, properties },
      action: VIEW,
      resource: { ...DOC, properties },
      context: properties,
    };
    expect((await any.ask("evaluation", asked, any.home.key)).json.decision).toBe(false);
    expect((await any.ask("evaluation", { ...asked, action: { name: "claimed" } }, any.home.key)).json.decision).toBe(
      true,
    );
    expect((await any.ask("evaluation", asked)).json.decision).toBe(true);
    const escaped = { ...asked, context: { a: { __entity: { type: "user", id: "x" } } } };
    expect((await any.ask("evaluation", escaped, any.home.key)).json.context.code).toBe("not_representable");
  });

  test("that is disabled or unknown may nothing", async () => {
    const any = await stand();
    const headers = { "writ-tenant": any.tenant };
    const asked = (id: string) => ({ subject: { type: "agent", id }, action: VIEW, resource: DOC });
    expect((await any.ask("evaluation", asked("nobody"))).json.context.code).toBe("unknown_agent");
    await edge.operate("POST", "/v1/admin/agents/helper/disablement", { headers });
    expect((await any.ask("evaluation", asked("helper"))).json.context.code).toBe("unknown_agent");
  });
});

describe("an evaluation", () => {
  const DANGER = {
    subject: { type: "agent", id: "helper" },
    action: { name: "/http/api/delete" },
    resource: { type: "Http::Endpoint", id: "/x" },
  };

  test("that needs a person is a no that says so, and opens nothing", async () => {
    const any = await stand();
    const { json } = await any.ask("evaluation", DANGER);
    expect([json.decision, json.context.code]).toEqual([false, "approval_needed"]);
    const headers = { "writ-tenant": any.tenant };
    expect((await edge.operate("GET", "/v1/admin/approvals", { headers })).json.approvals).toEqual([]);
  });

  test("is an event of its own, a batch is one, a search is one; nobody is named in plain", async () => {
    const any = await stand();
    await any.schema(SCHEMA);
    await any.policies(`@id("p") permit (principal == user::"alice", action, resource);`);
    const yes = await any.ask("evaluation", { ...QUESTION, context: { note: "confidential-note" } });
    await any.ask("evaluation", { ...QUESTION, subject: { type: "user", id: "bob" } });
    await any.ask("evaluations", { ...QUESTION, evaluations: [{}, { subject: { type: "my-type", id: "x" } }] });
    await any.ask("search/subject", QUESTION);
    const [allowed] = await eventsOf(any, "evaluation.allowed");
    expect(allowed.id).toBe(yes.headers.get("writ-decision-id"));
    expect(allowed.data).toMatchObject({ decision: "allow", policies: ["p"], reasons: ["permitted"] });
    expect((await eventsOf(any, "evaluation.denied"))[0].data.reasons).toEqual(["no_permit"]);
    const [batch] = await eventsOf(any, "evaluation.batch");
    expect(batch.data.decisions.map(({ decision }: { decision: string }) => decision)).toEqual(["allow", "deny"]);
    expect((await eventsOf(any, "evaluation.search")).length).toBe(1);
    const exported = await edge.operate("GET", "/v1/audit/export", { headers: { "writ-tenant": any.tenant } });
    expect(exported.status).toBe(200);
    expect(exported.text).not.toContain("alice");
    expect(exported.text).not.toContain("confidential-note");
  });

  test("tells which policies decided to whoever asks for it", async () => {
    const any = await stand();
    const { json } = await any.ask("evaluation", { ...QUESTION, options: { reasons: true } });
    expect(json.context.reasons).toEqual([{ code: "permitted", message: "policy `all` permits this", policy: "all" }]);
  });

  test("by a token that was revoked is refused at once", async () => {
    const any = await stand();
    const headers = { "writ-tenant": any.tenant };
    expect((await any.ask("evaluation", QUESTION)).status).toBe(200);
    const { json } = await edge.operate("GET", "/v1/admin/tokens", { headers });
    const { id } = json.tokens.find(({ kind }: { kind: string }) => kind === "pdp");
    await edge.operate("POST", `/v1/admin/tokens/${id}/revocation`, { headers });
    expect((await any.ask("evaluation", QUESTION)).status).toBe(401);
  });
});
