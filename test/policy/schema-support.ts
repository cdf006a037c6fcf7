import { commandsOf, SHIPPED_TABLES } from "#src/connector/registry.ts";
import { HOST_FAMILIES } from "#src/policy/host-families.ts";
import { buildSchema, type SchemaConnector, type TenantSchema } from "#src/policy/schema.ts";

/** Every shipped connector, and the host's families. */
export const CONNECTORS: readonly SchemaConnector[] = [
  ...[...SHIPPED_TABLES.values()].map((table) => ({ routes: table.routes, commands: commandsOf(table) })),
  ...HOST_FAMILIES,
];

/** A schema of the shipped connectors that must be one. */
export function schemaWith(extension = "", connectors = CONNECTORS): TenantSchema {
  const result = buildSchema(connectors, extension);
  if ("errors" in result) throw new Error(JSON.stringify(result.errors));
  return result.schema;
}
