import { type Column, listOf, printList, printThing } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { CommandGroup } from "./command.ts";
import { readText } from "./input.ts";
import type { Terminal } from "./terminal.ts";

const CHANNEL = [{ name: "CHANNEL" }] as const;
const COLUMNS: readonly Column[] = [
  ["CHANNEL", "name"],
  ["KIND", "kind"],
  ["TO", "destination"],
  ["STATUS", "status"],
  ["WAITING", "waiting"],
  ["LAST ERROR", "last_error"],
];
const MAX_SECRET_BYTES = 4096;

/** Where people are told that something waits for them. */
export const notify: CommandGroup = {
  standard: "list",
  commands: [
    tenantCommand(
      { name: "list", summary: "channels, and what they have not delivered yet" },
      async (api, terminal, args) =>
        printList(
          terminal,
          args,
          listOf(await api.get("/v1/admin/notifications"), "channels"),
          COLUMNS,
          "nobody is told",
        ),
    ),
    tenantCommand(
      {
        name: "add",
        summary: "add a channel",
        positionals: CHANNEL,
        options: [
          {
            name: "kind",
            value: "KIND",
            choices: ["email", "webhook", "slack", "telegram", "ntfy"],
            help: "what it is",
          },
          { name: "url", value: "URL", help: "where a webhook, Slack's incoming webhook or an ntfy topic is" },
          { name: "host", value: "HOST", help: "the mail server" },
          { name: "port", value: "PORT", help: "its port; 465 unless given" },
          { name: "security", value: "HOW", choices: ["tls", "starttls", "none"], help: "`tls` unless given" },
          { name: "user", value: "USER", help: "of the mail server; its password is the secret" },
          { name: "from", value: "ADDRESS", help: "who the mail is from" },
          { name: "to", value: "ADDRESS", many: true, help: "who it is for" },
          { name: "chat", value: "ID", help: "Telegram's chat; the bot's token is the secret" },
          { name: "secret-file", value: "FILE", help: "password or token; `-` is standard input" },
        ],
        notes: ["They notify and link. Deciding always takes a passkey."],
      },
      async (api, terminal, args) => {
        const body = { name: args.at("CHANNEL"), settings: await readSettings(terminal, args) };
        return printThing(terminal, args, await api.post("/v1/admin/notifications", body));
      },
    ),
    tenantCommand({ name: "test", summary: "tell a test now", positionals: CHANNEL }, async (api, terminal, args) => {
      const result = await api.post(channelPath(args, "test"));
      await printThing(terminal, args, result);
      return result["ok"] === true ? 0 : 1;
    }),
    tenantCommand(
      { name: "disable", summary: "tell nothing over it", positionals: CHANNEL },
      async (api, terminal, args) => printThing(terminal, args, await api.post(channelPath(args, "disablement"))),
    ),
    tenantCommand({ name: "enable", summary: "undo `disable`", positionals: CHANNEL }, async (api, terminal, args) =>
      printThing(terminal, args, await api.delete(channelPath(args, "disablement"))),
    ),
    tenantCommand(
      { name: "remove", summary: "remove a channel", positionals: CHANNEL },
      async (api, terminal, args) => {
        await api.delete(apiPath(["admin", "notifications", args.at("CHANNEL")]));
        await terminal.note(`removed ${args.at("CHANNEL")}`);
        return 0;
      },
    ),
  ],
};

function channelPath(args: Arguments, more: string): string {
  return apiPath(["admin", "notifications", args.at("CHANNEL"), more]);
}

async function readSettings(terminal: Terminal, args: Arguments): Promise<Readonly<Record<string, unknown>>> {
  const kind = args.option("kind") ?? "webhook";
  const file = args.option("secret-file");
  const secret = file === undefined ? undefined : (await readText(terminal, file, MAX_SECRET_BYTES)).trim();
  switch (kind) {
    case "email":
      return without({
        kind,
        host: args.option("host"),
        port: Number(args.option("port") ?? "465"),
        security: args.option("security") ?? "tls",
        user: args.option("user"),
        password: secret,
        from: args.option("from"),
        to: args.list("to"),
      });
    case "telegram":
      return without({ kind, token: secret, chat: args.option("chat"), url: args.option("url") });
    case "ntfy":
      return without({ kind, url: args.option("url"), token: secret });
    default:
      return without({ kind, url: args.option("url") });
  }
}

/** Without what was not given: what is missing is for the server to say. */
function without(settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
