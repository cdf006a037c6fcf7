import { Personal, type Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { invariant, WritError } from "#src/base/errors.ts";
import { type DecisionId, type IdSource, newId, type RunId, type TenantId } from "#src/base/ids.ts";
import type { Approvals } from "#src/consent/approvals.ts";
import type { Ask } from "#src/decision/ask.ts";
import type { Authority } from "#src/decision/authority.ts";
import type { Decider } from "#src/decision/decide.ts";
import { digestTarget } from "#src/decision/digest-target.ts";
import { redecide } from "#src/decision/redecide.ts";
import { resolveTarget, type Target } from "#src/decision/target.ts";
import type { OpenedWrit, WritChecker } from "#src/decision/writ.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import { settingsOf } from "#src/identity/tenants.ts";
import type { Authorizer } from "#src/policy/authorizer.ts";
import { readAgent } from "#src/store/agents.ts";
import { closeCall, openCall, readOpenCalls } from "#src/store/calls.ts";
import { readConnection } from "#src/store/connections.ts";
import { readTenant, readTenants } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import { isRunActive, readRun } from "#src/store/runs.ts";
import { isStopped } from "#src/store/stops.ts";
import { readToken } from "#src/store/tokens.ts";
import type { Statement } from "#src/store/unit.ts";
import { consumeWrit, isRevoked } from "#src/store/writs.ts";
import type { ActiveCalls } from "./active-calls.ts";
import { createProxyBody, type ProxyBody } from "./call-body.ts";
import type { Forwarder, GrantedCall } from "./forward.ts";
import type { Gateway, ProxyAnswer, ProxyCall } from "./proxy-call.ts";

/** What {@link createGateway} needs. */
export interface GatewayDependencies {
  readonly decider: Decider;
  readonly writs: WritChecker;
  readonly approvals: Approvals;
  readonly authority: Authority;
  readonly authorizer: Authorizer;
  readonly forwarder: Forwarder;
  readonly active: ActiveCalls;
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly limits: { readonly maxSpoolBytes: number; readonly maxUploadBytes: number };
  /** Throws when nothing new may be granted, such as on a full disk. */
  readonly checkCapacity: () => void;
}

type CallTarget = GrantedCall["target"];

/** A state that moves under a writ's use is read again so often before it is given up. */
const MAX_ATTEMPTS = 8;

/** Makes the gateway, and has revocations cut what runs. */
export function createGateway(dependencies: GatewayDependencies): Gateway {
  const { active, recorder } = dependencies;
  recorder.onEpochRaised((tenant) => void active.recheck(tenant, new WritError("writ_revoked", "revoked meanwhile")));
  return {
    call: async (call) => {
      const body = createProxyBody(call.body, dependencies.limits);
      let answer: ProxyAnswer | undefined;
      try {
        if ((call.bodyLength ?? 0) > dependencies.limits.maxUploadBytes) throw new WritError("body_too_large");
        answer =
          call.caller.kind === "agent"
            ? await callAsAgent(dependencies, call, call.caller.principal, body)
            : await callUnderWrit(dependencies, call, body);
        return answer;
      } finally {
        if (answer?.kind !== "response") body.discard();
      }
    },
    settleOpenCalls: () => settleOpenCalls(dependencies),
    drain: (milliseconds) => active.drain(milliseconds, new WritError("not_ready", "Writ is stopping")),
  };
}

/** Decide and call in one go: the decision's own commit opens the call. */
async function callAsAgent(
  dependencies: GatewayDependencies,
  call: ProxyCall,
  principal: AgentPrincipal,
  body: ProxyBody,
): Promise<ProxyAnswer> {
  const { decider, approvals, clock } = dependencies;
  await refuseWithoutProof(dependencies.reader, principal);
  const ask: Ask = {
    principal,
    call: { ...call, body },
    claimed: call.claimed,
    ...(call.run === undefined ? {} : { run: call.run }),
  };
  const opening = (decisionId: DecisionId) => ({
    statements: [openingOf(principal, decisionId, clock.now())],
    data: { call: decisionId },
  });
  let outcome = await decider.decide(ask, opening);
  const waitSeconds = Math.max(call.waitSeconds, outcome.target.connection?.settings.waitSeconds ?? 0);
  if (outcome.decision === "step_up" && waitSeconds > 0) {
    await approvals.wait(principal.tenant, outcome.approval.id, waitSeconds * 1000, call.signal);
    const { state } = await approvals.show(principal.tenant, outcome.approval.id);
    if (state === "approved" && !call.signal.aborted) outcome = await decider.decide(ask, opening);
  }
  if (outcome.decision !== "allow") return { kind: "decided", outcome };
  return dependencies.forwarder.forward(
    granted(dependencies, call, principal, outcome.target, body, {
      callId: outcome.decisionId,
      decisionId: outcome.decisionId,
      epoch: outcome.epoch,
      ...(outcome.cosigner === undefined ? {} : { cosigner: outcome.cosigner }),
      ...(call.run === undefined ? {} : { run: call.run }),
    }),
  );
}

/** Where possession of the agent's own key is to be proven, a key that anyone may have copied is not enough. */
async function refuseWithoutProof(reader: Reader, principal: AgentPrincipal): Promise<void> {
  const tenant = await readTenant(reader, principal.tenant);
  const isRequired = tenant === undefined || settingsOf(tenant).requireProof || principal.agent.requireProof;
  if (isRequired) throw new WritError("proof_required");
}

/** Verify, derive again, match, consume; then call. */
async function callUnderWrit(
  dependencies: GatewayDependencies,
  call: ProxyCall,
  body: ProxyBody,
): Promise<ProxyAnswer> {
  const { writs, recorder, ids, clock, checkCapacity } = dependencies;
  invariant(call.caller.kind === "writ", "a call under a writ has one");
  checkCapacity();
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const writ = await writs.open(call.caller.presented);
    if (call.run !== undefined && call.run !== writ.meta.run) {
      throw new WritError("writ_mismatch", "the writ was not granted in this run");
    }
    const target = await matchTarget(dependencies, call, writ, body);
    const callId = newId("event", ids);
    const { principal, meta, root } = writ;
    const statements: Statement[] = [openingOf(principal, callId, clock.now())];
    if (meta.uses === "one") statements.unshift(consumeWrit(principal.tenant, root.cid, expiryOf(writ)));
    const result = await recorder.tryRecord({
      tenant: principal.tenant,
      id: callId,
      type: "writ.used",
      actor: principal.subject,
      statements,
      expectEpoch: writ.epoch,
      countsAgainstQuota: true,
      data: {
        call: callId,
        decision: meta.decision,
        writ: root.cid,
        agent: principal.agent.id,
        command: target.command,
        tier: target.tier,
        resource_type: target.resource.type,
        resource: target.personalId ? new Personal(principal.subject, target.resource.id) : target.resource.id,
        connection: target.connection.id,
        method: target.call.method,
        single_use: meta.uses === "one",
        run: meta.run,
      },
    });
    if (result.kind === "committed") {
      return dependencies.forwarder.forward(
        granted(dependencies, call, principal, target, body, {
          callId,
          decisionId: meta.decision,
          epoch: result.epoch,
          writ,
        }),
      );
    }
    if (result.reason === "conflict") throw new WritError("writ_used");
    if (result.reason === "quota") throw new WritError("disk_quota_exceeded");
    if (result.reason === "clock_behind") throw new WritError("clock_behind");
  }
  throw new WritError("conflict", "what the writ rests on kept changing");
}

async function matchTarget(
  dependencies: GatewayDependencies,
  call: ProxyCall,
  writ: OpenedWrit,
  body: ProxyBody,
): Promise<CallTarget> {
  const { principal, meta } = writ;
  const target = requireCall(
    await resolveTarget(dependencies.authority, {
      principal,
      call: { ...call, body },
      claimed: {},
    }),
  );
  const { writs } = dependencies;
  const pinned = writs.isPinnedToCall(writ);
  const digest = pinned
    ? await digestTarget({ tenant: principal.tenant, agent: principal.agent.id, target, body }, "call")
    : "";
  const { type, id } = target.resource;
  writs.check(writ, target.command, { resource: { type, id }, connection: target.connection.id, call: digest });
  if (!writs.isDecidedForCall(writ)) {
    const run = meta.run === undefined ? undefined : await readRun(dependencies.reader, principal.tenant, meta.run);
    const within = run === undefined ? undefined : { id: run.runId, calls: run.calls };
    await redecide(dependencies, principal, target, meta.cosigned, within);
  }
  return target;
}

function requireCall(target: Target): CallTarget {
  const { connection, call } = target;
  invariant(connection !== undefined && call !== undefined, "a call has a connection");
  return { ...target, connection, call };
}

/** What a call goes by once its grant is committed. */
interface Grant extends Pick<GrantedCall, "callId" | "decisionId" | "epoch"> {
  readonly writ?: OpenedWrit;
  /** The run that the call was granted in. */
  readonly run?: RunId;
  /** The CID of the cosigner's token, where the call rests on a person's word and on no writ. */
  readonly cosigner?: string;
}

function granted(
  dependencies: GatewayDependencies,
  call: ProxyCall,
  principal: AgentPrincipal,
  target: Target,
  body: ProxyBody,
  { writ, cosigner, run, ...grant }: Grant,
): GrantedCall {
  const callTarget = requireCall(target);
  return {
    ...grant,
    principal,
    target: callTarget,
    headers: call.headers,
    body,
    bodyLength: call.bodyLength,
    signal: call.signal,
    keepsOrigin: call.keepsOrigin === true,
    stillAllowed: async () => {
      if (!(await standsStill(dependencies.reader, principal, callTarget))) return false;
      if (cosigner !== undefined && (await isRevoked(dependencies.reader, principal.tenant, cosigner))) return false;
      if (run !== undefined && !(await isRunActive(dependencies.reader, principal.tenant, run))) return false;
      if (writ === undefined) return true;
      return (await dependencies.writs.open(writ.presented)).revoked.size === 0;
    },
  };
}

/** Whether tenant, agent, key and connection of a running call are all still what they were. */
async function standsStill(reader: Reader, principal: AgentPrincipal, target: CallTarget): Promise<boolean> {
  const { tenant } = principal;
  const [tenantRow, agent, token, connection, isHeld] = await Promise.all([
    readTenant(reader, tenant),
    readAgent(reader, tenant, principal.agent.id),
    readToken(reader, tenant, principal.token),
    readConnection(reader, tenant, target.connection.id),
    isStopped(reader, tenant, principal.agent.id, target.connection.id),
  ]);
  return (
    !isHeld &&
    tenantRow?.status === "active" &&
    agent?.status === "active" &&
    token?.revokedAt === null &&
    connection?.status === "active"
  );
}

function openingOf(principal: AgentPrincipal, callId: string, now: number): Statement {
  return openCall(principal.tenant, {
    callId,
    agentId: principal.agent.id,
    subjectId: principal.subject,
    startedAt: now,
  });
}

function expiryOf(writ: OpenedWrit): number {
  return (writ.root.expiresAt ?? 0) * 1000;
}

async function settleOpenCalls({ reader, recorder }: GatewayDependencies): Promise<number> {
  let settled = 0;
  for (const { tenantId } of await readTenants(reader)) settled += await settleTenant(reader, recorder, tenantId);
  return settled;
}

async function settleTenant(reader: Reader, recorder: Recorder, tenant: TenantId): Promise<number> {
  const calls = await readOpenCalls(reader, tenant);
  for (const { callId, subjectId } of calls) {
    await recorder.record({
      tenant,
      type: "call.finished",
      actor: subjectId,
      statements: [closeCall(tenant, callId)],
      data: { call: callId, outcome: "unknown", error: "outcome_unknown" },
      ignoresClock: true,
    });
  }
  return calls.length;
}
