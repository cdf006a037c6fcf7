import { acceptClock } from "./accept-clock.ts";
import type { Command, CommandContext, ExitCode } from "./command.ts";
import { runChecks } from "./health-checks.ts";
import type { Finding } from "./health-finding.ts";
import type { Mark } from "./terminal.ts";

const MARKS: Readonly<Record<Finding["state"], Mark>> = { ok: "good", warn: "warn", fail: "bad" };

/** Looks at everything that an instance needs to be well, and says what is not. */
export const doctor: Command = {
  options: [
    {
      name: "accept-clock",
      help: "say to Writ that the machine's clock is right although it is behind the newest event (`clock_behind`)",
    },
  ],
  notes: ["Each line: ok, warn or fail, what was looked at, and why. Exit 1 when anything fails."],
  run: (context, args) => (args.has("accept-clock") ? acceptClock(context, args) : examine(context, args.has("json"))),
};

async function examine(context: CommandContext, asJson: boolean): Promise<ExitCode> {
  const { terminal } = context;
  let code: ExitCode = 0;
  for await (const finding of runChecks(context)) {
    const { state, what, why } = finding;
    if (state === "fail") code = 1;
    if (asJson) await terminal.printJson(finding);
    else await terminal.printMarked(MARKS[state], state.padEnd(4), `  ${what.padEnd(12)}  ${why}`);
  }
  return code;
}
