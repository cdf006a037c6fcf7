import { afterAll, beforeAll, expect, test } from "bun:test";
import { CID_ROOM } from "#src/audit/recorder.ts";
import { fromBase64Url, utf8 } from "#src/base/bytes.ts";
import type { TenantId } from "#src/base/ids.ts";
import { createSigner, verifySignature } from "#src/crypto/ed25519.ts";
import { sha256 } from "#src/crypto/hash.ts";
import { readEventBySeq } from "#src/store/events.ts";
import { tokenCid } from "#src/ucan/envelope.ts";
import { openTestStore, type TestStore, temporaryFolder } from "#test/support/store.ts";

const SEED = sha256("test token key");
const SIGNED = utf8("what a signature is over");
const folder = temporaryFolder();
let store: TestStore;
let tenant: TenantId;

beforeAll(async () => {
  store = await openTestStore({ folder: folder.path });
  await store.createTenant("instance", "instance");
  tenant = await store.createTenant("default");
  store.writer.useTokenKey("key1", SEED);
});
afterAll(async () => {
  await store.close();
  folder.remove();
});

function recordToken(keyId: string, expectEpoch = store.recorder.epochOf(tenant)) {
  return store.recorder.tryRecord({
    tenant,
    type: "decision.allowed",
    actor: "system",
    data: { note: `"writ":{"cid":""}`, writ: { cid: CID_ROOM, single_use: true } },
    token: { keyId, signedBytes: SIGNED },
    expectEpoch,
  });
}

test("the commit signs the token, and its event names it", async () => {
  const result = await recordToken("key1");
  if (result.kind !== "committed" || result.token === undefined) throw new Error("no token");
  const token = fromBase64Url(result.token.text);
  const signature = token.subarray(3, 3 + 64);
  expect(verifySignature(signature, SIGNED, createSigner(SEED).publicKey)).toBe(true);
  expect(Buffer.from(token.subarray(3 + 64))).toEqual(Buffer.from(SIGNED));
  expect(result.token.cid).toBe(tokenCid(token));
  const event = await readEventBySeq(store.reader, tenant, result.seq);
  expect(JSON.parse(event?.bytes ?? "").data).toEqual({
    note: `"writ":{"cid":""}`,
    writ: { cid: result.token.cid, single_use: true },
  });
});

test("a unit that is refused gives no token away", async () => {
  const result = await recordToken("key1", store.recorder.epochOf(tenant) + 1);
  expect(result).toEqual({ kind: "refused", reason: "stale", epoch: store.recorder.epochOf(tenant) });
});

test("a key that the writer was not given fails the commit, and the next one is made", async () => {
  const error = await recordToken("key2").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "store_failed" });
  expect((await recordToken("key1")).kind).toBe("committed");
});

test("an event without room for the token's cid is refused before it is sent", async () => {
  const change = { tenant, type: "test.done", actor: "system", data: {} } as const;
  const error = await store.recorder
    .tryRecord({ ...change, token: { keyId: "key1", signedBytes: SIGNED } })
    .catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("has room for its cid");
});
