import { WritError } from "#src/base/errors.ts";
import { builtinPolicies } from "./builtin.ts";
import { type Closure, EntityGraph, type PolicyRequest } from "./closure.ts";
import { BUILTIN_ID_PREFIX, type CompiledPolicy } from "./policy-set.ts";
import type { PolicyScope } from "./scope.ts";
import { ANY, ScopeDimension } from "./scope-dimension.ts";
import { ShardedMap } from "./sharded-map.ts";
import { boundSlices, DEFAULT_MAX_ANCESTORS, type IndexedScope } from "./slice-bound.ts";

/** Which policies one request can meet, as places in an index. */
export interface PolicySlice {
  /** Ascending. */
  readonly places: readonly number[];
  /** Principal, action and resource, each with its ancestors, as keys. */
  readonly closures: Readonly<Record<keyof PolicyScope, Closure>>;
}

/** The policies that share a constraint on principal and action: places and, beside each, its resource's constraint. */
interface Bucket {
  readonly places: number[];
  readonly resources: number[];
  /** Places by the resource's constraint, once there are more than {@link SCANNED_PLACES}. */
  byResource: Map<number, number[]> | undefined;
}

/** So many are compared one by one: most buckets are small, and a table for each would cost more than it saves. */
const SCANNED_PLACES = 16;
/** How many policies are indexed between two yields: half a millisecond. */
const STEP_POLICIES = 200;
/** Numbers of constraints stay below this, so that two make one exact integer. */
const PAIR_RADIX = 2 ** 26;
/** A power of two. */
const BUCKET_TABLES = 32;

/**
 * A tenant's policies and the built-in ones, found by scope.
 *
 * A slice holds exactly the policies whose scope the request meets. Cedar evaluates a scope before any condition and no
 * scope errs, so leaving the others out changes neither the decision nor the determining policies nor the errors.
 */
export class PolicyIndex {
  private readonly policies: CompiledPolicy[] = [];
  private readonly byId = new ShardedMap<CompiledPolicy>();
  private readonly scopes: IndexedScope[] = [];
  private readonly principals = new ScopeDimension();
  private readonly actions = new ScopeDimension();
  private readonly resources = new ScopeDimension();
  /** By principal's and action's constraint, apart by the principal's low bits so that no table grows at once. */
  private readonly buckets: Map<number, Bucket>[] = Array.from({ length: BUCKET_TABLES }, () => new Map());

  private constructor() {
    for (const policy of builtinPolicies()) this.add(policy);
  }

  /**
   * Indexes a tenant's policies, some 2 µs each, beside the built-in ones. Throws `policy_invalid` for an id that stands
   * twice or is reserved.
   */
  static build(policies: readonly CompiledPolicy[]): PolicyIndex {
    const index = new PolicyIndex();
    for (const policy of policies) index.addTenantPolicy(policy);
    return index;
  }

  /** The same in steps of half a millisecond or so; `yieldToLoop` is awaited between two. */
  static async buildInSteps(
    policies: readonly CompiledPolicy[],
    yieldToLoop: () => Promise<void> = nextTurn,
  ): Promise<PolicyIndex> {
    const index = new PolicyIndex();
    for (let i = 0; i < policies.length; i += 1) {
      const policy = policies[i];
      if (policy !== undefined) index.addTenantPolicy(policy);
      if (i % STEP_POLICIES === STEP_POLICIES - 1) await yieldToLoop();
    }
    return index;
  }

  /** How many policies the tenant has, built-in ones not counted. */
  get tenantPolicyCount(): number {
    return this.policies.length - builtinPolicies().length;
  }

  /** The tenant's policies in the order in which they were given. */
  tenantPolicies(): readonly CompiledPolicy[] {
    return this.policies.slice(builtinPolicies().length);
  }

  get(id: string): CompiledPolicy | undefined {
    return this.byId.get(id);
  }

  /** The policies of a slice, in its order. */
  policiesOf(slice: PolicySlice): readonly CompiledPolicy[] {
    return slice.places.map((place) => this.policies[place] as CompiledPolicy);
  }

  /** The ids of the policies whose scope `request` meets, sorted by UTF-16 code units. */
  slice(request: PolicyRequest): readonly string[] {
    return this.policiesOf(this.match(request))
      .map((policy) => policy.id)
      .sort();
  }

  /** The same as places. Throws `invalid_argument` for an entity that is not named by `type` and `id`. */
  match(request: PolicyRequest): PolicySlice {
    const graph = new EntityGraph(request.entities);
    const { principal, action, resource } = request;
    const closures = {
      principal: graph.closureOf(principal),
      action: graph.closureOf(action),
      resource: graph.closureOf(resource),
    };
    const principals = this.principals.match(principal, closures.principal);
    const actions = this.actions.match(action, closures.action);
    const resources = this.resources.match(resource, closures.resource);
    const places: number[] = [];
    for (const byPrincipal of principals) {
      const table = this.tableOf(byPrincipal);
      for (const byAction of actions) {
        const bucket = table.get(byPrincipal * PAIR_RADIX + byAction);
        if (bucket !== undefined) collect(bucket, resources, places);
      }
    }
    return { places: places.length > 1 ? places.sort((a, b) => a - b) : places, closures };
  }

  /**
   * An upper bound on the size of any slice, for requests whose principal, action and resource have at most `maxAncestors`
   * ancestors each *that policies name in an `in`*; whatever their types, ids and other ancestors are. With `Infinity` it
   * holds for every request. It may exceed the largest real slice: see `boundSlices`.
   */
  largestSliceBound(maxAncestors: number = DEFAULT_MAX_ANCESTORS): number {
    return boundSlices(this.scopes, [this.principals, this.actions, this.resources], maxAncestors);
  }

  /** Throws `policy_slice_too_large` when {@link largestSliceBound} is beyond `limit`. */
  requireSlicesWithin(limit: number, maxAncestors: number = DEFAULT_MAX_ANCESTORS): void {
    const bound = this.largestSliceBound(maxAncestors);
    if (bound <= limit) return;
    throw new WritError("policy_slice_too_large", `as many as ${bound} policies can match one request, ${limit} may`, {
      details: { bound, limit },
    });
  }

  private addTenantPolicy(policy: CompiledPolicy): void {
    if (policy.id.startsWith(BUILTIN_ID_PREFIX)) throw new WritError("policy_invalid", "a reserved id");
    this.add(policy);
  }

  private add(policy: CompiledPolicy): void {
    if (this.byId.has(policy.id)) {
      throw new WritError("policy_invalid", `the id \`${policy.id.slice(0, 100)}\` stands twice`);
    }
    const place = this.policies.push(policy) - 1;
    this.byId.set(policy.id, policy);
    const principal = this.principals.intern(policy.scope.principal);
    const action = this.actions.intern(policy.scope.action);
    const resource = this.resources.intern(policy.scope.resource);
    this.scopes.push([principal, action, resource]);
    const key = principal * PAIR_RADIX + action;
    const table = this.tableOf(principal);
    let bucket = table.get(key);
    if (bucket === undefined) {
      bucket = { places: [], resources: [], byResource: undefined };
      table.set(key, bucket);
    }
    addToBucket(bucket, resource, place);
  }

  private tableOf(principal: number): Map<number, Bucket> {
    return this.buckets[principal & (BUCKET_TABLES - 1)] as Map<number, Bucket>;
  }
}

function addToBucket(bucket: Bucket, resource: number, place: number): void {
  bucket.places.push(place);
  bucket.resources.push(resource);
  if (bucket.byResource !== undefined) addToTable(bucket.byResource, resource, place);
  else if (bucket.places.length > SCANNED_PLACES) {
    const table = new Map<number, number[]>();
    bucket.places.forEach((each, i) => {
      addToTable(table, bucket.resources[i] ?? ANY, each);
    });
    bucket.byResource = table;
  }
}

function addToTable(table: Map<number, number[]>, resource: number, place: number): void {
  const places = table.get(resource);
  if (places === undefined) table.set(resource, [place]);
  else places.push(place);
}

function collect(bucket: Bucket, resources: readonly number[], places: number[]): void {
  if (bucket.byResource === undefined) {
    bucket.places.forEach((place, i) => {
      if (resources.includes(bucket.resources[i] ?? ANY)) places.push(place);
    });
    return;
  }
  for (const resource of resources) {
    const found = bucket.byResource.get(resource);
    if (found !== undefined) for (const place of found) places.push(place);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
