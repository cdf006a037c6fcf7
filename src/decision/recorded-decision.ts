import { type EventView, type PersonalOpener, viewEvent } from "#src/audit/event-view.ts";
import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { AgentId, TenantId } from "#src/base/ids.ts";
import type { EntityJson } from "#src/policy/closure.ts";
import type { DenyReason } from "#src/policy/decide-twice.ts";
import type { RecordedOutcome } from "#src/policy/replay.ts";
import { readAgent } from "#src/store/agents.ts";
import type { EventRow } from "#src/store/events.ts";
import type { DecisionRecord } from "#src/store/jobs/redecide.ts";
import type { Reader } from "#src/store/reader.ts";

/** A decision out of the chain, opened, with the policy version that it was made under. */
export interface OpenedDecision {
  readonly record: DecisionRecord;
  readonly version: number;
  readonly agent: string;
  readonly command: string;
  readonly resourceType: string;
  /** RFC 3339. */
  readonly at: string;
}

/** Opens recorded decisions of one tenant, one after another. */
export interface DecisionOpener {
  /**
   * Opens one; undefined for an event that is no decision. Without `parts` where something of it was erased. Throws
   * `verification_failed` for one that does not open although its key is there.
   */
  open(row: EventRow): Promise<OpenedDecision | undefined>;
}

const TYPES = new Set(["decision.allowed", "decision.denied", "decision.step_up"]);
const PERSONAL = ["resource", "resource_entity", "stored_entities", "claimed"] as const;
const DENIALS: ReadonlyMap<string, DenyReason> = new Map([
  ["forbidden_by_policy", "forbidden"],
  ["no_permit", "no_permit"],
  ["no_policies", "no_policies"],
  ["policy_error", "policy_error"],
]);

/** Makes one; agents' names are read once each. */
export function createDecisionOpener(tenant: TenantId, reader: Reader, opener: PersonalOpener): DecisionOpener {
  const names = new Map<string, string | undefined>();

  const nameOf = async (agent: string): Promise<string | undefined> => {
    if (!names.has(agent)) names.set(agent, (await readAgent(reader, tenant, agent as AgentId))?.name);
    return names.get(agent);
  };

  return {
    open: async (row) => {
      if (!TYPES.has(row.type)) return undefined;
      const view = await viewEvent(tenant, row, opener);
      const agentName = await nameOf(String(view.data["agent"]));
      return readView(view, agentName);
    },
  };
}

/** INVARIANT: the inverse of what `composeDecisionEvent` writes, as far as policies saw it. */
function readView(view: EventView, agentName: string | undefined): OpenedDecision {
  const { id, at, data, personal } = view;
  const states = PERSONAL.map((member) => personal[member]);
  if (states.includes("unreadable")) {
    throw new WritError("verification_failed", `the decision \`${id}\` does not open although its key is there`);
  }
  const agentId = String(data["agent"]);
  const command = String(data["command"]);
  const resourceType = String(data["resource_type"]);
  const known = { version: versionOf(data), agent: agentId, command, resourceType, at };
  const outcome = outcomeIn(data);
  if (agentName === undefined || states.includes("erased")) return { ...known, record: { id, outcome } };
  const parts = {
    agentId,
    agentName,
    command,
    resource: { type: resourceType, id: String(data["resource"]) },
    resourceEntity: data["resource_entity"] as unknown as EntityJson,
    shared: String((data["entities"] as JsonObject)["ref"]).replace(/^sha256:/, ""),
    stored: (data["stored_entities"] ?? []) as unknown as EntityJson[],
    writContext: data["context"] as JsonObject,
    claimed: (data["claimed"] ?? {}) as JsonObject,
  };
  return { ...known, record: { id, outcome, parts } };
}

function versionOf(data: EventView["data"]): number {
  return Number((data["versions"] as JsonObject)["policies"]);
}

/** What policies said: a step-up that found no room among the approvals was answered as a denial. */
function outcomeIn(data: EventView["data"]): RecordedOutcome {
  const reasons = strings(data["reasons"]);
  const said = { policies: strings(data["policies"]), errors: strings(data["policy_errors"]) };
  const decision = reasons.includes("too_many_pending") ? "step_up" : String(data["decision"]);
  switch (decision) {
    case "allow":
      return { decision, ...(data["cosigned"] === true ? { cosigned: true } : {}), ...said };
    case "step_up":
      return { decision, ...said };
    default: {
      const reason = DENIALS.get(reasons[0] ?? "");
      return { decision: "deny", ...(reason === undefined ? {} : { reason }), ...said };
    }
  }
}

function strings(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
