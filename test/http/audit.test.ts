import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { verifyBundle } from "#src/ledger/verify-bundle.ts";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let home: Household;
let other: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
  other = await settle(edge, "acme");
  const body = { command: "/http/api/get", resource: { type: "Http::Endpoint", id: "x" } };
  for (let i = 0; i < 5; i += 1) await edge.ask("POST", "/v1/authorize", { token: home.key, body });
});
afterAll(() => edge.stop());

const list = (query = "", token = home.admin) => edge.ask("GET", `/v1/audit/events${query}`, { token });

describe("the chain", () => {
  test("is listed newest first, page by page, without gaps", async () => {
    const seqs: number[] = [];
    let before = "";
    for (;;) {
      const { json } = await list(`?limit=3${before}`);
      seqs.push(...json.events.map((event: { seq: number }) => event.seq));
      if (json.next === undefined) break;
      before = `&before=${json.next}`;
    }
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, i) => seqs.length - i));
    expect(seqs.length).toBeGreaterThan(10);
  });

  test("is filtered", async () => {
    expect((await list("?type=decision")).json.events).toHaveLength(5);
    expect((await list("?type=decision.denied")).json.events).toHaveLength(0);
    const ofAgent = (await list("?agent=helper")).json.events;
    expect(ofAgent.length).toBeGreaterThanOrEqual(6);
    expect((await list("?agent=nobody")).status).toBe(404);
    const later = new Date(Date.now() + 60_000).toISOString();
    expect((await list(`?since=${later}`)).json.events).toHaveLength(0);
    expect((await list(`?until=${later}&limit=1`)).json.events).toHaveLength(1);
  });

  test("shows one event by place and by id", async () => {
    const [event] = (await list("?type=agent.created")).json.events;
    const byPlace = await edge.ask("GET", `/v1/audit/events/${event.seq}`, { token: home.admin });
    const byId = await edge.ask("GET", `/v1/audit/events/${event.id}`, { token: home.admin });
    expect(byPlace.json).toEqual(event);
    expect(byId.json).toEqual(event);
    expect(event.data.name).toBe("helper");
    const sealed = await edge.ask("GET", `/v1/audit/events/${event.seq}?personal=sealed`, { token: home.admin });
    expect(sealed.json.data.name).toHaveProperty("sealed");
    expect(sealed.json.hash).toBe(event.hash);
  });

  test("of another tenant and one that is not there answer alike", async () => {
    const [foreign] = (await list("?limit=1", other.admin)).json.events;
    const answers = await Promise.all(
      [foreign.id, `evt_${"0".repeat(26)}`, "999999", "nonsense", "0", "-1", "1.5"].map((name) =>
        edge.ask("GET", `/v1/audit/events/${name}`, { token: home.admin }),
      ),
    );
    for (const { status, json } of answers) {
      expect([status, { ...json, request_id: "" }]).toEqual([404, { ...answers[0]?.json, request_id: "" }]);
    }
  });
});

describe("an export", () => {
  test("is a bundle that verifies alone, of one tenant alone", async () => {
    const { status, text, headers } = await edge.ask("GET", "/v1/audit/export", { token: home.admin });
    expect([status, headers.get("content-type")]).toEqual([200, "application/jsonl"]);
    expect(text).not.toContain(other.agent);
    const instance = await edge.operate("GET", "/v1/admin/instance");
    const lines = async function* () {
      yield* text.trimEnd().split("\n");
    };
    const report = await verifyBundle(lines(), { pinned: [instance.json.seal_keys[0].id] });
    expect(report.ok).toBe(true);
  });

  test("takes a range, and an empty one is an error and no bundle", async () => {
    const part = await edge.ask("GET", "/v1/audit/export?from=2&through=4", { token: home.admin });
    const header = JSON.parse(part.text.split("\n")[0] ?? "");
    expect([header.first, header.last]).toEqual([2, 4]);
    const none = await edge.ask("GET", "/v1/audit/export?from=99999", { token: home.admin });
    expect([none.status, none.json.code]).toEqual([400, "invalid_argument"]);
  });
});

test("HEAD reads no export and leaves none behind", async () => {
  const { status, text } = await edge.ask("HEAD", "/v1/audit/export", { token: home.admin });
  expect([status, text]).toEqual([200, ""]);
});
