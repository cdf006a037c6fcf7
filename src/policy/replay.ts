import type { JsonObject } from "#src/base/canonical-json.ts";
import { isWritError, messageOf } from "#src/base/errors.ts";
import type { Authorizer } from "./authorizer.ts";
import type { EntityJson, PolicyRequest } from "./closure.ts";
import { type DenyReason, decideTwice, type PolicyDecision } from "./decide-twice.ts";
import type { EntityUid } from "./scope.ts";
import type { PolicyIndex } from "./slice.ts";

/** What policies said when it was recorded. Lists are sorted by UTF-16 code units. */
export interface RecordedOutcome {
  readonly decision: "allow" | "deny" | "step_up";
  /** Of an allow: whether it rested on a person's approval. */
  readonly cosigned?: boolean;
  /** Of a denial. */
  readonly reason?: DenyReason;
  /** The permits of an allow, the forbids of a denial, what asked in a step-up. */
  readonly policies: readonly string[];
  /** Policies that could not be evaluated. */
  readonly errors: readonly string[];
  /** Why policies said nothing: the request could not be read, or met more of them than one decision may. */
  readonly refused?: ReplayFailure;
}

/** Codes of errors that a request can be refused with. */
export type ReplayFailure = "invalid_argument" | "policy_slice_too_large";

/** One recorded decision. `request` is undefined where part of it was erased. */
export interface RecordedDecision {
  readonly id: string;
  readonly request: PolicyRequest | undefined;
  readonly outcome: RecordedOutcome;
}

/** What a record keeps of a request, with its sealed parts opened and its entities fetched. */
export interface RecordedRequest {
  readonly principal: EntityUid;
  readonly command: string;
  readonly resource: EntityUid;
  readonly resourceEntity: EntityJson;
  readonly sharedEntities: readonly EntityJson[];
  readonly writContext: JsonObject;
  readonly claimed: JsonObject;
}

/** What an outcome is to whoever asks: a recorded approval means that a person was needed. */
export type OutcomeClass = "allow" | "deny" | "step_up";

/** Decisions whose outcome changes in the same way. */
export interface ChangeGroup {
  readonly from: OutcomeClass;
  readonly to: OutcomeClass;
  readonly command: string;
  /** What determined it then, and what would now. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly count: number;
  /** The first of them, by id. */
  readonly examples: readonly string[];
}

/** What a replay has found so far. */
export interface ReplayReport {
  readonly replayed: number;
  /** Outcome, determining policies, reason and errors all as recorded: an unchanged policy set gives nothing else. */
  readonly reproduced: number;
  /** The same outcome for other reasons. */
  readonly sameOutcome: number;
  readonly changed: number;
  /** Not replayed: part of the request was erased. */
  readonly erased: number;
  /** Not replayed: no policy was asked, because the request did not fit or the policies were older than they may be. */
  readonly unasked: number;
  /** Not replayed: Cedar or the slice limit refuses the request under this index. */
  readonly failed: number;
  /** Most frequent first. */
  readonly groups: readonly ChangeGroup[];
  /** How many changes are in none of the groups, of which only so many are kept. */
  readonly ungrouped: number;
  /** The first records that were not reproduced, whether or not their outcome changed. */
  readonly differences: readonly ReplayDifference[];
}

/** One record that came out differently. */
export interface ReplayDifference {
  readonly id: string;
  readonly recorded: RecordedOutcome;
  readonly replayed: RecordedOutcome | { readonly failed: string };
}

/** Decides recorded requests again, one after another. */
export interface Replay {
  /** Decides one again; gives the difference, or undefined where it is reproduced or erased. */
  take(record: RecordedDecision): ReplayDifference | undefined;
  report(): ReplayReport;
}

const MAX_GROUPS = 1000;
const MAX_EXAMPLES = 5;
const MAX_DIFFERENCES = 100;

/** A replay under `index`. Runs as fast as decisions are made, so that a worker can take records in steps of its own. */
export function createReplay(authorizer: Authorizer, index: PolicyIndex): Replay {
  return new IndexReplay(authorizer, index);
}

/** The request that was recorded, entity for entity as it was evaluated. */
export function recordedRequest(record: RecordedRequest): PolicyRequest {
  const { principal, command, resource, resourceEntity, sharedEntities, writContext, claimed } = record;
  const isBare = resourceEntity.parents.length === 0 && Object.keys(resourceEntity.attrs).length === 0;
  return {
    principal,
    action: { type: "Action", id: command },
    resource,
    context: { writ: writContext, claimed },
    entities: isBare ? sharedEntities : [...sharedEntities, resourceEntity],
  };
}

/** A decision as a record keeps it. */
export function outcomeOf(decision: PolicyDecision): RecordedOutcome {
  const errors = decision.errors.map(({ policyId }) => policyId);
  switch (decision.decision) {
    case "allow":
      return { decision: "allow", policies: decision.determining, errors };
    case "deny":
      return { decision: "deny", reason: decision.reason, policies: decision.determining, errors };
    case "step_up":
      return { decision: "step_up", policies: decision.asked, errors };
  }
}

interface GrowingGroup {
  readonly group: Omit<ChangeGroup, "count" | "examples">;
  count: number;
  readonly examples: string[];
}

class IndexReplay implements Replay {
  private readonly authorizer: Authorizer;
  private readonly index: PolicyIndex;
  private readonly groups = new Map<string, GrowingGroup>();
  private readonly differences: ReplayDifference[] = [];
  private readonly counts = {
    replayed: 0,
    reproduced: 0,
    sameOutcome: 0,
    changed: 0,
    erased: 0,
    unasked: 0,
    failed: 0,
    ungrouped: 0,
  };

  constructor(authorizer: Authorizer, index: PolicyIndex) {
    this.authorizer = authorizer;
    this.index = index;
  }

  take(record: RecordedDecision): ReplayDifference | undefined {
    const { id, request, outcome } = record;
    if (wasUnasked(outcome)) {
      this.counts.unasked += 1;
      return undefined;
    }
    if (request === undefined) {
      this.counts.erased += 1;
      return undefined;
    }
    let decision: PolicyDecision;
    try {
      decision = decideTwice(this.authorizer, this.index, request);
    } catch (error) {
      if (outcome.refused === failureOf(error)) {
        this.counts.replayed += 1;
        this.counts.reproduced += 1;
        return undefined;
      }
      this.counts.failed += 1;
      return this.differ({ id, recorded: outcome, replayed: { failed: messageOf(error) } });
    }
    this.counts.replayed += 1;
    const replayed = comparable(decision, outcome);
    if (isSame(outcome, replayed)) {
      this.counts.reproduced += 1;
      return undefined;
    }
    const from = classOf(outcome);
    if (from === decision.decision) this.counts.sameOutcome += 1;
    else this.noteChange(id, from, request.action.id, outcome, outcomeOf(decision));
    return this.differ({ id, recorded: outcome, replayed });
  }

  report(): ReplayReport {
    const groups = [...this.groups.values()]
      .map(({ group, count, examples }): ChangeGroup => ({ ...group, count, examples }))
      .sort((a, b) => b.count - a.count);
    return { ...this.counts, groups, differences: this.differences };
  }

  private differ(difference: ReplayDifference): ReplayDifference {
    if (this.differences.length < MAX_DIFFERENCES) this.differences.push(difference);
    return difference;
  }

  private noteChange(
    id: string,
    from: OutcomeClass,
    command: string,
    before: RecordedOutcome,
    after: RecordedOutcome,
  ): void {
    this.counts.changed += 1;
    const group = { from, to: after.decision, command, before: before.policies, after: after.policies };
    const key = JSON.stringify(group);
    let known = this.groups.get(key);
    if (known === undefined) {
      if (this.groups.size >= MAX_GROUPS) {
        this.counts.ungrouped += 1;
        return;
      }
      known = { group, count: 0, examples: [] };
      this.groups.set(key, known);
    }
    known.count += 1;
    if (known.examples.length < MAX_EXAMPLES) known.examples.push(id);
  }
}

/** Throws what is no answer to a request but a fault. */
function failureOf(error: unknown): ReplayFailure {
  if (isWritError(error, "invalid_argument")) return "invalid_argument";
  if (isWritError(error, "policy_slice_too_large")) return "policy_slice_too_large";
  throw error;
}

/** Decided before any policy was asked: no policies would change it. */
function wasUnasked({ reason }: RecordedOutcome): boolean {
  return reason === "policies_stale" || reason === "request_mismatch";
}

function classOf({ decision, cosigned }: RecordedOutcome): OutcomeClass {
  return decision === "allow" && cosigned === true ? "step_up" : decision;
}

/** An allow that rested on an approval is recorded with the permits of the second pass: a step-up is compared by those. */
function comparable(decision: PolicyDecision, recorded: RecordedOutcome): RecordedOutcome {
  const outcome = outcomeOf(decision);
  if (decision.decision !== "step_up" || classOf(recorded) !== "step_up" || recorded.decision !== "allow")
    return outcome;
  return { ...outcome, decision: "allow", cosigned: true, policies: decision.permits };
}

function isSame(a: RecordedOutcome, b: RecordedOutcome): boolean {
  return (
    a.decision === b.decision &&
    (a.cosigned ?? false) === (b.cosigned ?? false) &&
    a.reason === b.reason &&
    a.refused === b.refused &&
    isSameList(a.policies, b.policies) &&
    isSameList(a.errors, b.errors)
  );
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}
