import { type Column, listAll, listOf, printList, printThing } from "./answer.ts";
import { tenantCommand } from "./api-command.ts";
import type { Answer } from "./client.ts";
import type { CommandGroup } from "./command.ts";

const COLUMNS: readonly Column[] = [
  ["FIRST", "first"],
  ["LAST", "last"],
  ["DATE", "date"],
  ["STATE", "state"],
  ["BYTES", "bytes"],
  ["WRITTEN", "written_at"],
  ["LOCKED UNTIL", "locked_until"],
];
const PATH = "/v1/admin/archive";

/** The archive: segments of a tenant's chain in a folder or bucket. */
export const archive: CommandGroup = {
  standard: "status",
  commands: [
    tenantCommand(
      {
        name: "status",
        summary: "how the archive stands; exit 1 where something is wrong with it",
        notes: ["`--tenant instance` is the instance's own chain."],
      },
      async (api, terminal, args) => {
        const status = await api.get(PATH);
        await printThing(terminal, args, status);
        return status["state"] === "ok" || status["state"] === "off" ? 0 : 1;
      },
    ),
    tenantCommand({ name: "list", summary: "its segments, oldest first" }, (api, terminal, args) =>
      printList(terminal, args, listAll(api, `${PATH}/segments`, "segments"), COLUMNS, "no segments"),
    ),
    tenantCommand(
      {
        name: "run",
        summary: "write what is due now instead of when the scheduler does",
        options: [{ name: "today", help: "the events of today as well, as far as there are any" }],
      },
      async (api, terminal, args) => {
        const body = args.has("today") ? { today: true } : {};
        const segments: Answer[] = [];
        for (let more = true; more; ) {
          const answer = await api.post(`${PATH}/runs`, body);
          segments.push(...listOf(answer, "segments"));
          more = answer["more"] === true;
        }
        return printList(terminal, args, segments, COLUMNS, "nothing is due");
      },
    ),
    tenantCommand(
      {
        name: "verify",
        summary: "compare what the store holds with what was written; exit 1 where it differs",
        notes: ["To verify the store's content by itself, without this server: `writ verify s3://bucket/prefix`."],
      },
      async (api, terminal, args) => {
        const found = await api.post(`${PATH}/verifications`);
        await printThing(terminal, args, found);
        return found["ok"] === true ? 0 : 1;
      },
    ),
    tenantCommand(
      {
        name: "prune",
        summary: "give up local rows that have been in the archive for the grace period",
        options: [
          { name: "grace", value: "TIME", help: "instead of `WRIT_ARCHIVE_GRACE`, such as `7d`" },
          { name: "now", help: "without any grace" },
        ],
        notes: [
          "Every segment is read from the store and compared before its rows go. The chain still verifies: the newest",
          "`archive.segment_pruned` event says where it now begins. `writ archive restore` brings rows back.",
        ],
      },
      async (api, terminal, args) => {
        const grace = args.has("now") ? 0 : args.seconds("grace");
        return printThing(
          terminal,
          args,
          await api.post(`${PATH}/prunings`, grace === undefined ? {} : { grace_seconds: grace }),
        );
      },
    ),
    tenantCommand(
      {
        name: "restore",
        summary: "bring pruned rows back from the store",
        options: [{ name: "from", value: "SEQ", help: "the oldest event that is wanted; all unless given" }],
      },
      async (api, terminal, args) => {
        const from = args.count("from", { min: 1, max: Number.MAX_SAFE_INTEGER });
        return printThing(terminal, args, await api.post(`${PATH}/restorations`, from === undefined ? {} : { from }));
      },
    ),
  ],
};
