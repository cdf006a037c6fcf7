import type { JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { Authorizer, Evaluation, EvaluationError } from "./authorizer.ts";
import type { PolicyRequest } from "./closure.ts";
import { annotationOf, BUILTIN_ID_PREFIX, type CompiledPolicy } from "./policy-set.ts";
import { entityKey } from "./scope.ts";
import type { PolicyIndex, PolicySlice } from "./slice.ts";

/**
 * Why the answer is no: nothing permits it (`no_permit`; `no_policies` when the tenant has none at all), a `forbid` applies
 * (`forbidden`), a `forbid` could not be evaluated (`policy_error`), or the policies were not renewed in time, which only
 * whoever knows the time can say (`policies_stale`), or the request is not one that the schema knows (`request_mismatch`).
 */
export type DenyReason =
  | "no_permit"
  | "forbidden"
  | "policy_error"
  | "no_policies"
  | "policies_stale"
  | "request_mismatch";

/** Allowed: the permits that say so, and permits that could not be evaluated. */
export interface PolicyAllow {
  readonly decision: "allow";
  readonly determining: readonly string[];
  readonly errors: readonly EvaluationError[];
}

/** Denied, by the last pass that was made. */
export interface PolicyDeny {
  readonly decision: "deny";
  readonly reason: DenyReason;
  /** Of `request_mismatch`: what does not fit. */
  readonly mismatch?: string;
  /** The forbids that apply. */
  readonly determining: readonly string[];
  readonly errors: readonly EvaluationError[];
}

/** Allowed once a person vouches. */
export interface PolicyStepUp {
  readonly decision: "step_up";
  /** The forbids of the first pass, which ask for a person; none where a permit does, by its own condition. */
  readonly asked: readonly string[];
  /** The permits of the second pass. */
  readonly permits: readonly string[];
  /**
   * What an approval is bound to: `resource` only where every one of the tenant's policies that ask says
   * `@bind("resource")`, or, where only built-in ones ask, every permit.
   */
  readonly bind: "call" | "resource";
  /** Of all policies in `asked` and `permits`: each annotation's distinct values, sorted; `id` and `bind` left out. */
  readonly annotations: ReadonlyMap<string, readonly string[]>;
  /** Of the second pass. */
  readonly errors: readonly EvaluationError[];
}

/** The outcome of both passes. */
export type PolicyDecision = PolicyAllow | PolicyDeny | PolicyStepUp;

/**
 * Decides whether `request` may happen as it is, may with a person's word, or may not.
 *
 * `context.writ` must be there; its `cosigned` is set here, `false` in the first pass and `true` in the second, whatever it
 * was. A `forbid` that errs in a pass that is made denies. The second pass is made only where it can differ.
 *
 * Throws `invalid_argument` without a `context.writ`, when the action is not in the group of the tier that
 * `context.writ.tier` states, or when Cedar cannot read the request; `policy_slice_too_large` as {@link Authorizer}.
 */
export function decideTwice(authorizer: Authorizer, index: PolicyIndex, request: PolicyRequest): PolicyDecision {
  const slice = index.match(request);
  const first = evaluatePass(authorizer, index, request, slice, false);
  if (first.decision === "allow" || hasForbidError(first)) return settle(index, first);
  const policies = index.policiesOf(slice);
  if (!policies.some((policy) => policy.readsCosigned)) return settle(index, first);
  const second = evaluatePass(authorizer, index, request, slice, true);
  if (second.decision === "deny" || hasForbidError(second)) return settle(index, second);
  return stepUp(index, first, second);
}

/** One pass, for the use of an approval (`cosigned` true) or to ask what holds without one. Throws as {@link decideTwice}. */
export function decideOnce(
  authorizer: Authorizer,
  index: PolicyIndex,
  request: PolicyRequest,
  cosigned: boolean,
): PolicyAllow | PolicyDeny {
  return settle(index, evaluatePass(authorizer, index, request, index.match(request), cosigned));
}

function evaluatePass(
  authorizer: Authorizer,
  index: PolicyIndex,
  request: PolicyRequest,
  slice: PolicySlice,
  cosigned: boolean,
): Evaluation {
  const writ = Object.hasOwn(request.context, "writ") ? request.context["writ"] : undefined;
  if (!isJsonObject(writ)) throw new WritError("invalid_argument", "the context has no record `writ`");
  requireTierGroup(writ, slice);
  const context = { ...request.context, writ: { ...writ, cosigned } };
  return authorizer.evaluate(index, { ...request, context }, slice);
}

/** The built-in policy goes by the action's group: a stated tier without it would slip past. */
function requireTierGroup(writ: JsonObject, slice: PolicySlice): void {
  const tier = Object.hasOwn(writ, "tier") ? writ["tier"] : undefined;
  if (tier === undefined) return;
  if (slice.closures.action.includes(entityKey({ type: "Action", id: `tier:${String(tier)}` }))) return;
  throw new WritError("invalid_argument", "the action is not in the group of its tier");
}

function settle(index: PolicyIndex, pass: Evaluation): PolicyAllow | PolicyDeny {
  const { decision, determining, errors } = pass;
  if (hasForbidError(pass)) {
    return { decision: "deny", reason: "policy_error", determining: decision === "deny" ? determining : [], errors };
  }
  if (decision === "allow") return { decision, determining, errors };
  return { decision, reason: reasonOf(index, pass), determining, errors };
}

function reasonOf(index: PolicyIndex, pass: Evaluation): DenyReason {
  if (pass.determining.length > 0) return "forbidden";
  return index.tenantPolicyCount === 0 ? "no_policies" : "no_permit";
}

function stepUp(index: PolicyIndex, first: Evaluation, second: Evaluation): PolicyStepUp {
  const asked = policiesById(index, first.determining);
  const permits = policiesById(index, second.determining);
  const askedByTenant = asked.filter((policy) => !policy.id.startsWith(BUILTIN_ID_PREFIX));
  const binding = askedByTenant.length > 0 ? askedByTenant : permits;
  return {
    decision: "step_up",
    asked: first.determining,
    permits: second.determining,
    bind: binding.every((policy) => annotationOf(policy, "bind") === "resource") ? "resource" : "call",
    annotations: mergeAnnotations([...asked, ...permits]),
    errors: second.errors,
  };
}

function mergeAnnotations(policies: readonly CompiledPolicy[]): ReadonlyMap<string, readonly string[]> {
  const merged = new Map<string, string[]>();
  for (const policy of policies) {
    for (const name of Object.keys(policy.annotations)) {
      if (name === "id" || name === "bind") continue;
      const value = policy.annotations[name] ?? "";
      const values = merged.get(name) ?? [];
      if (!values.includes(value)) values.push(value);
      merged.set(name, values.sort());
    }
  }
  return merged;
}

function policiesById(index: PolicyIndex, ids: readonly string[]): readonly CompiledPolicy[] {
  return ids.flatMap((id) => index.get(id) ?? []);
}

function hasForbidError(pass: Evaluation): boolean {
  return pass.errors.some((error) => error.effect === "forbid");
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
