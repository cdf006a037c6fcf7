import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { type Backups, createBackups } from "#src/archive/backups.ts";
import { restoreBackup } from "#src/archive/restore-backup.ts";
import { verifyDataFolder } from "#src/audit/verify.ts";
import type { TenantId } from "#src/base/ids.ts";
import { sha256 } from "#src/crypto/hash.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { StreamOpener, StreamSealer } from "#src/crypto/sealed-stream.ts";
import { open, seal } from "#src/crypto/sealing.ts";
import { type ArchiveStage, DAY, openStage } from "./stage.ts";
import { recordDecisions } from "./support.ts";

const MASTER = sha256("master");
const PASSPHRASE = "correct horse battery";
let stage: ArchiveStage;
let tenant: TenantId;
let backups: Backups;
let folder: string;

beforeEach(async () => {
  stage = await openStage();
  tenant = await stage.store.createTenant("instance", "instance");
  await recordDecisions(stage.store, tenant, 300);
  mkdirSync(join(stage.folder, "spool", tenant), { recursive: true });
  writeFileSync(join(stage.folder, "spool", tenant, "apr_1.sealed"), "sealed call");
  mkdirSync(join(stage.folder, "keys"));
  writeFileSync(join(stage.folder, "keys", "seal.key"), "a key");
  folder = join(stage.folder, "../backups");
  const { recorder, pool, clock, stagingFolder } = stage.dependencies;
  backups = createBackups({
    recorder,
    pool,
    clock,
    ids: { now: clock.now, random: randomBytes },
    instance: { instanceId: "ins_test", tenant },
    wrapKey: (key) => ({ masterKeyId: "m1", wrapped: seal(MASTER, key, ["backup"]) }),
    checkCapacity: () => undefined,
    location: { kind: "folder", path: folder },
    dataFolder: stage.folder,
    stagingFolder,
    network: { dialer: undefined as never, now: clock.now, random: () => 0 },
  });
});
afterEach(() => stage.close());

const unwrapMaster = (_: string, wrapped: Uint8Array): Uint8Array => open(MASTER, wrapped, ["backup"]);
const restore = (bytes: Uint8Array, options: Partial<Parameters<typeof restoreBackup>[0]> = {}) =>
  restoreBackup({
    bytes: bytes.length,
    stream: (async function* () {
      for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
    })(),
    into: join(stage.folder, "../restored"),
    unwrapKey: unwrapMaster,
    ...options,
  });
const bytesOf = async (request: Parameters<Backups["create"]>[1] = {}): Promise<Uint8Array> =>
  readFileSync(join(folder, (await backups.create("system", request)).name));

describe("a backup", () => {
  test("is made while others write, and gives back a folder that verifies", async () => {
    const writing = recordDecisions(stage.store, tenant, 500, 300);
    const bytes = await bytesOf();
    await writing;
    const restored = await restore(bytes);
    expect(restored).toMatchObject({ instance: "ins_test", files: ["writ.db", `spool/${tenant}/apr_1.sealed`] });
    const into = join(stage.folder, "../restored");
    expect(await verifyDataFolder(into)).toMatchObject({ ok: true });
    expect(readFileSync(join(into, "spool", tenant, "apr_1.sealed"), "utf8")).toBe("sealed call");
    expect(existsSync(join(into, "keys"))).toBe(false);
    expect(readdirSync(into).sort()).toEqual(["spool", "writ.db"]);
    expect(readdirSync(stage.dependencies.stagingFolder)).toEqual([]);
  });

  test("shows nothing of what is in it, and opens with the key that it was wrapped for alone", async () => {
    const bytes = await bytesOf();
    expect(Buffer.from(bytes).includes("acme/shop")).toBe(false);
    expect(await restore(bytes, { unwrapKey: () => undefined }).catch((error) => error)).toMatchObject({
      code: "backup_invalid",
    });
    const wrong = (_: string, wrapped: Uint8Array) => open(sha256("other"), wrapped, ["backup"]);
    expect(await restore(bytes, { unwrapKey: wrong }).catch((error) => error)).toMatchObject({
      code: "backup_invalid",
    });
  });

  test("has the keys under a passphrase alone, and opens with it", async () => {
    expect(await backups.create("system", { withKeys: true }).catch((error) => error)).toMatchObject({
      code: "invalid_argument",
    });
    const bytes = await bytesOf({ withKeys: true, passphrase: PASSPHRASE });
    const locked = { unwrapKey: () => undefined };
    expect(await restore(bytes, { ...locked, passphrase: "wrong passphrase" }).catch((error) => error)).toMatchObject({
      code: "backup_invalid",
    });
    expect((await restore(bytes, { ...locked, passphrase: PASSPHRASE })).files).toContain("keys/seal.key");
  }, 20_000);

  test("that was changed, cut or lengthened anywhere is refused, and leaves nothing behind", async () => {
    const bytes = await bytesOf();
    const into = join(stage.folder, "../restored");
    for (let i = 0; i < 24; i += 1) {
      const changed = Uint8Array.from(bytes);
      const at = Math.floor(((i + 0.5) * bytes.length) / 24);
      changed[at] = (changed[at] ?? 0) ^ (1 << (i % 8));
      const hurt =
        i % 3 === 0 ? changed.subarray(0, at) : i % 3 === 1 ? changed : Buffer.concat([bytes, bytes.subarray(at)]);
      const error = await restore(hurt).catch((thrown: unknown) => thrown);
      expect(["backup_invalid", "crypto_failed"]).toContain((error as { code: string }).code);
      expect(existsSync(join(into, "writ.db"))).toBe(false);
      expect(existsSync(join(into, ".restore"))).toBe(false);
    }
  });

  test("replaces nothing", async () => {
    const bytes = await bytesOf();
    expect(await restore(bytes, { into: stage.folder }).catch((error) => error)).toMatchObject({ code: "conflict" });
  });

  test("is made once a day by itself", async () => {
    const { signal } = new AbortController();
    await backups.createDue(signal);
    await backups.createDue(signal);
    expect(readdirSync(folder).length).toBe(1);
    stage.store.clock.time += DAY + 1;
    await backups.createDue(signal);
    expect(readdirSync(folder).length).toBe(2);
  });
});

test("a sealed stream opens as it was sealed, and in no other order", () => {
  const [key, nonce, bound] = [sha256("key"), sha256("nonce").slice(0, 16), sha256("bound")];
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 100 }), { minLength: 1, maxLength: 6 }),
      fc.nat(),
      (chunks, pick) => {
        const sealer = new StreamSealer(key, nonce, bound);
        const sealed = chunks.map((chunk, index) => sealer.seal(chunk, index === chunks.length - 1));
        const opener = new StreamOpener(key, nonce, bound);
        const opened = sealed.map((chunk, index) => opener.open(chunk, index === sealed.length - 1));
        expect(opened.map((chunk) => chunk.toHex())).toEqual(chunks.map((chunk) => chunk.toHex()));
        const at = pick % sealed.length;
        const isLast = at === sealed.length - 1;
        const other = new StreamOpener(key, nonce, bound);
        for (let before = 0; before < at; before += 1) other.open(sealed[before] as Uint8Array, false);
        // The same chunk as the last one where it is not, in another place, or of another stream.
        expect(() => other.open(sealed[at] as Uint8Array, !isLast)).toThrow();
        expect(() =>
          new StreamOpener(key, nonce, sha256("other")).open(sealed[0] as Uint8Array, sealed.length === 1),
        ).toThrow();
      },
    ),
    { numRuns: 50 },
  );
});
