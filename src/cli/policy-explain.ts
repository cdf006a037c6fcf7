import { textOf } from "./answer.ts";
import { tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer } from "./client.ts";
import { UsageError } from "./usage-error.ts";

const ASK_OPTIONS = ["agent", "command", "resource", "context", "environment"] as const;

/** Why a decision is what it is, or what would be decided. */
export const explain = tenantCommand(
  {
    name: "explain",
    listedBy: "writ audit list",
    summary: "why a decision is what it is, or what would be decided and why",
    positionals: [{ name: "DECISION", optional: true }],
    options: [
      { name: "active", help: "a recorded decision under the active policies, not those that it was made under" },
      { name: "question", value: "N", help: "which question of a batch that an enforcement point asked, from 0" },
      { name: "agent", value: "AGENT", help: "instead of a decision: who would ask, by name or id" },
      { name: "command", value: "COMMAND", help: "what for: /github/issues/create" },
      { name: "resource", value: "TYPE/ID", help: "on what: GitHub::Repository/acme/app; TYPE=ID as well" },
      { name: "context", value: "NAME=VALUE", many: true, help: "what the agent would say of the circumstances" },
      { name: "environment", value: "NAME", help: "of the key that it would ask with; `live` unless given" },
    ],
    notes: ["Nothing is granted and no approval is asked for. That somebody looked is recorded."],
  },
  async (api, terminal, args) => {
    const explained = await api.post("/v1/admin/policies/explanation", readRequest(args));
    if (args.has("json")) await terminal.printJson(explained);
    else {
      const version = textOf(explained, "version");
      await terminal.print(
        `${textOf(explained, "decision")}  ${textOf(explained, "command")}  (policies version ${version}, ${textOf(explained, "at")})`,
      );
      for (const sentence of sentencesOf(explained)) await terminal.print(`- ${sentence}`);
    }
    return 0;
  },
);

function readRequest(args: Arguments): Answer {
  const decision = args.maybeAt("DECISION");
  const stray = ASK_OPTIONS.find((name) => args.has(name));
  if (decision !== undefined) {
    if (stray !== undefined) throw new UsageError(`\`--${stray}\` is not of a recorded decision`);
    const question = args.count("question", { min: 0, max: 10_000 });
    return {
      decision,
      policies: args.has("active") ? "active" : "recorded",
      ...(question === undefined ? {} : { question }),
    };
  }
  if (args.has("question")) throw new UsageError("`--question` is of a recorded batch, which is missing");
  if (args.has("active")) throw new UsageError("`--active` is of a recorded decision, which is missing");
  for (const name of ["agent", "command", "resource"] as const) {
    if (!args.has(name))
      throw new UsageError(`\`--${name}\` is missing`, "a DECISION, or --agent, --command, --resource");
  }
  const environment = args.option("environment");
  const context = args.list("context").map((text) => splitAt("context", text, /=/));
  return {
    agent: args.option("agent"),
    command: args.option("command"),
    resource: parseResource(args.option("resource") ?? ""),
    ...(context.length === 0 ? {} : { context: Object.fromEntries(context) }),
    ...(environment === undefined ? {} : { environment }),
  };
}

/** A type holds neither `/` nor `=`, so that the first of them ends it. */
function parseResource(text: string): Answer {
  const [type, id] = splitAt("resource", text, /[/=]/);
  return { type, id };
}

function splitAt(option: string, text: string, separator: RegExp): readonly [string, string] {
  const at = text.search(separator);
  if (at < 1) throw new UsageError(`\`--${option}\` has two parts: see \`writ policy explain --help\``);
  return [text.slice(0, at), text.slice(at + 1)];
}

function sentencesOf({ sentences }: Answer): readonly string[] {
  return Array.isArray(sentences) ? sentences.map(String) : [];
}
