import { WritError } from "#src/base/errors.ts";
import { builtinPolicies } from "./builtin.ts";
import { type Closure, EntityGraph, type PolicyRequest } from "./closure.ts";
import { BUILTIN_ID_PREFIX, type CompiledPolicy } from "./policy-set.ts";
import { ANY, ScopeDimension } from "./scope-dimension.ts";
import { boundSlices, DEFAULT_MAX_ANCESTORS, type IndexedScope } from "./slice-bound.ts";

/** Which policies one request can meet, as places in an index. */
export interface PolicySlice {
  /** Ascending. */
  readonly places: readonly number[];
  /** The action and its groups, as keys. */
  readonly actionClosure: Closure;
}

/** The policies that share a constraint on principal and action. */
interface Bucket {
  readonly anyResource: number[];
  byResource: Map<number, number[]> | undefined;
}

/** How many policies are indexed between two yields: about a millisecond. */
const STEP_POLICIES = 400;
/** Numbers of constraints stay below this, so that two make one exact integer. */
const PAIR_RADIX = 2 ** 26;

/**
 * A tenant's policies and the built-in ones, found by scope.
 *
 * A slice holds exactly the policies whose scope the request meets. Cedar evaluates a scope before any condition and no
 * scope errs, so leaving the others out changes neither the decision nor the determining policies nor the errors.
 */
export class PolicyIndex {
  private readonly policies: CompiledPolicy[] = [];
  private readonly byId = new Map<string, CompiledPolicy>();
  private readonly scopes: IndexedScope[] = [];
  private readonly principals = new ScopeDimension();
  private readonly actions = new ScopeDimension();
  private readonly resources = new ScopeDimension();
  private readonly buckets = new Map<number, Bucket>();

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

  /** The same in steps of a millisecond or so; `yieldToLoop` is awaited between two. */
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
    const actionClosure = graph.closureOf(action);
    const principals = this.principals.match(principal, graph.closureOf(principal));
    const actions = this.actions.match(action, actionClosure);
    const resources = this.resources.match(resource, graph.closureOf(resource));
    const places: number[] = [];
    for (const byPrincipal of principals) {
      for (const byAction of actions) {
        const bucket = this.buckets.get(byPrincipal * PAIR_RADIX + byAction);
        if (bucket !== undefined) collect(bucket, resources, places);
      }
    }
    return { places: places.sort((a, b) => a - b), actionClosure };
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
    let bucket = this.buckets.get(key);
    if (bucket === undefined) {
      bucket = { anyResource: [], byResource: undefined };
      this.buckets.set(key, bucket);
    }
    if (resource === ANY) {
      bucket.anyResource.push(place);
      return;
    }
    bucket.byResource ??= new Map();
    const places = bucket.byResource.get(resource);
    if (places === undefined) bucket.byResource.set(resource, [place]);
    else places.push(place);
  }
}

function collect(bucket: Bucket, resources: readonly number[], places: number[]): void {
  for (const place of bucket.anyResource) places.push(place);
  if (bucket.byResource === undefined) return;
  for (const resource of resources) {
    const found = bucket.byResource.get(resource);
    if (found !== undefined) for (const place of found) places.push(place);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
