import { hostname } from "node:os";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { type ClientConfig, parseClientConfig } from "#src/config/config.ts";
import { parseToken } from "#src/crypto/tokens.ts";
import { listOf, objectOf, textOf } from "./answer.ts";
import { apiPath } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import { type Answer, type Api, type Caller, withApi } from "./client.ts";
import type { Command } from "./command.ts";
import { deviceCaller, deviceFile, readIdentity } from "./device-identity.ts";
import { groundTool } from "./files-ground.ts";
import { readBytes, readText } from "./input.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const CALL_OPTIONS = ["method", "path", "query", "header", "body-file"] as const;
/** The server waits at most so long in one request. */
const WAIT_STEP_SECONDS = 60;
const MAX_WAIT_SECONDS = 86_400;

/** Asks for a decision as an agent does, and prints the writ where there is one. */
export const authorize: Command = {
  options: [
    { name: "command", value: "COMMAND", help: "what is to be done: /github/issues/create" },
    { name: "resource", value: "TYPE=ID", help: "what it is done to: GitHub::Repository=acme/app" },
    { name: "connection", value: "CONNECTION", help: "the call itself: through which connection" },
    { name: "method", value: "METHOD", help: "its method; GET unless given" },
    { name: "path", value: "PATH", help: "its path, raw; `/` unless given" },
    { name: "query", value: "TEXT", help: "its query, raw, without `?`" },
    { name: "header", value: "NAME=VALUE", many: true, help: "a header of it" },
    { name: "body-file", value: "FILE", help: "its body; `-` is standard input" },
    { name: "tool", value: "NAME", help: "a call of the agent's own tool on this machine instead: `Bash`, `Read`" },
    { name: "input", value: "JSON", help: 'what the tool is called with: \'{"command": "ls"}\'' },
    { name: "context", value: "NAME=VALUE", many: true, help: "what the agent says of the circumstances" },
    { name: "ttl", value: "DURATION", help: "how long the writ is to be good, at most 300s; 60s unless given" },
    { name: "wait", value: "DURATION", help: "wait so long for a person where one is needed, then ask again" },
    { name: "run", value: "RUN", help: "the run that it belongs to" },
    { name: "agent", value: "AGENT", help: "the agent that this machine acts for, where it is paired for several" },
    {
      name: "key-file",
      value: "FILE",
      help: "where the agent's key is; `WRIT_TOKEN`, with `WRIT_URL`, or this machine's pairing unless given",
    },
  ],
  notes: [
    "Give --command and --resource, or the call, or both: then they must agree. Or --tool with --input alone: what it does",
    "is read from the input, the files that it names are looked up on this machine. Exit: 0 allowed, 1 not.",
  ],
  run: async (context, args) => {
    const { terminal } = context;
    const caller = await readCaller(terminal, parseClientConfig(context.environment()), args);
    const request = await readRequest(terminal, args);
    return withApi(
      context,
      args,
      async (api) => {
        const decision = await decide(api, request, args.seconds("wait") ?? 0);
        if (args.has("json")) await terminal.printJson(decision);
        else await printDecision(terminal, decision);
        return decision["decision"] === "allow" ? 0 : 1;
      },
      caller,
    );
  },
};

/** The agent's key; the operator cannot ask in an agent's place. */
async function readCaller(terminal: Terminal, config: ClientConfig, args: Arguments): Promise<Caller | undefined> {
  const file = args.option("key-file");
  if (file === undefined) {
    if (config.token !== undefined) return undefined;
    const identity = readIdentity(deviceFile(config.deviceFile));
    if (identity !== undefined) return deviceCaller(identity, args.option("agent"));
    throw new UsageError(
      "a decision is for an agent: its key is missing",
      "--key-file FILE, or WRIT_URL and WRIT_TOKEN, or `writ pair`",
    );
  }
  const text = (await readText(terminal, file, 4096)).trim();
  if (parseToken(text) === undefined) throw new UsageError(`there is no key of Writ in \`${file}\``);
  return { token: text };
}

async function readRequest(terminal: Terminal, args: Arguments): Promise<Answer> {
  const command = args.option("command");
  const resource = args.option("resource");
  const context = args.list("context").map((text) => splitPair("context", text));
  const ttl = args.seconds("ttl");
  const call = await readCall(terminal, args);
  const tool = await readTool(args);
  const run = args.option("run");
  return {
    ...(run === undefined ? {} : { run }),
    ...(tool === undefined ? {} : { tool }),
    ...(command === undefined ? {} : { command }),
    ...(resource === undefined ? {} : { resource: parseResource(resource) }),
    ...(call === undefined ? {} : { call }),
    ...(context.length === 0 ? {} : { context: Object.fromEntries(context) }),
    ...(ttl === undefined ? {} : { ttl_seconds: ttl }),
  };
}

/** A tool's call, with what this machine's disk and the project here say of its files. */
async function readTool(args: Arguments): Promise<Answer | undefined> {
  const [name, text] = [args.option("tool"), args.option("input")];
  if (name === undefined && text === undefined) return undefined;
  if (name === undefined || text === undefined) throw new UsageError("`--tool` and `--input` belong together");
  const input = parseStrictJson(text);
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new UsageError("`--input` is a JSON object");
  }
  const ground = await groundTool(name, input as JsonObject, process.cwd());
  if ("unfollowed" in ground) throw new WritError("invalid_path", ground.unfollowed);
  return { name, input, host: hostname(), ...ground };
}

async function readCall(terminal: Terminal, args: Arguments): Promise<Answer | undefined> {
  const connection = args.option("connection");
  if (connection === undefined) {
    const stray = CALL_OPTIONS.find((name) => args.has(name));
    if (stray !== undefined) throw new UsageError(`\`--${stray}\` is of a call, which needs \`--connection\``);
    return undefined;
  }
  const query = args.option("query");
  const headers = args.list("header").map((text) => splitPair("header", text));
  const bodyFile = args.option("body-file");
  return {
    connection,
    method: args.option("method") ?? "GET",
    path: args.option("path") ?? "/",
    ...(query === undefined ? {} : { query }),
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
    ...(bodyFile === undefined ? {} : { body_base64: (await readBytes(terminal, bodyFile)).toBase64() }),
  };
}

/** Asks; where a person is needed and there is time, waits for their word and asks for the same again. */
async function decide(api: Api, request: Answer, waitSeconds: number): Promise<Answer> {
  const decision = await api.post("/v1/authorize", request);
  if (decision["decision"] !== "step_up" || waitSeconds === 0) return decision;
  const path = apiPath(["approvals", textOf(decision, "approval.id")]);
  for (let rest = Math.min(waitSeconds, MAX_WAIT_SECONDS); rest > 0; rest -= WAIT_STEP_SECONDS) {
    const { state } = await api.get(path, { wait: Math.min(rest, WAIT_STEP_SECONDS) });
    if (state === "approved") return api.post("/v1/authorize", request);
    if (state !== "pending") return { ...decision, approval: { ...objectOf(decision, "approval"), state } };
  }
  return decision;
}

/** The writ is the one line on standard output, so that it can be piped; why and what is on standard error. */
async function printDecision(terminal: Terminal, decision: Answer): Promise<void> {
  await terminal.note(
    `${textOf(decision, "decision")}  ${textOf(decision, "command")}  ${textOf(decision, "resource.id")}  (${textOf(decision, "tier")})`,
  );
  for (const reason of listOf(decision, "reasons")) {
    await terminal.note(`  ${textOf(reason, "message")} (${textOf(reason, "code")})`);
  }
  const approval = textOf(decision, "approval.id");
  const state = textOf(decision, "approval.state");
  if (approval !== "") {
    const until = `until ${textOf(decision, "approval.expires_at")}: \`writ approve ${approval}\``;
    await terminal.note(state === "" ? `  waits for a person ${until}` : `  the approval ${approval} is ${state}`);
  }
  for (const limit of listOf(decision, "limits")) {
    const left = `${textOf(limit, "remaining")} of ${textOf(limit, "limit")}`;
    await terminal.note(`  ${textOf(limit, "scope")} ${textOf(limit, "tool")}: ${left} left`);
  }
  await terminal.note(`  decision ${textOf(decision, "decision_id")}, event ${textOf(decision, "event.seq")}`);
  if (textOf(decision, "writ") !== "") await terminal.print(textOf(decision, "writ"));
}

function parseResource(text: string): Answer {
  const [type, id] = splitPair("resource", text);
  return { type, id };
}

function splitPair(option: string, text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`\`--${option}\` is a name, \`=\` and a value`);
  return [text.slice(0, at), text.slice(at + 1)];
}
