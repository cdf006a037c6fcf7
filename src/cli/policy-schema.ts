import { type Column, listAll, printList, printThing, textOf } from "./answer.ts";
import { tenantCommand } from "./api-command.ts";
import { readText } from "./input.ts";
import { UsageError } from "./usage-error.ts";

const PATH = "/v1/admin/policies/schema";
const COLUMNS: readonly Column[] = [
  ["VERSION", "version"],
  ["ACTIVE", "active"],
  ["CREATED", "created_at"],
  ["BY", "author"],
  ["MESSAGE", "message"],
];

/** What policies are validated against. */
export const schema = tenantCommand(
  {
    name: "schema",
    summary: "what policies may name: show, put FILE, versions",
    positionals: [{ name: "ACTION" }, { name: "FILE", optional: true }],
    options: [
      { name: "whole", help: "with show: what the connectors declare as well" },
      { name: "message", value: "TEXT", help: "with put: what changed" },
      { name: "expect", value: "VERSION", help: "with put: the version that must be active; 0 for none" },
    ],
    notes: [
      "ACTION is show, put or versions. FILE is Cedar's schema syntax; `-` is standard input. Connectors declare commands and",
      "resources; an extension adds types and actions, optional attributes of types that are there, and of `Claimed`.",
    ],
  },
  async (api, terminal, args) => {
    const action = args.at("ACTION");
    const path = args.maybeAt("FILE");
    const isPut = action === "put";
    if (isPut !== (path !== undefined)) throw new UsageError("`put` takes a FILE, and nothing else does");
    const stray = (isPut ? ["whole"] : ["message", "expect"]).find((name) => args.has(name));
    if (stray !== undefined) throw new UsageError(`\`--${stray}\` is not of \`${action}\``);
    switch (action) {
      case "show": {
        const shown = await api.get(`${PATH}?part=${args.has("whole") ? "whole" : "extension"}`);
        if (args.has("json")) return printThing(terminal, args, shown);
        await terminal.write(textOf(shown, args.has("whole") ? "schema" : "source"));
        return 0;
      }
      case "versions":
        return printList(terminal, args, listAll(api, `${PATH}/versions`, "versions"), COLUMNS, "no extension");
      case "put": {
        const expected = args.count("expect", { min: 0, max: Number.MAX_SAFE_INTEGER });
        const body = {
          source: await readText(terminal, path ?? ""),
          message: args.option("message") ?? "",
          ...(expected === undefined ? {} : { expected_version: expected }),
        };
        return printThing(terminal, args, await api.put(PATH, body));
      }
      default:
        throw new UsageError("ACTION is show, put or versions");
    }
  },
);
