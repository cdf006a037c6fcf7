import type { Arguments } from "./arguments.ts";
import { type Api, withApi } from "./client.ts";
import type { Command, ExitCode, NamedCommand } from "./command.ts";
import { TENANT_OPTION } from "./option.ts";
import type { Terminal } from "./terminal.ts";

/** What a command that asks the server does. */
export type ApiWork = (api: Api, terminal: Terminal, args: Arguments) => Promise<ExitCode>;

/** A command that asks the server about what belongs to a tenant. */
export function tenantCommand(spec: Omit<NamedCommand, "run">, work: ApiWork): NamedCommand {
  return { ...spec, ...askingCommand({ ...spec, options: [...(spec.options ?? []), TENANT_OPTION] }, work) };
}

/** A command that asks the server about the instance itself. */
export function instanceCommand(spec: Omit<NamedCommand, "run">, work: ApiWork): NamedCommand {
  return { ...spec, ...askingCommand(spec, work) };
}

/** The same for a command without a name of its own. */
export function askingCommand(spec: Omit<Command, "run">, work: ApiWork): Command {
  return {
    ...spec,
    run: (context, args) => withApi(context, args, (api) => work(api, context.terminal, args)),
  };
}

/** A path of the API, what is named in it encoded. */
export function apiPath(parts: readonly string[]): string {
  return `/v1/${parts.map(encodeURIComponent).join("/")}`;
}
