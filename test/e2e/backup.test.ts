import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, freshFolder } from "#test/support/binary.ts";
import { createInstance, type Instance } from "#test/support/instance.ts";
import { startVersitygw } from "#test/support/object-stores.ts";
import { describePeer } from "#test/support/peer.ts";

const LONG = 120_000;
afterAll(cleanUp, LONG);

/** Restores into another instance's data folder, where the keys of the first were put, and serves from it. */
async function restoreElsewhere(
  from: Instance,
  source: string,
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
) {
  const elsewhere = createInstance(env);
  if (args.length === 0) cpSync(join(from.dataFolder, "keys"), join(elsewhere.dataFolder, "keys"), { recursive: true });
  const restored = await elsewhere.ask(["restore", source, ...args]);
  expect(restored).toMatchObject({ data_folder: elsewhere.dataFolder });
  expect((await elsewhere.run(["verify", elsewhere.dataFolder])).code).toBe(0);
  const server = await elsewhere.start();
  expect((await elsewhere.list(["agent", "list"])).map(({ name }) => name)).toEqual(["builder"]);
  expect((await server.stop()).code).toBe(0);
  return elsewhere;
}

describe("a backup by the executable", () => {
  test(
    "of a running server, restored with the keys beside it, and into no folder that has a database",
    async () => {
      const instance = createInstance();
      const server = await instance.start();
      await instance.ask(["agent", "create", "builder"]);
      const folder = freshFolder("backups");
      const made = (await instance.ask(["backup", "--to", folder])) as { name: string };
      expect(readFileSync(join(folder, made.name)).includes("builder")).toBe(false);
      const elsewhere = await restoreElsewhere(instance, folder);
      expect((await elsewhere.run(["restore", folder])).code).toBe(2);
      await server.stop();
      const [event] = await instance.list([
        "audit",
        "list",
        "--tenant",
        "instance",
        "--type",
        "backup",
        "--limit",
        "1",
      ]);
      expect(event).toMatchObject({ type: "backup.made" });
    },
    LONG,
  );

  test(
    "under a passphrase, with the keys in it, restored on a machine that has nothing else; a changed one is refused",
    async () => {
      const instance = createInstance();
      const passphrase = join(instance.folder, "passphrase");
      writeFileSync(passphrase, "correct horse battery staple\n");
      await instance.run(["init"]);
      await instance.ask(["agent", "create", "builder"]);
      const folder = freshFolder("backups");
      expect((await instance.run(["backup", "--to", folder, "--with-keys"])).code).toBe(2);
      await instance.ask(["backup", "--to", folder, "--with-keys", "--passphrase-file", passphrase]);
      await restoreElsewhere(instance, folder, {}, ["--passphrase-file", passphrase]);
      const path = join(folder, readdirSync(folder)[0] ?? "");
      const bytes = readFileSync(path);
      bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
      writeFileSync(path, bytes);
      const refused = await createInstance().run(["restore", path, "--passphrase-file", passphrase]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain("changed or cut");
    },
    LONG,
  );
});

describePeer("versitygw", "a backup in a bucket", () => {
  test(
    "goes there by itself, and comes back from there",
    async () => {
      const bucket = await startVersitygw(freshFolder("versitygw"));
      try {
        const env = { ...bucket.env("lake"), WRIT_BACKUP_URL: "s3://lake/backups" };
        const instance = createInstance(env);
        await instance.run(["init"]);
        await instance.ask(["agent", "create", "builder"]);
        await instance.ask(["backup"]);
        await restoreElsewhere(instance, "s3://lake/backups", env);
      } finally {
        await bucket.stop();
      }
    },
    LONG,
  );
});
