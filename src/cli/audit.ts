import { type Column, listOf, printList, printThing } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import { check } from "./audit-check.ts";
import { PROOF_COMMANDS } from "./audit-proofs.ts";
import type { Answer, Api } from "./client.ts";
import type { CommandGroup } from "./command.ts";
import { writeNewFile } from "./new-file.ts";

const COLUMNS: readonly Column[] = [
  ["SEQ", "seq"],
  ["AT", "at"],
  ["TYPE", "type"],
  ["COMMAND", "data.command"],
  ["ACTOR", "actor"],
  ["ID", "id"],
];
const SEQ = { min: 1, max: Number.MAX_SAFE_INTEGER };
const MAX_LIST = 1_000_000;
const PAGE = 500;
const DEFAULT_LIST = 50;

/** The chain of events of a tenant. */
export const audit: CommandGroup = {
  commands: [
    tenantCommand(
      {
        name: "list",
        summary: "events, newest first",
        options: [
          { name: "type", value: "TYPE", help: "only these: `decision.denied`, or all of `decision`" },
          { name: "actor", value: "ID", help: "only by this subject: sub_…" },
          { name: "agent", value: "AGENT", help: "only by or about this agent" },
          { name: "since", value: "TIME", help: "from this time on: 2026-01-31T00:00:00Z" },
          { name: "until", value: "TIME", help: "before this time" },
          { name: "before", value: "SEQ", help: "before this event" },
          { name: "limit", value: "N", help: `at most so many; ${DEFAULT_LIST} unless given` },
        ],
        notes: ["`--tenant instance` is the chain of what is done to the instance itself."],
      },
      (api, terminal, args) => printList(terminal, args, eventsOf(api, args), COLUMNS, "no events"),
    ),
    check,
    tenantCommand(
      { name: "show", summary: "one event, by its number or id", positionals: [{ name: "EVENT" }] },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.get(apiPath(["audit", "events", args.at("EVENT")]))),
    ),
    tenantCommand(
      {
        name: "export",
        summary: "evidence: a bundle for `writ verify`, or records to be read",
        options: [
          {
            name: "format",
            value: "FORMAT",
            choices: ["bundle", "jsonl", "csv", "html"],
            help: "`bundle` unless given: it alone proves; `html` prints well and has the control map",
          },
          { name: "run", value: "RUN", help: "of this run" },
          { name: "agent", value: "AGENT", help: "by or about this agent" },
          { name: "type", value: "TYPE", help: "only these: `decision.denied`, or all of `decision`" },
          { name: "since", value: "TIME", help: "from this time on: 2026-01-31T00:00:00Z" },
          { name: "until", value: "TIME", help: "before this time" },
          {
            name: "personal",
            value: "HOW",
            choices: ["opened", "sealed"],
            help: "what is personal: `opened` unless given; in a bundle always sealed",
          },
          { name: "from", value: "SEQ", help: "of a bundle: the first event; 1 unless given" },
          {
            name: "through",
            value: "SEQ",
            help: "of a bundle: the last event, up to its seal; the newest unless given",
          },
          { name: "out", value: "FILE", help: "where to write it; standard output unless given" },
        ],
        notes: [
          "A bundle of a run or an agent is the part of the chain from its first event to its last, all others between included:",
          "only without gaps does it prove that nothing is missing.",
        ],
      },
      async (api, terminal, args) => {
        const range = { from: args.count("from", SEQ), through: args.count("through", SEQ) };
        const given = ["format", "run", "agent", "type", "since", "until", "personal"];
        const what = Object.fromEntries(given.map((name) => [name, args.option(name)]));
        const lines = await api.stream("/v1/audit/export", { ...what, ...range });
        const file = args.option("out");
        if (file !== undefined) {
          await writeNewFile(file, lines);
          await terminal.note(`written to ${file}`);
        } else {
          for await (const chunk of lines) await terminal.write(chunk);
        }
        return 0;
      },
    ),
    ...PROOF_COMMANDS,
  ],
};

async function* eventsOf(api: Api, args: Arguments): AsyncGenerator<Answer, void> {
  let wanted = args.count("limit", { min: 1, max: MAX_LIST }) ?? DEFAULT_LIST;
  let before = args.count("before", SEQ);
  const filter = Object.fromEntries(
    ["type", "actor", "agent", "since", "until"].map((name) => [name, args.option(name)]),
  );
  while (wanted > 0) {
    const page = await api.get("/v1/audit/events", { ...filter, before, limit: Math.min(wanted, PAGE) });
    const events = listOf(page, "events");
    yield* events;
    wanted -= events.length;
    if (typeof page["next"] !== "number") return;
    before = page["next"];
  }
}
