import { WritError } from "#src/base/errors.ts";

/** What people can be in a tenant. One person can have several roles. */
export const PERSON_ROLES = ["owner", "admin", "policy_author", "approver", "auditor", "member"] as const;
/** A role of a person. */
export type PersonRole = (typeof PERSON_ROLES)[number];

/** What may be done, in the tenant of whoever does it. */
export const PERMISSIONS = [
  "overview.read",
  "agents.read",
  "agents.write",
  "keys.read",
  "keys.write",
  "tokens.read",
  "tokens.write",
  "devices.read",
  "devices.write",
  "runs.read",
  "connections.read",
  "connections.write",
  "connectors.read",
  "connectors.write",
  "entities.read",
  "entities.write",
  "policies.read",
  "policies.write",
  "approvals.read",
  "approvals.decide",
  "approvals.revoke",
  "audit.read",
  "archive.read",
  "archive.write",
  "streams.read",
  "streams.write",
  "people.read",
  "people.write",
  "settings.read",
  "settings.write",
  "notifications.read",
  "notifications.write",
  "stop.write",
  "emergency.open",
  "emergency.review",
] as const;
/** A permission. */
export type Permission = (typeof PERMISSIONS)[number];

const READ_ALL = PERMISSIONS.filter((permission) => permission.endsWith(".read"));

/**
 * The matrix. An owner may do everything. An admin runs the tenant but neither writes policies nor approves nor issues
 * tokens, which could do either: who decides what is allowed and who runs the agents can be different people.
 */
const GRANTS: ReadonlyMap<PersonRole, ReadonlySet<Permission>> = new Map<PersonRole, ReadonlySet<Permission>>([
  ["owner", new Set(PERMISSIONS)],
  [
    "admin",
    new Set<Permission>([
      ...READ_ALL,
      "agents.write",
      "keys.write",
      "devices.write",
      "connections.write",
      "connectors.write",
      "entities.write",
      "approvals.revoke",
      "archive.write",
      "streams.write",
      "people.write",
      "settings.write",
      "notifications.write",
      "stop.write",
    ]),
  ],
  [
    "policy_author",
    new Set<Permission>([
      "overview.read",
      "agents.read",
      "connections.read",
      "connectors.read",
      "entities.read",
      "policies.read",
      "policies.write",
      "approvals.read",
      "audit.read",
      "settings.read",
    ]),
  ],
  [
    "approver",
    new Set<Permission>([
      "overview.read",
      "agents.read",
      "connections.read",
      "policies.read",
      "approvals.read",
      "approvals.decide",
      "approvals.revoke",
      "runs.read",
      "stop.write",
    ]),
  ],
  ["auditor", new Set<Permission>([...READ_ALL, "emergency.review"])],
  ["member", new Set<Permission>(["overview.read", "agents.read", "connections.read", "approvals.read"])],
]);

/** Permissions whose use asks for the passkey again, unless it was just shown. */
const SENSITIVE: ReadonlySet<Permission> = new Set<Permission>([
  "keys.write",
  "tokens.write",
  "devices.write",
  "connections.write",
  "policies.write",
  "people.write",
  "streams.write",
  "emergency.open",
]);

/** Whether somebody with these roles may do it. */
export function may(roles: readonly PersonRole[], permission: Permission): boolean {
  return roles.some((role) => GRANTS.get(role)?.has(permission) === true);
}

/** Everything that somebody with these roles may do, in the order of {@link PERMISSIONS}. */
export function permissionsOf(roles: readonly PersonRole[]): readonly Permission[] {
  return PERMISSIONS.filter((permission) => may(roles, permission));
}

/** Whether somebody with `roles` may give and take `others`: nobody makes anybody more than they are themselves. */
export function mayGrant(roles: readonly PersonRole[], others: readonly PersonRole[]): boolean {
  return permissionsOf(others).every((permission) => may(roles, permission));
}

/** Whether the permission's use asks for the passkey again. */
export function isSensitive(permission: Permission): boolean {
  return SENSITIVE.has(permission);
}

/** Roles without repetition in the order of {@link PERSON_ROLES}. Throws `invalid_argument` for none and for one that there is not. */
export function parseRoles(names: readonly string[]): readonly PersonRole[] {
  for (const name of names) {
    if (!PERSON_ROLES.some((role) => role === name)) {
      throw new WritError("invalid_argument", `\`${name.slice(0, 40)}\` is no role: ${PERSON_ROLES.join(", ")}`);
    }
  }
  const roles = PERSON_ROLES.filter((role) => names.includes(role));
  if (roles.length === 0) throw new WritError("invalid_argument", `name a role: ${PERSON_ROLES.join(", ")}`);
  return roles;
}
