import { type Recorder, refusedError } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { type DecisionId, type IdSource, newId } from "#src/base/ids.ts";
import type { Approvals } from "#src/consent/approvals.ts";
import type { Authorizer } from "#src/policy/authorizer.ts";
import { decideTwice, type PolicyDecision } from "#src/policy/decide-twice.ts";
import type { UnitResult } from "#src/store/unit.ts";
import type { Keyring } from "#src/vault/keyring.ts";
import type { Ask } from "./ask.ts";
import type { ActivePolicies, Authority } from "./authority.ts";
import { composeDecisionEvent, type DecisionExtras, type Verdict } from "./decision-event.ts";
import { digestTarget } from "./digest-target.ts";
import { checkLifetime, mintWrit } from "./grant.ts";
import type { MintedWrit, Outcome } from "./outcome.ts";
import { buildRequest, rootsOf } from "./policy-request.ts";
import { denyReasons, reason } from "./reasons.ts";
import { resolveTarget, type Target } from "./target.ts";

/** Decides: the one way to an answer, whichever edge asks. */
export interface Decider {
  /**
   * Decides one ask. What it answers is durable: the event stands in the chain before the promise resolves.
   *
   * @param extrasOf statements that an allow commits together with its event, and what the event says of them
   *
   * Throws for who no longer holds: `unauthenticated`, `agent_disabled`. Throws for what cannot be decided: `invalid_argument`, `invalid_path`, `not_found`, `call_mismatch`, `call_required`,
   * `reserved_context_key`, `body_too_large_to_approve`, `clock_behind`, `disk_quota_exceeded`, `store_failed`. Nothing
   * was granted then.
   */
  decide(ask: Ask, extrasOf?: (decisionId: DecisionId, target: Target) => DecisionExtras): Promise<Outcome>;
}

/** What {@link createDecider} needs. */
export interface DeciderDependencies {
  readonly authority: Authority;
  readonly authorizer: Authorizer;
  readonly approvals: Approvals;
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
      // A run would stand in `context.writ` as a fact; there are none yet, so any that is named is a claim.
      if (asked.run !== undefined) throw new WritError("not_found", "there is no such run");
      if (asked.mint !== undefined) checkLifetime(asked.mint.ttlSeconds);
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const now = clock.now();
        const epoch = authority.epochOf(asked.principal.tenant);
        // What was proven before this epoch may not hold in it: waiting for a person or for a body takes its time.
        const ask = { ...asked, principal: await authority.current(asked.principal, now) };
        const [target, policies] = await Promise.all([
          resolveTarget(authority, ask),
          authority.policies(ask.principal.tenant),
        ]);
        const stored = await authority.reach(ask.principal.tenant, rootsOf(ask.principal, target));
        const request = buildRequest({ ...requestParts(ask, target, now), stored });
        const policyDecision = decideTwice(dependencies.authorizer, policies.index, request.policyRequest);
        const verdict = await judge(dependencies, ask, target, policies, policyDecision, now);
        const decisionId = newId("decision", ids);
        const writ =
          verdict.decision === "allow" ? mint(dependencies, ask, target, verdict, decisionId, now) : undefined;
        const extras = verdict.decision === "allow" ? extrasOf?.(decisionId, target) : undefined;
        const recording = recorder.tryRecord({
          tenant: ask.principal.tenant,
          id: decisionId,
          type: `decision.${EVENT_SUFFIX[verdict.decision]}`,
          actor: ask.principal.subject,
          data: composeDecisionEvent({ ask, target, policies, policyDecision, request, verdict, writ, extras }),
          blobs: [request.shared],
          statements: [...verdict.statements, ...(extras?.statements ?? [])],
          expectEpoch: epoch,
          countsAgainstQuota: true,
        });
        const result = await recording.catch((error: unknown) => {
          // The row may be there although the answer was an error: what it refers to stays where it is.
          if (verdict.isNewApproval && verdict.approval !== undefined) approvals.noteRequest(verdict.approval.id);
          throw error;
        });
        if (result.kind === "committed") return settle(approvals, ask, target, verdict, decisionId, writ, result);
        await withdraw(approvals, ask, verdict);
        if (result.reason !== "stale" && result.reason !== "conflict") throw refusedError(result.reason);
      }
      throw new WritError("conflict", "what the decision rests on kept changing");
    },
  };
}

const EVENT_SUFFIX = { allow: "allowed", deny: "denied", step_up: "step_up" } as const;

function requestParts(ask: Ask, target: Target, now: number): Omit<Parameters<typeof buildRequest>[0], "stored"> {
  const claimedAttributes = ask.stated?.resource.attributes;
  return {
    principal: ask.principal,
    target,
    claimed: ask.claimed,
    now,
    ...(claimedAttributes === undefined ? {} : { claimedAttributes }),
    ...(ask.run === undefined ? {} : { run: ask.run }),
  };
}

/** From what the policies say to what is answered: here a step-up meets its approval. */
async function judge(
  dependencies: DeciderDependencies,
  ask: Ask,
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
      return judgeStepUp(dependencies, ask, target, policies, policyDecision, now);
  }
}

const PLAIN = { statements: [], approval: undefined, isNewApproval: false } as const;

async function judgeStepUp(
  { approvals }: DeciderDependencies,
  ask: Ask,
  target: Target,
  policies: ActivePolicies,
  policyDecision: Extract<PolicyDecision, { decision: "step_up" }>,
  now: number,
): Promise<Verdict> {
  const { tenant, agent } = ask.principal;
  if (policyDecision.bind === "call" && target.call === undefined) throw new WritError("call_required");
  const callDigest = await approvedDigest(ask, target, policyDecision.bind);
  const open = await approvals.findOpen(tenant, agent.id, callDigest);
  if (open?.state === "approved") {
    return {
      decision: "allow",
      reasons: [reason("approved"), ...policyDecision.permits.map((policy) => reason("permitted", policy))],
      determining: policyDecision.permits,
      callDigest: target.call === undefined ? undefined : await approvedDigest(ask, target, "call"),
      statements: [approvals.use(tenant, open.id, now)],
      approval: open,
      isNewApproval: false,
    };
  }
  const asked =
    policyDecision.asked.length === 0
      ? [reason("person_needed")]
      : policyDecision.asked.map((policy) => reason("cosigner_needed", policy));
  const waiting = { decision: "step_up", reasons: asked, determining: policyDecision.asked, callDigest } as const;
  if (open !== undefined) return { ...PLAIN, ...waiting, approval: open };
  const prepared = await approvals.prepare({
    tenant,
    agent: agent.id,
    callDigest,
    boundTo: policyDecision.bind,
    command: target.command,
    tier: target.tier,
    connection: target.connection?.id ?? null,
    policyVersion: policies.version,
    details: await approvalDetails(ask, target, policyDecision.asked),
    body: target.call === undefined ? undefined : await ask.call?.body.bytes(),
    now,
  });
  if (prepared === undefined) {
    return { ...PLAIN, ...waiting, decision: "deny", reasons: [reason("too_many_pending")] };
  }
  return { ...waiting, statements: [prepared.statement], approval: prepared.approval, isNewApproval: true };
}

/** A writ is pinned to its call where the call was given; a call that follows at once needs no digest. */
async function mintedDigest(ask: Ask, target: Target): Promise<string | undefined> {
  return ask.mint === undefined || target.call === undefined ? undefined : approvedDigest(ask, target, "call");
}

function approvedDigest(ask: Ask, target: Target, bind: "call" | "resource"): Promise<string> {
  const { tenant, agent } = ask.principal;
  return digestTarget({ tenant, agent: agent.id, target, body: ask.call?.body }, bind);
}

async function approvalDetails(
  ask: Ask,
  target: Target,
  askedBy: readonly string[],
): Promise<Parameters<Approvals["prepare"]>[0]["details"]> {
  const { call, connection } = target;
  return {
    agentName: ask.principal.agent.name,
    resource: target.resource,
    attributes: target.attributes,
    connection:
      connection === undefined ? null : { name: connection.name, origin: connection.origin + connection.basePath },
    call:
      call === undefined || ask.call === undefined
        ? null
        : {
            method: call.method,
            path: call.path,
            query: call.query,
            headers: call.headers.map(([name, value]) => [name, value] as const),
            bodySha256: await ask.call.body.hash(),
            bodyBytes: (await ask.call.body.bytes()).length,
          },
    claimed: ask.claimed,
    askedBy,
  };
}

function mint(
  { keyring, ids }: DeciderDependencies,
  ask: Ask,
  target: Target,
  verdict: Verdict,
  decisionId: DecisionId,
  now: number,
): MintedWrit | undefined {
  if (ask.mint === undefined) return undefined;
  return mintWrit(keyring, ids, {
    principal: ask.principal,
    target,
    decisionId,
    now,
    ttlSeconds: ask.mint.ttlSeconds,
    ...(verdict.callDigest === undefined ? {} : { callDigest: verdict.callDigest }),
    ...(verdict.approval === undefined ? {} : { approval: verdict.approval.id }),
  });
}

async function settle(
  approvals: Approvals,
  ask: Ask,
  target: Target,
  verdict: Verdict,
  decisionId: DecisionId,
  writ: MintedWrit | undefined,
  committed: Extract<UnitResult, { kind: "committed" }>,
): Promise<Outcome> {
  const { reasons, approval } = verdict;
  const event = { seq: committed.seq, hash: committed.hash };
  const decided = { decisionId, tier: target.tier, reasons, target, event, epoch: committed.epoch };
  switch (verdict.decision) {
    case "allow":
      if (approval !== undefined) await approvals.noteUse(ask.principal.tenant, approval.id);
      return {
        ...decided,
        decision: "allow",
        ...(writ === undefined ? {} : { writ }),
        ...(approval === undefined ? {} : { approval: approval.id }),
      };
    case "deny":
      return { ...decided, decision: "deny" };
    case "step_up":
      if (approval === undefined) throw new WritError("internal", "a step-up without an approval");
      if (verdict.isNewApproval) approvals.noteRequest(approval.id);
      return { ...decided, decision: "step_up", approval: { id: approval.id, expiresAt: approval.expiresAt } };
  }
}

async function withdraw(approvals: Approvals, ask: Ask, verdict: Verdict): Promise<void> {
  if (verdict.isNewApproval && verdict.approval !== undefined) {
    await approvals.discard(ask.principal.tenant, verdict.approval.id);
  }
}
