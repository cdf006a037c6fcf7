import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  isSensitive,
  may,
  mayGrant,
  PERMISSIONS,
  PERSON_ROLES,
  type PersonRole,
  parseRoles,
  permissionsOf,
} from "#src/identity/roles.ts";

const roles = fc.uniqueArray(fc.constantFrom(...PERSON_ROLES));

describe("roles", () => {
  test("who may do what is this", () => {
    const matrix = Object.fromEntries(PERSON_ROLES.map((role) => [role, permissionsOf([role])]));
    expect(matrix["owner"]).toEqual(PERMISSIONS);
    expect(matrix["member"]).toEqual(["overview.read", "agents.read", "connections.read", "approvals.read"]);
    // What would let one alone decide what is allowed, allow it, or make somebody who does.
    for (const [permission, holders] of [
      ["approvals.decide", ["owner", "approver"]],
      ["policies.write", ["owner", "policy_author"]],
      ["people.write", ["owner", "admin"]],
      ["tokens.write", ["owner"]],
      ["emergency.open", ["owner"]],
    ] as const) {
      expect([permission, PERSON_ROLES.filter((role) => may([role], permission))]).toEqual([permission, [...holders]]);
    }
    expect(permissionsOf(["auditor"]).filter((name) => !name.endsWith(".read"))).toEqual(["emergency.review"]);
  });

  test("more roles never allow less, and nobody may do what no role of theirs may", () => {
    fc.assert(
      fc.property(roles, roles, fc.constantFrom(...PERMISSIONS), (some, others, permission) => {
        const both = [...some, ...others];
        expect(may(both, permission)).toBe(may(some, permission) || may(others, permission));
      }),
    );
  });

  test("nobody makes anybody more than they are themselves, by whatever chain of people", () => {
    fc.assert(
      fc.property(roles, fc.array(roles, { maxLength: 5 }), (first, chain) => {
        let current: readonly PersonRole[] = first;
        for (const next of chain) {
          if (!mayGrant(current, next)) break;
          current = next;
        }
        for (const permission of permissionsOf(current)) expect(may(first, permission)).toBe(true);
      }),
    );
  });

  test("are read strictly", () => {
    expect(parseRoles(["member", "owner", "member"])).toEqual(["owner", "member"]);
    for (const names of [[], ["root"], ["owner", "__proto__"], ["Owner"]]) {
      expect(rejectionOf(() => parseRoles(names))).toBe("invalid_argument");
    }
  });

  test("whatever changes who may do something is sensitive, reading never is", () => {
    for (const permission of PERMISSIONS.filter((name) => name.endsWith(".read"))) {
      expect([permission, isSensitive(permission)]).toEqual([permission, false]);
    }
    for (const permission of ["people.write", "policies.write", "keys.write", "tokens.write"] as const) {
      expect(isSensitive(permission)).toBe(true);
    }
  });
});

function rejectionOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}
