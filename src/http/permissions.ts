import { isSensitive, type Permission } from "#src/identity/roles.ts";
import type { Route } from "./route.ts";

/** What reading and changing each resource of `/v1/admin` needs. A resource that is not here is no person's. */
const RESOURCES: ReadonlyMap<string, readonly [read: Permission, write: Permission]> = new Map<
  string,
  readonly [Permission, Permission]
>([
  ["agents", ["agents.read", "agents.write"]],
  ["keys", ["keys.read", "keys.write"]],
  ["tokens", ["tokens.read", "tokens.write"]],
  ["connections", ["connections.read", "connections.write"]],
  ["connectors", ["connectors.read", "connectors.write"]],
  ["entities", ["entities.read", "entities.write"]],
  ["type-map", ["entities.read", "entities.write"]],
  ["file-rules", ["policies.read", "policies.write"]],
  ["tools", ["policies.read", "policies.write"]],
  ["tool-budgets", ["policies.read", "policies.write"]],
  ["policies", ["policies.read", "policies.write"]],
  ["approvals", ["approvals.read", "approvals.revoke"]],
  ["revocations", ["agents.read", "agents.write"]],
  ["settings", ["settings.read", "settings.write"]],
  ["notifications", ["notifications.read", "notifications.write"]],
  ["people", ["people.read", "people.write"]],
  ["streams", ["streams.read", "streams.write"]],
  ["subjects", ["people.read", "people.write"]],
  ["passkeys", ["people.read", "people.write"]],
  ["people-status", ["overview.read", "people.write"]],
  ["sessions", ["people.read", "people.write"]],
  ["archive", ["archive.read", "archive.write"]],
  ["runs", ["runs.read", "stop.write"]],
  ["devices", ["devices.read", "devices.write"]],
  ["stop", ["overview.read", "stop.write"]],
]);

/** Routes outside of `/v1/admin` that people ask too. */
const OTHERS: ReadonlyMap<string, Permission> = new Map<string, Permission>([
  ["GET /v1/approvals/{approval}", "approvals.read"],
]);

/** Posting to these changes nothing: they ask what would be. */
const ASKING =
  /^\/v1\/admin\/(?:policies\/(?:.*\/)?(?:check|explanation|replay|tests|builder\/[a-z]+)|connectors\/lint)$/;

const ADMIN = /^\/v1\/admin\/([a-z-]+)/;

/**
 * The route as people may ask it: what is an administrator's is also theirs who have the permission for it. A route that
 * states its own permission keeps it.
 */
export function withPeople(route: Route): Route {
  const permission = route.permission ?? derivedPermission(route);
  if (permission === undefined) return route;
  const isShared = route.who.includes("admin") && !route.who.includes("person");
  return {
    ...route,
    permission,
    isSensitive: route.isSensitive ?? isSensitive(permission),
    ...(isShared ? { who: [...route.who, "person"] } : {}),
  };
}

function derivedPermission({ method, path, who }: Route): Permission | undefined {
  if (!who.includes("admin") && !who.includes("person")) return undefined;
  if (path.startsWith("/v1/audit/")) return "audit.read";
  const [read, write] = RESOURCES.get(ADMIN.exec(path)?.[1] ?? "") ?? [];
  if (read === undefined) return OTHERS.get(`${method} ${path}`);
  return method === "GET" || ASKING.test(path) ? read : write;
}
