import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import type { Json } from "#src/base/canonical-json.ts";
import { describeShared, sharedData } from "../support/shared-data.ts";
import { type Stand, standOf, TODO_ENTITIES, TODO_POLICIES, TODO_SCHEMA } from "./authzen-support.ts";
import { type Edge, settle, startEdge } from "./support.ts";

let edge: Edge;
let tenants = 0;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.stop());

async function stand(): Promise<Stand> {
  tenants += 1;
  const tenant = `stand-${tenants}`;
  return standOf(edge, tenant, await settle(edge, tenant));
}

const ALICE = { type: "user", id: "alice@example.com" };
const READ = { name: "can_read" };
const document = (id: string) => ({ type: "document", id });
/** What the specification's examples are about. */
const EXAMPLE_SCHEMA = `
entity group; entity user in [group]; entity account; entity document; entity todo;
action can_read appliesTo { principal: [user], resource: [account, document, todo], context: { writ: Writ, time?: String } };
action read, can_write, can_edit appliesTo { principal: [user], resource: [account, document], context: { writ: Writ } };
`;
/** What the specification's examples are answered by. */
const EXAMPLE_POLICIES = `
@id("accounts") permit (principal in group::"staff", action == Action::"can_read", resource is account);
@id("write") permit (principal == user::"alice@example.com", action == Action::"can_write", resource == account::"123");
@id("docs") permit (principal, action in [Action::"can_read", Action::"read"], resource is document)
unless { resource == document::"2" };
@id("viewer") @reason("Subject is a viewer of the resource")
forbid (principal, action == Action::"can_edit", resource is document);
@id("todo") permit (principal, action == Action::"can_read", resource is todo)
when { context has time && context.time == "1985-10-26T01:22-07:00" };
`;
const EXAMPLE_ENTITIES = [
  ...["alice@example.com", "bob@example.com"].map((id) => ({
    uid: { type: "user", id },
    attrs: {},
    parents: [{ type: "group", id: "staff" }],
  })),
  { uid: { type: "user", id: "carol@example.com" }, attrs: {}, parents: [] },
  ...["123", "456", "789"].map((id) => ({ uid: { type: "account", id }, attrs: {}, parents: [] })),
];

describe("the specification's examples", () => {
  let examples: Stand;
  beforeAll(async () => {
    examples = await stand();
    await examples.schema(EXAMPLE_SCHEMA);
    await examples.policies(EXAMPLE_POLICIES);
    await examples.entities(EXAMPLE_ENTITIES);
  });

  test("one question, its request id echoed", async () => {
    const question = {
      subject: ALICE,
      resource: { type: "todo", id: "1" },
      action: READ,
      context: { time: "1985-10-26T01:22-07:00" },
    };
    const id = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716";
    const answer = await examples.ask("evaluation", question, undefined, { "x-request-id": id });
    expect([answer.status, answer.json]).toEqual([200, { decision: true }]);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("x-request-id")).toBe(id);
    expect(answer.headers.get("writ-decision-id")).toMatch(/^dec_/);
    expect((await examples.ask("evaluation", { ...question, context: {} })).json).toEqual({ decision: false });
  });

  test("three documents under each of the three semantics", async () => {
    const ask = async (semantic?: string) => {
      const body = {
        subject: ALICE,
        action: { name: "read" },
        ...(semantic === undefined ? {} : { options: { evaluations_semantic: semantic, another_option: "value" } }),
        evaluations: ["1", "2", "3"].map((id) => ({ resource: document(id) })),
      };
      return (await examples.ask("evaluations", body)).json;
    };
    const all = { evaluations: [{ decision: true }, { decision: false }, { decision: true }] };
    expect(await ask()).toEqual(all);
    expect(await ask("execute_all")).toEqual(all);
    expect(await ask("deny_on_first_deny")).toEqual({
      evaluations: [{ decision: true }, { decision: false, context: { code: "200", reason: "deny_on_first_deny" } }],
    });
    expect(await ask("permit_on_first_permit")).toEqual({ evaluations: [{ decision: true }] });
  });

  test("defaults stand for what an entry leaves out, and yield to what it says", async () => {
    const body = {
      subject: ALICE,
      context: { time: "2024-05-31T15:22-07:00" },
      action: READ,
      evaluations: [
        { resource: document("boxcarring.md") },
        { resource: document("subject-search.md") },
        { action: { name: "can_edit" }, resource: document("resource-search.md") },
      ],
    };
    expect((await examples.ask("evaluations", body)).json).toEqual({
      evaluations: [
        { decision: true },
        { decision: true },
        { decision: false, context: { reason: "Subject is a viewer of the resource" } },
      ],
    });
  });

  test("without a list, or with an empty one, it is a single question", async () => {
    const body = { subject: ALICE, action: READ, resource: document("1") };
    expect((await examples.ask("evaluations", body)).json).toEqual({ decision: true });
    expect((await examples.ask("evaluations", { ...body, evaluations: [] })).json).toEqual({ decision: true });
    const bare = await examples.ask("evaluations", { ...body, subject: undefined, evaluations: [] });
    expect([bare.status, bare.json.field]).toEqual([400, "subject"]);
  });

  test("searches for subjects, resources and actions", async () => {
    const account = { type: "account", id: "123" };
    const context = { time: "2024-10-26T01:22-07:00" };
    const users = { subject: { type: "user" }, action: READ, resource: account, context };
    const both = [ALICE, { type: "user", id: "bob@example.com" }];
    expect((await examples.ask("search/subject", users)).json).toEqual({ results: both });
    const ignored = { ...users, subject: { type: "user", id: "carol@example.com" } };
    expect((await examples.ask("search/subject", ignored)).json).toEqual({ results: both });
    const accounts = { subject: ALICE, action: READ, resource: { type: "account" } };
    const three = ["123", "456", "789"].map((id) => ({ type: "account", id }));
    expect((await examples.ask("search/resource", accounts)).json).toEqual({ results: three });
    const actions = { subject: ALICE, resource: account, context };
    expect((await examples.ask("search/action", actions)).json).toEqual({
      results: [{ name: "can_read" }, { name: "can_write" }],
    });
  });

  test("actions are found whatever policies say of them", async () => {
    const wide = await stand();
    await wide.schema(`entity user; entity account; action look, "tier-less";
      action can_read, can_write in [look] appliesTo { principal: [user], resource: [account], context: { writ: Writ } };
      action can_close appliesTo { principal: [user], resource: [account], context: { writ: Writ } };`);
    const actionsOf = async (policy: string) => {
      await wide.policies(policy);
      const asked = { subject: ALICE, resource: { type: "account", id: "123" } };
      return (await wide.ask("search/action", asked)).json.results.map(({ name }: { name: string }) => name);
    };
    expect(await actionsOf("permit (principal is user, action, resource);")).toEqual([
      "can_close",
      "can_read",
      "can_write",
    ]);
    expect(await actionsOf('permit (principal is user, action in Action::"look", resource);')).toEqual([
      "can_read",
      "can_write",
    ]);
    expect(await actionsOf("")).toEqual([]);
  });

  test("pages go on where the one before ended, and belong to one search", async () => {
    const body = { subject: ALICE, action: READ, resource: { type: "account" } };
    const first = (await examples.ask("search/resource", { ...body, page: { limit: 2 } })).json;
    expect(first.results.map(({ id }: { id: string }) => id)).toEqual(["123", "456"]);
    expect([first.page.count, first.page.total]).toEqual([2, 3]);
    expect(first.page.next_token).not.toBe("");
    const page = { token: first.page.next_token };
    expect((await examples.ask("search/resource", { ...body, page })).json).toEqual({
      page: { next_token: "", count: 1, total: 3 },
      results: [{ type: "account", id: "789" }],
    });
    const other = { ...body, subject: { type: "user", id: "bob@example.com" }, page };
    for (const asked of [other, { ...body, page: { ...page, limit: 3 } }, { ...body, page: { token: "forged" } }]) {
      expect((await examples.ask("search/resource", asked)).status).toBe(400);
    }
  });

  test("the metadata names every endpoint", async () => {
    const { status, json, headers } = await edge.ask("GET", "/.well-known/authzen-configuration");
    expect([headers.get("content-type"), headers.get("cache-control")]).toEqual([
      "application/json",
      "public, max-age=300",
    ]);
    expect([status, json]).toEqual([
      200,
      {
        policy_decision_point: "http://localhost:8620",
        access_evaluation_endpoint: "http://localhost:8620/access/v1/evaluation",
        access_evaluations_endpoint: "http://localhost:8620/access/v1/evaluations",
        search_subject_endpoint: "http://localhost:8620/access/v1/search/subject",
        search_resource_endpoint: "http://localhost:8620/access/v1/search/resource",
        search_action_endpoint: "http://localhost:8620/access/v1/search/action",
      },
    ]);
  });
});

describeShared("the Todo interop", () => {
  test("all evaluations and batches", async () => {
    const todo = await stand();
    await todo.schema(TODO_SCHEMA);
    await todo.policies(TODO_POLICIES);
    await todo.entities(TODO_ENTITIES);
    const data = JSON.parse(readFileSync(sharedData("authzen/todo.json"), "utf8"));
    expect([data.evaluation.length, data.evaluations.length]).toEqual([40, 3]);
    for (const { request, expected } of data.evaluation) {
      expect([request, (await todo.ask("evaluation", request)).json]).toEqual([request, { decision: expected }]);
    }
    for (const { request, expected } of data.evaluations) {
      expect((await todo.ask("evaluations", request)).json).toEqual({ evaluations: expected });
    }
  });
});

interface CedarFile {
  readonly policies: string;
  readonly schema: string;
  readonly entities: string;
  readonly requests: readonly {
    readonly description: string;
    readonly principal: { readonly type: string; readonly id: string };
    readonly action: { readonly id: string };
    readonly resource: { readonly type: string; readonly id: string };
    readonly context: Json;
    readonly decision: "allow" | "deny";
  }[];
}

/** Cedar's data leaves to its schema which attributes are references; here they are written out. */
function withReferences(value: Json): Json {
  if (Array.isArray(value)) return value.map(withReferences);
  if (typeof value !== "object" || value === null || "__entity" in value || "__extn" in value) return value;
  if (Object.keys(value).sort().join() === "id,type") return { __entity: value as Json };
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withReferences(member)]));
}

/** Cedar's schemas know their own actions alone; here a policy for all actions would be one for every command as well. */
function ofItsOwn(policies: string, schema: string): string {
  const names = [...schema.matchAll(/^action ([\w, ]+)/gm)].flatMap(([, list = ""]) =>
    list.split(",").map((name) => name.trim()),
  );
  const own = names.map((name) => `Action::"${name.replace(/ .*/, "")}"`).join(", ");
  return policies.replace(
    /^(\s*(?:permit|forbid)\s*\(\s*principal,\s*)action(\s*,\s*resource\s*\))/gm,
    `$1action in [${own}]$2`,
  );
}

describeShared("cedar's own integration tests, asked over HTTP", () => {
  const read = (path: string) => readFileSync(sharedData(`cedar/${path}`), "utf8");

  test("every decision is the same", async () => {
    const files = readdirSync(sharedData("cedar/tests"), { recursive: true, encoding: "utf8" });
    const names = files.filter((name) => name.endsWith(".json")).sort();
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const file = JSON.parse(read(`tests/${name}`)) as CedarFile;
      const cedar = await stand();
      await cedar.schema(read(file.schema));
      await cedar.policies(ofItsOwn(read(file.policies), read(file.schema)));
      const entities = JSON.parse(read(file.entities)) as { attrs: Json }[];
      await cedar.entities(entities.map((entity) => ({ ...entity, attrs: withReferences(entity.attrs) })));
      for (const { description, principal, action, resource, context, decision } of file.requests) {
        const asked = { subject: principal, action: { name: action.id }, resource, context };
        const { json } = await cedar.ask("evaluation", asked);
        expect([name, description, json.decision]).toEqual([name, description, decision === "allow"]);
      }
    }
  }, 30_000);
});
