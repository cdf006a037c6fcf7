import { type DerivedCall, deriveCall } from "#src/connector/derive.ts";
import { shippedTable } from "#src/connector/registry.ts";
import type { RouteTable } from "#src/connector/table.ts";

export const CONNECTION = { connectionId: "con_01", connectionName: "main" } as const;

/** The shipped table with this id. */
export function shipped(id: string): RouteTable {
  const table = shippedTable(id);
  if (table === undefined) throw new Error(`no table ${id}`);
  return table;
}

/** Derives `METHOD /path?query`. */
export function derive(table: RouteTable, line: string) {
  const [method = "", target = ""] = line.split(" ");
  const at = target.indexOf("?");
  const path = at === -1 ? target : target.slice(0, at);
  return deriveCall(table, CONNECTION, { method, path, query: at === -1 ? "" : target.slice(at + 1) });
}

/** As {@link derive}, where a refusal fails the test. */
export function derived(table: RouteTable, line: string): DerivedCall {
  const result = derive(table, line);
  if (result.kind === "refused") throw new Error(`${line}: ${result.code} ${result.form ?? ""} ${result.message}`);
  return result;
}
