import { printThing } from "./answer.ts";
import type { Arguments } from "./arguments.ts";
import { withApi } from "./client.ts";
import type { CommandContext, ExitCode } from "./command.ts";

/** The operator's word that the clock is right: decisions that were refused with `clock_behind` are made again. */
export function acceptClock(context: CommandContext, args: Arguments): Promise<ExitCode> {
  return withApi(context, args, async (api) => {
    return printThing(context.terminal, args, await api.post("/v1/admin/instance/clock-acceptance"));
  });
}
