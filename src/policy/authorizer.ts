import { WritError } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import {
  acquireSetName,
  authorizeWithSet,
  isCedarBroken,
  preparseSet,
  releaseSetName,
  type StatefulAuthorizationCall,
} from "./cedar.ts";
import type { PolicyRequest } from "./closure.ts";
import type { CompiledPolicy } from "./policy-set.ts";
import { neededContext, neededEntities, needsOf, type RequestNeeds } from "./request-needs.ts";
import type { PolicyIndex, PolicySlice } from "./slice.ts";

/** A policy that could not be evaluated; Cedar then leaves it out, so a `forbid` here is one that did not forbid. */
export interface EvaluationError {
  readonly policyId: string;
  readonly effect: "permit" | "forbid";
  readonly message: string;
}

/** What one evaluation gave; ids sorted by UTF-16 code units. */
export interface Evaluation {
  readonly decision: "allow" | "deny";
  /** The permits of an `allow`; the forbids of a `deny`, none when nothing permitted. */
  readonly determining: readonly string[];
  readonly errors: readonly EvaluationError[];
}

/** Bounds of an {@link Authorizer}. */
export interface AuthorizerOptions {
  /** How many parsed slices are kept. Each costs the engine some 5 KiB a policy. */
  readonly maxSets: number;
  /** The largest slice that is evaluated; 500 unless said otherwise. Beyond it: `policy_slice_too_large`. */
  readonly maxSlice?: number;
}

/** Evaluates requests against the slices of indexes, each slice parsed once and kept while it is in use. */
export interface Authorizer {
  /**
   * One evaluation, with `request.context` as it is. Throws `invalid_argument` when Cedar cannot read the request (a cycle
   * among the entities, a malformed type or extension value), `policy_slice_too_large` beyond the bound, `policy_invalid`
   * when a stored policy's text no longer parses. A slice met for the first time is parsed, at some 65 µs a policy.
   */
  evaluate(index: PolicyIndex, request: PolicyRequest, slice?: PolicySlice): Evaluation;
  /** How many slices are kept, and how often one had to be parsed. */
  stats(): { readonly sets: number; readonly parsed: number };
  /** Empties what is kept in the engine. */
  dispose(): void;
}

/** An authorizer with an empty cache. */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  return new SliceAuthorizer(options);
}

const DEFAULT_MAX_SLICE = 500;
/** By how many indexes' places one set is known: old versions fall out, so that a set in steady use does not keep them. */
const MAX_ALIASES = 64;

/** A slice that the engine keeps under a name, until it is the one unused for longest. */
interface ParsedSet {
  readonly contentKey: string;
  readonly setName: string;
  readonly needs: RequestNeeds;
  /** Where it is known by places: removed there when it goes. */
  readonly aliases: { readonly table: Map<string, ParsedSet>; readonly key: string }[];
}

class SliceAuthorizer implements Authorizer {
  private readonly maxSets: number;
  private readonly maxSlice: number;
  /** By content, in the order of last use: equal slices of different indexes are one. */
  private readonly byContent = new Map<string, ParsedSet>();
  /** By places, for each index: no hashing on the way of a request. */
  private readonly byPlaces = new WeakMap<PolicyIndex, Map<string, ParsedSet>>();
  private parsed = 0;
  private newest: ParsedSet | undefined;

  constructor(options: AuthorizerOptions) {
    if (!(options.maxSets >= 1)) throw new WritError("invalid_argument", "at least one set must be kept");
    this.maxSets = options.maxSets;
    this.maxSlice = options.maxSlice ?? DEFAULT_MAX_SLICE;
  }

  evaluate(index: PolicyIndex, request: PolicyRequest, slice: PolicySlice = index.match(request)): Evaluation {
    if (slice.places.length > this.maxSlice) {
      throw new WritError("policy_slice_too_large", undefined, { details: { limit: this.maxSlice } });
    }
    const set = this.parsedSet(index, slice);
    const { principal, action, resource, context } = request;
    const { decision, reason, errors } = authorizeWithSet({
      principal: { type: principal.type, id: principal.id },
      action: { type: action.type, id: action.id },
      resource: { type: resource.type, id: resource.id },
      context: neededContext(set.needs, context),
      entities: neededEntities(set.needs, request, slice),
      preparsedPolicySetId: set.setName,
    } as unknown as StatefulAuthorizationCall);
    return {
      decision,
      determining: reason.length > 1 ? [...reason].sort() : reason,
      errors: errors.length === 0 ? NO_ERRORS : withEffects(index, errors),
    };
  }

  stats(): { readonly sets: number; readonly parsed: number } {
    return { sets: this.byContent.size, parsed: this.parsed };
  }

  dispose(): void {
    for (const set of [...this.byContent.values()]) {
      this.forget(set);
      releaseSetName(set.setName);
    }
  }

  private parsedSet(index: PolicyIndex, slice: PolicySlice): ParsedSet {
    let table = this.byPlaces.get(index);
    if (table === undefined) {
      table = new Map();
      this.byPlaces.set(index, table);
    }
    const key = slice.places.join();
    const known = table.get(key);
    if (known !== undefined) return this.touch(known);
    const policies = index.policiesOf(slice);
    const contentKey = contentKeyOf(policies);
    const set = this.byContent.get(contentKey) ?? this.parse(contentKey, policies);
    table.set(key, set);
    set.aliases.push({ table, key });
    if (set.aliases.length > MAX_ALIASES) {
      const eldest = set.aliases.shift();
      eldest?.table.delete(eldest.key);
    }
    return this.touch(set);
  }

  private parse(contentKey: string, policies: readonly CompiledPolicy[]): ParsedSet {
    const [oldest] = this.byContent.size >= this.maxSets ? this.byContent.values() : [];
    if (oldest !== undefined) this.forget(oldest);
    const setName = oldest?.setName ?? acquireSetName();
    try {
      preparseSet(setName, new Map(policies.map(({ id, text }) => [id, text])));
    } catch (cause) {
      // What the name held is still there: it must not be found under another slice.
      if (!isCedarBroken()) releaseSetName(setName);
      throw cause;
    }
    this.parsed += 1;
    const set: ParsedSet = { contentKey, setName, needs: needsOf(policies), aliases: [] };
    this.byContent.set(contentKey, set);
    return set;
  }

  private touch(set: ParsedSet): ParsedSet {
    if (this.newest === set) return set;
    this.byContent.delete(set.contentKey);
    this.byContent.set(set.contentKey, set);
    this.newest = set;
    return set;
  }

  private forget(set: ParsedSet): void {
    this.byContent.delete(set.contentKey);
    if (this.newest === set) this.newest = undefined;
    for (const { table, key } of set.aliases) table.delete(key);
  }
}

const NO_ERRORS: readonly EvaluationError[] = [];

/** Ids sorted, each with its text: what the engine will evaluate, whatever a stored hash says. */
function contentKeyOf(policies: readonly CompiledPolicy[]): string {
  const parts = policies.map(({ id, text }) => JSON.stringify([id, text]));
  return sha256Hex(...parts.sort());
}

function withEffects(
  index: PolicyIndex,
  errors: readonly { readonly policyId: string; readonly message: string }[],
): readonly EvaluationError[] {
  return errors
    .map(({ policyId, message }) => ({ policyId, effect: index.get(policyId)?.effect ?? ("forbid" as const), message }))
    .sort((a, b) => (a.policyId < b.policyId ? -1 : 1));
}
