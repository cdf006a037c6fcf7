import type { EntityJson, PolicyRequest } from "#src/policy/closure.ts";
import { type CompiledPolicy, compilePolicies, type PolicyOrigin, type PolicyProblem } from "#src/policy/policy-set.ts";
import type { EntityUid } from "#src/policy/scope.ts";

export function uid(type: string, id: string): EntityUid {
  return { type, id };
}

export function entity(
  self: EntityUid,
  parents: readonly EntityUid[] = [],
  attrs: EntityJson["attrs"] = {},
): EntityJson {
  return { uid: self, attrs, parents };
}

/** The policies of a source that must compile. */
export function compiled(source: string | Record<string, string>, origin?: PolicyOrigin): readonly CompiledPolicy[] {
  const result = compilePolicies(source, origin);
  if ("errors" in result) throw new Error(JSON.stringify(result.errors));
  return result.policies;
}

/** The complaints about a source that must not compile. */
export function problems(source: string | Record<string, string>): readonly PolicyProblem[] {
  const result = compilePolicies(source);
  if ("policies" in result) throw new Error("it compiled");
  return result.errors;
}

/** A request of agent `a` in group `g` for a command of a tier on `GitHub::Repository::"acme/app"` in connection `c`. */
export function requestOf(tier: "read" | "write" | "danger", more: Partial<PolicyRequest> = {}): PolicyRequest {
  return {
    principal: uid("Agent", "a"),
    action: uid("Action", "/x/do"),
    resource: uid("GitHub::Repository", "acme/app"),
    context: { writ: { tier } },
    entities: [
      entity(uid("Agent", "a"), [uid("AgentGroup", "g")], { name: "a" }),
      entity(uid("Action", "/x/do"), [uid("Action", "/x"), uid("Action", `tier:${tier}`)]),
      entity(uid("GitHub::Repository", "acme/app"), [uid("Connection", "c")], { owner: "acme", name: "app" }),
    ],
    ...more,
  };
}
