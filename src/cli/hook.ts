import { fromUtf8 } from "#src/base/bytes.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { systemClock } from "#src/base/clock.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { parseClientConfig } from "#src/config/config.ts";
import { parseToken } from "#src/crypto/tokens.ts";
import type { Arguments } from "./arguments.ts";
import { type Api, connectApi } from "./client.ts";
import type { CommandContext, CommandGroup, ExitCode, NamedCommand } from "./command.ts";
import type { HookAdapter, HookEvent } from "./hook/adapter.ts";
import { type HookGround, judgeCall, recordCall } from "./hook/answer-hook.ts";
import { claude } from "./hook/claude.ts";
import { gemini } from "./hook/gemini.ts";
import { openHookState } from "./hook/state.ts";
import { readText } from "./input.ts";
import type { Option } from "./option.ts";
import { readAll } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** Every coding agent whose hooks are answered. */
export const ADAPTERS: readonly HookAdapter[] = [claude, gemini];

/** A tool's input and output are the largest part of a payload. */
const MAX_PAYLOAD_BYTES = 8 * 2 ** 20;
const MAX_WAIT_SECONDS = 1800;

const KEY_FILE: Option = {
  name: "key-file",
  value: "FILE",
  help: "where the agent's key is, for the server on this host; `WRIT_URL` and `WRIT_TOKEN` unless given",
};
const WAIT: Option = { name: "wait", value: "DURATION", help: "wait so long for a person where one is needed" };
const CHANGE_OPTIONS: readonly Option[] = [
  { name: "project", value: "FOLDER", help: "the configuration of this project instead of the user's" },
  { name: "yes", help: "write it; without this the difference is shown, and nothing else" },
];

/** Hooks of coding agents: asked before each tool, told after it. */
export const hook: CommandGroup = {
  commands: [
    ...ADAPTERS.map(answering),
    changing("install", "put the hooks into an agent's configuration", [...CHANGE_OPTIONS, KEY_FILE, WAIT]),
    changing("uninstall", "take the hooks out of an agent's configuration again", CHANGE_OPTIONS),
  ],
};

function answering(adapter: HookAdapter): NamedCommand {
  return {
    name: adapter.name,
    summary: `answer a hook of ${adapter.title}: its payload on standard input, the answer on standard output`,
    options: [KEY_FILE, WAIT],
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

async function answerHook(context: CommandContext, args: Arguments, adapter: HookAdapter): Promise<ExitCode> {
  const { terminal } = context;
  const event = readEvent(adapter, await readAll(terminal, MAX_PAYLOAD_BYTES));
  const ground = await openGround(context, args, adapter);
  if (event.kind === "before") {
    await terminal.printJson(adapter.answer(await judgeCall(ground, event)));
    return 0;
  }
  try {
    await recordCall(ground, event);
  } catch (error) {
    // What was done is done: the agent goes on, and whoever looks sees why there is no receipt.
    await terminal.note(`writ: no receipt was recorded: ${messageOf(error)}`);
  }
  await terminal.printJson({});
  return 0;
}

function readEvent(adapter: HookAdapter, bytes: Uint8Array): HookEvent {
  const text = fromUtf8(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new WritError("invalid_argument", "the hook's payload is not whole JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WritError("invalid_argument", "the hook's payload is no object");
  }
  const event = adapter.parse(value as JsonObject);
  // What is decided on has one reading only: a member that is there twice could be another for the agent.
  return event.kind === "before" ? adapter.parse(parseStrictJson(text) as JsonObject) : event;
}

async function openGround(context: CommandContext, args: Arguments, adapter: HookAdapter): Promise<HookGround> {
  const raw = context.environment();
  const config = parseClientConfig(raw);
  const keyFile = args.option("key-file");
  const key = keyFile === undefined ? config.token : (await readText(context.terminal, keyFile, 4096)).trim();
  if (key === undefined) {
    throw new UsageError("the agent's key is missing", "--key-file FILE, or WRIT_URL and WRIT_TOKEN");
  }
  const parsed = parseToken(key);
  if (parsed === undefined) throw new UsageError("there is no key of Writ in the file");
  const api: Api = connectApi(config, { token: key });
  const waitSeconds = Math.min(args.seconds("wait") ?? 0, MAX_WAIT_SECONDS);
  return {
    adapter,
    api,
    state: openHookState(),
    now: () => systemClock.now(),
    run: config.run,
    scope: `${config.url ?? config.dataFolder}\n${parsed.id}`,
    waitSeconds,
  };
}
