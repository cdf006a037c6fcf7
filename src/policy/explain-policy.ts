import type { Json } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import { printExpression, readPath } from "./builder-condition.ts";
import { type PolicyJson, parsePolicyText } from "./cedar.ts";
import { quote } from "./cedar-literal.ts";
import type { PolicyRequest } from "./closure.ts";
import { type Conjunct, conjunctsOf } from "./conjuncts.ts";
import { createExpressionSet, type Expression, evaluatePolicy, findEntity, type Truth } from "./expression-set.ts";
import type { CompiledPolicy } from "./policy-set.ts";
import { type EntityUid, entityKey, SCOPE_DIMENSIONS, type ScopeConstraint } from "./scope.ts";
import type { PolicySlice } from "./slice.ts";

/** One dimension of a scope that a request does not meet. */
export interface UnmetScope {
  readonly dimension: (typeof SCOPE_DIMENSIONS)[number];
  /** In Cedar's syntax: `principal in AgentGroup::"readers"`. */
  readonly constraint: string;
  /** What the request has instead. */
  readonly actual: string;
}

/** One part of a policy's conditions, as it came out. */
export interface ExplainedPart {
  /** In Cedar's syntax. */
  readonly text: string;
  /** What it must be for the policy to apply. */
  readonly expected: boolean;
  /** `unreached` for what stands behind a part that was not as expected. */
  readonly truth: Truth | { readonly kind: "unreached" };
  /** What it looked at. Of something that is not there, the value is undefined. */
  readonly values: readonly { readonly name: string; readonly value: string | undefined }[];
}

/** How one policy met a request. */
export interface ExplainedPolicy {
  readonly policy: string;
  readonly effect: "permit" | "forbid";
  readonly applies: boolean;
  readonly unmet: readonly UnmetScope[];
  readonly parts: readonly ExplainedPart[];
  /** The first part that is not as expected. */
  readonly failed?: ExplainedPart;
  readonly sentence: string;
}

const MAX_SHOWN = 200;
/** Of a policy that applies, so many parts are told. */
const MAX_HELD = 4;

/** How a policy meets a request; `context.writ.cosigned` is taken as it stands there. */
export function explainPolicy(policy: CompiledPolicy, request: PolicyRequest, slice: PolicySlice): ExplainedPolicy {
  const { id, effect, text } = policy;
  const json = parsePolicyText(text);
  const unmet = unmetScopes(policy, request, slice.closures);
  const parts = "effect" in json ? partsOf(policy, json, request, slice.closures) : [];
  const failed = parts.find(({ truth, expected }) => truth.kind !== String(expected));
  const described = { policy: id, effect, applies: unmet.length === 0 && failed === undefined, unmet, parts };
  return { ...described, ...(failed === undefined ? {} : { failed }), sentence: sentenceOf(described, failed) };
}

/** The dimensions of a policy's scope that a request does not meet. */
export function unmetDimensions(
  policy: CompiledPolicy,
  request: PolicyRequest,
  closures: PolicySlice["closures"],
): UnmetScope["dimension"][] {
  return SCOPE_DIMENSIONS.filter(
    (dimension) => !meets(policy.scope[dimension], request[dimension], closures[dimension]),
  );
}

/** A constraint in Cedar's syntax. */
export function printConstraint(dimension: string, constraint: ScopeConstraint): string {
  switch (constraint.op) {
    case "any":
      return dimension;
    case "eq":
      return `${dimension} == ${printUid(constraint.entity)}`;
    case "is":
      return `${dimension} is ${constraint.type}`;
    case "is_in":
      return `${dimension} is ${constraint.type} in ${printUid(constraint.entity)}`;
    case "in": {
      const names = constraint.entities.map(printUid);
      return `${dimension} in ${names.length === 1 ? (names[0] ?? "") : `[${names.join(", ")}]`}`;
    }
  }
}

/** `Type::"id"`. */
export function printUid({ type, id }: EntityUid): string {
  return `${type}::${quote(id)}`;
}

function unmetScopes(
  policy: CompiledPolicy,
  request: PolicyRequest,
  closures: PolicySlice["closures"],
): readonly UnmetScope[] {
  return unmetDimensions(policy, request, closures).map((dimension) => ({
    dimension,
    constraint: printConstraint(dimension, policy.scope[dimension]),
    actual: printWithGroups(request[dimension], closures[dimension]),
  }));
}

function meets(constraint: ScopeConstraint, uid: EntityUid, closure: readonly string[]): boolean {
  switch (constraint.op) {
    case "any":
      return true;
    case "eq":
      return entityKey(constraint.entity) === entityKey(uid);
    case "is":
      return constraint.type === uid.type;
    case "is_in":
      return constraint.type === uid.type && closure.includes(entityKey(constraint.entity));
    case "in":
      return constraint.entities.some((entity) => closure.includes(entityKey(entity)));
  }
}

function printWithGroups(uid: EntityUid, closure: readonly string[]): string {
  const groups = closure.slice(1).map((key) => {
    const [type = "", id = ""] = key.split("\0");
    return printUid({ type, id });
  });
  return shorten(
    groups.length === 0
      ? `${printUid(uid)}, which is in nothing`
      : `${printUid(uid)}, which is in ${groups.join(", ")}`,
  );
}

function partsOf(
  { text }: CompiledPolicy,
  json: PolicyJson,
  request: PolicyRequest,
  closures: PolicySlice["closures"],
): readonly ExplainedPart[] {
  try {
    return explainParts(json, request, closures);
  } catch (error) {
    if (!isWritError(error, "invalid_argument")) throw error;
    // Nested beyond what can be taken apart: all conditions are one part.
    return [{ text: "all its conditions", expected: true, truth: evaluatePolicy(text, request), values: [] }];
  }
}

function explainParts(
  json: PolicyJson,
  request: PolicyRequest,
  closures: PolicySlice["closures"],
): readonly ExplainedPart[] {
  const conjuncts = conjunctsOf(json);
  if (conjuncts.length === 0) return [];
  const expressions = createExpressionSet(conjuncts.map(({ node }) => node as Expression));
  try {
    const truths = expressions.evaluate(request);
    let isReached = true;
    return conjuncts.map((conjunct, place) => {
      const truth = isReached ? (truths[place] ?? { kind: "unreached" }) : ({ kind: "unreached" } as const);
      if (truth.kind !== String(conjunct.expected)) isReached = false;
      return {
        text: printExpression(conjunct.node as Expression),
        expected: conjunct.expected,
        truth,
        values: truth.kind === "unreached" ? [] : valuesOf(conjunct, request, closures),
      };
    });
  } finally {
    expressions.dispose();
  }
}

/** Everything that a part reads of the request, each once. */
function valuesOf(
  { node }: Conjunct,
  request: PolicyRequest,
  closures: PolicySlice["closures"],
): ExplainedPart["values"] {
  const found = new Map<string, string | undefined>();
  collectValues(node, request, closures, found);
  return [...found].map(([name, value]) => ({ name, value }));
}

function collectValues(
  node: unknown,
  request: PolicyRequest,
  closures: PolicySlice["closures"],
  found: Map<string, string | undefined>,
): void {
  if (typeof node !== "object" || node === null) return;
  const { has } = node as { has?: { left: unknown; attr: unknown } };
  const path = has === undefined ? readPath(node) : readPath({ ".": { left: has.left, attr: [has.attr].flat()[0] } });
  if (path !== undefined) {
    const [root, ...members] = path;
    const name = [
      root,
      ...members.map((member) => (/^[A-Za-z_]\w*$/.test(member) ? `.${member}` : `[${JSON.stringify(member)}]`)),
    ].join("");
    if (members.length === 0 && root !== "context") found.set(name, printWithGroups(request[root], closures[root]));
    else {
      const value = lookUp(request, root, members);
      found.set(name, value === undefined ? undefined : shorten(printValue(value)));
    }
    return;
  }
  for (const member of Object.values(node)) collectValues(member, request, closures, found);
}

function lookUp(request: PolicyRequest, root: string, members: readonly string[]): Json | undefined {
  let value: Json | undefined =
    root === "context" ? request.context : { __entity: { ...request[root as "principal"] } };
  for (const member of members) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const uid: unknown = (value as { __entity?: unknown }).__entity;
    const record: unknown = uid === undefined ? value : findEntity(request, uid)?.attrs;
    if (typeof record !== "object" || record === null || !Object.hasOwn(record, member)) return undefined;
    value = (record as Record<string, Json>)[member];
  }
  return value;
}

function printValue(value: Json): string {
  const { __entity: uid, __extn: extension } = (value ?? {}) as { __entity?: EntityUid; __extn?: { arg?: Json } };
  if (uid !== undefined) return printUid(uid);
  return extension === undefined ? JSON.stringify(value) : String(extension.arg);
}

function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

function sentenceOf(
  { policy, effect, unmet, applies, parts }: Omit<ExplainedPolicy, "sentence">,
  failed: ExplainedPart | undefined,
): string {
  const verb = effect === "permit" ? "permit" : "forbid";
  if (applies) {
    const held = parts.slice(0, MAX_HELD).map(describePart);
    return `policy \`${policy}\` ${verb}s this${held.length === 0 ? "" : `: ${held.join("; ")}`}`;
  }
  const reasons = unmet.map(
    ({ dimension, constraint, actual }) => `it is for \`${constraint}\`, and the ${dimension} is ${actual}`,
  );
  if (failed !== undefined) reasons.push(describePart(failed));
  return `policy \`${policy}\` does not ${verb} this: ${reasons.join("; ")}`;
}

function describePart({ text, truth, values }: ExplainedPart): string {
  const seen = values.map(({ name, value }) => (value === undefined ? `${name} is not there` : `${name} is ${value}`));
  const what = truth.kind === "error" ? `could not be evaluated (${truth.message})` : `is ${truth.kind}`;
  return `\`${shorten(text)}\` ${what}${seen.length === 0 ? "" : `, as ${seen.join(" and ")}`}`;
}
