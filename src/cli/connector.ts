import type { Json } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { lintRouteTable } from "#src/connector/lint.ts";
import type { LintFinding } from "#src/connector/lint-finding.ts";
import { parseRouteTable } from "#src/connector/parse-table.ts";
import { shippedTable } from "#src/connector/registry.ts";
import type { RouteTable } from "#src/connector/table.ts";
import { type Column, listAll, listOf, objectOf, printList, printThing, textOf } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { CommandGroup, NamedCommand } from "./command.ts";
import { readText } from "./input.ts";

const FILE = [{ name: "FILE" }] as const;
const COLUMNS: readonly Column[] = [
  ["ID", "id"],
  ["FROM", "origin"],
  ["VERSION", "version"],
  ["ROUTES", "routes"],
];
const ROUTE_COLUMNS: readonly Column[] = [
  ["METHOD", "method"],
  ["PATH", "path"],
  ["COMMAND", "command"],
  ["TIER", "tier"],
  ["RESOURCE", "resource.type"],
];

/** Needs no server: a table is checked where it is written. */
const lint: NamedCommand = {
  name: "lint",
  summary: "check a table; exit 1 where anything is wrong with it",
  positionals: FILE,
  notes: ["FILE is JSON; `-` is standard input."],
  run: async ({ terminal }, args) => {
    const { table, findings } = lintJson(parseStrictJson(await readText(terminal, args.at("FILE"))));
    if (args.has("json")) {
      await terminal.printJson({ connector: table?.id, routes: table?.routes.length, findings });
    } else {
      for (const { place, message, code } of findings) {
        await terminal.print(`${place === "" ? "" : `${place}: `}${message} (${code})`);
      }
      if (findings.length === 0) await terminal.print(`nothing wrong; routes: ${table?.routes.length}`);
    }
    return findings.length === 0 ? 0 : 1;
  },
};

/** What is wrong with a table: of one that does not parse the first thing, and no table. */
function lintJson(json: Json): {
  readonly table?: RouteTable;
  readonly findings: readonly (LintFinding | { readonly code: string; readonly place: ""; readonly message: string })[];
} {
  try {
    const table = parseRouteTable(json);
    return { table, findings: lintRouteTable(table, shippedTable(table.id)) };
  } catch (error) {
    if (!isWritError(error, "route_table_invalid")) throw error;
    return { findings: [{ code: error.code, place: "", message: error.message }] };
  }
}

/** Connectors: what the methods and paths of an upstream mean. */
export const connector: CommandGroup = {
  commands: [
    tenantCommand({ name: "list", summary: "all connectors" }, (api, terminal, args) =>
      printList(terminal, args, listAll(api, "/v1/admin/connectors", "connectors"), COLUMNS, "no connectors"),
    ),
    tenantCommand(
      { name: "show", summary: "one connector's routes", positionals: [{ name: "ID" }] },
      async (api, terminal, args) => {
        const answer = await api.get(apiPath(["admin", "connectors", args.at("ID")]));
        if (args.has("json")) return printThing(terminal, args, answer);
        const table = objectOf(answer, "table");
        await terminal.print(`${textOf(answer, "id")} ${textOf(table, "version")} (${textOf(answer, "origin")})`);
        return printList(terminal, args, listOf(table, "routes"), ROUTE_COLUMNS, "no routes: the defaults decide");
      },
    ),
    lint,
    tenantCommand(
      {
        name: "put",
        summary: "make a table the tenant's own",
        positionals: FILE,
        notes: [
          "A table with the id of a shipped one may add to it and never lower a tier. FILE is JSON; `-` is standard input.",
        ],
      },
      async (api, terminal, args) => {
        const table = parseRouteTable(parseStrictJson(await readText(terminal, args.at("FILE"))));
        return printThing(terminal, args, await api.put(apiPath(["admin", "connectors", table.id]), table));
      },
    ),
  ],
};
