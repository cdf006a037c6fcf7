import type { PersonalOpener } from "#src/audit/event-view.ts";
import type { Recorder } from "#src/audit/recorder.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { DecisionId, SubjectId, TenantId } from "#src/base/ids.ts";
import type { Agents } from "#src/identity/agents.ts";
import type { Explanation } from "#src/policy/explain.ts";
import { readEventById } from "#src/store/events.ts";
import type { Reader } from "#src/store/reader.ts";
import type { JobOptions, ReaderPool } from "#src/store/reader-pool.ts";
import type { Ask } from "./ask.ts";
import type { Authority } from "./authority.ts";
import { buildRequest, rootsOf } from "./policy-request.ts";
import { createDecisionOpener } from "./recorded-decision.ts";
import { resolveTarget } from "./target.ts";

/** What an agent might ask. */
export interface HypotheticalAsk extends Pick<Ask, "stated" | "call" | "claimed"> {
  /** Id or name. */
  readonly agent: string;
  /** Of the key that it would ask with. */
  readonly environment: string;
}

/** A decision, and why. */
export interface ExplainedDecision {
  /** Of a recorded one. */
  readonly decisionId?: DecisionId;
  /** The agent's id. */
  readonly agent: string;
  readonly command: string;
  readonly resourceType: string;
  /** RFC 3339: when it was decided, or would have been. */
  readonly at: string;
  /** The version that is explained. */
  readonly version: number;
  readonly explanation: Explanation;
}

/** Explains decisions to whoever may see what they were made of. Nothing is granted, and no approval is asked for. */
export interface Explanations {
  /**
   * A recorded decision, under the policies that it was made under, or under those that are active. Throws `not_found`,
   * also where something that it was made of was erased.
   */
  ofDecision(
    tenant: TenantId,
    actor: SubjectId,
    decision: DecisionId,
    policies: "recorded" | "active",
    options?: JobOptions,
  ): Promise<ExplainedDecision>;
  /** What would be decided now. Throws what `decide` throws for an ask that cannot be decided. */
  ofAsk(tenant: TenantId, actor: SubjectId, ask: HypotheticalAsk, options?: JobOptions): Promise<ExplainedDecision>;
}

/** What {@link createExplanations} needs. */
export interface ExplanationsDependencies {
  readonly authority: Authority;
  readonly agents: Pick<Agents, "show">;
  readonly opener: PersonalOpener;
  readonly recorder: Pick<Recorder, "record">;
  readonly reader: Reader;
  readonly pool: ReaderPool;
  readonly clock: Clock;
}

/** Makes the service. What it answers was recorded as looked at: nobody sees it unseen. */
export function createExplanations(dependencies: ExplanationsDependencies): Explanations {
  const { authority, agents, opener, recorder, reader, pool, clock } = dependencies;

  const noteLook = async (tenant: TenantId, actor: SubjectId, explained: ExplainedDecision): Promise<void> => {
    const { decisionId, agent, command, resourceType, version, explanation } = explained;
    const data: JsonObject = {
      ...(decisionId === undefined ? {} : { explained: decisionId }),
      agent,
      command,
      resource_type: resourceType,
      decision: explanation.decision.decision,
      version,
    };
    await recorder.record({ tenant, type: "policy.explained", actor, data });
  };

  return {
    ofDecision: async (tenant, actor, decision, policies, options) => {
      const row = await readEventById(reader, tenant, decision);
      const opened = row === undefined ? undefined : await createDecisionOpener(tenant, reader, opener).open(row);
      if (opened === undefined) throw new WritError("not_found");
      const { record, agent, command, resourceType, at } = opened;
      if (record.parts === undefined) throw new WritError("not_found", "part of what this was decided on was erased");
      const version = policies === "recorded" ? opened.version : (await authority.policies(tenant)).version;
      const input = { tenant, policies: { version }, asked: { recorded: record.parts } };
      const { result: explanation } = await pool.run("explain", input, options);
      const explained = { decisionId: decision, agent, command, resourceType, at, version, explanation };
      await noteLook(tenant, actor, explained);
      return explained;
    },
    ofAsk: async (tenant, actor, { agent: idOrName, environment, ...ask }, options) => {
      const now = clock.now();
      const agent = await agents.show(tenant, idOrName);
      if (agent.status !== "active") throw new WritError("agent_disabled");
      const principal = { tenant, agent, environment };
      const [target, { version }] = await Promise.all([
        resolveTarget(authority, { principal, ...ask }),
        authority.policies(tenant),
      ]);
      const claimedAttributes = ask.stated?.resource.attributes;
      const { policyRequest } = buildRequest({
        principal,
        target,
        claimed: ask.claimed,
        ...(claimedAttributes === undefined ? {} : { claimedAttributes }),
        now,
        stored: await authority.reach(tenant, rootsOf(principal, target)),
      });
      const input = { tenant, policies: { version }, asked: { request: policyRequest } };
      const { result: explanation } = await pool.run("explain", input, options);
      const { command, resource } = target;
      const explained = {
        agent: agent.id,
        command,
        resourceType: resource.type,
        at: toRfc3339(now),
        version,
        explanation,
      };
      await noteLook(tenant, actor, explained);
      return explained;
    },
  };
}
