import { type EventView, type PersonalOpener, viewEvent } from "#src/audit/event-view.ts";
import { WritError } from "#src/base/errors.ts";
import type { AgentId, TenantId } from "#src/base/ids.ts";
import { readAgent } from "#src/store/agents.ts";
import type { EventRow } from "#src/store/events.ts";
import { DECISION_TYPES, outcomeIn, PERSONAL_MEMBERS, partsIn, versionIn } from "#src/store/jobs/recorded-event.ts";
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

/** Makes one; agents' names are read once each. */
export function createDecisionOpener(tenant: TenantId, reader: Reader, opener: PersonalOpener): DecisionOpener {
  const names = new Map<string, string | undefined>();

  const nameOf = async (agent: string): Promise<string | undefined> => {
    if (!names.has(agent)) names.set(agent, (await readAgent(reader, tenant, agent as AgentId))?.name);
    return names.get(agent);
  };

  return {
    open: async (row) => {
      if (!DECISION_TYPES.has(row.type)) return undefined;
      const view = await viewEvent(tenant, row, opener);
      const agentName = await nameOf(String(view.data["agent"]));
      return readView(view, agentName);
    },
  };
}

function readView(view: EventView, agentName: string | undefined): OpenedDecision {
  const { id, at, data, personal } = view;
  const states = PERSONAL_MEMBERS.map((member) => personal[member]);
  if (states.includes("unreadable")) {
    throw new WritError("verification_failed", `the decision \`${id}\` does not open although its key is there`);
  }
  const known = {
    version: versionIn(data),
    agent: String(data["agent"]),
    command: String(data["command"]),
    resourceType: String(data["resource_type"]),
    at,
  };
  const outcome = outcomeIn(data);
  if (agentName === undefined || states.includes("erased")) return { ...known, record: { id, outcome } };
  return { ...known, record: { id, outcome, parts: partsIn(data, agentName) } };
}
