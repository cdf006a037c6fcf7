import type { PolicyJson } from "./cedar.ts";

/** One part of a policy's conditions. The policy applies when each part, evaluated in this order, is as expected. */
export interface Conjunct {
  readonly node: Readonly<Record<string, unknown>>;
  /** What it must be: false for what an `unless` or a `!` excludes. */
  readonly expected: boolean;
  /** Which of the policy's conditions it is from, by place. */
  readonly clause: number;
}

interface Pair {
  readonly left: unknown;
  readonly right: unknown;
}

/**
 * The conditions of a policy, taken apart at `&&` (and, where negated, at `||`) in the order in which Cedar evaluates them.
 * Cedar stops at the first that is not as expected, so what stands behind it may err where it is looked at alone.
 */
export function conjunctsOf(policy: PolicyJson): readonly Conjunct[] {
  const found: Conjunct[] = [];
  policy.conditions.forEach(({ kind, body }, clause) => {
    split(body as Conjunct["node"], kind === "when", clause, found);
  });
  return found;
}

function split(node: Conjunct["node"], expected: boolean, clause: number, found: Conjunct[]): void {
  const [kind = "", body] = Object.entries(node)[0] ?? [];
  if (kind === (expected ? "&&" : "||")) {
    const { left, right } = body as Pair;
    split(left as Conjunct["node"], expected, clause, found);
    split(right as Conjunct["node"], expected, clause, found);
  } else if (kind === "!") {
    split((body as { arg: Conjunct["node"] }).arg, !expected, clause, found);
  } else found.push({ node, expected, clause });
}
