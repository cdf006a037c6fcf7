import type { TenantId } from "#src/base/ids.ts";
import { BUILT_IN_TOOLS } from "#src/classify/tool-matrix.ts";
import { schemaSources } from "#src/connector/schema-source.ts";
import { HOST_FAMILIES } from "#src/policy/host-families.ts";
import type { SchemaConnector } from "#src/policy/schema.ts";
import { readConnectionNames } from "#src/store/connections.ts";
import type { Reader } from "#src/store/reader.ts";
import { readToolRules } from "#src/store/tools.ts";
import type { Connectors } from "#src/vault/connectors.ts";
import { TOOL_TYPE, toolCommandOf } from "./tool-command.ts";

/** What a tenant's schema is generated from, besides its own extension. */
export interface SchemaGround {
  /** Every command that the tenant's agents can ask for: of its tables, its connections, and its hosts. */
  connectors(tenant: TenantId): Promise<readonly SchemaConnector[]>;
}

/** What {@link createSchemaGround} needs. */
export interface SchemaGroundDependencies {
  readonly connectors: Pick<Connectors, "list">;
  readonly reader: Reader;
}

/** Makes it. */
export function createSchemaGround({ connectors, reader }: SchemaGroundDependencies): SchemaGround {
  return {
    connectors: async (tenant) => {
      const [tables, connections, tools] = await Promise.all([
        connectors.list(tenant),
        readConnectionNames(reader, tenant),
        readToolRules(reader, tenant),
      ]);
      return [
        ...schemaSources(
          tables.map(({ table }) => table),
          connections,
        ),
        ...HOST_FAMILIES,
        toolFamily([...BUILT_IN_TOOLS.keys(), ...tools.map(({ tool }) => tool)]),
      ];
    },
  };
}

/** Tools by name: what the matrix says of their tier can change without the schema. */
function toolFamily(names: readonly string[]): SchemaConnector {
  const commands = new Set(names.flatMap((name) => toolCommandOf(name) ?? []));
  return {
    routes: [...commands].map((command) => ({ command, resource: { type: TOOL_TYPE } })),
    commands: new Map([...commands].map((command) => [command, ["read", "write", "danger"] as const])),
  };
}
