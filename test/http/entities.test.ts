import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let home: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
});
afterAll(() => edge.stop());

const uid = (type: string, id: string) => ({ type, id });
const entity = (type: string, id: string, parents: readonly object[] = [], attrs: object = {}) => ({
  uid: uid(type, id),
  attrs,
  parents,
});
const importAll = (entities: readonly unknown[], token = home.admin) =>
  edge.ask("POST", "/v1/admin/entities/import", { body: { entities }, token });
const at = (type: string, id: string) =>
  `/v1/admin/entities/one?type=${encodeURIComponent(type)}&id=${encodeURIComponent(id)}`;

describe("entities", () => {
  test("are stored, shown, replaced and removed, whatever their id", async () => {
    const { admin: token } = home;
    for (const id of ["plain", "a/b/../c", 'quo"te', "line\nbreak", 'user::"x"', ".", "", "é 𝔘"]) {
      const body = { attrs: { n: 1, s: ["a"], e: { __entity: uid("Team", "t") } }, parents: [uid("Team", "t")] };
      const put = await edge.ask("PUT", at("Doc", id), { token, body });
      expect([id, put.status, put.json]).toEqual([id, 200, { uid: uid("Doc", id), ...body }]);
      expect((await edge.ask("GET", at("Doc", id), { token })).json).toEqual(put.json);
      await edge.ask("PUT", at("Doc", id), { token, body: { attrs: { n: 2 } } });
      expect((await edge.ask("GET", at("Doc", id), { token })).json).toEqual(entity("Doc", id, [], { n: 2 }));
      expect((await edge.ask("DELETE", at("Doc", id), { token })).status).toBe(204);
      expect((await edge.ask("DELETE", at("Doc", id), { token })).status).toBe(404);
      expect((await edge.ask("GET", at("Doc", id), { token })).status).toBe(404);
    }
  });

  test("are listed by type and id, page by page", async () => {
    const many = [...Array(7)].map((_, i) => entity("Listed", `l${i}`));
    expect((await importAll([...many, entity("Other", "o")])).json).toEqual({ count: 8 });
    const seen: string[] = [];
    let after = "";
    do {
      const { json } = await edge.ask("GET", `/v1/admin/entities?type=Listed&limit=3${after}`, { token: home.admin });
      seen.push(...json.entities.map((each: { uid: { id: string } }) => each.uid.id));
      after = json.next === undefined ? "" : `&after=${json.next}`;
    } while (after !== "");
    expect(seen).toEqual(many.map(({ uid: { id } }) => id));
    const all = await edge.ask("GET", "/v1/admin/entities?limit=500", { token: home.admin });
    expect(all.json.entities.length).toBe(8);
    expect((await edge.ask("GET", "/v1/admin/entities?after=forged", { token: home.admin })).status).toBe(400);
  });

  test("that cedar cannot read are refused, and none of their import is stored", async () => {
    const bad: readonly unknown[] = [
      1,
      {},
      { uid: "x" },
      { ...entity("Doc", "x"), more: 1 },
      entity("my-type", "x"),
      entity("Action", "/github/issues/list"),
      entity("Action", "tier:read"),
      entity("Doc", "x".repeat(4097)),
      entity("Doc", "\0"),
      entity("Doc", "x", [], { a: null }),
      entity("Doc", "x", [], { a: 1.5 }),
      entity("Doc", "x", [], { a: { __entity: "y" } }),
      entity("Doc", "x", [], { a: { __extn: { fn: "ip", arg: "nowhere" } } }),
      entity("Doc", "x", [], { __entity: uid("Doc", "y") }),
      { ...entity("Doc", "x"), tags: { __extn: { fn: "ip", arg: "10.0.0.1" } } },
      entity("Doc", "x", [], { a: "y".repeat(70_000) }),
      entity("Doc", "x", [{ type: "in", id: "y" }]),
      entity(
        "Doc",
        "x",
        [...Array(201)].map((_, i) => uid("Doc", `p${i}`)),
      ),
      entity("Good", "y"),
    ];
    for (const each of bad) {
      const answer = await importAll([entity("Good", "y"), each]);
      expect([JSON.stringify(each).slice(0, 80), answer.status]).toEqual([JSON.stringify(each).slice(0, 80), 400]);
    }
    expect((await edge.ask("GET", at("Good", "y"), { token: home.admin })).status).toBe(404);
    const large = `{"entities":[{"uid":{"type":"Doc","id":"x"},"attrs":{"a":9007199254740993},"parents":[]}]}`;
    const answer = await edge.ask("POST", "/v1/admin/entities/import", { body: large, token: home.admin });
    expect(answer.json.code).toBe("integer_out_of_range");
  });

  test("may not be their own ancestors, by one change or by several", async () => {
    const refused = async (entities: readonly unknown[]) => {
      const { status, json } = await importAll(entities);
      return status === 400 && json.detail.includes("its own ancestor");
    };
    expect(await refused([entity("C", "a", [uid("C", "a")])])).toBe(true);
    expect(await refused([entity("C", "a", [uid("C", "b")]), entity("C", "b", [uid("C", "a")])])).toBe(true);
    expect((await importAll([entity("C", "a", [uid("C", "b")]), entity("C", "b", [uid("C", "c")])])).status).toBe(200);
    expect(await refused([entity("C", "c", [uid("C", "a")])])).toBe(true);
    const diamond = [entity("C", "top"), entity("C", "l", [uid("C", "top")]), entity("C", "r", [uid("C", "top")])];
    expect((await importAll([...diamond, entity("C", "d", [uid("C", "l"), uid("C", "r")])])).status).toBe(200);
    const both = await Promise.all([
      importAll([entity("R", "a", [uid("R", "b")])]),
      importAll([entity("R", "b", [uid("R", "a")])]),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
  });

  test("leave events that count and commit, and name nobody", async () => {
    await importAll([entity("Person", "carol", [], { email: "carol@example.com" })]);
    const { json } = await edge.ask("GET", "/v1/audit/events?type=entity.stored&limit=1", { token: home.admin });
    const { data } = json.events[0];
    expect([data.types, data.count, data.commitment.length]).toEqual([{ Person: 1 }, 1, 64]);
    expect(JSON.stringify(json.events)).not.toContain("carol");
  });

  test("of ten thousand come in one import", async () => {
    const many = [...Array(10_000)].map((_, i) => entity("Bulk", `b${i}`, [uid("Bulk", `g${i % 10}`)], { i }));
    expect((await importAll(many)).json).toEqual({ count: 10_000 });
    expect((await importAll([...many, entity("Bulk", "more")])).status).toBe(400);
  }, 20_000);

  test("are each tenant's own", async () => {
    const other = await settle(edge, "entities-other");
    await importAll([entity("Own", "x")]);
    expect((await edge.ask("GET", at("Own", "x"), { token: other.admin })).status).toBe(404);
    expect((await edge.ask("DELETE", at("Own", "x"), { token: other.admin })).status).toBe(404);
    const { json } = await edge.ask("GET", "/v1/admin/entities", { token: other.admin });
    expect(json.entities).toEqual([]);
  });
});
