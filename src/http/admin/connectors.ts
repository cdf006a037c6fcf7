import { WritError } from "#src/base/errors.ts";
import type { Connector } from "#src/vault/connectors.ts";
import { type Route, route } from "../route.ts";
import { anyObject } from "../shape.ts";

const TABLE = anyObject("a route table");

/** Route tables: the shipped ones, and a tenant's own. */
export const CONNECTOR_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/connectors",
    summary: "List connectors",
    who: ["admin", "operator"],
    answers: { 200: "All connectors that the tenant can use, without their routes" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      return { json: { connectors: (await exchange.services.connectors.list(tenant)).map(renderConnector) } };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/connectors/{connector}",
    summary: "Show a connector with its route table",
    who: ["admin", "operator"],
    answers: { 200: "The connector" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const connector = await exchange.services.connectors.find(tenant, exchange.param("connector"));
      if (connector === undefined) throw new WritError("not_found");
      return { json: { ...renderConnector(connector), table: connector.table } };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/connectors/{connector}",
    summary: "Store a route table of the tenant's own as a new version",
    who: ["admin", "operator"],
    body: TABLE,
    answers: { 200: "The connector" },
    errors: ["route_table_invalid"],
    handle: async (exchange, table) => {
      const { tenant, subject } = await exchange.manager();
      if (table["id"] !== exchange.param("connector")) {
        throw new WritError("invalid_argument", "`id` is not the connector that the path names", {
          details: { field: "id" },
        });
      }
      return { json: renderConnector(await exchange.services.connectors.put(tenant, subject, table)) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/connectors/lint",
    summary: "Say what is wrong with a route table, and store nothing",
    who: ["admin", "operator"],
    body: TABLE,
    answers: { 200: "The findings; none for a clean table" },
    errors: ["route_table_invalid"],
    handle: async (exchange, table) => {
      await exchange.manager();
      const findings = exchange.services.connectors.lint(table);
      return { json: { ok: findings.length === 0, findings } };
    },
  }),
];

function renderConnector({ id, origin, table }: Connector): Readonly<Record<string, unknown>> {
  return { id, origin, version: table.version, routes: table.routes.length };
}
