import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { createWitnesses, type Witnesses } from "#src/audit/witnesses.ts";
import { silentLog } from "#src/base/log.ts";
import { createSigner } from "#src/crypto/ed25519.ts";
import { sha256 } from "#src/crypto/hash.ts";
import { createAddressPolicy } from "#src/io/addresses.ts";
import { createDialer, type Dialer } from "#src/io/dial.ts";
import { parseCheckpoint } from "#src/ledger/checkpoint.ts";
import { openForTampering, SEAL_SIGNER, temporaryFolder } from "#test/support/store.ts";
import { startWitness, type TestWitness } from "#test/support/witness.ts";
import { type AuditStage, openStage } from "./stage.ts";

let folder: ReturnType<typeof temporaryFolder>;
let stage: AuditStage;
let server: TestWitness;
let dialer: Dialer;
let witnesses: Witnesses;

function connect(grantedRanges: readonly string[]): void {
  const { store, proofs, instance } = stage;
  dialer = createDialer({
    addressPolicy: createAddressPolicy({ grantedRanges, ownAddresses: [] }),
    resolve: async () => ["127.0.0.1"],
  });
  const { recorder, reader, clock } = store;
  witnesses = createWitnesses({ recorder, reader, clock, log: silentLog, dialer, proofs, instanceTenant: instance });
}

beforeEach(async () => {
  folder = temporaryFolder();
  stage = await openStage({ folder: folder.path });
  server = startWitness(createSigner(sha256("witness")), SEAL_SIGNER);
  connect(["127.0.0.0/8"]);
});
afterEach(async () => {
  server.stop();
  dialer.close();
  await stage.store.close();
  folder.remove();
});

const add = () => witnesses.add(stage.actor, "partner", server.url, server.verifierKey);
async function nextCheckpoint(): Promise<number> {
  await stage.store.submit(stage.instance);
  return (await stage.checkpoints.request(stage.instance, stage.actor)).size;
}
/** How the newest request went; bookkeeping is written a moment later. */
async function lastError(): Promise<string | null> {
  await Bun.sleep(60);
  return (await witnesses.list())[0]?.lastError ?? null;
}

describe("a witness", () => {
  test("signs each checkpoint once, by proof from what it has seen; the note carries its line", async () => {
    await add();
    const first = await nextCheckpoint();
    await witnesses.sendNewest();
    await witnesses.sendNewest();
    const second = await nextCheckpoint();
    await witnesses.sendNewest();
    expect(server.asked).toEqual([
      { old: 0, size: first },
      { old: first, size: second },
    ]);
    const shown = await stage.checkpoints.show(stage.instance);
    expect(shown.witnesses).toEqual(["partner"]);
    expect(parseCheckpoint(shown.note).note.signatures).toHaveLength(2);
    expect(await verifyDataFolder(folder.path)).toMatchObject({ ok: true });
    const db = openForTampering(folder.path);
    db.run("UPDATE cosignatures SET line = replace(line, ' ', '  ') WHERE size = (SELECT max(size) FROM cosignatures)");
    db.close();
    const { chains } = await verifyDataFolder(folder.path);
    expect(chains.flatMap(({ problems }) => problems)).toMatchObject([{ code: "cosignature_invalid", seq: second }]);
  });

  test("that was asked before, by another copy of this folder, says where to begin", async () => {
    await add();
    const size = await nextCheckpoint();
    await nextCheckpoint();
    const { origin, root } = await stage.checkpoints.show(stage.instance, size);
    server.seen.set(origin, { size, root });
    await witnesses.sendNewest();
    expect(server.asked.map(({ old }) => old)).toEqual([0, size]);
    expect((await witnesses.list())[0]).toMatchObject({ lastError: null });
  });

  test("that has seen more than there is shows that the chain was cut back", async () => {
    await add();
    await nextCheckpoint();
    server.seen.set(`ins_test/${stage.instance}`, { size: 1000, root: "" });
    await witnesses.sendNewest();
    expect(await lastError()).toContain("history_changed");
  });

  test("that has seen another history does not sign", async () => {
    await add();
    const size = await nextCheckpoint();
    await nextCheckpoint();
    server.seen.set(`ins_test/${stage.instance}`, { size, root: "11".repeat(32) });
    await witnesses.sendNewest();
    expect(await lastError()).toBe("upstream_failed: the witness answered 422");
  });

  const HOSTILE: readonly (readonly [string, () => Response])[] = [
    ["redirects", () => new Response("", { status: 307, headers: { location: "http://127.0.0.1:1/" } })],
    ["answers garbage", () => new Response("\u0000\uffff— — —")],
    ["answers nothing", () => new Response("")],
    ["signs with another key", () => new Response("— witness.example/w1 AAAAAAAAAAAAAAAAAAAA\n")],
    ["answers without end", () => new Response("x".repeat(10_000_000))],
    [
      "names a size that is none",
      () => new Response("1e9\n", { status: 409, headers: { "content-type": "text/x.tlog.size" } }),
    ],
    [
      "names a size each time",
      () => new Response("1\n", { status: 409, headers: { "content-type": "text/x.tlog.size" } }),
    ],
    ["fails", () => new Response("", { status: 500 })],
  ];
  for (const [what, answer] of HOSTILE) {
    test(`that ${what} is noted, and nothing is stored`, async () => {
      await add();
      await nextCheckpoint();
      server.answer = answer;
      await witnesses.sendNewest();
      expect(await lastError()).toMatch(/^upstream_(failed|too_large)/);
      expect((await stage.checkpoints.show(stage.instance)).witnesses).toEqual([]);
      server.answer = undefined;
      await witnesses.sendNewest();
      expect(await lastError()).toBeNull();
      expect((await stage.checkpoints.show(stage.instance)).witnesses).toEqual(["partner"]);
    });
  }

  test("on an address that Writ does not connect to, or that is gone, is noted", async () => {
    await add();
    await nextCheckpoint();
    dialer.close();
    connect([]);
    await witnesses.sendNewest();
    expect(await lastError()).toContain("destination_refused");
    dialer.close();
    connect(["127.0.0.0/8"]);
    server.stop();
    await witnesses.sendNewest();
    expect(await lastError()).toContain("upstream_failed");
  });
});

test("addresses and keys that are none of a witness are refused, names are taken once", async () => {
  const codeOf = (url: string, key: string, name = "a") =>
    witnesses.add(stage.actor, name, url, key).catch((error) => error.code);
  for (const url of ["", "ftp://x/", "https://user:pw@x/", "https://x/?q=1", "https://x/#f", "x"]) {
    expect(await codeOf(url, server.verifierKey)).toBe("invalid_argument");
  }
  const plain = server.verifierKey.replace(/\+.*/, "+00000000+AAAA");
  for (const key of ["", plain, "x"]) expect(await codeOf(server.url, key)).toBe("invalid_argument");
  expect(await codeOf(server.url, server.verifierKey, "Not A Name")).toBe("invalid_argument");
  await add();
  expect(await add().catch((error) => error.code)).toBe("name_taken");
  await witnesses.remove(stage.actor, "partner");
  expect(await witnesses.remove(stage.actor, "partner").catch((error) => error.code)).toBe("not_found");
  await witnesses.sendNewest();
});
