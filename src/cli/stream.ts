import { type Column, listOf, printList, printThing } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { CommandGroup } from "./command.ts";

const STREAM = [{ name: "STREAM" }] as const;
const COLUMNS: readonly Column[] = [
  ["STREAM", "name"],
  ["KIND", "kind"],
  ["TO", "destination"],
  ["STATUS", "status"],
  ["SENT", "cursor"],
  ["BEHIND", "lag_events"],
  ["SECONDS", "lag_seconds"],
  ["LAST ERROR", "last_error"],
];
const TLS_PORT = 6514;
const TCP_PORT = 601;

/** Streams of events to collectors outside. */
export const stream: CommandGroup = {
  standard: "list",
  commands: [
    tenantCommand({ name: "list", summary: "streams, and how far behind each is" }, async (api, terminal, args) =>
      printList(terminal, args, listOf(await api.get("/v1/admin/streams"), "streams"), COLUMNS, "no streams"),
    ),
    tenantCommand({ name: "show", summary: "one stream", positionals: STREAM }, async (api, terminal, args) =>
      printThing(terminal, args, await api.get(apiPath(["admin", "streams", args.at("STREAM")]))),
    ),
    tenantCommand(
      {
        name: "add",
        summary: "send events as they come",
        positionals: STREAM,
        options: [
          { name: "kind", value: "KIND", required: true, choices: ["syslog", "webhook", "file"], help: "what it is" },
          { name: "host", value: "HOST", help: "the collector that takes syslog (RFC 5424)" },
          { name: "port", value: "PORT", help: `its port; ${TLS_PORT} unless given, ${TCP_PORT} without TLS` },
          { name: "transport", value: "HOW", choices: ["tls", "tcp"], help: "`tls` unless given" },
          { name: "url", value: "URL", help: "where a webhook is" },
          {
            name: "max-bytes",
            value: "BYTES",
            help: "size at which a file gives way to the next; 64 MiB unless given",
          },
          { name: "keep", value: "N", help: "how many files before it are kept; 10 unless given" },
          { name: "start", value: "WHERE", choices: ["beginning", "now"], help: "`now` unless given" },
        ],
        notes: [
          "Every event arrives at least once and in order, as a line of an evidence bundle; what is personal stays sealed.",
          "A file is streams/ID/events.jsonl in the data folder, and the instance operator's to add.",
        ],
      },
      async (api, terminal, args) => {
        const body = { name: args.at("STREAM"), settings: settingsOf(args), start: args.option("start") ?? "now" };
        return printThing(terminal, args, await api.post("/v1/admin/streams", body));
      },
    ),
    tenantCommand(
      { name: "disable", summary: "send nothing for a while", positionals: STREAM },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.post(apiPath(["admin", "streams", args.at("STREAM"), "disablement"]))),
    ),
    tenantCommand(
      { name: "enable", summary: "go on where it stopped", positionals: STREAM },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.delete(apiPath(["admin", "streams", args.at("STREAM"), "disablement"]))),
    ),
    tenantCommand(
      { name: "remove", summary: "send nothing any more", positionals: STREAM },
      async (api, terminal, args) => {
        await api.delete(apiPath(["admin", "streams", args.at("STREAM")]));
        await terminal.note(`removed ${args.at("STREAM")}`);
        return 0;
      },
    ),
  ],
};

/** What was not given and has no usual value is for the server to ask for. */
function settingsOf(args: Arguments): Readonly<Record<string, unknown>> {
  const kind = args.option("kind");
  if (kind === "webhook") return without({ kind, url: args.option("url") });
  if (kind === "file") {
    const bounds = { min: 1, max: Number.MAX_SAFE_INTEGER };
    return without({ kind, max_bytes: args.count("max-bytes", bounds), keep: args.count("keep", bounds) });
  }
  const transport = args.option("transport") ?? "tls";
  const port = args.count("port", { min: 1, max: 65_535 }) ?? (transport === "tls" ? TLS_PORT : TCP_PORT);
  return without({ kind, host: args.option("host"), port, transport });
}

function without(settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
