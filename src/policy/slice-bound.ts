import { entityKey } from "./scope.ts";
import { ANY, type ScopeDimension } from "./scope-dimension.ts";

/** One policy's constraint numbers: principal, action, resource. */
export type IndexedScope = readonly [number, number, number];

/** Generous for real directories: how many groups that policies name one principal, action or resource is in. */
export const DEFAULT_MAX_ANCESTORS = 16;

/**
 * An upper bound on how many of these scopes one request can meet, given that each of its three entities is in at most
 * `maxAncestors` of the entities that an `in` names.
 *
 * An entity has one uid and one type, so of all `==` constraints it meets at most one, of all `is` at most one, of all
 * `in` and `is … in` those of at most `maxAncestors + 1` named entities (itself may be one). So in one dimension the bound
 * is: the policies without a constraint, plus, for the worst type, its `is`, the largest `==` and the largest
 * `maxAncestors + 1` groups. Each group of policies with the same constraint is in turn bounded by the dimensions that
 * are left. Policies are first parted by the dimension that narrows them most; a slice is the union of its parts, so the
 * bounds of the parts add up.
 *
 * It is not always reached: the largest groups may exclude one another, and a policy that lists several actions counts
 * once for each of them.
 */
export function boundSlices(
  scopes: readonly IndexedScope[],
  dimensions: readonly ScopeDimension[],
  maxAncestors: number,
): number {
  const all = dimensions.map((_, place) => place);
  return boundPart(scopes, all, { dimensions, groups: maxAncestors + 1 });
}

interface Bounds {
  readonly dimensions: readonly ScopeDimension[];
  /** How many entities that an `in` names one entity may be or be in. */
  readonly groups: number;
}

function boundPart(scopes: readonly IndexedScope[], left: readonly number[], bounds: Bounds): number {
  if (scopes.length <= 1 || left.length === 0) return scopes.length;
  const counts = left.map((place) => countConstraints(scopes, place));
  const parts = new Map<number, IndexedScope[]>();
  for (const scope of scopes) {
    const narrowest = narrowestOf(scope, left, counts);
    const part = parts.get(narrowest);
    if (part === undefined) parts.set(narrowest, [scope]);
    else part.push(scope);
  }
  let bound = 0;
  for (const [place, part] of parts)
    bound += place === UNCONSTRAINED ? part.length : boundAlong(part, place, left, bounds);
  return Math.min(bound, scopes.length);
}

const UNCONSTRAINED = -1;

function countConstraints(scopes: readonly IndexedScope[], place: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (const scope of scopes) {
    const number = scope[place] ?? ANY;
    counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  return counts;
}

/** The dimension whose constraint the fewest policies share. */
function narrowestOf(scope: IndexedScope, left: readonly number[], counts: readonly Map<number, number>[]): number {
  let narrowest = UNCONSTRAINED;
  let fewest = Number.POSITIVE_INFINITY;
  left.forEach((place, i) => {
    const number = scope[place] ?? ANY;
    const count = counts[i]?.get(number) ?? 0;
    if (number === ANY || count >= fewest) return;
    narrowest = place;
    fewest = count;
  });
  return narrowest;
}

function boundAlong(part: readonly IndexedScope[], place: number, left: readonly number[], bounds: Bounds): number {
  const rest = left.filter((other) => other !== place);
  const groups = new Map<number, IndexedScope[]>();
  for (const scope of part) {
    const group = groups.get(scope[place] ?? ANY);
    if (group === undefined) groups.set(scope[place] ?? ANY, [scope]);
    else group.push(scope);
  }
  const sums = new DimensionSums();
  const dimension = bounds.dimensions[place];
  for (const [number, group] of groups) {
    const constraint = dimension?.constraintOf(number);
    if (constraint !== undefined) sums.add(constraint, boundPart(group, rest, bounds));
  }
  return sums.total(bounds.groups);
}

/** What {@link boundSlices} adds up along one dimension. */
class DimensionSums {
  private always = 0;
  private readonly ancestors = new Map<string, number>();
  private readonly types = new Map<
    string,
    { is: number; equal: Map<string, number>; ancestors: Map<string, number> }
  >();

  add(constraint: NonNullable<ReturnType<ScopeDimension["constraintOf"]>>, bound: number): void {
    switch (constraint.op) {
      case "any":
        this.always += bound;
        break;
      case "in":
        for (const key of new Set(constraint.entities.map(entityKey))) increase(this.ancestors, key, bound);
        break;
      case "eq":
        increase(this.ofType(constraint.entity.type).equal, constraint.entity.id, bound);
        break;
      case "is":
        this.ofType(constraint.type).is += bound;
        break;
      case "is_in":
        increase(this.ofType(constraint.type).ancestors, entityKey(constraint.entity), bound);
        break;
    }
  }

  total(groups: number): number {
    let worst = 0;
    for (const { is, equal, ancestors } of this.types.values()) {
      let largestEqual = 0;
      for (const bound of equal.values()) largestEqual = Math.max(largestEqual, bound);
      worst = Math.max(worst, is + largestEqual + largestSum([...ancestors.values()], groups));
    }
    return this.always + largestSum([...this.ancestors.values()], groups) + worst;
  }

  private ofType(type: string): { is: number; equal: Map<string, number>; ancestors: Map<string, number> } {
    let sums = this.types.get(type);
    if (sums === undefined) {
      sums = { is: 0, equal: new Map(), ancestors: new Map() };
      this.types.set(type, sums);
    }
    return sums;
  }
}

function increase(table: Map<string, number>, key: string, by: number): void {
  table.set(key, (table.get(key) ?? 0) + by);
}

/** The sum of the `count` largest. */
function largestSum(values: number[], count: number): number {
  if (values.length > count) values.sort((a, b) => b - a).length = count;
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
