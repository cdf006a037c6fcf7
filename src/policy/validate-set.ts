import { type NamedProblem, type PolicyJson, validateStrictly } from "./cedar.ts";
import { findContradiction } from "./contradiction.ts";
import { type CompiledPolicy, compilePolicies, type PolicyProblem } from "./policy-set.ts";
import { utf16Offset } from "./policy-text.ts";
import { createProblemHelp, type ProblemHelp } from "./problem-help.ts";
import type { TenantSchema } from "./schema.ts";
import { reduceSchema } from "./schema-reduction.ts";
import { type EntityUid, entityKey } from "./scope.ts";
import { typingSignature } from "./typing-signature.ts";

/** What strict validation says: all policies, with what is merely doubtful about them, or everything that is wrong. */
export type ValidationResult =
  | { readonly policies: readonly CompiledPolicy[]; readonly warnings: readonly PolicyProblem[] }
  | { readonly errors: readonly PolicyProblem[] };

/** Bounds of a validation. */
export interface ValidationOptions {
  /** How many policies are checked between two yields; 200 unless said otherwise, at some 300 µs each. */
  readonly stepPolicies?: number;
  /** Awaited between two steps. */
  readonly yieldToLoop?: () => Promise<void>;
}

const DEFAULT_STEP = 200;
/** A step ends here as well: each action that its policies name is one more that all of them are checked for. */
const MAX_NAMED = 24;

/**
 * Parses a source and validates it strictly against a tenant's schema. Refused is what does not parse
 * ({@link compilePolicies}), names what the schema does not have, uses a value against its type or an attribute that may
 * not be there, or can never apply: a scope that no action meets, a condition that is always false.
 */
export function validatePolicySet(
  source: string,
  schema: TenantSchema,
  options: ValidationOptions = {},
): ValidationResult {
  const validator = new SetValidator(source, schema);
  for (const step of validator.steps(options.stepPolicies ?? DEFAULT_STEP)) validator.check(step);
  return validator.result();
}

/** The same in steps; parsing alone is one step, at some 150 µs a policy: where that matters, run it in a worker. */
export async function validatePolicySetInSteps(
  source: string,
  schema: TenantSchema,
  options: ValidationOptions = {},
): Promise<ValidationResult> {
  const yieldToLoop = options.yieldToLoop ?? (() => new Promise((resolve) => setImmediate(resolve)));
  const validator = new SetValidator(source, schema);
  for (const step of validator.steps(options.stepPolicies ?? DEFAULT_STEP)) {
    await yieldToLoop();
    validator.check(step);
  }
  return validator.result();
}

interface PlacedPolicy {
  readonly policy: CompiledPolicy;
  /** UTF-16 offset of its text in the source. */
  readonly offset: number;
  /** Keys of the actions that it names. */
  readonly actions: readonly string[];
  readonly contradiction: string | undefined;
  /** Valid for it, so for these as well: policies of the same signature. */
  readonly alike: PlacedPolicy[];
}

class SetValidator {
  private readonly schema: TenantSchema;
  private readonly lines: LineTable;
  private readonly errors: PolicyProblem[] = [];
  private readonly warnings: PolicyProblem[] = [];
  private readonly placed: PlacedPolicy[] = [];
  private pending: PlacedPolicy[] = [];
  private problemHelp: ProblemHelp | undefined;

  constructor(source: string, schema: TenantSchema) {
    this.schema = schema;
    this.lines = new LineTable(source);
    const enumerated = enumeratedTypes(schema);
    const bySignature = new Map<string, PlacedPolicy>();
    const compiled = compilePolicies(source, "tenant", (policy, json, offset) => {
      const placed: PlacedPolicy = {
        policy,
        offset,
        actions: namedActions(policy, json),
        contradiction: findContradiction(json),
        alike: [],
      };
      this.placed.push(placed);
      const signature = typingSignature(json, enumerated);
      const first = bySignature.get(signature);
      if (first !== undefined) first.alike.push(placed);
      else {
        bySignature.set(signature, placed);
        this.pending.push(placed);
      }
    });
    if ("errors" in compiled) {
      this.errors.push(...compiled.errors);
      this.pending = [];
    }
  }

  result(): ValidationResult {
    const inOrder = (a: PolicyProblem, b: PolicyProblem) => a.line - b.line || a.column - b.column;
    if (this.errors.length > 0) return { errors: foldTypes(this.errors.sort(inOrder)) };
    return { policies: this.placed.map(({ policy }) => policy), warnings: this.warnings.sort(inOrder) };
  }

  /** One policy of each signature; then those that are like one with which something is wrong. */
  *steps(size: number): Generator<readonly PlacedPolicy[]> {
    while (this.pending.length > 0) {
      const round = this.pending;
      this.pending = [];
      yield* batches(round, size);
    }
  }

  check(step: readonly PlacedPolicy[]): void {
    const byId = new Map(step.map((placed) => [placed.policy.id, placed]));
    const named = new Set(step.flatMap((placed) => placed.actions));
    const texts = new Map(step.map(({ policy }) => [policy.id, policy.text]));
    const { errors, warnings } = validateStrictly(texts, reduceSchema(this.schema, named));
    const refused = new Set<string>();
    const complained = new Set([...errors, ...warnings].map(({ policyId }) => policyId ?? ""));
    for (const problem of errors) {
      refused.add(problem.policyId ?? "");
      this.addError(this.describe(problem, byId.get(problem.policyId ?? "")));
    }
    for (const problem of warnings) {
      const id = problem.policyId ?? "";
      if (!NEVER_APPLIES.test(problem.message)) this.warnings.push(this.describe(problem, byId.get(id)));
      else if (!refused.has(id)) {
        refused.add(id);
        this.addError(this.describeNever(problem.message, byId.get(id)));
      }
    }
    for (const placed of step) {
      if (complained.has(placed.policy.id)) this.pending.push(...placed.alike);
      for (const { policy, offset, contradiction } of complained.has(placed.policy.id)
        ? [placed]
        : [placed, ...placed.alike]) {
        if (contradiction === undefined || refused.has(policy.id)) continue;
        const at = this.lines.positionAt(offset + conditionOffset(policy.text));
        this.addError({ policy: policy.id, message: `the policy can never apply: ${contradiction}`, ...at });
      }
    }
  }

  /** Once each: Cedar says the same of every action that it concerns. */
  private addError(error: PolicyProblem): void {
    const isSame = (known: PolicyProblem) =>
      known.policy === error.policy &&
      known.line === error.line &&
      known.column === error.column &&
      known.message === error.message;
    if (!this.errors.slice(-MAX_NAMED).some(isSame)) this.errors.push(error);
  }

  private describe(problem: NamedProblem, placed: PlacedPolicy | undefined): PolicyProblem {
    const message = problem.message
      .replace(/^for policy `[\s\S]*?`, /, "")
      .replace(/ in context for (?:\w+::)*Action::"[^"]*"/, " in the context");
    const inText = placed === undefined ? 0 : utf16Offset(placed.policy.text, problem.startByte ?? 0);
    const written = PATH.exec(placed?.policy.text.slice(inText) ?? "")?.[0] ?? "";
    const help = this.help.helpFor(message, placed?.policy, written) ?? problem.help;
    return {
      ...(problem.policyId === undefined ? {} : { policy: problem.policyId }),
      message,
      ...this.lines.positionAt((placed?.offset ?? 0) + inText),
      ...(help === undefined ? {} : { help }),
    };
  }

  private describeNever(message: string, placed: PlacedPolicy | undefined): PolicyProblem {
    const isScope = message.includes("unable to find an applicable action");
    const miss = isScope && placed !== undefined ? this.help.scopeMissOf(placed.policy) : NEVER_MET;
    return {
      ...(placed === undefined ? {} : { policy: placed.policy.id }),
      message: `the policy can never apply: ${miss.message}`,
      // A policy begins with its comments; the complaint is about its first word.
      ...this.lines.positionAt(placed === undefined ? 0 : placed.offset + firstToken(placed.policy.text)),
      help: miss.help,
    };
  }

  private get help(): ProblemHelp {
    this.problemHelp ??= createProblemHelp(this.schema);
    return this.problemHelp;
  }
}

/** Cedar says the same of each type that a policy may meet: one complaint for all of them. */
function foldTypes(problems: readonly PolicyProblem[]): readonly PolicyProblem[] {
  const folded = new Map<string, { problem: PolicyProblem; types: Set<string> }>();
  for (const problem of problems) {
    const type = ON_TYPE.exec(problem.message)?.[1];
    const message = problem.message.replace(ON_TYPE, "");
    const { policy, line, column } = problem;
    const key = JSON.stringify([policy, line, column, message]);
    const known = folded.get(key);
    if (known === undefined) folded.set(key, { problem, types: new Set(type === undefined ? [] : [type]) });
    else if (type !== undefined) known.types.add(type);
  }
  return [...folded.values()].map(({ problem, types }) => {
    if (types.size < 2) return problem;
    const [first, second, ...others] = [...types].sort();
    const more = others.length === 0 ? "" : ` and ${others.length} more`;
    return { ...problem, message: problem.message.replace(ON_TYPE, ` on \`${first}\`, \`${second}\`${more}`) };
  });
}

const ON_TYPE = / on entity type `([^`]*)`/;
/** What Cedar complains of, where it is a variable and its attributes. */
const PATH = /^\w+(?:\.\w+)*/;
const NEVER_MET = {
  message: "no request can meet its scope and conditions together",
  help: "something in it is false whatever is asked",
};

/** Policies that name the same actions stand together, so that few are checked for actions that they do not name. */
function* batches(policies: readonly PlacedPolicy[], size: number): Generator<readonly PlacedPolicy[]> {
  const sorted = policies
    .map((placed) => ({ placed, key: placed.actions.join("\n") }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  let batch: PlacedPolicy[] = [];
  let named = new Set<string>();
  for (const { placed } of sorted) {
    const more = placed.actions.filter((action) => !named.has(action)).length;
    if (batch.length >= size || (batch.length > 0 && named.size + more > MAX_NAMED)) {
      yield batch;
      batch = [];
      named = new Set();
    }
    batch.push(placed);
    for (const action of placed.actions) named.add(action);
  }
  if (batch.length > 0) yield batch;
}

function enumeratedTypes({ json }: TenantSchema): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [namespace, { entityTypes }] of Object.entries(json)) {
    for (const [name, type] of Object.entries(entityTypes)) {
      if ("enum" in type) found.add(namespace === "" ? name : `${namespace}::${name}`);
    }
  }
  return found;
}

const NEVER_APPLIES = /policy is impossible|unable to find an applicable action/;

function firstToken(text: string): number {
  return /^(?:\s+|\/\/[^\n\r]*)*/.exec(text)?.[0].length ?? 0;
}

function conditionOffset(text: string): number {
  return Math.max(0, text.search(/\b(?:when|unless)\b\s*\{/));
}

/** Keys of all actions that a policy names, in its scope and its conditions. */
function namedActions({ scope: { action } }: CompiledPolicy, json: PolicyJson): readonly string[] {
  const found = new Set<string>();
  for (const uid of action.op === "in" ? action.entities : action.op === "eq" ? [action.entity] : [])
    found.add(entityKey(uid));
  collectActions(json.conditions, found);
  return [...found].sort();
}

function collectActions(node: unknown, found: Set<string>): void {
  if (typeof node !== "object" || node === null) return;
  const { __entity: uid } = node as { __entity?: EntityUid };
  if (typeof uid?.type === "string" && /(?:^|::)Action$/.test(uid.type)) found.add(entityKey(uid));
  for (const member of Object.values(node)) collectActions(member, found);
}

/** Finds lines by halving, for sources with many complaints. */
class LineTable {
  private readonly starts: number[] = [0];

  constructor(source: string) {
    for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) this.starts.push(at + 1);
  }

  positionAt(offset: number): { readonly line: number; readonly column: number } {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.starts[low] ?? 0) + 1 };
  }
}
