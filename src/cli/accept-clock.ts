import type { Arguments } from "./arguments.ts";
import { withApi } from "./client.ts";
import type { CommandContext, ExitCode } from "./command.ts";

/** The operator's word that the clock is right: decisions that were refused with `clock_behind` are made again. */
export function acceptClock(context: CommandContext, args: Arguments): Promise<ExitCode> {
  return withApi(context, args, async (api) => {
    await api.post("/v1/admin/instance/clock", {});
    if (!args.has("json")) await context.terminal.print("the clock is accepted");
    else await context.terminal.printJson({ accepted: true });
    return 0;
  });
}
