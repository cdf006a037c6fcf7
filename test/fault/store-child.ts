import { writeSync } from "node:fs";
import { newId, type TenantId } from "#src/base/ids.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { acquireFolderLock } from "#src/io/folder-lock.ts";
import { databasePath } from "#src/store/database.ts";
import { insertInstance, insertSealKey, insertTenant, readTenants } from "#src/store/instance.ts";
import { openReader } from "#src/store/reader.ts";
import { openWriter } from "#src/store/writer.ts";
import { eventDraft, SEAL_KEY_ID, SEAL_SEED, sealKeyRow } from "#test/support/store.ts";

// A process that commits under load and says what it was told: `ack ID` or `err ID CODE`, each line written before the next
// unit is submitted. Arguments: the folder, how many units (0: until it is killed), how many at a time, bytes a unit.
const [folder = "", units = "0", width = "16", bytes = "50"] = process.argv.slice(2);

const say = (line: string): void => void writeSync(1, `${line}\n`);

const lock = acquireFolderLock(folder);
const path = databasePath(folder);
const options = { path, sealKeyId: SEAL_KEY_ID, sealSeed: SEAL_SEED, tenantQuotaBytes: 0 };
const writer = await openWriter(options, Date.now).catch((error) => {
  say(`closed ${error.code}`);
  process.exit(3);
});
const reader = openReader(path);
const tenant = (await readTenants(reader))[0]?.tenantId ?? (await provision());
say("ready");

let submitted = 0;
const wanted = Number(units) || Number.POSITIVE_INFINITY;
const note = "n".repeat(Number(bytes));
const work = async (): Promise<void> => {
  while (submitted < wanted) {
    submitted += 1;
    const event = eventDraft(systemIdSource, { n: submitted, note }, "decision.made");
    try {
      const result = await writer.submit({ tenant, statements: [], event });
      say(result.kind === "committed" ? `ack ${event.id}` : `err ${event.id} ${result.reason}`);
    } catch (error) {
      say(`err ${event.id} ${(error as { code?: string }).code}`);
    }
  }
};
await Promise.all(Array.from({ length: Number(width) }, work));
reader.close();
await writer.close().catch((error) => say(`close ${error.code}`));
lock.release();
say("done");

async function provision(): Promise<TenantId> {
  for (;;) {
    const tenantId = newId("tenant", systemIdSource);
    const row = {
      tenantId,
      name: "instance",
      kind: "instance",
      status: "active",
      createdAt: 0,
      settings: "{}",
    } as const;
    const instance = { instanceId: "ins_test", createdAt: 0, operatorSubjectId: newId("subject", systemIdSource) };
    const statements = [insertTenant(row), insertInstance(instance), insertSealKey(sealKeyRow())];
    const event = eventDraft(systemIdSource, {}, "tenant.created");
    try {
      const result = await writer.submit({ tenant: tenantId, statements, event, raisesEpoch: true });
      if (result.kind === "committed") return tenantId;
    } catch {
      const made = (await readTenants(reader))[0];
      if (made !== undefined) return made.tenantId;
    }
  }
}
