import { type Column, listOf, printList, printThing } from "./answer.ts";
import { apiPath, instanceCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";

const JOB = [{ name: "JOB" }] as const;
const JOB_COLUMNS: readonly Column[] = [
  ["JOB", "name"],
  ["WHEN (UTC)", "schedule"],
  ["STATE", "state"],
  ["STARTED", "started_at"],
  ["LAST OK", "last_ok_at"],
  ["FAILURES", "failures"],
];
const RUN_COLUMNS: readonly Column[] = [
  ["STARTED", "started_at"],
  ["OUTCOME", "outcome"],
  ["MS", "duration_ms"],
  ["ERROR", "error"],
];

/** What the instance does by itself. */
export const jobs: CommandGroup = {
  standard: "list",
  commands: [
    instanceCommand({ name: "list", summary: "jobs, and how they stand" }, async (api, terminal, args) =>
      printList(terminal, args, listOf(await api.get("/v1/admin/jobs"), "jobs"), JOB_COLUMNS, "no jobs"),
    ),
    instanceCommand(
      {
        name: "history",
        summary: "runs of a job, newest first",
        positionals: JOB,
        options: [{ name: "limit", value: "N", help: "at most so many; 100 unless given" }],
        notes: ["Of jobs that run many times a minute the runs that failed are kept."],
      },
      async (api, terminal, args) => {
        const limit = args.count("limit", { min: 1, max: 100 });
        const answer = await api.get(apiPath(["admin", "jobs", args.at("JOB"), "runs"]), { limit });
        return printList(terminal, args, listOf(answer, "runs"), RUN_COLUMNS, "no runs");
      },
    ),
    instanceCommand({ name: "run", summary: "run a job now", positionals: JOB }, async (api, terminal, args) => {
      const job = await api.post(apiPath(["admin", "jobs", args.at("JOB"), "run"]));
      await printThing(terminal, args, job);
      return job["state"] === "failing" ? 1 : 0;
    }),
  ],
};
