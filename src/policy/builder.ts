import { canonicalize } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import {
  conditionOf,
  type FormCondition,
  formConditionOf,
  parseCondition,
  printExpression,
} from "./builder-condition.ts";
import { type PolicyJson, parsePolicyText, printPolicy } from "./cedar.ts";
import type { Expression } from "./expression-set.ts";
import { scanPolicyText } from "./policy-text.ts";
import { type PolicyScope, type ScopeConstraint, scopeOf } from "./scope.ts";

/**
 * One policy as a form: who, may do what, on what, when, and whom it needs.
 *
 * `effect` is what happens when all of `when` holds: `allow` permits, `deny` forbids, `ask` stops it until a person vouches.
 * `needs` with `allow` permits only what a person has vouched for.
 */
export interface PolicyForm {
  readonly id?: string;
  /** All annotations but `id` and those of `needs`. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly effect: "allow" | "deny" | "ask";
  readonly who: ScopeConstraint;
  readonly what: ScopeConstraint;
  readonly on: ScopeConstraint;
  readonly when: readonly FormCondition[];
  readonly needs?: FormNeeds;
  /** Comments, without their slashes, in the order of the text. */
  readonly comments: readonly string[];
}

/** Whom it needs. */
export interface FormNeeds {
  /** How many people; left out: one. */
  readonly quorum?: string;
  readonly role?: string;
  /** What an approval is good for; left out: the very call. */
  readonly bind?: string;
}

/** A policy's text: what was parsed when the form says just that, else the form in Cedar's own layout. */
export interface BuiltPolicy {
  readonly form: PolicyForm;
  readonly text: string;
}

const NEED_ANNOTATIONS = ["quorum", "role", "bind"] as const;

/**
 * The form of one policy's text. What the form has no field for stands in it as conditions of kind `text`, exactly as Cedar
 * prints them, so that nothing is lost: `formToText` of the result is a policy with the same meaning.
 *
 * Throws `policy_invalid` for what is not one policy that compiles.
 */
export function textToForm(text: string): PolicyForm {
  const { pieces, problems } = scanPolicyText(text);
  const [problem] = problems;
  if (problem !== undefined) throw new WritError("policy_invalid", problem.message);
  if (pieces.length !== 1) throw new WritError("policy_invalid", "exactly one policy was expected");
  const json = parsePolicyText(text);
  if (!("effect" in json)) throw new WritError("policy_invalid", json[0]?.message ?? "the policy does not parse");
  try {
    // Cedar reads deeper text than JSON: a form that could not become a policy again would be a trap.
    printPolicy(json);
    return { ...jsonToForm(json), comments: commentsOf(text) };
  } catch (cause) {
    if (!isWritError(cause, "invalid_argument")) throw cause;
    throw new WritError("policy_invalid", "the policy nests too deep for a form; it can be edited as text", { cause });
  }
}

/**
 * A form that came from outside. Text conditions come back as what Cedar reads in them, structured where the form can say
 * it. Throws `policy_invalid` for what is no form, down to a member that forms do not have.
 */
export function readForm(value: unknown): PolicyForm {
  const stated = value as PolicyForm;
  let form: PolicyForm;
  try {
    requireShallow(value, MAX_FORM_DEPTH);
    form = textToForm(formToText(stated));
    const when = form.when.map((condition, place) =>
      stated.when[place]?.kind === "text" ? stated.when[place] : condition,
    );
    if (canonicalize({ ...form, when }) === canonicalize(stated)) return form;
  } catch (cause) {
    if (isWritError(cause, "policy_invalid")) throw cause;
    throw new WritError("policy_invalid", "this is not a policy's form", { cause });
  }
  throw new WritError("policy_invalid", "the form has members that forms do not have, or in another form");
}

/** A form nests no deeper; what does must not reach the engine, which would not survive it. */
const MAX_FORM_DEPTH = 12;

function requireShallow(value: unknown, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth === 0) throw new WritError("policy_invalid", "this is not a policy's form: it nests too deep");
  for (const member of Object.values(value)) requireShallow(member, depth - 1);
}

/** The policy that a form stands for, its comments first. Throws `policy_invalid` for a text condition that is not one. */
export function formToText(form: PolicyForm): string {
  const comments = form.comments.map((comment) => `//${comment.replace(/[\n\r]/g, " ")}\n`).join("");
  return `${comments}${printPolicy(formToJson(form))}`;
}

/**
 * The text after an edit: `original` unchanged, byte for byte, where `form` is still what it was parsed to; else the form's
 * own text, in which comments stand first.
 */
export function applyForm(original: string, form: PolicyForm): string {
  return canonicalize(textToForm(original)) === canonicalize(form) ? original : formToText(form);
}

/** A form as Cedar's JSON. */
export function formToJson(form: PolicyForm): PolicyJson {
  const conditions: PolicyJson["conditions"] = [];
  for (const condition of form.when) {
    const { kind, body } = clauseOf(condition);
    conditions.push({ kind, body });
  }
  if (form.effect === "ask") conditions.push({ kind: "unless", body: COSIGNED });
  else if (form.needs !== undefined) conditions.push({ kind: "when", body: COSIGNED });
  const annotations: Record<string, string> = Object.create(null);
  if (form.id !== undefined) annotations["id"] = form.id;
  for (const name of NEED_ANNOTATIONS) {
    const value = form.needs?.[name];
    if (value !== undefined) annotations[name] = value;
  }
  for (const name of Object.keys(form.annotations)) annotations[name] = form.annotations[name] ?? "";
  return {
    effect: form.effect === "allow" ? "permit" : "forbid",
    principal: scopeJson(form.who) as PolicyJson["principal"],
    action: scopeJson(form.what) as PolicyJson["action"],
    resource: scopeJson(form.on) as PolicyJson["resource"],
    conditions,
    annotations,
  };
}

const COSIGNED: Expression = { ".": { left: { ".": { left: { Var: "context" }, attr: "writ" } }, attr: "cosigned" } };

function clauseOf(condition: FormCondition): PolicyJson["conditions"][number] {
  const kind = condition.unless === true ? "unless" : "when";
  return { kind, body: condition.kind === "text" ? parseCondition(condition.text) : conditionOf(condition) };
}

function jsonToForm(json: PolicyJson): Omit<PolicyForm, "comments"> {
  const scope: PolicyScope = scopeOf(json);
  const annotations: Record<string, string> = Object.create(null);
  const stated = (json.annotations ?? {}) as Readonly<Record<string, string | null>>;
  for (const name of Object.keys(stated).sort()) annotations[name] = stated[name] ?? "";
  const clauses = [...json.conditions];
  const last = clauses.at(-1);
  const lastIsCosigned = last !== undefined && canonicalize(last.body) === canonicalize(COSIGNED);
  const isAsk = json.effect === "forbid" && lastIsCosigned && last.kind === "unless";
  const isNeeded = json.effect === "permit" && lastIsCosigned && last.kind === "when";
  if (isAsk || isNeeded) clauses.pop();
  const needs: { quorum?: string; role?: string; bind?: string } = {};
  for (const name of NEED_ANNOTATIONS) {
    const value = Object.hasOwn(annotations, name) ? annotations[name] : undefined;
    if (value === undefined || !(isAsk || isNeeded)) continue;
    needs[name] = value;
    delete annotations[name];
  }
  const id = Object.hasOwn(annotations, "id") ? annotations["id"] : undefined;
  delete annotations["id"];
  return {
    ...(id === undefined ? {} : { id }),
    annotations,
    effect: json.effect === "permit" ? "allow" : isAsk ? "ask" : "deny",
    who: scope.principal,
    what: scope.action,
    on: scope.resource,
    when: clauses.map(({ kind, body }) => {
      const condition = formConditionOf(body) ?? { kind: "text" as const, text: printExpression(body) };
      return kind === "unless" ? { ...condition, unless: true } : condition;
    }),
    ...(isNeeded || (isAsk && Object.keys(needs).length > 0) ? { needs } : {}),
  };
}

function scopeJson(constraint: ScopeConstraint): unknown {
  switch (constraint.op) {
    case "any":
      return { op: "All" };
    case "eq":
      return { op: "==", entity: constraint.entity };
    case "in": {
      const [only, second] = constraint.entities;
      return second === undefined && only !== undefined
        ? { op: "in", entity: only }
        : { op: "in", entities: constraint.entities };
    }
    case "is":
      return { op: "is", entity_type: constraint.type };
    case "is_in":
      return { op: "is", entity_type: constraint.type, in: { entity: constraint.entity } };
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|\/\/([^\n\r]*)|[\s\S]/g;

function commentsOf(text: string): readonly string[] {
  return [...text.matchAll(TOKEN)].flatMap(([, comment]) => (comment === undefined ? [] : [comment]));
}
