import { isWritError } from "#src/base/errors.ts";
import { type NamedProblem, parsePolicyText, validateStrictly } from "./cedar.ts";
import { findContradiction } from "./contradiction.ts";
import { nearestName } from "./nearest-name.ts";
import { type CompiledPolicy, compilePolicies, type PolicyProblem } from "./policy-set.ts";
import { scanPolicyText, utf16Offset } from "./policy-text.ts";
import type { TenantSchema } from "./schema.ts";
import { reduceSchema } from "./schema-reduction.ts";
import { type EntityUid, entityKey } from "./scope.ts";

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
export function validatePolicySet(source: string, schema: TenantSchema, options: ValidationOptions = {}): ValidationResult {
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
}

class SetValidator {
  private readonly schema: TenantSchema;
  private readonly lines: LineTable;
  private readonly errors: PolicyProblem[] = [];
  private readonly warnings: PolicyProblem[] = [];
  private readonly policies: readonly CompiledPolicy[];
  private readonly placed: PlacedPolicy[] = [];

  constructor(source: string, schema: TenantSchema) {
    this.schema = schema;
    this.lines = new LineTable(source);
    const compiled = compilePolicies(source);
    this.policies = "policies" in compiled ? compiled.policies : [];
    if ("errors" in compiled) {
      this.errors.push(...compiled.errors);
      return;
    }
    const { pieces } = scanPolicyText(source);
    compiled.policies.forEach((policy, place) => {
      const offset = pieces[place]?.offset ?? 0;
      this.placed.push({ policy, offset, actions: this.knownActions(policy, offset) });
    });
  }

  result(): ValidationResult {
    const { policies, warnings } = this;
    const inOrder = (a: PolicyProblem, b: PolicyProblem) => a.line - b.line || a.column - b.column;
    return this.errors.length > 0 ? { errors: this.errors.sort(inOrder) } : { policies, warnings: warnings.sort(inOrder) };
  }

  /** Policies that name the same actions stand together, so that few are checked for actions that they do not name. */
  *steps(size: number): Generator<readonly PlacedPolicy[]> {
    const sorted = this.placed
      .map((placed) => ({ placed, key: placed.actions.join("\n") }))
      .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    let step: PlacedPolicy[] = [];
    let named = new Set<string>();
    for (const { placed } of sorted) {
      const more = placed.actions.filter((action) => !named.has(action)).length;
      if (step.length >= size || (step.length > 0 && named.size + more > MAX_NAMED)) {
        yield step;
        step = [];
        named = new Set();
      }
      step.push(placed);
      for (const action of placed.actions) named.add(action);
    }
    if (step.length > 0) yield step;
  }

  check(step: readonly PlacedPolicy[]): void {
    const byId = new Map(step.map((placed) => [placed.policy.id, placed]));
    const named = new Set(step.flatMap((placed) => placed.actions));
    const texts = new Map(step.map(({ policy }) => [policy.id, policy.text]));
    const { errors, warnings } = validateStrictly(texts, reduceSchema(this.schema, named));
    const refused = new Set<string>();
    for (const problem of errors) {
      refused.add(problem.policyId ?? "");
      this.errors.push(this.describe(problem, byId.get(problem.policyId ?? "")));
    }
    const impossible = new Map<string, PolicyProblem>();
    for (const problem of warnings) {
      const id = problem.policyId ?? "";
      const described = this.describe(problem, byId.get(id));
      if (!NEVER_APPLIES.test(problem.message)) this.warnings.push(described);
      else if (!refused.has(id) && !impossible.has(id)) impossible.set(id, described);
    }
    this.errors.push(...impossible.values());
    for (const { policy, offset } of step) {
      if (refused.has(policy.id) || impossible.has(policy.id) || !policy.text.includes("{")) continue;
      const json = parsePolicyText(policy.text);
      const contradiction = "effect" in json ? findContradiction(json) : undefined;
      if (contradiction === undefined) continue;
      const at = this.lines.positionAt(offset + conditionOffset(policy.text));
      this.errors.push({ policy: policy.id, message: `the policy can never apply: ${contradiction}`, ...at });
    }
  }

  private describe(problem: NamedProblem, placed: PlacedPolicy | undefined): PolicyProblem {
    const isNever = NEVER_APPLIES.test(problem.message);
    const message = problem.message.replace(/^for policy `[\s\S]*?`, /, "");
    const inText = placed === undefined || problem.startByte === undefined ? 0 : utf16Offset(placed.policy.text, problem.startByte);
    // Complaints about a whole policy begin at its comments: they belong to its first word.
    const skipped = placed === undefined ? 0 : Math.max(inText, firstToken(placed.policy.text));
    const help = isNever ? helpFor(problem.message) : problem.help;
    return {
      ...(problem.policyId === undefined ? {} : { policy: problem.policyId }),
      message: isNever ? `the policy can never apply: ${message.replace(/^policy is impossible: /, "")}` : message,
      ...this.lines.positionAt((placed?.offset ?? 0) + skipped),
      ...(help === undefined ? {} : { help }),
    };
  }

  /** The actions that a policy names; what the schema does not know is reported with the nearest that it does. */
  private knownActions(policy: CompiledPolicy, offset: number): readonly string[] {
    const known = new Set<string>();
    for (const uid of namedActions(policy)) {
      const key = entityKey(uid);
      known.add(key);
      if (this.schema.actions.has(key)) continue;
      const near = nearestName(
        uid.id,
        [...this.schema.actions.values()].map((action) => action.uid.id),
      );
      this.unknown.set(`${policy.id}\0${offset}\0${uid.id}`, near);
    }
    return [...known].sort();
  }
  private readonly unknown = new Map<string, string | undefined>();
}

const NEVER_APPLIES = /policy is impossible|unable to find an applicable action/;

function helpFor(message: string): string {
  return message.includes("unable to find an applicable action")
    ? "no command in the action's scope is for such a principal and resource; widen one of the three"
    : "no request can meet its scope and conditions together";
}

void isWritError;

function firstToken(text: string): number {
  return /^(?:\s+|\/\/[^\n\r]*)*/.exec(text)?.[0].length ?? 0;
}

function conditionOffset(text: string): number {
  return Math.max(0, text.search(/\b(?:when|unless)\b\s*\{/));
}

/** All actions that a policy's text names: those of its scope, and, where it speaks of more, those of its conditions. */
function namedActions(policy: CompiledPolicy): readonly EntityUid[] {
  const { action } = policy.scope;
  const inScope = action.op === "in" ? action.entities : action.op === "eq" ? [action.entity] : [];
  if ((policy.text.match(/Action/g)?.length ?? 0) <= inScope.length) return inScope;
  const json = parsePolicyText(policy.text);
  if (!("effect" in json)) return inScope;
  const found = [...inScope];
  collectActions(json.conditions, found);
  return found;
}

function collectActions(node: unknown, found: EntityUid[]): void {
  if (typeof node !== "object" || node === null) return;
  const { __entity } = node as { __entity?: EntityUid };
  if (typeof __entity?.type === "string" && /(?:^|::)Action$/.test(__entity.type)) found.push(__entity);
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
