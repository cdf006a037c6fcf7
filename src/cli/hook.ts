import type { Arguments } from "./arguments.ts";
import { CALLER_OPTIONS } from "./caller-options.ts";
import type { CommandContext, CommandGroup, ExitCode, NamedCommand } from "./command.ts";
import type { HookAdapter } from "./hook/adapter.ts";
import { ADAPTERS, MAX_PAYLOAD_BYTES, MAX_WAIT_SECONDS } from "./hook/adapters.ts";
import type { HookAnswer } from "./hook/answer-payload.ts";
import type { Option } from "./option.ts";
import { readAll } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const WAIT: Option = { name: "wait", value: "DURATION", help: "wait so long for a person where one is needed" };
const CHANGE_OPTIONS: readonly Option[] = [
  { name: "project", value: "FOLDER", help: "the configuration of this project instead of the user's" },
  { name: "yes", help: "write it; without this the difference is shown, and nothing else" },
];

/** Hooks of coding agents: asked before each tool, told after it. */
export const hook: CommandGroup = {
  commands: [
    ...ADAPTERS.map(answering),
    changing("install", "put the hooks into an agent's configuration", [...CHANGE_OPTIONS, ...CALLER_OPTIONS, WAIT]),
    changing("uninstall", "take the hooks out of an agent's configuration again", CHANGE_OPTIONS),
  ],
};

function answering(adapter: HookAdapter): NamedCommand {
  return {
    name: adapter.name,
    summary: `answer a hook of ${adapter.title}: its payload on standard input, the answer on standard output`,
    options: [...CALLER_OPTIONS, WAIT],
    notes: [
      "Anything but a yes of the server blocks the call: what cannot be read or answered ends with exit code 2, which is how",
      "the agent is told to block. `WRIT_RUN` is the run that calls belong to; without it, each session is a run.",
    ],
    run: (context, args) => answerHook(context, args, adapter),
  };
}

function changing(change: "install" | "uninstall", summary: string, options: readonly Option[]): NamedCommand {
  return {
    name: change,
    summary,
    positionals: [{ name: "AGENT" }],
    options,
    notes: [
      `AGENT is ${ADAPTERS.map(({ name }) => `\`${name}\``).join(" or ")}. Exit: 0 done, 1 shown and not written.`,
    ],
    run: async (context, args) => {
      const named = args.at("AGENT");
      const adapter = ADAPTERS.find(({ name }) => name === named);
      if (adapter === undefined) {
        throw new UsageError("there are no hooks of such an agent", ADAPTERS.map(({ name }) => name).join(", "));
      }
      const { changeConfiguration } = await import("./hook/install.ts");
      return changeConfiguration(context, args, adapter, change);
    },
  };
}

/** What is needed besides is loaded where it is needed: under `writ run` the helper there has it loaded already. */
async function answerHook(context: CommandContext, args: Arguments, adapter: HookAdapter): Promise<ExitCode> {
  const { terminal } = context;
  const payload = await readAll(terminal, MAX_PAYLOAD_BYTES);
  const { answer, note } = await answerBy(context, args, adapter, payload);
  if (note !== undefined) await terminal.note(note);
  await terminal.printJson(answer);
  return 0;
}

async function answerBy(
  context: CommandContext,
  args: Arguments,
  adapter: HookAdapter,
  payload: Uint8Array,
): Promise<HookAnswer> {
  const waitSeconds = Math.min(args.seconds("wait") ?? 0, MAX_WAIT_SECONDS);
  const socket = context.environment().settings.get("WRIT_HOOK_SOCKET");
  if (socket !== undefined) {
    const { callLocal } = await import("#src/io/local-call.ts");
    return (await callLocal(socket, `/${adapter.name}?wait=${waitSeconds}`, payload)) as HookAnswer;
  }
  const [{ answerPayload }, { openHookState }, { openAgentCaller }, { systemClock }] = await Promise.all([
    import("./hook/answer-payload.ts"),
    import("./hook/state.ts"),
    import("./agent-caller.ts"),
    import("#src/base/clock.ts"),
  ]);
  const { api, run, scope } = await openAgentCaller(context, args);
  const now = (): number => systemClock.now();
  return answerPayload({ adapter, api, state: openHookState(), now, run, scope, waitSeconds }, payload);
}
