import { writeSync } from "node:fs";
import { systemIdSource } from "#src/crypto/random.ts";
import { acquireFolderLock } from "#src/io/folder-lock.ts";
import { eventDraft } from "#test/support/store.ts";
import { openStage } from "../audit/stage.ts";

// A process that commits under load and signs a checkpoint now and then: `ack ID` for each event, `ack cp-SIZE` for each
// checkpoint, `err … CODE` for what was refused, each line written at once. Arguments as of store-child.
const [folder = "", units = "0", width = "8"] = process.argv.slice(2);
const CHECKPOINT_EVERY = 40;

const say = (line: string): void => void writeSync(1, `${line}\n`);

const lock = acquireFolderLock(folder);
const stage = await openStage({ folder, seed: Date.now() }).catch((error) => {
  say(`closed ${error.code}`);
  process.exit(3);
});
stage.store.clock.time = Date.now();
say("ready");

let submitted = 0;
const wanted = Number(units) || Number.POSITIVE_INFINITY;
const work = async (): Promise<void> => {
  while (submitted < wanted) {
    submitted += 1;
    const event = eventDraft(systemIdSource, { n: submitted }, "decision.made");
    try {
      const result = await stage.store.writer.submit({ tenant: stage.tenant, statements: [], event });
      say(result.kind === "committed" ? `ack ${event.id}` : `err ${event.id} ${result.reason}`);
    } catch (error) {
      say(`err ${event.id} ${(error as { code?: string }).code}`);
    }
    if (submitted % CHECKPOINT_EVERY !== 0) continue;
    try {
      const { size } = await stage.checkpoints.request(stage.tenant, stage.actor);
      say(`checkpoint ${size}`);
    } catch (error) {
      say(`checkpoint ${(error as { code?: string }).code}`);
    }
  }
};
await Promise.all(Array.from({ length: Number(width) }, work));
await stage.store.close().catch((error) => say(`close ${error.code}`));
lock.release();
say("done");
