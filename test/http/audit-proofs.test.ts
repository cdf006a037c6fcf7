import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fromHex } from "#src/base/bytes.ts";
import { findSigner, parseCheckpoint } from "#src/ledger/checkpoint.ts";
import { verifyConsistency, verifyInclusion } from "#src/ledger/merkle-proof.ts";
import { parseVerifierKey } from "#src/ledger/signed-note.ts";
import { verifyBundle } from "#src/ledger/verify-bundle.ts";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let home: Household;
let other: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
  other = await settle(edge, "acme");
});
afterAll(() => edge.stop());

const get = (path: string, headers: Record<string, string> = {}, token = home.admin) =>
  edge.ask("GET", path, { token, headers });
const make = (token = home.admin) => edge.ask("POST", "/v1/admin/audit/checkpoints", { token });

describe("checkpoints", () => {
  test("are made on request, shown as a note and as JSON, and listed", async () => {
    const made = await make();
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({ made_by: "request", witnesses: [] });
    const note = await get("/v1/audit/checkpoint");
    expect(note.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(note.text).toBe(made.json.note);
    expect(parseCheckpoint(note.text).size).toBe(made.json.size);
    expect((await get("/v1/audit/checkpoint", { accept: "application/json" })).json).toEqual(made.json);
    expect((await get(`/v1/audit/checkpoint?size=${made.json.size}`)).text).toBe(note.text);
    expect((await get("/v1/audit/checkpoint?size=1")).status).toBe(404);
    expect((await get("/v1/audit/checkpoints?limit=1")).json.checkpoints).toEqual([made.json]);
    expect((await make()).json).toEqual(made.json);
  });

  test("are signed by the published key, in the form that other tools take", async () => {
    await make();
    const { json } = await get("/v1/audit/keys");
    const keys = json.keys.map((key: { verifier_key: string }) => parseVerifierKey(key.verifier_key));
    expect(findSigner(parseCheckpoint((await get("/v1/audit/checkpoint")).text), keys).kind).toBe("signed");
    expect(keys[0].name).toBe(json.origin);
  });

  test("of another tenant are not to be seen", async () => {
    const own = (await make()).json;
    const theirs = (await make(other.admin)).json;
    expect(theirs.origin).not.toBe(own.origin);
    expect((await get("/v1/audit/checkpoint", {}, other.admin)).text).toBe(theirs.note);
    expect((await get("/v1/audit/checkpoint", { "writ-tenant": "acme" })).status).toBe(403);
    expect((await edge.ask("POST", "/v1/admin/audit/checkpoints", { token: home.key })).status).toBe(403);
    expect((await edge.ask("GET", "/v1/audit/checkpoint")).status).toBe(401);
    const instance = await edge.operate("POST", "/v1/admin/audit/checkpoints", {
      headers: { "writ-tenant": "instance" },
    });
    expect(instance.status).toBe(201);
  });
});

describe("proofs", () => {
  test("verify against checkpoints", async () => {
    const first = (await make()).json;
    const { json: inclusion } = await get("/v1/audit/proof?seq=2");
    expect(inclusion).toMatchObject({ kind: "inclusion", seq: 2 });
    const path = inclusion.path.map(fromHex);
    expect(verifyInclusion(fromHex(inclusion.leaf), 1, inclusion.size, path, fromHex(inclusion.root))).toBe(true);
    expect((await get(`/v1/audit/proof?seq=2&size=${first.size}`)).json.root).toBe(first.root);
    const { json: consistency } = await get(`/v1/audit/proof?from=${first.size}`);
    expect(consistency).toMatchObject({ kind: "consistency", from: first.size, from_root: first.root });
    const { from, to, from_root, to_root } = consistency;
    const hashes = consistency.path.map(fromHex);
    expect(verifyConsistency(from, fromHex(from_root), to, fromHex(to_root), hashes)).toBe(true);
  });

  test("of one event are a bundle that shows no other", async () => {
    await make();
    const { text } = await get("/v1/audit/export?seq=2");
    const lines = text.trimEnd().split("\n");
    expect(lines.filter((line) => line.startsWith('{"event"'))).toHaveLength(1);
    expect(await verifyBundle(lines)).toMatchObject({
      ok: true,
      events: 1,
      first: 2,
      checkpoints: { coveredThrough: 2 },
    });
  });

  test("of what is not there, or asked for wrongly, are refused", async () => {
    for (const [query, status] of [
      ["", 400],
      ["?seq=0", 400],
      ["?seq=1&from=1", 400],
      ["?size=3", 400],
      ["?from=1&size=3", 400],
      ["?seq=2&size=1", 400],
      ["?seq=999999", 404],
      ["?from=999999", 400],
      ["?from=3&to=2", 400],
    ] as const) {
      expect({ query, status: (await get(`/v1/audit/proof${query}`)).status }).toEqual({ query, status });
    }
    expect((await get("/v1/audit/export?seq=999999")).status).toBe(404);
    expect((await get("/v1/audit/export?seq=1&from=1")).status).toBe(400);
    const { json } = await get("/v1/audit/events?limit=1");
    expect((await get(`/v1/audit/export?seq=${json.events[0].seq}`)).status).toBe(400);
  });
});

describe("witnesses", () => {
  const KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

  test("are the operator's", async () => {
    expect((await edge.operate("GET", "/v1/admin/witnesses")).json).toEqual({ witnesses: [] });
    expect((await get("/v1/admin/witnesses")).status).toBe(403);
    const body = { name: "a", url: "https://witness.example", key: KEY };
    expect((await edge.operate("POST", "/v1/admin/witnesses", { body })).status).toBe(400);
    expect((await edge.operate("DELETE", "/v1/admin/witnesses/a")).status).toBe(404);
    expect((await edge.operate("POST", "/v1/admin/witnesses/submission")).json).toEqual({ witnesses: [] });
  });
});
