import { afterAll, beforeAll, expect, test } from "bun:test";
import { fromUtf8, toBase64 } from "#src/base/bytes.ts";
import { createPublisher, LISTS } from "#test/decision/bundle-stage.ts";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

const PATH = "/v1/admin/policies/bundles";
const publisher = createPublisher(3, () => Date.now());
const PUBLIC = toBase64(publisher.key.publicKey);
let edge: Edge;
let home: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
});
afterAll(() => edge.stop());

const ask = (token: string, method: string, path: string, body?: unknown) =>
  edge.ask(method, PATH + path, body === undefined ? { token } : { token, body });
const file = (version: number, more = {}): string => fromUtf8(publisher.bundle({ version, ...more }));

test("a publisher is trusted, its bundle imported, and both shown", async () => {
  expect((await ask(home.admin, "GET", "")).json).toEqual({
    publishers: [],
    bundle: null,
    stale_at: null,
    stale: false,
    source: null,
  });
  const refused = await ask(home.admin, "POST", "", { bundle: file(1) });
  expect([refused.status, refused.json.code]).toEqual([403, "bundle_untrusted"]);
  const trusted = await ask(home.admin, "POST", "/publishers", { public_key: PUBLIC });
  expect([trusted.status, trusted.json]).toMatchObject([201, { key: publisher.key.id, channel: "default" }]);
  expect((await ask(home.admin, "POST", "/publishers", { public_key: PUBLIC })).status).toBe(409);
  const imported = await ask(home.admin, "POST", "", { bundle: file(4, { maxAgeSeconds: 3600 }) });
  expect([imported.status, imported.json]).toMatchObject([200, { outcome: "imported", bundle: { version: 4 } }]);
  const older = await ask(home.admin, "POST", "", { bundle: file(3) });
  expect([older.status, older.json.code]).toEqual([409, "bundle_rollback"]);
  expect((await ask(home.admin, "POST", "", { bundle: file(3), allow_rollback: true })).status).toBe(200);
  const status = await ask(home.admin, "GET", "");
  expect(status.json).toMatchObject({ bundle: { version: 3, max_age_seconds: null }, stale: false });
  expect((await ask(home.admin, "GET", "/content")).json.policies).toBe(LISTS);
  expect((await ask(home.admin, "DELETE", `/publishers/${publisher.key.id}`)).status).toBe(204);
  expect((await ask(home.admin, "DELETE", `/publishers/${publisher.key.id}`)).status).toBe(404);
});

test("what is too old denies, and readiness says so of that tenant", async () => {
  const other = await settle(edge, "aging");
  await ask(other.admin, "POST", "/publishers", { public_key: PUBLIC });
  const old = file(1, { madeAt: Date.now() - 7_200_000, maxAgeSeconds: 3600 });
  expect((await ask(other.admin, "POST", "", { bundle: old })).status).toBe(200);
  expect((await ask(other.admin, "GET", "")).json.stale).toBe(true);
  const body = { command: "/github/issues/list", resource: { type: "GitHub::Repository", id: "acme/app" } };
  const asked = await edge.ask("POST", "/v1/authorize", { token: other.key, body });
  expect(asked.json).toMatchObject({ decision: "deny", reasons: [{ code: "policies_stale" }] });
  await Bun.sleep(1100);
  const ready = await edge.operate("GET", "/readyz");
  expect([ready.status, ready.json.checks.find((check: { name: string }) => check.name === "policies")]).toMatchObject([
    200,
    { ok: true, detail: expect.stringContaining("`aging`") },
  ]);
});

test.each([
  ["POST", "", {}],
  ["POST", "", { bundle: "" }],
  ["POST", "", { bundle: "x", force: true }],
  ["POST", "/publishers", { public_key: "x" }],
  ["POST", "/publishers", { public_key: PUBLIC, channel: "../x" }],
  ["PUT", "/source", { kind: "ftp" }],
  ["PUT", "/source", { kind: "s3", bucket: "b" }],
  ["DELETE", "/source", undefined],
  ["POST", "/source/poll", undefined],
])("%s %s with %j is refused", async (method, path, body) => {
  const answer = await ask(home.admin, method, path, body);
  expect([400, 404, 422]).toContain(answer.status);
});

test("a folder of the host is its operator's, and nothing of it is an agent's", async () => {
  const folder = { kind: "folder", path: "/etc" };
  const refused = await ask(home.admin, "PUT", "/source", folder);
  expect([refused.status, refused.json.code]).toEqual([403, "forbidden"]);
  for (const token of [home.key, home.pdp]) {
    expect((await ask(token, "GET", "")).status).toBe(403);
    expect((await ask(token, "POST", "", { bundle: file(9) })).status).toBe(403);
  }
});
