import { bodyRoutedCommand, type CallConnection, unlistedCommand } from "./derive.ts";
import { GITHUB_TABLE } from "./shipped/github.ts";
import { HTTP_TABLE } from "./shipped/http.ts";
import { NPM_REGISTRY_TABLE } from "./shipped/npm-registry.ts";
import { CALL_METHODS, defaultTier, type RouteTable, type Tier } from "./table.ts";

/** The route tables that come with Writ, by id. */
export const SHIPPED_TABLES: ReadonlyMap<string, RouteTable> = new Map(
  [HTTP_TABLE, NPM_REGISTRY_TABLE, GITHUB_TABLE].map((table) => [table.id, table]),
);

/** The shipped table with this id, or undefined. */
export function shippedTable(id: string): RouteTable | undefined {
  return SHIPPED_TABLES.get(id);
}

/** Stands where no connection is known: its segment is a word that is no connection's id. */
const ANY_CONNECTION: CallConnection = { connectionId: "connection", connectionName: "connection" };

/**
 * Every command that `table` can derive through `connection`, with its tier, sorted. The connection matters only to a
 * table whose `unlistedCommand` names it.
 */
export function commandsOf(table: RouteTable, connection = ANY_CONNECTION): ReadonlyMap<string, Tier> {
  const tiers = new Map<string, Tier>();
  for (const { command, tier } of table.routes) tiers.set(command, tier);
  for (const method of CALL_METHODS) {
    tiers.set(unlistedCommand(table, connection, method), defaultTier(method));
    if (table.bodyRouted?.some(({ tier }) => tier === "danger")) {
      tiers.set(bodyRoutedCommand(table, connection, method), "danger");
    }
  }
  return new Map([...tiers].sort(([a], [b]) => (a < b ? -1 : 1)));
}
