import type { JsonObject } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError } from "#src/base/errors.ts";
import type { Authorizer } from "./authorizer.ts";
import { parsePolicyText } from "./cedar.ts";
import type { EntityJson, PolicyRequest } from "./closure.ts";
import { decideTwice, type PolicyDecision } from "./decide-twice.ts";
import { type ExplainedPolicy, printConstraint, printUid } from "./explain-policy.ts";
import type { CompiledPolicy } from "./policy-set.ts";
import { type EntityUid, entityKey, readEntityUid } from "./scope.ts";
import type { PolicyIndex } from "./slice.ts";

/** What else could have been asked, and what would then be decided. */
export interface Remedy {
  readonly kind: "cosigner" | "later" | "resource" | "principal" | "action";
  /** What the changed request was decided; never worse than what was asked. */
  readonly decision: "allow" | "step_up";
  readonly sentence: string;
}

const TIERS = ["read", "write", "danger"] as const;
const RANK = { deny: 0, step_up: 1, allow: 2 } as const;
const MAX_TRIALS = 60;
const DAY = 86_400_000;

/**
 * Changes of a request that have a better outcome: a person's word, a later time, another resource, principal or command.
 * Each was decided; none is a guess. What changes is taken from the policies that nearly permitted and those that forbade.
 */
export function findRemedies(
  authorizer: Authorizer,
  index: PolicyIndex,
  request: PolicyRequest,
  decision: PolicyDecision,
  near: readonly ExplainedPolicy[],
): readonly Remedy[] {
  const remedies: Remedy[] = [];
  if (decision.decision === "step_up") {
    remedies.push({ kind: "cosigner", decision: "allow", sentence: "with a person's approval it would be allowed" });
  }
  let trials = 0;
  const attempt = (kind: Remedy["kind"], what: string, changed: PolicyRequest): boolean => {
    trials += 1;
    if (trials > MAX_TRIALS) return false;
    const outcome = tryDecide(authorizer, index, changed);
    if (outcome === "deny" || RANK[outcome] <= RANK[decision.decision]) return false;
    const end = outcome === "allow" ? "it would be allowed" : "a person's approval would allow it";
    remedies.push({ kind, decision: outcome, sentence: `${what} ${end}` });
    return true;
  };
  /** Which tier another command has is not known here: what is said holds for each. */
  const attemptCommand = (what: string, changed: PolicyRequest): void => {
    const outcomes = TIERS.map((tier) => tryDecide(authorizer, index, withTier(changed, tier)));
    trials += outcomes.length;
    const worst = outcomes.reduce((a, b) => (RANK[a] <= RANK[b] ? a : b));
    const best = outcomes.reduce((a, b) => (RANK[a] >= RANK[b] ? a : b));
    if (trials > MAX_TRIALS || best === "deny" || RANK[best] <= RANK[decision.decision]) return;
    const end =
      worst === best
        ? best === "allow"
          ? "it would be allowed"
          : "a person's approval would allow it"
        : worst === "deny"
          ? `it could be ${best === "allow" ? "allowed" : "allowed with a person's approval"}: that command's tier decides`
          : "it would be allowed, or need a person's approval: that command's tier decides";
    remedies.push({ kind: "action", decision: best, sentence: `${what} ${end}` });
  };
  const ids = new Set([...near.map(({ policy }) => policy), ...index.slice(request)]);
  const policies = [...ids].flatMap((id) => index.get(id) ?? []);
  for (const time of laterTimes(policies, request)) {
    if (attempt("later", `at ${toRfc3339(time)}`, atTime(request, time))) break;
  }
  for (const { policy, unmet } of near) {
    const [only, second] = unmet;
    const { scope } = index.get(policy) ?? {};
    if (scope === undefined || second !== undefined) continue;
    if (only !== undefined) {
      const { dimension } = only;
      const what = `with \`${printConstraint(dimension, scope[dimension])}\``;
      const changed = meeting(request, dimension, scope[dimension]);
      if (changed === undefined) continue;
      if (dimension === "action" && scope.action.op === "eq") attemptCommand(what, changed);
      else attempt(dimension, what, changed);
    } else
      for (const uid of namedResources(index.get(policy), request)) {
        attempt("resource", `on ${printUid(uid)}`, { ...request, resource: uid });
      }
  }
  return remedies;
}

function tryDecide(authorizer: Authorizer, index: PolicyIndex, request: PolicyRequest): PolicyDecision["decision"] {
  try {
    return decideTwice(authorizer, index, request).decision;
  } catch (error) {
    // Such as a request that no longer fits together: then it is no remedy.
    if (isWritError(error, "invalid_argument") || isWritError(error, "policy_slice_too_large")) return "deny";
    throw error;
  }
}

/** The request with one of its entities such that a constraint holds; undefined for one that asks for a type alone. */
function meeting(
  request: PolicyRequest,
  dimension: "principal" | "action" | "resource",
  constraint: CompiledPolicy["scope"]["principal"],
): PolicyRequest | undefined {
  switch (constraint.op) {
    case "eq":
      return dimension === "action"
        ? withAction(request, constraint.entity)
        : { ...request, [dimension]: constraint.entity };
    case "in": {
      const [first] = constraint.entities;
      if (first === undefined) return undefined;
      return dimension === "action" ? inActionGroup(request, first) : withParent(request, request[dimension], first);
    }
    case "is_in":
      return constraint.type === request[dimension].type
        ? withParent(request, request[dimension], constraint.entity)
        : undefined;
    default:
      return undefined;
  }
}

function withParent(request: PolicyRequest, uid: EntityUid, parent: EntityUid): PolicyRequest {
  return {
    ...request,
    entities: replaceEntity(request, uid, (known) => ({ ...known, parents: [...known.parents, parent] })),
  };
}

/** Another command, of whose groups nothing is known here. */
function withAction(request: PolicyRequest, action: EntityUid): PolicyRequest {
  return { ...request, action, entities: replaceEntity(request, action, (known) => ({ ...known, parents: [] })) };
}

function withTier(request: PolicyRequest, tier: (typeof TIERS)[number]): PolicyRequest {
  const writ = request.context["writ"] as JsonObject;
  const parents = [{ type: "Action", id: `tier:${tier}` }];
  return {
    ...request,
    context: { ...request.context, writ: { ...writ, tier } },
    entities: replaceEntity(request, request.action, (known) => ({ ...known, parents })),
  };
}

/** A command in this group instead of the ones that it is in; of another tier, if the group is one. */
function inActionGroup(request: PolicyRequest, group: EntityUid): PolicyRequest {
  const writ = request.context["writ"] as JsonObject;
  const tier = /^tier:(read|write|danger)$/.exec(group.id)?.[1];
  const tierGroup = { type: "Action", id: `tier:${tier ?? String(writ["tier"])}` };
  const parents = tier === undefined ? [group, tierGroup] : [group];
  return {
    ...request,
    context: tier === undefined ? request.context : { ...request.context, writ: { ...writ, tier } },
    entities: replaceEntity(request, request.action, (known) => ({ ...known, parents })),
  };
}

function replaceEntity(
  request: PolicyRequest,
  uid: EntityUid,
  change: (known: EntityJson) => EntityJson,
): readonly EntityJson[] {
  const key = entityKey(uid);
  const isIt = (entity: EntityJson) => entityKey(readEntityUid(entity.uid)) === key;
  const known = request.entities.find(isIt) ?? { uid, attrs: {}, parents: [] };
  return [...request.entities.filter((entity) => !isIt(entity)), change(known)];
}

/** The literals of the resource's type that a policy's conditions name. */
function namedResources(policy: CompiledPolicy | undefined, request: PolicyRequest): readonly EntityUid[] {
  if (policy === undefined) return [];
  const found = new Map<string, EntityUid>();
  eachLiteral(policy, (value) => {
    const { __entity: uid } = value as { __entity?: EntityUid };
    if (uid?.type === request.resource.type && uid.id !== request.resource.id) found.set(entityKey(uid), uid);
  });
  return [...found.values()].slice(0, 3);
}

/** Moments after the request's at which some policy's conditions on time may turn, soonest first. */
function laterTimes(policies: readonly CompiledPolicy[], request: PolicyRequest): readonly number[] {
  const now = timeOf(request);
  if (now === undefined) return [];
  const times = new Set<number>();
  for (const policy of policies) {
    if (policy.reads !== undefined && !policy.reads.writ.includes("time")) continue;
    eachLiteral(policy, (value, kind) => {
      if (typeof value !== "string") return;
      const moment = kind === "datetime" ? Date.parse(value) : Number.NaN;
      if (!Number.isNaN(moment)) for (const each of [moment, moment + 1]) times.add(each);
      const span = kind === "duration" ? millisecondsOf(value) : undefined;
      if (span === undefined || span < 0 || span >= DAY) return;
      const midnight = Math.floor(now / DAY) * DAY;
      for (const each of [midnight + span, midnight + span + 1]) for (const day of [0, DAY]) times.add(each + day);
    });
  }
  return [...times]
    .filter((time) => time > now)
    .sort((a, b) => a - b)
    .slice(0, MAX_TRIALS / 2);
}

function timeOf(request: PolicyRequest): number | undefined {
  const writ = request.context["writ"] as JsonObject | undefined;
  const time = (writ?.["time"] as { __extn?: { arg?: unknown } } | undefined)?.__extn?.arg;
  const now = typeof time === "string" ? Date.parse(time) : Number.NaN;
  return Number.isNaN(now) ? undefined : now;
}

function atTime(request: PolicyRequest, time: number): PolicyRequest {
  const writ = request.context["writ"] as JsonObject;
  return {
    ...request,
    context: { ...request.context, writ: { ...writ, time: { __extn: { fn: "datetime", arg: toRfc3339(time) } } } },
  };
}

const UNITS: Readonly<Record<string, number>> = { d: DAY, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

function millisecondsOf(duration: string): number | undefined {
  let total = 0;
  for (const [, count = "", unit = ""] of duration.matchAll(/(\d+)(ms|[dhms])/g))
    total += Number(count) * (UNITS[unit] ?? 0);
  return duration.startsWith("-") ? -total : total;
}

/** Every literal of a policy's conditions, with the function that it is the argument of. */
function eachLiteral(policy: CompiledPolicy, visit: (value: unknown, kind: string) => void): void {
  const json = parsePolicyText(policy.text);
  if ("effect" in json) visitLiterals(json.conditions, "", visit);
}

function visitLiterals(node: unknown, kind: string, visit: (value: unknown, kind: string) => void): void {
  if (typeof node !== "object" || node === null) return;
  for (const [name, member] of Object.entries(node)) {
    if (name === "Value" && member !== null) visit(member, kind);
    else visitLiterals(member, Array.isArray(node) ? kind : name, visit);
  }
}
