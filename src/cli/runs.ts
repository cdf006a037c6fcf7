import { type Column, listOf, objectOf, printList, printThing, textOf } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer, Api, Query } from "./client.ts";
import type { CommandGroup, NamedCommand } from "./command.ts";
import { writeNewFile } from "./new-file.ts";
import { jsonLine } from "./printable.ts";

const RUN = [{ name: "RUN" }] as const;
const STATES = ["pending", "active", "paused", "completed", "failed", "cancelled"] as const;
const COLUMNS: readonly Column[] = [
  ["RUN", "id"],
  ["STATE", "state"],
  ["AGENT", "agent"],
  ["DEVICE", "device"],
  ["LEVEL", "level"],
  ["CALLS", "calls"],
  ["RECEIPTS", "receipts"],
  ["CREATED", "created_at"],
  ["FOR", "work_item"],
];
const PAGE = 100;
const DEFAULT_RUNS = 50;

/** What agents did on hosts: each run as a timeline. RUN is an id. */
export const runs: CommandGroup = {
  standard: "list",
  commands: [
    tenantCommand(
      {
        name: "list",
        summary: "runs, the newest first",
        options: [
          { name: "agent", value: "AGENT", help: "of this agent alone, by name or id" },
          { name: "state", value: "STATE", choices: STATES, help: "in this state alone" },
          { name: "limit", value: "NUMBER", help: `at most so many; ${DEFAULT_RUNS} unless given` },
        ],
      },
      async (api, terminal, args) => {
        const limit = args.count("limit", { min: 1, max: 100_000 }) ?? DEFAULT_RUNS;
        const query = { agent: args.option("agent"), state: args.option("state") };
        return printList(terminal, args, newest(api, query, limit), COLUMNS, "no runs");
      },
    ),
    tenantCommand(
      {
        name: "show",
        summary: "one run as a timeline: what ran, where, under which route, who approved",
        positionals: RUN,
      },
      async (api, terminal, args) => {
        const path = apiPath(["admin", "runs", args.at("RUN")]);
        const { steps: _, next: __, children, ...run } = await api.get(path, { limit: 1 });
        if (args.has("json")) {
          const steps = await Array.fromAsync(pages(api, path, "steps"));
          await terminal.printJson({ ...run, children, steps });
          return 0;
        }
        await printThing(terminal, args, run);
        await terminal.print();
        const steps: string[][] = [];
        for await (const step of pages(api, path, "steps")) steps.push(describeStep(step));
        await terminal.printTable(
          ["AT", "WHAT", "TIER", "OUTCOME", "WHERE", "ROUTE", "APPROVED BY"],
          steps,
          "no steps",
        );
        for (const child of listOf({ children }, "children")) {
          await terminal.print(`below it: ${textOf(child, "id")}  ${textOf(child, "state")}`);
        }
        return 0;
      },
    ),
    tenantCommand(
      {
        name: "export",
        summary: "a run's receipts as in-toto statements, each in a signed envelope, one a line",
        positionals: RUN,
        options: [
          { name: "format", value: "FORMAT", choices: ["in-toto"], help: "in-toto unless given" },
          { name: "out", value: "FILE", help: "where to write it; standard output unless given" },
        ],
        notes: ["DSSE envelopes, signed with the key that seals the chain: `writ keys list` shows it."],
      },
      async (api, terminal, args) => {
        const path = apiPath(["admin", "runs", args.at("RUN"), "statements"]);
        const out = args.option("out");
        if (out !== undefined) {
          await writeNewFile(out, lines(pages(api, path, "envelopes")));
          await terminal.note(`wrote ${out}`);
          return 0;
        }
        for await (const envelope of pages(api, path, "envelopes")) await terminal.print(jsonLine(envelope));
        return 0;
      },
    ),
    acting("pause", "grant nothing in a run and below it, and cut its calls", "pause"),
    acting("resume", "undo `pause`", "resumption"),
    acting("cancel", "end a run for good, with all below it, and cut its calls", "cancellation"),
  ],
};

function acting(name: string, summary: string, action: string): NamedCommand {
  return tenantCommand({ name, summary, positionals: RUN }, async (api, terminal, args) =>
    printThing(terminal, args, await api.post(runPath(args, action))),
  );
}

function runPath(args: Arguments, action: string): string {
  return apiPath(["admin", "runs", args.at("RUN"), action]);
}

async function* newest(api: Api, query: Query, limit: number): AsyncGenerator<Answer, void> {
  let before: string | undefined;
  for (let rest = limit; rest > 0; ) {
    const answer = await api.get("/v1/admin/runs", { ...query, before, limit: Math.min(rest, PAGE) });
    const found = listOf(answer, "runs");
    yield* found;
    rest -= found.length;
    if (typeof answer["next"] !== "string") return;
    before = answer["next"];
  }
}

async function* pages(api: Api, path: string, member: string): AsyncGenerator<Answer, void> {
  let after: string | undefined;
  do {
    const answer = await api.get(path, { limit: PAGE, after });
    yield* listOf(answer, member);
    after = typeof answer["next"] === "string" ? answer["next"] : undefined;
  } while (after !== undefined);
}

async function* lines(entries: AsyncIterable<Answer>): AsyncGenerator<Uint8Array, void> {
  for await (const entry of entries) yield new TextEncoder().encode(`${JSON.stringify(entry)}\n`);
}

/** A line of the timeline. */
function describeStep(step: Answer): string[] {
  const decision = objectOf(step, "decision");
  const receipt = objectOf(step, "receipt");
  const approvedBy = textOf(decision, "approved_by");
  if (step["kind"] === "decision") {
    const { command, tier, outcome, connection } = decision;
    return [
      textOf(step, "at"),
      String(command),
      String(tier),
      String(outcome),
      String(connection ?? ""),
      "",
      approvedBy,
    ];
  }
  const route = ["auth_lane", "cost_lane", "cli", "version"].map((name) => textOf(receipt, `route.${name}`));
  const took = `${receipt["success"] === true ? "done" : "failed"} in ${textOf(receipt, "duration_ms")} ms`;
  return [
    textOf(step, "at"),
    `  ${textOf(receipt, "tool")}`,
    textOf(receipt, "tier"),
    took,
    textOf(receipt, "level"),
    route.filter((name) => name !== "").join(" "),
    approvedBy,
  ];
}
