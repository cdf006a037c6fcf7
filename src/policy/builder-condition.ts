import { canonicalize } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { type PolicyJson, parsePolicyText, printPolicy } from "./cedar.ts";
import type { Expression } from "./expression-set.ts";
import { scanPolicyText } from "./policy-text.ts";
import type { EntityUid } from "./scope.ts";

/** The member of a variable: `["context", "writ", "tier"]`, `["resource", "owner"]`, or `["principal"]` itself. */
export type FormPath = readonly [root: "principal" | "action" | "resource" | "context", ...members: string[]];

/** A literal of a form. */
export type FormValue =
  | string
  | number
  | boolean
  | { readonly entity: EntityUid }
  | { readonly datetime: string }
  | { readonly duration: string };

/** How two values are compared. */
export const COMPARISONS = ["==", "!=", "<", "<=", ">", ">="] as const;
export type Comparison = (typeof COMPARISONS)[number];

/**
 * One condition. `unless` stands for what must not hold. `optional` compares only where the last member is there, and is
 * false where it is not: `resource has owner && resource.owner == "acme"`. Whatever none of the other kinds can say is
 * `text`: an expression of Cedar's. Between two texts of a pattern stands a `*`, and none is empty.
 */
export type FormCondition = { readonly unless?: boolean } & (
  | {
      readonly kind: "compare";
      readonly path: FormPath;
      readonly op: Comparison;
      readonly value: FormValue;
      readonly optional?: boolean;
    }
  | {
      readonly kind: "one_of";
      readonly path: FormPath;
      readonly values: readonly FormValue[];
      readonly optional?: boolean;
    }
  | { readonly kind: "contains"; readonly path: FormPath; readonly value: FormValue; readonly optional?: boolean }
  | {
      readonly kind: "like";
      readonly path: FormPath;
      readonly pattern: readonly ("*" | { readonly text: string })[];
      readonly optional?: boolean;
    }
  | { readonly kind: "has"; readonly path: FormPath }
  | { readonly kind: "true"; readonly path: FormPath; readonly optional?: boolean }
  | { readonly kind: "within"; readonly path: FormPath; readonly entity: EntityUid }
  | { readonly kind: "hours"; readonly from: string; readonly until: string }
  | { readonly kind: "text"; readonly text: string }
);

/** Far more than any schema has, and far less than what Cedar cannot read. */
const MAX_MEMBERS = 50;

type Structured = Exclude<FormCondition, { readonly kind: "text" }>;

/** A condition as Cedar's JSON. */
export function conditionOf(condition: Structured): Expression {
  const plain = plainOf(condition);
  if (!("optional" in condition) || condition.optional !== true) return plain;
  const { path } = condition;
  const owner = path.slice(0, -1) as unknown as FormPath;
  return { "&&": { left: { has: { left: pathOf(owner), attr: path.at(-1) ?? "" } }, right: plain } };
}

/** The condition that an expression is, or undefined where the form cannot say exactly that. */
export function formConditionOf(body: Expression): FormCondition | undefined {
  for (const candidate of candidatesOf(body)) {
    // INVARIANT: what is read as a form builds the very same expression again; anything else stays text.
    if (canonicalize(conditionOf(candidate)) === canonicalize(body)) return candidate;
  }
  return undefined;
}

/** An expression in Cedar's syntax. */
export function printExpression(body: Expression): string {
  const text = printPolicy({ ...EVERYTHING, conditions: [{ kind: "when", body }] });
  return text.slice(text.indexOf("when {") + "when {".length, text.lastIndexOf("}")).trim();
}

/** The expression that a text is. Throws `policy_invalid` when it is not exactly one. */
export function parseCondition(text: string): Expression {
  const source = `permit(principal, action, resource) when {\n${text}\n};`;
  const { pieces, problems } = scanPolicyText(source);
  const [problem] = problems;
  if (problem !== undefined) throw new WritError("policy_invalid", `the condition: ${problem.message}`);
  const json = pieces.length === 1 ? parsePolicyText(source) : undefined;
  if (json === undefined || !("effect" in json)) {
    throw new WritError(
      "policy_invalid",
      `the condition is not one expression${json === undefined ? "" : `: ${json[0]?.message ?? ""}`}`,
    );
  }
  const [condition, second] = json.conditions;
  if (condition === undefined || second !== undefined || condition.kind !== "when") {
    throw new WritError("policy_invalid", "the condition is not one expression");
  }
  return condition.body;
}

const EVERYTHING: PolicyJson = {
  effect: "permit",
  principal: { op: "All" },
  action: { op: "All" },
  resource: { op: "All" },
  conditions: [],
};

function plainOf(condition: Structured): Expression {
  switch (condition.kind) {
    case "compare":
      return { [condition.op]: { left: pathOf(condition.path), right: literalOf(condition.value) } } as Expression;
    case "one_of":
      return { contains: { left: { Set: condition.values.map(literalOf) }, right: pathOf(condition.path) } };
    case "contains":
      return { contains: { left: pathOf(condition.path), right: literalOf(condition.value) } };
    case "like":
      return {
        like: {
          left: pathOf(condition.path),
          pattern: condition.pattern.flatMap(patternOf),
        },
      };
    case "has": {
      const owner = condition.path.slice(0, -1) as unknown as FormPath;
      return { has: { left: pathOf(owner), attr: condition.path.at(-1) ?? "" } };
    }
    case "true":
      return pathOf(condition.path);
    case "within":
      return { in: { left: pathOf(condition.path), right: { Value: { __entity: { ...condition.entity } } } } };
    case "hours":
      return {
        "&&": {
          left: { ">=": { left: TIME_OF_DAY, right: { duration: [{ Value: condition.from }] } } },
          right: { "<": { left: TIME_OF_DAY, right: { duration: [{ Value: condition.until }] } } },
        },
      };
  }
}

const TIME_OF_DAY: Expression = { toTime: [pathOf(["context", "writ", "time"])] };

function pathOf([root, ...members]: FormPath): Expression {
  if (members.length > MAX_MEMBERS) throw new WritError("policy_invalid", "a condition's path is too long");
  let node: Expression = { Var: root };
  for (const attr of members) node = { ".": { left: node, attr } };
  return node;
}

function literalOf(value: FormValue): Expression {
  if (typeof value !== "object") return { Value: value };
  if ("entity" in value) return { Value: { __entity: { ...value.entity } } };
  if ("datetime" in value) return { datetime: [{ Value: value.datetime }] };
  return { duration: [{ Value: value.duration }] };
}

type Node = Readonly<Record<string, unknown>>;

function candidatesOf(body: unknown): readonly Structured[] {
  const [kind = "", inner] = Object.entries(body as Node)[0] ?? [];
  const path = readPath(body);
  if (path !== undefined && path.length > 1) return [{ kind: "true", path }];
  if (kind === "&&") return [...optionalOf(inner as Pair), ...hoursOf(inner as Pair)];
  return plainCandidates(kind, inner);
}

interface Pair {
  readonly left: unknown;
  readonly right: unknown;
}

function optionalOf({ right }: Pair): readonly Structured[] {
  return candidatesOf(right).flatMap((candidate) =>
    "path" in candidate && candidate.kind !== "has" && candidate.kind !== "within"
      ? [{ ...candidate, optional: true }]
      : [],
  );
}

function hoursOf({ left, right }: Pair): readonly Structured[] {
  const from = readValue((left as { ">="?: Pair })[">="]?.right);
  const until = readValue((right as { "<"?: Pair })["<"]?.right);
  if (typeof from !== "object" || typeof until !== "object" || !("duration" in from) || !("duration" in until))
    return [];
  return [{ kind: "hours", from: from.duration, until: until.duration }];
}

function plainCandidates(kind: string, inner: unknown): readonly Structured[] {
  if (typeof inner !== "object" || inner === null) return [];
  const { left, right, attr, pattern } = inner as Partial<Pair> & { attr?: unknown; pattern?: unknown };
  const path = readPath(left);
  const value = readValue(right);
  if ((COMPARISONS as readonly string[]).includes(kind)) {
    return path === undefined || value === undefined ? [] : [{ kind: "compare", path, op: kind as Comparison, value }];
  }
  switch (kind) {
    case "contains": {
      const subject = readPath(right);
      const values = readSet(left);
      if (subject !== undefined && values !== undefined) return [{ kind: "one_of", path: subject, values }];
      return path === undefined || value === undefined ? [] : [{ kind: "contains", path, value }];
    }
    case "like":
      return path === undefined || !Array.isArray(pattern)
        ? []
        : [{ kind: "like", path, pattern: readPattern(pattern) }];
    case "has": {
      const attributes = Array.isArray(attr) ? attr : [attr];
      return path === undefined || attributes.length !== 1
        ? []
        : [{ kind: "has", path: [...path, String(attributes[0])] }];
    }
    case "in":
      return path === undefined || typeof value !== "object" || !("entity" in value)
        ? []
        : [{ kind: "within", path, entity: value.entity }];
    default:
      return [];
  }
}

/** Cedar has an element for each character. */
function patternOf(part: "*" | { readonly text: string }): ("Wildcard" | { Literal: string })[] {
  return part === "*" ? ["Wildcard"] : [...part.text].map((character) => ({ Literal: character }));
}

function readPattern(elements: readonly unknown[]): readonly ("*" | { readonly text: string })[] {
  const parts: ("*" | { readonly text: string })[] = [];
  for (const element of elements) {
    const last = parts.at(-1);
    if (element === "Wildcard") parts.push("*");
    else {
      const { Literal: literal } = element as { Literal: string };
      if (typeof last === "object") parts[parts.length - 1] = { text: last.text + literal };
      else parts.push({ text: literal });
    }
  }
  return parts;
}

const ROOTS: readonly string[] = ["principal", "action", "resource", "context"];

/** The member of a variable that a node is; undefined for any other. */
export function readPath(node: unknown): FormPath | undefined {
  if (typeof node !== "object" || node === null) return undefined;
  const { Var: root, ".": access } = node as { Var?: unknown; "."?: { left: unknown; attr: unknown } };
  if (typeof root === "string" && ROOTS.includes(root)) return [root as FormPath[0]];
  if (access === undefined || typeof access.attr !== "string") return undefined;
  const owner = readPath(access.left);
  return owner === undefined || owner.length > MAX_MEMBERS ? undefined : [...owner, access.attr];
}

function readSet(node: unknown): readonly FormValue[] | undefined {
  const { Set: members } = (node ?? {}) as { Set?: readonly unknown[] };
  if (!Array.isArray(members)) return undefined;
  const values = members.map(readValue);
  return values.every((value) => value !== undefined) ? (values as readonly FormValue[]) : undefined;
}

function readValue(node: unknown): FormValue | undefined {
  const {
    Value: value,
    datetime,
    duration,
  } = (node ?? {}) as { Value?: unknown; datetime?: unknown; duration?: unknown };
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(datetime)) return { datetime: String((datetime[0] as { Value?: unknown }).Value) };
  if (Array.isArray(duration)) return { duration: String((duration[0] as { Value?: unknown }).Value) };
  const entity = (value as { __entity?: EntityUid } | null | undefined)?.__entity;
  return entity === undefined ? undefined : { entity: { type: entity.type, id: entity.id } };
}
