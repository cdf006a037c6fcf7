import { type PersonalOpener, viewEvent } from "#src/audit/event-view.ts";
import type { Recorder } from "#src/audit/recorder.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { DecisionId, SubjectId, TenantId } from "#src/base/ids.ts";
import type { Agents } from "#src/identity/agents.ts";
import type { Explanation } from "#src/policy/explain.ts";
import { type EventRow, readEventById } from "#src/store/events.ts";
import { EVALUATION_TYPES, evaluationsIn, versionIn } from "#src/store/jobs/recorded-event.ts";
import type { ExplainInput } from "#src/store/jobs/redecide.ts";
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

/** What was decided. */
export interface RecordedAsk {
  readonly decision: DecisionId;
  readonly policies: "recorded" | "active";
  /** Which question of a batch, from 0. */
  readonly question?: number;
}

/** A decision, and why. */
export interface ExplainedDecision {
  /** Of a recorded one. */
  readonly decisionId?: DecisionId;
  /** The agent's id; null where somebody else was asked about. */
  readonly agent: string | null;
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
   * A recorded decision, or an answer to an enforcement point's question, under the policies that it was made under, or
   * under those that are active. Throws `not_found`, also where something that it was made of was erased, and
   * `invalid_argument` for a batch of questions without `question`.
   */
  ofDecision(tenant: TenantId, actor: SubjectId, asked: RecordedAsk, options?: JobOptions): Promise<ExplainedDecision>;
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
    ofDecision: async (tenant, actor, { decision, policies, question }, options) => {
      const row = await readEventById(reader, tenant, decision);
      if (row === undefined) throw new WritError("not_found");
      const recorded = EVALUATION_TYPES.has(row.type)
        ? await openEvaluation(tenant, row, opener, question)
        : await openDecision(tenant, row, reader, opener);
      const { asked, agent, command, resourceType, at, isMismatch } = recorded;
      const version = policies === "recorded" ? recorded.version : (await authority.policies(tenant)).version;
      const { result } = await pool.run("explain", { tenant, policies: { version }, asked }, options);
      const explanation = isMismatch ? mismatched(result, undefined) : result;
      const explained = { decisionId: decision, agent, command, resourceType, at, version, explanation };
      await noteLook(tenant, actor, explained);
      return explained;
    },
    ofAsk: async (tenant, actor, { agent: idOrName, environment, ...ask }, options) => {
      const now = clock.now();
      const agent = await agents.show(tenant, idOrName);
      if (agent.status !== "active") throw new WritError("agent_disabled");
      const principal = { tenant, agent, environment };
      const [target, { version, requests }] = await Promise.all([
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
      const { result } = await pool.run("explain", input, options);
      const mismatch = target.mismatch ?? requests.mismatchOf(policyRequest);
      const explanation = mismatch === undefined ? result : mismatched(result, mismatch);
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

/** What is explained of a record. */
interface RecordedGround {
  readonly asked: ExplainInput["asked"];
  readonly agent: string | null;
  readonly command: string;
  readonly resourceType: string;
  readonly at: string;
  readonly version: number;
  /** Whether the policies were not asked, since the request did not fit their schema. */
  readonly isMismatch: boolean;
}

async function openDecision(
  tenant: TenantId,
  row: EventRow,
  reader: Reader,
  opener: PersonalOpener,
): Promise<RecordedGround> {
  const opened = await createDecisionOpener(tenant, reader, opener).open(row);
  if (opened === undefined) throw new WritError("not_found");
  const { record, agent, command, resourceType, at, version } = opened;
  if (record.parts === undefined) throw erased();
  const isMismatch = record.outcome.reason === "request_mismatch";
  return { asked: { recorded: record.parts }, agent, command, resourceType, at, version, isMismatch };
}

async function openEvaluation(
  tenant: TenantId,
  row: EventRow,
  opener: PersonalOpener,
  question: number | undefined,
): Promise<RecordedGround> {
  const { at, data, personal } = await viewEvent(tenant, row, opener);
  if (personal["requests"] === "erased") throw erased();
  if (personal["requests"] === "unreadable") throw new WritError("verification_failed");
  const evaluations = evaluationsIn(data);
  if (question === undefined && evaluations.length > 1) {
    throw new WritError("invalid_argument", `\`question\` is needed: this is a batch of ${evaluations.length}, from 0`);
  }
  const evaluation = evaluations[question ?? 0];
  if (evaluation === undefined) throw new WritError("not_found", "the batch has no such question");
  const { request, outcome } = evaluation;
  if (request === undefined) {
    throw new WritError("not_found", "the question had no form in which policies could have seen it");
  }
  const { action, resource } = request;
  return {
    asked: { request },
    agent: typeof data["agent"] === "string" ? data["agent"] : null,
    command: action.id,
    resourceType: resource.type,
    at,
    version: versionIn(data),
    isMismatch: outcome.reason === "request_mismatch",
  };
}

function erased(): WritError {
  return new WritError("not_found", "part of what this was decided on was erased");
}

/** What is explained of policies that were not asked is what they would have said. */
function mismatched(explanation: Explanation, why: string | undefined): Explanation {
  const { decision, determining, near, remedies } = explanation;
  const denied = `it is denied: the request does not fit the schema${why === undefined ? "" : `: ${why}`}`;
  const instead =
    decision.decision === "allow" ? "allow it" : decision.decision === "deny" ? "deny it" : "ask a person";
  return {
    decision: { decision: "deny", reason: "request_mismatch", determining: [], errors: decision.errors },
    cosigned: false,
    determining,
    near,
    remedies,
    sentences: [denied, `asked all the same, the policies would ${instead}`],
  };
}
