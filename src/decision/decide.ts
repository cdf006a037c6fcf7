import { type Recorder, refusedError } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { invariant, WritError } from "#src/base/errors.ts";
import { type DecisionId, type IdSource, newId, type RunId } from "#src/base/ids.ts";
import type { Approvals } from "#src/consent/approvals.ts";
import type { Emergencies } from "#src/consent/emergencies.ts";
import type { Authorizer } from "#src/policy/authorizer.ts";
import type { PolicyDecision } from "#src/policy/decide-twice.ts";
import { type ActiveRun, type NotedDecision, noteDecision, requireActiveRun, withinRun } from "#src/runs/active-run.ts";
import type { Governance, ToolGovernor } from "#src/runs/tool-governor.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Committed } from "#src/store/unit.ts";
import type { Keyring } from "#src/vault/keyring.ts";
import type { Ask } from "./ask.ts";
import type { ActivePolicies, Authority } from "./authority.ts";
import { composeDecisionEvent, type DecisionExtras, type Verdict } from "./decision-event.ts";
import { checkLifetime, draftWrit, type WritDraft } from "./grant.ts";
import type { MintedWrit, Outcome } from "./outcome.ts";
import { decideReadable, wereAsked } from "./policy-age.ts";
import { buildRequest, rootsOf } from "./policy-request.ts";
import { denyReasons, type Reason, reason } from "./reasons.ts";
import { judgeInShadow } from "./shadow-verdict.ts";
import { digestOf, judgeStepUp } from "./step-up.ts";
import { resolveTarget, type Target } from "./target.ts";
import { withGovernance } from "./tool-target.ts";

/** Decides: the one way to an answer, whichever edge asks. */
export interface Decider {
  /**
   * Decides one ask. What it answers is durable: the event stands in the chain before the promise resolves.
   *
   * @param extrasOf statements that an allow commits together with its event, and what the event says of them
   *
   * Throws for who no longer holds: `unauthenticated`, `agent_disabled`. Throws for what cannot be decided: `run_ended`, `run_not_active`, `invalid_argument`, `invalid_path`, `not_found`, `call_mismatch`, `call_required`,
   * `reserved_context_key`, `body_too_large_to_approve`, `clock_behind`, `disk_quota_exceeded`, `store_failed`. Nothing
   * was granted then.
   */
  decide(ask: Ask, extrasOf?: (decisionId: DecisionId, target: Target) => DecisionExtras): Promise<Outcome>;
}

/** What {@link createDecider} needs. */
export interface DeciderDependencies {
  readonly authority: Authority;
  readonly authorizer: Authorizer;
  /** Evaluates what is only tried, so that its slices do not take the place of what decides. */
  readonly shadowAuthorizer: Authorizer;
  readonly approvals: Approvals;
  readonly emergencies: Emergencies;
  readonly governor: ToolGovernor;
  /** For runs: what they have left changes with every call. */
  readonly reader: Reader;
  readonly recorder: Recorder;
  readonly keyring: Keyring;
  readonly ids: IdSource;
  readonly clock: Clock;
  /** Throws when nothing new may be granted, such as on a full disk. */
  readonly checkCapacity: () => void;
}

/** A decision whose ground moved is made again so often before it is given up. */
const MAX_ATTEMPTS = 8;

/** Makes the decider. */
export function createDecider(dependencies: DeciderDependencies): Decider {
  const { authority, approvals, recorder, clock, ids, checkCapacity } = dependencies;
  return {
    decide: async (asked, extrasOf) => {
      checkCapacity();
      if (asked.mint !== undefined) checkLifetime(asked.mint.ttlSeconds);
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const now = clock.now();
        const epoch = authority.epochOf(asked.principal.tenant);
        // What was proven before this epoch may not hold in it: waiting for a person or for a body takes its time.
        const ask = { ...asked, principal: await authority.current(asked.principal, now) };
        const [resolved, policies] = await Promise.all([
          resolveTarget(authority, ask),
          authority.policies(ask.principal.tenant),
        ]);
        const run =
          ask.run === undefined ? undefined : await requireActiveRun(dependencies.reader, ask.principal, ask.run);
        const { governance, target } = await govern(dependencies.governor, ask, run, resolved, now);
        const stored = await authority.reach(ask.principal.tenant, rootsOf(ask.principal, target));
        const request = buildRequest({ ...requestParts(ask, run, target, now), governance, stored });
        const policyDecision = decideReadable(
          dependencies.authorizer,
          policies,
          request.policyRequest,
          now,
          target.mismatch,
        );
        const judged = await judge(dependencies, ask, run, target, policies, policyDecision, now);
        const verdict = { ...judged, reasons: [...governedReasons(governance, judged), ...judged.reasons] };
        const shadow = judgeInShadow(
          dependencies.shadowAuthorizer,
          policies,
          wereAsked(policyDecision) ? request.policyRequest : undefined,
        );
        const decisionId = newId("decision", ids);
        const writ =
          verdict.decision === "allow" ? draft(dependencies, ask, target, verdict, decisionId, now) : undefined;
        const extras = verdict.decision === "allow" ? extrasOf?.(decisionId, target) : undefined;
        const recording = recorder.tryRecord({
          tenant: ask.principal.tenant,
          id: decisionId,
          type: `decision.${EVENT_SUFFIX[verdict.decision]}`,
          actor: ask.principal.subject,
          data: composeDecisionEvent({
            ask,
            target,
            policies,
            policyDecision,
            request,
            verdict,
            shadow,
            writ,
            extras,
            governance,
          }),
          blobs: [request.shared],
          statements: [
            ...verdict.statements,
            ...(verdict.decision === "allow" ? governance.count(verdict.vouched !== undefined) : []),
            ...(run === undefined
              ? []
              : [noteDecision(ask.principal.tenant, run, noted(decisionId, target, verdict), now)]),
            ...(extras?.statements ?? []),
          ],
          expectEpoch: epoch,
          countsAgainstQuota: true,
          ...(writ === undefined ? {} : { token: { keyId: writ.keyId, signedBytes: writ.signedBytes } }),
        });
        const result = await recording.catch((error: unknown) => {
          // The row may be there although the answer was an error: what it refers to stays where it is.
          if (verdict.isNewApproval && verdict.approval !== undefined) approvals.noteRequest(verdict.approval.id);
          throw error;
        });
        if (result.kind === "committed") {
          const limits = governance.report(verdict.decision === "allow");
          return settle(approvals, ask, target, verdict, decisionId, writ, limits, result);
        }
        await withdraw(approvals, ask, verdict);
        if (result.reason !== "stale" && result.reason !== "conflict") throw refusedError(result.reason);
      }
      throw new WritError("conflict", "what the decision rests on kept changing");
    },
  };
}

const EVENT_SUFFIX = { allow: "allowed", deny: "denied", step_up: "step_up" } as const;

function requestParts(
  ask: Ask,
  run: ActiveRun | undefined,
  target: Target,
  now: number,
): Omit<Parameters<typeof buildRequest>[0], "stored"> {
  const claimedAttributes = ask.stated?.resource.attributes;
  return {
    principal: ask.principal,
    target,
    claimed: ask.claimed,
    now,
    ...(claimedAttributes === undefined ? {} : { claimedAttributes }),
    ...(run === undefined ? {} : { run: { id: run.id, calls: run.calls } }),
  };
}

/** What the tool matrix and the file gates say of it; where they say anything, the target is in their group. */
async function govern(
  governor: ToolGovernor,
  { principal }: Ask,
  run: ActiveRun | undefined,
  target: Target,
  now: number,
): Promise<{ readonly governance: Governance; readonly target: Target }> {
  const { tenant, agent } = principal;
  const { command, tool } = target;
  const alone = await governor.govern({ tenant, agent, run: run?.root, command, tool, now });
  const governance = run === undefined ? alone : withinRun(alone, tenant, run, command, now);
  return { governance, target: governance.isGoverned ? withGovernance(target, governance.tier) : target };
}

/** The built-in policy that says no where matrix or gates do. */
const TOOL_POLICY = "writ.tool-gates";

/** Why matrix or gates had the built-in policies say what they say. */
function governedReasons({ refusal, asksBecause }: Governance, verdict: Verdict): readonly Reason[] {
  const { decision, determining } = verdict;
  if (decision === "deny") return refusal !== undefined && determining.includes(TOOL_POLICY) ? [refusal] : [];
  if (decision !== "step_up" || asksBecause === undefined) return [];
  return [{ code: "tool_needs_person", message: asksBecause }];
}

/** What of a decision its run keeps. */
function noted(id: DecisionId, { command, tier, connection }: Target, { decision, approval }: Verdict): NotedDecision {
  return { id, decision, command, tier, connection: connection?.id, approval: approval?.id };
}

/** From what the policies say to what is answered: here a step-up meets its approval. */
async function judge(
  dependencies: DeciderDependencies,
  ask: Ask,
  run: ActiveRun | undefined,
  target: Target,
  policies: ActivePolicies,
  policyDecision: PolicyDecision,
  now: number,
): Promise<Verdict> {
  switch (policyDecision.decision) {
    case "allow":
      return {
        ...PLAIN,
        decision: "allow",
        reasons: policyDecision.determining.map((policy) => reason("permitted", policy)),
        determining: policyDecision.determining,
        callDigest: await mintedDigest(ask, target),
      };
    case "deny":
      return {
        ...PLAIN,
        decision: "deny",
        reasons: denyReasons(policyDecision),
        determining: policyDecision.determining,
        callDigest: undefined,
      };
    case "step_up":
      return judgeStepUp(dependencies, ask, target, policies, policyDecision, familyOf(run), now);
  }
}

function familyOf(run: ActiveRun | undefined): readonly RunId[] {
  return run?.family.map(({ runId }) => runId) ?? [];
}

const PLAIN = { statements: [], approval: undefined, isNewApproval: false } as const;

/** A writ is pinned to its call where the call was given; a call that follows at once needs no digest. */
async function mintedDigest(ask: Ask, target: Target): Promise<string | undefined> {
  return ask.mint === undefined || target.call === undefined ? undefined : digestOf(ask, target, "call");
}

function draft(
  { keyring, ids }: DeciderDependencies,
  ask: Ask,
  target: Target,
  verdict: Verdict,
  decisionId: DecisionId,
  now: number,
): WritDraft | undefined {
  // What a tool does on a host, no proxy of this instance does for it.
  if (ask.mint === undefined || target.tool !== undefined) return undefined;
  return draftWrit(keyring, ids, {
    principal: ask.principal,
    target,
    decisionId,
    now,
    ttlSeconds: ask.mint.ttlSeconds,
    ...(ask.run === undefined ? {} : { run: ask.run }),
    ...(verdict.callDigest === undefined ? {} : { callDigest: verdict.callDigest }),
    ...(verdict.vouched === undefined
      ? {}
      : { cosigner: verdict.vouched.cosigner, vouchedUntil: verdict.vouched.expiresAt }),
  });
}

async function settle(
  approvals: Approvals,
  ask: Ask,
  target: Target,
  verdict: Verdict,
  decisionId: DecisionId,
  writ: WritDraft | undefined,
  limits: Outcome["limits"],
  committed: Committed,
): Promise<Outcome> {
  const { reasons, approval } = verdict;
  const event = { seq: committed.seq, hash: committed.hash };
  const decided = { decisionId, tier: target.tier, reasons, target, event, limits, epoch: committed.epoch };
  switch (verdict.decision) {
    case "allow":
      if (approval !== undefined) await approvals.noteUse(ask.principal.tenant, approval.id);
      return {
        ...decided,
        decision: "allow",
        ...(writ === undefined ? {} : { writ: signed(writ, committed) }),
        ...(approval === undefined ? {} : { approval: approval.id }),
        ...(verdict.vouched === undefined ? {} : { cosigner: verdict.vouched.cosigner }),
      };
    case "deny":
      return { ...decided, decision: "deny" };
    case "step_up":
      if (approval === undefined) throw new WritError("internal", "a step-up without an approval");
      if (verdict.isNewApproval) approvals.noteRequest(approval.id);
      return { ...decided, decision: "step_up", approval: { id: approval.id, expiresAt: approval.expiresAt } };
  }
}

/** The writ as its commit signed it. */
function signed({ expiresAt, singleUse }: WritDraft, { token }: Committed): MintedWrit {
  invariant(token !== undefined, "a commit signs the token that it was given");
  return { token: token.text, cid: token.cid, expiresAt, singleUse };
}

async function withdraw(approvals: Approvals, ask: Ask, verdict: Verdict): Promise<void> {
  if (verdict.isNewApproval && verdict.approval !== undefined) {
    await approvals.discard(ask.principal.tenant, verdict.approval.id);
  }
}
