import { WritError } from "#src/base/errors.ts";
import type { PersonId, RunId } from "#src/base/ids.ts";
import type { ApprovalDetails, CallDigests } from "#src/consent/approval.ts";
import type { Approvals } from "#src/consent/approvals.ts";
import type { Emergencies } from "#src/consent/emergencies.ts";
import { type ApprovalTerms, readApprovalTerms } from "#src/policy/approval-terms.ts";
import type { PolicyStepUp } from "#src/policy/decide-twice.ts";
import { BUILTIN_ID_PREFIX, type CompiledPolicy } from "#src/policy/policy-set.ts";
import type { PolicyIndex } from "#src/policy/slice.ts";
import type { Ask } from "./ask.ts";
import type { ActivePolicies } from "./authority.ts";
import type { Verdict } from "./decision-event.ts";
import { digestTarget } from "./digest-target.ts";
import { type Reason, reason } from "./reasons.ts";
import type { Target } from "./target.ts";

/** What {@link judgeStepUp} needs. */
export interface StepUpDependencies {
  readonly approvals: Approvals;
  readonly emergencies: Emergencies;
}

/**
 * Where policies ask for a person: a grant that covers this use lets it through, else its approval is asked for. Throws
 * `call_required`, `body_too_large_to_approve`.
 *
 * @param runs the run that it is asked for in and those that one is part of
 */
export async function judgeStepUp(
  { approvals, emergencies }: StepUpDependencies,
  ask: Ask,
  target: Target,
  policies: ActivePolicies,
  decided: PolicyStepUp,
  runs: readonly RunId[],
  now: number,
): Promise<Verdict> {
  const { tenant, agent } = ask.principal;
  if (decided.bind === "call" && target.call === undefined && target.tool === undefined)
    throw new WritError("call_required");
  const digests = await digestsOf(ask, target, decided.bind);
  const asking = { decision: "step_up", determining: decided.asked, isNewApproval: false, statements: [] } as const;
  const waiting = { ...asking, reasons: askReasons(decided), callDigest: digests.call };
  const terms = termsOf(policies.index, decided);
  if (terms === undefined) {
    return { ...waiting, decision: "deny", approval: undefined, reasons: [reason("approval_terms_invalid")] };
  }
  const behind = behindOf(ask);
  const use = { tenant, agent: agent.id, command: target.command, digests, boundTo: decided.bind, terms, now };
  const granted = await approvals.findGranted({ ...use, behind, runs });
  if (granted?.cosigner != null) {
    return {
      ...(await allowed(ask, target, decided, [reason("approved")])),
      statements: [approvals.use(tenant, granted.id, now)],
      approval: granted,
      vouched: { cosigner: granted.cosigner, expiresAt: granted.expiresAt },
    };
  }
  const emergency = await emergencies.findCovering(tenant, agent.id, target.command, now);
  if (emergency !== undefined) {
    return {
      ...(await allowed(ask, target, decided, [reason("emergency")])),
      statements: [emergencies.use(tenant, emergency.id, now)],
      approval: undefined,
      vouched: { cosigner: emergency.cosigner, expiresAt: emergency.expiresAt, emergency: emergency.id },
    };
  }
  const pending = await approvals.findPending(tenant, agent.id, digests.call);
  if (pending !== undefined) return { ...waiting, approval: pending };
  const prepared = await approvals.prepare({
    tenant,
    agent: agent.id,
    digests,
    boundTo: decided.bind,
    command: target.command,
    tier: target.tier,
    connection: target.connection?.id ?? null,
    policyVersion: policies.version,
    terms,
    details: await approvalDetails(ask, target, decided.asked),
    body: target.call === undefined ? undefined : await ask.call?.body.bytes(),
    now,
  });
  if (prepared === undefined) {
    return { ...waiting, decision: "deny", approval: undefined, reasons: [reason("too_many_pending")] };
  }
  return { ...waiting, statements: prepared.statements, approval: prepared.approval, isNewApproval: true };
}

/** The digest that a writ for this ask is pinned to. */
export function digestOf(ask: Ask, target: Target, bind: "call" | "resource"): Promise<string> {
  const { tenant, agent } = ask.principal;
  return digestTarget({ tenant, agent: agent.id, target, body: ask.call?.body }, bind);
}

async function allowed(
  ask: Ask,
  target: Target,
  decided: PolicyStepUp,
  because: readonly Reason[],
): Promise<Pick<Verdict, "decision" | "reasons" | "determining" | "callDigest" | "isNewApproval">> {
  return {
    decision: "allow",
    reasons: [...because, ...decided.permits.map((policy) => reason("permitted", policy))],
    determining: decided.permits,
    callDigest: isExact(target) ? await digestOf(ask, target, "call") : undefined,
    isNewApproval: false,
  };
}

/** Whether exactly what is to be done is known. */
function isExact({ call, tool }: Target): boolean {
  return call !== undefined || tool !== undefined;
}

async function digestsOf(ask: Ask, target: Target, bind: "call" | "resource"): Promise<CallDigests> {
  const resource = await digestOf(ask, target, "resource");
  return { call: bind === "resource" ? resource : await digestOf(ask, target, "call"), resource };
}

function askReasons({ asked }: PolicyStepUp): readonly Reason[] {
  return asked.length === 0 ? [reason("person_needed")] : asked.map((policy) => reason("cosigner_needed", policy));
}

/**
 * What the policies ask of the approval. What a person may grant is for those to say that an approval is bound by: the
 * tenant's own that ask, or, where only built-in ones do, those that permit.
 */
function termsOf(index: PolicyIndex, { asked, permits }: PolicyStepUp): ApprovalTerms | undefined {
  const asking = byId(index, asked);
  const permitting = byId(index, permits);
  const own = asking.filter(({ id }) => !id.startsWith(BUILTIN_ID_PREFIX));
  return readApprovalTerms(
    [...asking, ...permitting].map(({ annotations }) => annotations),
    (own.length > 0 ? own : permitting).map(({ annotations }) => annotations),
  );
}

function byId(index: PolicyIndex, ids: readonly string[]): readonly CompiledPolicy[] {
  return ids.flatMap((id) => index.get(id) ?? []);
}

/** The people behind an agent: whoever owns it, and whoever's device acts for it. */
function behindOf({ principal }: Ask): readonly PersonId[] {
  const people = [principal.agent.owner, principal.device?.person ?? null];
  return [...new Set(people)].filter((person) => person !== null);
}

async function approvalDetails(ask: Ask, target: Target, askedBy: readonly string[]): Promise<ApprovalDetails> {
  const { call, connection } = target;
  return {
    agentName: ask.principal.agent.name,
    resource: target.resource,
    attributes: { ...target.attributes, ...(target.tool?.shown ? { input: target.tool.shown } : {}) },
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
    behind: behindOf(ask),
    ...(ask.run === undefined ? {} : { run: ask.run }),
  };
}
