import { type CallConnection, unlistedCommand } from "./derive.ts";
import { commandsOf } from "./registry.ts";
import type { Route, RouteTable, Tier } from "./table.ts";

/** A table's routes and commands, in the shape that a tenant's schema is generated from. */
export interface SchemaSource {
  readonly routes: readonly Pick<Route, "command" | "resource" | "attributes">[];
  readonly commands: ReadonlyMap<string, Tier>;
  /** Whether no connection of the tenant is of the table. */
  readonly isUnused: boolean;
}

/** A connection as far as it names commands. */
export interface NamedConnection extends CallConnection {
  /** Of its table. */
  readonly connector: string;
}

/**
 * What a tenant's tables give its schema: the commands of each table once, or once for each connection where the table's
 * commands are named by it. A table of the latter kind that no connection uses gives its groups all the same, so that a
 * policy about the whole family can be written first.
 */
export function schemaSources(
  tables: readonly RouteTable[],
  connections: readonly NamedConnection[],
): readonly SchemaSource[] {
  return tables.flatMap((table) => {
    const routes = table.routes.map(({ command, resource, attributes }) => ({
      command,
      resource,
      ...(attributes === undefined ? {} : { attributes }),
    }));
    const used = connections.filter(({ connector }) => connector === table.id);
    const isUnused = used.length === 0;
    if (isUnused || !isNamedByConnection(table)) return [{ routes, commands: commandsOf(table), isUnused }];
    return used.map((connection) => ({ routes, commands: commandsOf(table, connection), isUnused }));
  });
}

function isNamedByConnection(table: RouteTable): boolean {
  const one = unlistedCommand(table, { connectionId: "a", connectionName: "a" }, "GET");
  return one !== unlistedCommand(table, { connectionId: "b", connectionName: "b" }, "GET");
}
