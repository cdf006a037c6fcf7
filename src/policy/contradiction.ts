import { canonicalize } from "#src/base/canonical-json.ts";
import type { PolicyJson } from "./cedar.ts";
import { conjunctsOf } from "./conjuncts.ts";

/**
 * Why the conditions of a policy can never hold together, or undefined where that is not plain to see: the same thing
 * equals two literals, lies beyond two bounds, is demanded and excluded at once, or is not the scope's own entity.
 *
 * Never says so of a policy that some request can meet.
 */
export function findContradiction(policy: PolicyJson): string | undefined {
  const facts = new Facts();
  for (const dimension of ["principal", "action", "resource"] as const) {
    const constraint = policy[dimension] as { op: string; entity?: unknown };
    if (constraint.op === "==" && constraint.entity !== undefined) {
      facts.equal({ Var: dimension }, { Value: { __entity: constraint.entity } });
    }
  }
  for (const { node, expected } of conjunctsOf(policy)) {
    const clash = facts.add(node, expected);
    if (clash !== undefined) return clash;
  }
  return undefined;
}

type Node = Readonly<Record<string, unknown>>;
interface Pair {
  readonly left: unknown;
  readonly right: unknown;
}

/** What a conjunction has said so far. Equal nodes have equal canonical JSON; expressions have no side effects. */
class Facts {
  private readonly truths = new Map<string, boolean>();
  private readonly values = new Map<string, string>();
  private readonly lower = new Map<string, number>();
  private readonly upper = new Map<string, number>();

  add(node: Node, expected: boolean): string | undefined {
    const key = canonicalize(node);
    if (this.truths.get(key) === !expected) return "one part of the conditions demands what another excludes";
    this.truths.set(key, expected);
    const [kind = "", body] = Object.entries(node)[0] ?? [];
    if (expected && kind === "==") {
      const { left, right } = body as Pair;
      return this.equal(left, right);
    }
    return COMPARISONS.has(kind) ? this.bound(kind, body as Pair, expected) : undefined;
  }

  equal(left: unknown, right: unknown): string | undefined {
    const [subject, literal] = isLiteral(left) ? [right, left] : [left, right];
    if (!isLiteral(literal) || isLiteral(subject)) return undefined;
    const key = canonicalize(subject);
    const value = canonicalize(literal);
    const known = this.values.get(key);
    this.values.set(key, value);
    return known === undefined || known === value
      ? undefined
      : "the conditions demand two different values of one thing";
  }

  /** `subject < number` and its like, over whole numbers. */
  private bound(kind: string, { left, right }: Pair, expected: boolean): string | undefined {
    const isFlipped = integerOf(left) !== undefined;
    const limit = integerOf(isFlipped ? left : right);
    const subject = isFlipped ? right : left;
    if (limit === undefined || integerOf(subject) !== undefined) return undefined;
    const key = canonicalize(subject);
    // As `subject < limit`, `subject <= limit` and so on, whichever side it stands on and whether it is negated.
    const isLess = (kind.startsWith("<") === !isFlipped) === expected;
    const isInclusive = kind.endsWith("=") === expected;
    if (isLess) this.upper.set(key, Math.min(this.upper.get(key) ?? Infinity, isInclusive ? limit : limit - 1));
    else this.lower.set(key, Math.max(this.lower.get(key) ?? -Infinity, isInclusive ? limit : limit + 1));
    const isEmpty = (this.lower.get(key) ?? -Infinity) > (this.upper.get(key) ?? Infinity);
    return isEmpty ? "the conditions demand a number beyond two bounds" : undefined;
  }
}

const COMPARISONS: ReadonlySet<string> = new Set(["<", "<=", ">", ">="]);

function isLiteral(node: unknown): boolean {
  return typeof node === "object" && node !== null && Object.hasOwn(node, "Value");
}

function integerOf(node: unknown): number | undefined {
  const value = isLiteral(node) ? (node as { Value: unknown }).Value : undefined;
  return typeof value === "number" ? value : undefined;
}
