import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import type { EntityJson, PolicyRequest } from "#src/policy/closure.ts";
import type { DenyReason } from "#src/policy/decide-twice.ts";
import type { RecordedOutcome, ReplayFailure } from "#src/policy/replay.ts";
import type { RecordedParts } from "./redecide.ts";

/** The types of events that are decisions of `decide`. */
export const DECISION_TYPES: ReadonlySet<string> = new Set(["decision.allowed", "decision.denied", "decision.step_up"]);
/** The types of events that answer AuthZEN's questions. */
export const EVALUATION_TYPES: ReadonlySet<string> = new Set([
  "evaluation.allowed",
  "evaluation.denied",
  "evaluation.batch",
]);
/** What is personal in either, as far as policies saw it. */
export const PERSONAL_MEMBERS = ["resource", "resource_entity", "stored_entities", "claimed", "requests"] as const;

/** An event's data, its personal members opened. */
export type OpenedData = Readonly<Record<string, Json>>;

/** What policies said to one question, and the question; without one where it has no form in which they could see it. */
export interface RecordedEvaluation {
  readonly outcome: RecordedOutcome;
  readonly request: PolicyRequest | undefined;
}

const DENIALS: ReadonlyMap<string, DenyReason> = new Map([
  ["forbidden_by_policy", "forbidden"],
  ["no_permit", "no_permit"],
  ["no_policies", "no_policies"],
  ["policy_error", "policy_error"],
  ["request_mismatch", "request_mismatch"],
  // What matrix and gates refuse, a built-in policy forbids.
  ["file_closed", "forbidden"],
  ["file_invalid", "forbidden"],
  ["limit_reached", "forbidden"],
  ["role_needed", "forbidden"],
  ["tool_input_invalid", "forbidden"],
  ["unknown_tool", "forbidden"],
  ["policies_stale", "policies_stale"],
]);
/** Policies asked for a person, and the answer was still no. */
const STEP_UPS: ReadonlySet<string> = new Set(["too_many_pending", "approval_terms_invalid", "approval_needed"]);
const FAILURES: ReadonlyMap<string, ReplayFailure> = new Map([
  ["not_representable", "invalid_argument"],
  ["too_costly", "policy_slice_too_large"],
]);

/** The version of the policies that it was decided under. */
export function versionIn(data: OpenedData): number {
  return Number((data["versions"] as JsonObject)["policies"]);
}

/** INVARIANT: the inverse of what `composeDecisionEvent` writes, as far as policies saw it. */
export function partsIn(data: OpenedData, agentName: string): RecordedParts {
  return {
    agentId: String(data["agent"]),
    agentName,
    command: String(data["command"]),
    resource: { type: String(data["resource_type"]), id: String(data["resource"]) },
    resourceEntity: data["resource_entity"] as unknown as EntityJson,
    shared: String((data["entities"] as JsonObject)["ref"]).replace(/^sha256:/, ""),
    stored: (data["stored_entities"] ?? []) as unknown as EntityJson[],
    writContext: data["context"] as JsonObject,
    claimed: (data["claimed"] ?? {}) as JsonObject,
  };
}

/** What policies said, of one decision or answer. What a shadowed version said is not looked at. */
export function outcomeIn(data: OpenedData): RecordedOutcome {
  const reasons = strings(data["reasons"]);
  const said = { policies: strings(data["policies"]), errors: strings(data["policy_errors"]) };
  const first = reasons[0] ?? "";
  const decision = STEP_UPS.has(first) ? "step_up" : String(data["decision"]);
  switch (decision) {
    case "allow":
      return { decision, ...(data["cosigned"] === true ? { cosigned: true } : {}), ...said };
    case "step_up":
      return { decision, ...said };
    default: {
      const reason = DENIALS.get(first);
      const refused = FAILURES.get(first);
      return {
        decision: "deny",
        ...(reason === undefined ? {} : { reason }),
        ...(refused === undefined ? {} : { refused }),
        ...said,
      };
    }
  }
}

/** INVARIANT: the inverse of what the PDP writes of its questions. The data must be open. */
export function evaluationsIn(data: OpenedData): readonly RecordedEvaluation[] {
  const { requests, entities } = data["requests"] as unknown as RecordedRequests;
  const answers = (data["decisions"] ?? [data]) as unknown as readonly OpenedData[];
  return answers.map((answer, i) => {
    const asked = requests[i];
    const outcome = outcomeIn(answer);
    if (asked === undefined || !("principal" in asked)) return { outcome, request: undefined };
    const { entities: places, ...request } = asked;
    return { outcome, request: { ...request, entities: places.map((place) => entities[place] as EntityJson) } };
  });
}

interface RecordedRequests {
  readonly requests: readonly (
    | (Omit<PolicyRequest, "entities"> & { readonly entities: readonly number[] })
    | { readonly asked: Json }
  )[];
  readonly entities: readonly EntityJson[];
}

function strings(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
