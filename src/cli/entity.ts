import type { Json } from "#src/base/canonical-json.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { type Column, listAll, printList, printThing } from "./answer.ts";
import { tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { CommandGroup } from "./command.ts";
import { readText } from "./input.ts";
import { UsageError } from "./usage-error.ts";

const PATH = "/v1/admin/entities";
const TYPE_MAP = "/v1/admin/type-map";
const FILE = [{ name: "FILE" }] as const;
const NAMED = [{ name: "TYPE" }, { name: "ID" }] as const;
const COLUMNS: readonly Column[] = [
  ["TYPE", "uid.type"],
  ["ID", "uid.id"],
  ["IN", "parents"],
  ["ATTRIBUTES", "attrs"],
];
/** What one request brings; a longer file is several, each stored whole or not at all. */
const MAX_IMPORTED = 10_000;

/** Stored entities: what policies see of agents, resources and people besides what a request shows. */
export const entity: CommandGroup = {
  commands: [
    tenantCommand(
      {
        name: "list",
        summary: "all stored entities",
        options: [{ name: "type", value: "TYPE", help: "of this type alone" }],
      },
      (api, terminal, args) =>
        printList(
          terminal,
          args,
          listAll(api, PATH, "entities", { type: args.option("type") }),
          COLUMNS,
          "no entities",
        ),
    ),
    tenantCommand({ name: "show", summary: "one entity", positionals: NAMED }, async (api, terminal, args) =>
      printThing(terminal, args, await api.get(nameOf(args))),
    ),
    tenantCommand(
      {
        name: "import",
        summary: "store entities in place of those of the same type and id",
        positionals: FILE,
        notes: ["FILE is a JSON list of Cedar entities: `uid`, `attrs`, `parents`, `tags`; `-` is standard input."],
      },
      async (api, terminal, args) => {
        const entities = parseStrictJson(await readText(terminal, args.at("FILE")));
        if (!Array.isArray(entities)) throw new UsageError("the file is no JSON list of entities");
        const list = entities as readonly Json[];
        for (let at = 0; at < list.length; at += MAX_IMPORTED) {
          await api.post(`${PATH}/import`, { entities: list.slice(at, at + MAX_IMPORTED) });
        }
        return printThing(terminal, args, { count: list.length });
      },
    ),
    tenantCommand({ name: "remove", summary: "forget an entity", positionals: NAMED }, async (api, terminal, args) => {
      await api.delete(nameOf(args));
      return printThing(terminal, args, { removed: `${args.at("TYPE")}::${JSON.stringify(args.at("ID"))}` });
    }),
    tenantCommand(
      {
        name: "types",
        summary: "show or replace how AuthZEN's types and actions are called in Cedar",
        options: [{ name: "set", value: "FILE", help: "the new table, as JSON; `-` is standard input" }],
      },
      async (api, terminal, args) => {
        const file = args.option("set");
        const table =
          file === undefined
            ? await api.get(TYPE_MAP)
            : await api.put(TYPE_MAP, parseStrictJson(await readText(terminal, file)));
        return printThing(terminal, args, table);
      },
    ),
  ],
};

function nameOf(args: Arguments): string {
  return `${PATH}/one?${new URLSearchParams({ type: args.at("TYPE"), id: args.at("ID") })}`;
}
