import type { Closure } from "./closure.ts";
import { type EntityUid, entityKey, type ScopeConstraint } from "./scope.ts";
import { ShardedMap } from "./sharded-map.ts";

/** Either kind of map. */
interface Table {
  get(key: string): number | undefined;
  set(key: string, value: number): unknown;
}

/** The number of the constraint that always holds. */
export const ANY = 0;

/**
 * All constraints that the policies of an index put on one dimension, each distinct one with a number, so that a request
 * finds those it meets by look-ups: one for its own uid, two for each of its ancestors, two for its type.
 */
export class ScopeDimension {
  private readonly byEqual = new ShardedMap<number>();
  private readonly byAncestor = new ShardedMap<number[]>();
  private readonly byType = new Map<string, number>();
  private readonly byTypeAndAncestor = new Map<string, Map<string, number>>();
  private readonly lists = new ShardedMap<number>();
  /** What each number stands for. */
  private readonly constraints: ScopeConstraint[] = [{ op: "any" }];

  /** The constraint's number; equal constraints have equal numbers. */
  intern(constraint: ScopeConstraint): number {
    switch (constraint.op) {
      case "any":
        return ANY;
      case "eq":
        return this.internIn(this.byEqual, entityKey(constraint.entity), constraint);
      case "is":
        return this.internIn(this.byType, constraint.type, constraint);
      case "is_in": {
        const table = this.byTypeAndAncestor.get(constraint.type) ?? new Map<string, number>();
        this.byTypeAndAncestor.set(constraint.type, table);
        return this.internIn(table, entityKey(constraint.entity), constraint);
      }
      case "in":
        return this.internList(constraint);
    }
  }

  /** The constraint of a number that {@link intern} gave out. */
  constraintOf(number: number): ScopeConstraint | undefined {
    return this.constraints[number];
  }

  /** The numbers of all constraints that hold for an entity with this closure, each once. */
  match(uid: EntityUid, closure: Closure): readonly number[] {
    const met = [ANY];
    const equal = closure[0] === undefined ? undefined : this.byEqual.get(closure[0]);
    if (equal !== undefined) met.push(equal);
    const ofType = this.byType.get(uid.type);
    if (ofType !== undefined) met.push(ofType);
    const below = this.byTypeAndAncestor.get(uid.type);
    let hits = 0;
    for (const key of closure) {
      const lists = this.byAncestor.get(key);
      if (lists !== undefined) {
        hits += 1;
        for (const number of lists) met.push(number);
      }
      const typed = below?.get(key);
      if (typed !== undefined) met.push(typed);
    }
    // A list may hold several of the ancestors.
    return hits > 1 ? [...new Set(met)] : met;
  }

  private internIn(table: Table, key: string, constraint: ScopeConstraint): number {
    const known = table.get(key);
    if (known !== undefined) return known;
    const number = this.constraints.push(constraint) - 1;
    table.set(key, number);
    return number;
  }

  private internList(constraint: Extract<ScopeConstraint, { op: "in" }>): number {
    const keys = constraint.entities.map(entityKey);
    const distinct = keys.length < 2 ? keys : [...new Set(keys)].sort();
    const name = distinct.length === 1 ? (distinct[0] ?? "") : JSON.stringify(distinct);
    const known = this.lists.get(name);
    if (known !== undefined) return known;
    const number = this.internIn(this.lists, name, constraint);
    for (const key of distinct) {
      const numbers = this.byAncestor.get(key);
      if (numbers === undefined) this.byAncestor.set(key, [number]);
      else numbers.push(number);
    }
    return number;
  }
}
