import { systemClock } from "#src/base/clock.ts";
import { listOf, objectOf, textOf } from "./answer.ts";
import { tenantCommand } from "./api-command.ts";

/** Whether what is recorded is what the policies that it names say. */
export const check = tenantCommand(
  {
    name: "check",
    summary: "make recorded decisions again; exit 1 with the first that does not come out as it is recorded",
    options: [
      { name: "replay", help: "this check alone; without a check named, all are made" },
      { name: "since", value: "DURATION", help: "decisions of so long until now, such as 7d; all unless given" },
    ],
    notes: [
      "Each decision, and each answer to an AuthZEN question, is made again under the policy version that it names, with the",
      "entities and the context that it was made with. `writ verify` checks the chain that they stand in.",
    ],
  },
  async (api, terminal, args) => {
    const seconds = args.seconds("since");
    const since = seconds === undefined ? undefined : Math.max(0, systemClock.now() - seconds * 1000);
    const body = since === undefined ? {} : { since: new Date(since).toISOString() };
    const report = await api.post("/v1/admin/policies/replay", body);
    const [first] = listOf(report, "differences");
    const isOk = first === undefined;
    if (args.has("json")) {
      await terminal.printJson({ ok: isOk, check: "replay", ...(isOk ? {} : { first }), ...report });
      return isOk ? 0 : 1;
    }
    const counts = ["replayed", "reproduced", "erased", "unasked"].map((name) => `${name}: ${textOf(report, name)}`);
    await terminal.printMarked(isOk ? "good" : "bad", isOk ? "reproduced" : "NOT REPRODUCED", `  ${counts.join("; ")}`);
    if (first !== undefined) {
      const then = objectOf(first, "recorded");
      const now = objectOf(first, "replayed");
      const said =
        textOf(now, "failed") === ""
          ? `${textOf(now, "decision")} by ${textOf(now, "policies")}`
          : textOf(now, "failed");
      await terminal.print(
        `${textOf(first, "decision")} is recorded as ${textOf(then, "decision")} by ${textOf(then, "policies")}, and comes out as ${said}`,
      );
    }
    return isOk ? 0 : 1;
  },
);
