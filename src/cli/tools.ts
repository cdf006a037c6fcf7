import { type Column, listOf, objectOf, printList, printThing } from "./answer.ts";
import { tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer } from "./client.ts";
import type { CommandGroup } from "./command.ts";
import { UsageError } from "./usage-error.ts";

const TOOL = [{ name: "TOOL" }] as const;
const MAX_COUNT = { min: 0, max: 1_000_000_000 };
const COLUMNS: readonly Column[] = [
  ["TOOL", "tool"],
  ["TIER", "tier"],
  ["PER RUN", "max_calls_per_run"],
  ["IN A WINDOW", "window.calls"],
  ["SECONDS", "window.seconds"],
  ["ASKS", "approval.when"],
  ["COST", "cost"],
  ["GROUPS", "roles"],
  ["OFFLINE", "offline.mode"],
];

/** The tool matrix: what tools may do, how often, and when a person is asked. TOOL is a tool's name, a family of commands, or `*`. */
export const tools: CommandGroup = {
  commands: [
    tenantCommand({ name: "list", summary: "the lines of the matrix" }, async (api, terminal, args) => {
      const matrix = await api.get("/v1/admin/tools");
      if (args.has("json")) return printThing(terminal, args, matrix);
      return printList(terminal, args, listOf(matrix, "tools"), COLUMNS, "no lines: built-in tiers alone decide");
    }),
    tenantCommand({ name: "show", summary: "one line", positionals: TOOL }, async (api, terminal, args) =>
      printThing(terminal, args, await api.get("/v1/admin/tools/one", { tool: args.at("TOOL") })),
    ),
    tenantCommand(
      {
        name: "set",
        summary: "set a line, in place of the one that is there",
        positionals: TOOL,
        options: [
          { name: "tier", value: "TIER", choices: ["read", "write", "danger"], help: "at least this tier" },
          { name: "per-run", value: "CALLS", help: "most calls in a run" },
          { name: "window", value: "CALLS/DURATION", help: "most calls of an agent in a time, such as `100/1h`" },
          {
            name: "approval",
            value: "WHEN",
            help: "ask a person: `never`, `always`, `above-calls:N` or `above-cost:N`",
          },
          {
            name: "offline",
            value: "AGE",
            help: "where Writ cannot be reached: `deny`, or reads for so long, such as `1h`",
          },
          { name: "cost", value: "COST", help: "what a call costs; 1 unless given" },
          { name: "role", value: "GROUP", many: true, help: "for agents of this group alone" },
        ],
      },
      async (api, terminal, args) => printThing(terminal, args, await api.put("/v1/admin/tools", readRule(args))),
    ),
    tenantCommand({ name: "remove", summary: "remove a line", positionals: TOOL }, async (api, terminal, args) =>
      printThing(terminal, args, await api.delete(`/v1/admin/tools?tool=${encodeURIComponent(args.at("TOOL"))}`)),
    ),
    tenantCommand(
      {
        name: "budgets",
        summary: "show the budgets, or set them where one is named; what is left out then has none",
        options: [
          { name: "run", value: "COST", help: "of a run with all that it starts" },
          { name: "agent-day", value: "COST", help: "of one agent in a day, UTC" },
          { name: "day", value: "COST", help: "of all agents in a day, UTC" },
        ],
      },
      async (api, terminal, args) => {
        const budgets = Object.fromEntries(
          ["run", "agent-day", "day"].flatMap((name) => {
            const value = args.count(name, MAX_COUNT);
            return value === undefined ? [] : [[name.replace("-", "_"), value] as const];
          }),
        );
        if (Object.keys(budgets).length > 0) {
          return printThing(terminal, args, await api.put("/v1/admin/tool-budgets", budgets));
        }
        return printThing(terminal, args, objectOf(await api.get("/v1/admin/tools"), "budgets"));
      },
    ),
  ],
};

function readRule(args: Arguments): Answer {
  const [tier, cost, perRun] = [args.option("tier"), args.count("cost", MAX_COUNT), args.count("per-run", MAX_COUNT)];
  const [window, approval, offline] = [args.option("window"), args.option("approval"), args.option("offline")];
  const roles = args.list("role");
  return {
    tool: args.at("TOOL"),
    ...(tier === undefined ? {} : { tier }),
    ...(perRun === undefined ? {} : { max_calls_per_run: perRun }),
    ...(window === undefined ? {} : { window: readWindow(window) }),
    ...(approval === undefined ? {} : { approval: readApproval(approval) }),
    ...(offline === undefined ? {} : { offline: readOffline(args, offline) }),
    ...(cost === undefined ? {} : { cost }),
    ...(roles.length === 0 ? {} : { roles }),
  };
}

const SECONDS: ReadonlyMap<string, number> = new Map([
  ["s", 1],
  ["m", 60],
  ["h", 3600],
  ["d", 86_400],
]);

function readWindow(text: string): Answer {
  const [, calls, count, unit = ""] = /^(\d{1,9})\/(\d{1,7})([smhd])$/.exec(text) ?? [];
  if (calls === undefined) throw new UsageError("`--window` is calls and a duration, such as `100/1h`");
  return { calls: Number(calls), seconds: Number(count) * (SECONDS.get(unit) ?? 1) };
}

function readApproval(text: string): Answer {
  if (text === "never" || text === "always") return { when: text };
  const [, when, count] = /^above-(calls|cost):(\d{1,9})$/.exec(text) ?? [];
  if (when === undefined) throw new UsageError("`--approval` is never, always, above-calls:N or above-cost:N");
  return { when: `above_${when}`, [when]: Number(count) };
}

function readOffline(args: Arguments, text: string): Answer {
  return text === "deny" ? { mode: "deny" } : { mode: "read_only", max_age_seconds: args.seconds("offline") };
}
