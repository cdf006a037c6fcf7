import { WritError } from "#src/base/errors.ts";
import { type Glob, matchesGlob, parseGlob } from "./glob.ts";
import { equalIpld, type Ipld, MAX_DEPTH } from "./ipld.ts";
import { collectionOf, parseSelector, type Selector, selectValue } from "./selector.ts";

/** A policy that was parsed; an implicit `and` of its statements. */
export interface Policy {
  readonly statements: readonly Statement[];
  /** As it stands in the token. */
  readonly source: readonly Ipld[];
}

type Statement =
  | { readonly op: "==" | "!="; readonly selector: Selector; readonly value: Ipld }
  | { readonly op: "<" | "<=" | ">" | ">="; readonly selector: Selector; readonly value: number }
  | { readonly op: "like"; readonly selector: Selector; readonly glob: Glob; readonly length: number }
  | { readonly op: "and" | "or"; readonly statements: readonly Statement[] }
  | { readonly op: "not"; readonly statement: Statement }
  | { readonly op: "all" | "any"; readonly selector: Selector; readonly statement: Statement };

/** How deep statements may nest. */
export const MAX_POLICY_DEPTH = 16;
/** How many statements a policy may have, nested ones included. */
export const MAX_POLICY_STATEMENTS = 256;
/** The longest `like` pattern, in UTF-16 code units. */
export const MAX_PATTERN_CHARACTERS = 4096;
/** What one evaluation may cost, in units of about one selected or compared value: some milliseconds at worst. */
export const MAX_POLICY_WORK = 20_000;

/** True, false, or undefined when a selector found nothing or the work ran out. */
type Verdict = boolean | undefined;
type Spend = (units: number) => boolean;

/**
 * Parses a policy (UCAN delegation specification, "Policy"). Throws `writ_invalid` for anything that is not one, and for
 * one beyond {@link MAX_POLICY_DEPTH} or {@link MAX_POLICY_STATEMENTS}.
 */
export function parsePolicy(value: unknown): Policy {
  const room = { left: MAX_POLICY_STATEMENTS };
  return { statements: parseStatements(value, 1, room), source: value as readonly Ipld[] };
}

/**
 * Whether `args` satisfy `policy`. Total and bounded: never throws, costs at most {@link MAX_POLICY_WORK}, and what would
 * cost more is not satisfied.
 *
 * A statement whose selector finds nothing is not satisfied, and neither is its negation: a `not` cannot turn an argument
 * that is missing into permission. A key that a map lacks counts as missing; `.key?` gives null. Comparing what is not a
 * number, matching what is not a string and quantifying over what is no collection are plainly false. An empty `or` is
 * true, as the specification has it; `any` over an empty collection is false.
 */
export function satisfiesPolicy(policy: Policy, args: Ipld): boolean {
  return satisfiesPolicies([policy], args);
}

/** Whether `args` satisfy all `policies`, as {@link satisfiesPolicy} has it, within one limit of work for all of them. */
export function satisfiesPolicies(policies: readonly Policy[], args: Ipld): boolean {
  let left = MAX_POLICY_WORK;
  const spend: Spend = (units) => {
    left -= units;
    return left >= 0;
  };
  for (const { statements } of policies) {
    for (const statement of statements) if (evaluate(statement, args, spend) !== true) return false;
  }
  return true;
}

function parseStatements(value: unknown, depth: number, room: { left: number }): Statement[] {
  if (!Array.isArray(value)) refuse("a policy is a list of statements");
  return value.map((item) => parseStatement(item, depth, room));
}

function parseStatement(value: unknown, depth: number, room: { left: number }): Statement {
  room.left -= 1;
  if (room.left < 0) refuse("the policy has too many statements");
  if (depth > MAX_POLICY_DEPTH) refuse("the policy is nested too deep");
  if (!Array.isArray(value)) refuse("a statement of the policy is not a list");
  const [op, first, second] = value as unknown[];
  const connective = op === "and" || op === "or" || op === "not";
  if (value.length !== (connective ? 2 : 3)) refuse("a statement of the policy has the wrong length");
  switch (op) {
    case "and":
    case "or":
      return { op, statements: parseStatements(first, depth + 1, room) };
    case "not":
      return { op, statement: parseStatement(first, depth + 1, room) };
    case "all":
    case "any":
      return { op, selector: parseSelector(first), statement: parseStatement(second, depth + 1, room) };
    case "==":
    case "!=":
      return { op, selector: parseSelector(first), value: checkDepth(second, 1) };
    case "<":
    case "<=":
    case ">":
    case ">=":
      if (typeof second !== "number" || !Number.isFinite(second)) refuse("a comparison needs a number");
      return { op, selector: parseSelector(first), value: second };
    case "like":
      if (typeof second !== "string" || second.length > MAX_PATTERN_CHARACTERS)
        refuse("a pattern is not a short string");
      return { op, selector: parseSelector(first), glob: parseGlob(second), length: second.length };
    default:
      return refuse("the policy has an unknown operator");
  }
}

function checkDepth(value: unknown, depth: number): Ipld {
  if (value === undefined) refuse("a comparison needs a value");
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value as Ipld;
  if (depth > MAX_DEPTH) refuse("a value of the policy is nested too deep");
  for (const member of Object.values(value)) checkDepth(member, depth + 1);
  return value as Ipld;
}

function evaluate(statement: Statement, value: Ipld, spend: Spend): Verdict {
  if (!spend(1)) return undefined;
  switch (statement.op) {
    case "and":
      return every(statement.statements, (inner) => evaluate(inner, value, spend));
    case "or":
      if (statement.statements.length === 0) return true;
      return some(statement.statements, (inner) => evaluate(inner, value, spend));
    case "not": {
      const verdict = evaluate(statement.statement, value, spend);
      return verdict === undefined ? undefined : !verdict;
    }
    default: {
      const selected = selectValue(statement.selector, value, spend);
      return selected === undefined ? undefined : compare(statement, selected, spend);
    }
  }
}

function compare(
  statement: Exclude<Statement, { readonly op: "and" | "or" | "not" }>,
  selected: Ipld,
  spend: Spend,
): Verdict {
  switch (statement.op) {
    case "==":
      return whileAffordable(equalIpld(selected, statement.value, spend), spend);
    case "!=":
      return whileAffordable(!equalIpld(selected, statement.value, spend), spend);
    case "like":
      if (typeof selected !== "string") return false;
      return spend((selected.length + statement.length) >> 4) ? matchesGlob(statement.glob, selected) : undefined;
    case "all":
    case "any": {
      const elements = collectionOf(selected, spend);
      if (elements === undefined) return whileAffordable(false, spend);
      const check = (element: Ipld) => evaluate(statement.statement, element, spend);
      return statement.op === "all" ? every(elements, check) : some(elements, check);
    }
    default:
      return typeof selected === "number" && isOrdered(statement.op, selected, statement.value);
  }
}

/** The verdict, unless the work ran out on the way to it. */
function whileAffordable(verdict: boolean, spend: Spend): Verdict {
  return spend(0) ? verdict : undefined;
}

function isOrdered(op: "<" | "<=" | ">" | ">=", left: number, right: number): boolean {
  if (op === "<") return left < right;
  if (op === "<=") return left <= right;
  return op === ">" ? left > right : left >= right;
}

function every<Item>(items: readonly Item[], check: (item: Item) => Verdict): Verdict {
  let verdict: Verdict = true;
  for (const item of items) {
    const one = check(item);
    if (one === false) return false;
    if (one === undefined) verdict = undefined;
  }
  return verdict;
}

function some<Item>(items: readonly Item[], check: (item: Item) => Verdict): Verdict {
  let verdict: Verdict = false;
  for (const item of items) {
    const one = check(item);
    if (one === true) return true;
    if (one === undefined) verdict = undefined;
  }
  return verdict;
}

function refuse(message: string): never {
  throw new WritError("writ_invalid", message);
}
