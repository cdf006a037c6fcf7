import { systemClock } from "#src/base/clock.ts";
import { type Column, listOf, printList, textOf } from "./answer.ts";
import { tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer } from "./client.ts";
import { readText } from "./input.ts";
import { orTellProblems } from "./policy-source.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const GROUP_COLUMNS: readonly Column[] = [
  ["COUNT", "count"],
  ["FROM", "from"],
  ["TO", "to"],
  ["COMMAND", "command"],
  ["BY THEN", "before"],
  ["BY NOW", "after"],
  ["EXAMPLES", "examples"],
];
const DIFFERENCE_COLUMNS: readonly Column[] = [
  ["DECISION", "decision"],
  ["RECORDED", "recorded.decision"],
  ["BY", "recorded.policies"],
  ["NOW", "replayed.decision"],
  ["BY", "replayed.policies"],
  ["FAILED", "replayed.failed"],
];

/** What recorded decisions would have been. */
export const replay = tenantCommand(
  {
    name: "replay",
    summary: "make recorded decisions again under other policies; exit 1 where outcomes change",
    options: [
      { name: "against", value: "FILE", help: "a draft: Cedar; `-` is standard input" },
      { name: "version", value: "VERSION", help: "a version instead of a draft" },
      { name: "since", value: "DURATION", help: "decisions of so long until now, such as 7d; all unless given" },
    ],
    notes: [
      "With neither --against nor --version each decision is made under the version that it was made under, and must come",
      "out exactly as it is recorded: exit 1 where one does not.",
    ],
  },
  async (api, terminal, args) => {
    const isAudit = !args.has("against") && !args.has("version");
    const asking = api.post("/v1/admin/policies/replay", await readRequest(terminal, args));
    const report = await orTellProblems(terminal, args.option("against") ?? "", asking, "nothing was replayed");
    if (report === undefined) return 2;
    const count = (member: string): number => Number(report[member] ?? 0);
    const changed = count("changed") + count("failed") + (isAudit ? count("same_outcome") : 0);
    if (args.has("json")) await terminal.printJson(report);
    else await printReport(terminal, args, report, isAudit);
    return changed === 0 ? 0 : 1;
  },
);

async function readRequest(terminal: Terminal, args: Arguments): Promise<Answer> {
  const path = args.option("against");
  const version = args.count("version", { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (path !== undefined && version !== undefined) throw new UsageError("either `--against` or `--version`");
  const seconds = args.seconds("since");
  const since = seconds === undefined ? undefined : Math.max(0, systemClock.now() - seconds * 1000);
  return {
    ...(path === undefined ? {} : { source: await readText(terminal, path) }),
    ...(version === undefined ? {} : { version }),
    ...(since === undefined ? {} : { since: new Date(since).toISOString() }),
  };
}

async function printReport(terminal: Terminal, args: Arguments, report: Answer, isAudit: boolean): Promise<void> {
  const groups = listOf(report, "groups");
  const differences = listOf(report, "differences");
  if (groups.length > 0) await printList(terminal, args, groups, GROUP_COLUMNS, "");
  const shown = isAudit ? differences : differences.filter((each) => textOf(each, "replayed.failed") !== "");
  if (shown.length > 0) await printList(terminal, args, shown, DIFFERENCE_COLUMNS, "");
  await terminal.print(
    [
      ["replayed", "replayed"],
      ["changed", "changed"],
      ["same outcome for other reasons", "same_outcome"],
      ["failed", "failed"],
      ["erased", "erased"],
      ["not asked", "unasked"],
    ]
      .map(([label = "", member = ""]) => `${label}: ${textOf(report, member)}`)
      .join("; "),
  );
}
