import type { RouteTable } from "../table.ts";

/**
 * Any HTTP API: no routes, so every call gets the default tier of its method and is the endpoint that its path names.
 * Endpoints known for saying in the body what they do need a person, wherever they stand and whatever the method, because
 * a path cannot tell a query from a deletion there.
 */
export const HTTP_TABLE: RouteTable = {
  id: "http",
  version: "1",
  routes: [],
  bodyRouted: ["graphql", "gql", "jsonrpc", "json-rpc", "rpc", "xmlrpc", "xmlrpc.php", "soap", "mcp", "$batch"].map(
    (lastSegment) => ({ lastSegment, tier: "danger" }),
  ),
  personal: ["query"],
  trailingSlash: "accept",
  unlistedCommand: "/http/{connection_name}/{method}",
};
