import { parseName } from "#src/base/names.ts";
import { commandsOf, SHIPPED_TABLES, shippedTable } from "#src/connector/registry.ts";
import { loadCedar } from "#src/policy/cedar.ts";
import { HOST_FAMILIES } from "#src/policy/host-families.ts";
import { type CompiledPolicy, compilePolicies, type PolicyProblem } from "#src/policy/policy-set.ts";
import { buildSchema, type SchemaConnector, type TenantSchema } from "#src/policy/schema.ts";
import type { Option } from "./option.ts";
import type { Terminal } from "./terminal.ts";

/** The connections whose commands have a name of their own in the schema. */
export const CONNECTION_OPTION: Option = {
  name: "connection",
  value: "NAME",
  many: true,
  help: "an http connection, whose commands are /http/NAME/get and so on",
};

/** Policies that compile; of those that do not each problem is said on standard error. */
export async function compileOrTell(
  terminal: Terminal,
  path: string,
  source: string,
): Promise<readonly CompiledPolicy[] | undefined> {
  loadCedar();
  const result = compilePolicies(source);
  if ("policies" in result) return result.policies;
  for (const problem of result.errors) await terminal.note(describeProblem(path, problem));
  return undefined;
}

/** The schema of a tenant with the shipped connectors, http connections of these names, and no extension. */
export function offlineSchema(connectionNames: readonly string[]): TenantSchema {
  loadCedar();
  const result = buildSchema([...shippedConnectors(), ...connectionNames.map(httpConnection), ...HOST_FAMILIES]);
  if ("errors" in result) throw new Error("the schema of the shipped connectors is not valid");
  return result.schema;
}

/** `file:line:column: message (help)`. */
export function describeProblem(path: string, { line, column, message, help }: PolicyProblem): string {
  return `${path}:${line}:${column}: ${message}${help === undefined ? "" : ` (${help})`}`;
}

/** All tables but the one whose commands are named by their connection. */
function shippedConnectors(): readonly SchemaConnector[] {
  return [...SHIPPED_TABLES.values()]
    .filter(({ id }) => id !== "http")
    .map((table) => ({ routes: table.routes, commands: commandsOf(table) }));
}

function httpConnection(stated: string): SchemaConnector {
  const name = parseName(stated, "connection");
  const table = shippedTable("http");
  if (table === undefined) throw new Error("the table of http connections is not shipped");
  return { routes: table.routes, commands: commandsOf(table, { connectionId: name, connectionName: name }) };
}
