import { writeSync } from "node:fs";
import { join } from "node:path";
import { createArchive } from "#src/archive/archive.ts";
import { createLog } from "#src/base/log.ts";
import { createFolderStore } from "#src/io/object-store-folder.ts";
import { databasePath } from "#src/store/database.ts";
import { readTenants } from "#src/store/instance.ts";
import { createReaderPool } from "#src/store/reader-pool.ts";
import { recordDecisions } from "#test/archive/support.ts";
import { openTestStore, SEAL_SIGNER } from "#test/support/store.ts";

// A process that records decisions and archives them, prunes and restores, round after round. Arguments: the folder and how
// many rounds (0: until it is killed). Says `round N` when a round is done and `err CODE` when one failed.
const [folder = "", rounds = "0"] = process.argv.slice(2);
const say = (line: string): void => void writeSync(1, `${line}\n`);

const store = await openTestStore({ folder, seed: Date.now() * 1000 + process.pid });
const tenant = (await readTenants(store.reader))[0]?.tenantId ?? (await store.createTenant("instance", "instance"));
const pool = createReaderPool(databasePath(folder));
const ground = { reader: store.reader, clock: store.clock, log: createLog(() => undefined, "error") };
const archive = createArchive(ground, {
  ...ground,
  recorder: store.recorder,
  pool,
  instanceId: "ins_test",
  signer: async () => SEAL_SIGNER,
  checkCapacity: () => undefined,
  listTenants: async () => [tenant],
  store: createFolderStore(join(folder, "lake")),
  config: { lock: undefined, legalHold: false, retentionSeconds: 86_400, graceSeconds: 1, prunes: false },
  stagingFolder: join(folder, "archive-staging"),
});
say("ready");
for (let round = 1; Number(rounds) === 0 || round <= Number(rounds); round += 1) {
  try {
    await recordDecisions(store, tenant, 70);
    await archive.run(tenant, "system", { today: true });
    await archive.prune(tenant, "system", { graceSeconds: 0 });
    if (round % 3 === 0) await archive.restore(tenant, "system");
    say(`round ${round}`);
  } catch (error) {
    say(`err ${(error as { code?: string }).code ?? String(error)}`);
  }
}
await pool.close();
await store.close();
say("done");
