import type { Recorder } from "#src/audit/recorder.ts";
import { canonicalize, type Json } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { lintRouteTable } from "#src/connector/lint.ts";
import type { LintFinding } from "#src/connector/lint-finding.ts";
import { parseRouteTable } from "#src/connector/parse-table.ts";
import { SHIPPED_TABLES, shippedTable } from "#src/connector/registry.ts";
import type { RouteTable } from "#src/connector/table.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { insertConnectorTable, readConnectorTable, readConnectorTables } from "#src/store/connections.ts";
import type { Reader } from "#src/store/reader.ts";

/** A route table, and where it is from. */
export interface Connector {
  readonly id: string;
  readonly origin: "shipped" | "tenant";
  readonly table: RouteTable;
}

/** Route tables: those that come with Writ, and a tenant's own, which may add to a shipped one and never lower a tier. */
export interface Connectors {
  list(tenant: TenantId): Promise<readonly Connector[]>;
  /** The tenant's own of that name, or the shipped one. */
  find(tenant: TenantId, id: string): Promise<Connector | undefined>;
  /** What is wrong with a table; throws `route_table_invalid` for one that does not parse. */
  lint(source: Json): readonly LintFinding[];
  /** Stores a tenant's table as a new version. `route_table_invalid` with the findings when there are any. */
  put(tenant: TenantId, actor: SubjectId, source: Json): Promise<Connector>;
}

/** What {@link createConnectors} needs. */
export interface ConnectorsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly clock: Clock;
}

/** Makes the service of connectors. */
export function createConnectors({ recorder, reader, clock }: ConnectorsDependencies): Connectors {
  const lint = (source: Json): readonly LintFinding[] => {
    const table = parseRouteTable(source);
    return lintRouteTable(table, shippedTable(table.id));
  };
  return {
    lint,
    list: async (tenant) => {
      const own = (await readConnectorTables(reader, tenant)).map((row) => toConnector(row.source));
      const names = new Set(own.map(({ id }) => id));
      const shipped = [...SHIPPED_TABLES].filter(([id]) => !names.has(id));
      return [...own, ...shipped.map(([id, table]): Connector => ({ id, origin: "shipped", table }))];
    },
    find: async (tenant, id) => {
      const row = await readConnectorTable(reader, tenant, id);
      if (row !== undefined) return toConnector(row.source);
      const table = shippedTable(id);
      return table === undefined ? undefined : { id, origin: "shipped", table };
    },
    put: async (tenant, actor, source) => {
      const findings = lint(source);
      if (findings.length > 0) {
        throw new WritError("route_table_invalid", findings[0]?.message, { details: { findings } });
      }
      const table = parseRouteTable(source);
      const text = canonicalize(source);
      const newest = await readConnectorTable(reader, tenant, table.id);
      const version = (newest?.version ?? 0) + 1;
      await recorder.record({
        tenant,
        type: "connector.changed",
        actor,
        statements: [
          insertConnectorTable(tenant, { connector: table.id, version, source: text, createdAt: clock.now() }),
        ],
        data: {
          connector: table.id,
          version,
          table_version: table.version,
          source: { ref: `sha256:${sha256Hex(text)}` },
        },
        blobs: [{ sha256: sha256Hex(text), bytes: text }],
        raisesEpoch: true,
      });
      return { id: table.id, origin: "tenant", table };
    },
  };
}

function toConnector(source: string): Connector {
  const table = parseRouteTable(JSON.parse(source) as Json);
  return { id: table.id, origin: "tenant", table };
}
