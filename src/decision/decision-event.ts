import { CID_ROOM, type EventData, Personal } from "#src/audit/recorder.ts";
import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import type { EmergencyId, SubjectId } from "#src/base/ids.ts";
import type { Approval } from "#src/consent/approval.ts";
import type { PolicyDecision } from "#src/policy/decide-twice.ts";
import type { Governance } from "#src/runs/tool-governor.ts";
import type { Statement } from "#src/store/unit.ts";
import type { Ask } from "./ask.ts";
import type { ActivePolicies } from "./authority.ts";
import type { WritDraft } from "./grant.ts";
import type { Outcome } from "./outcome.ts";
import type { BuiltRequest } from "./policy-request.ts";
import type { Reason } from "./reasons.ts";
import { describeShadow, type ShadowVerdict } from "./shadow-verdict.ts";
import type { Target } from "./target.ts";
import { decidingVersions } from "./versions.ts";

/** What a unit may add to a decision that the call follows at once, in the same commit. */
export interface DecisionExtras {
  /** Applied only with an allow. */
  readonly statements: readonly Statement[];
  /** Members of the event's data. */
  readonly data: JsonObject;
}

/** One attempt, before it is committed. */
export interface Verdict {
  readonly decision: Outcome["decision"];
  readonly reasons: readonly Reason[];
  readonly determining: readonly string[];
  readonly callDigest: string | undefined;
  readonly statements: readonly Statement[];
  /** The approval that an allow uses up, or that a step-up waits for. */
  readonly approval: Approval | undefined;
  /** With an allow that rests on a person's word: the token that says so. */
  readonly vouched?: { readonly cosigner: string; readonly expiresAt: number; readonly emergency?: EmergencyId };
  /** Whether this step-up made it: it is discarded when the unit does not commit. */
  readonly isNewApproval: boolean;
}

/** What a decision's event is made of. */
export interface DecisionParts {
  readonly ask: Ask;
  readonly target: Target;
  readonly policies: ActivePolicies;
  readonly policyDecision: PolicyDecision;
  readonly request: BuiltRequest;
  readonly verdict: Verdict;
  readonly shadow: ShadowVerdict | undefined;
  readonly writ: WritDraft | undefined;
  readonly extras: DecisionExtras | undefined;
  readonly governance: Governance;
}

/** All that is needed to decide it again; what is personal is sealed by the recorder. */
export function composeDecisionEvent(parts: DecisionParts): EventData {
  const { ask, target, policies, policyDecision, request, verdict, shadow, writ, extras, governance } = parts;
  const { principal } = ask;
  const personal = (value: JsonObject | string, isPersonal = true) =>
    isPersonal ? new Personal(principal.subject, value) : value;
  const claimed = request.policyRequest.context["claimed"] as JsonObject;
  const { call } = target;
  return {
    decision: verdict.decision,
    agent: principal.agent.id,
    key: principal.token,
    device: principal.device?.id,
    command: target.command,
    tier: target.tier,
    resource_type: target.resource.type,
    resource: personal(target.resource.id, target.personalId),
    resource_entity: personal(
      request.resourceEntity as unknown as JsonObject,
      areAttributesPersonal(target) || request.isResourceStored,
    ),
    entities: { ref: `sha256:${request.shared.sha256}` },
    stored_entities:
      request.storedEntities.length === 0
        ? undefined
        : new Personal(principal.subject, request.storedEntities as unknown as Json),
    context: request.writContext,
    claimed: Object.keys(claimed).length === 0 ? undefined : personal(claimed),
    connection: target.connection?.id,
    method: call?.method,
    path: call === undefined ? undefined : personal(call.path, isPathPersonal(target)),
    query: call === undefined || call.query === "" ? undefined : personal(call.query),
    call_digest: verdict.callDigest,
    versions: {
      ...decidingVersions(),
      policies: policies.version,
      schema_extension: policies.schemaVersion,
      connector: target.connectorVersion ?? null,
      ...(target.tool?.classifier === undefined ? {} : { classifier: target.tool.classifier.version }),
    },
    limits: governance.report(verdict.decision === "allow") as unknown as Json,
    ...describeTool(principal.subject, target),
    cosigned: verdict.vouched !== undefined,
    policies: [...verdict.determining],
    policy_errors:
      policyDecision.errors.length === 0 ? undefined : policyDecision.errors.map(({ policyId }) => policyId),
    reasons: verdict.reasons.map(({ code }) => code),
    mismatch: policyDecision.decision === "deny" ? policyDecision.mismatch : undefined,
    ...describeShadow(shadow),
    approval: verdict.approval?.id,
    cosigner: verdict.vouched?.cosigner,
    emergency: verdict.vouched?.emergency,
    run: ask.run,
    writ: writ === undefined ? undefined : { cid: CID_ROOM, expires_at: writ.expiresAt, single_use: writ.singleUse },
    ...extras?.data,
  };
}

/** What a tool was asked for; names of files are personal as paths are. */
function describeTool(subject: SubjectId, { tool }: Target): EventData {
  if (tool === undefined) return {};
  return {
    tool: tool.name,
    tool_digest: tool.digest,
    files: tool.recorded.length === 0 ? undefined : new Personal(subject, tool.recorded as unknown as Json),
    classified: tool.classifier === undefined ? undefined : [...tool.classifier.reasons],
  };
}

/** Attributes are made of the path and the query; a query is personal whatever the connector says. */
function areAttributesPersonal(target: Target): boolean {
  const { call } = target;
  return target.personalId || (call !== undefined && (call.query !== "" || call.personal.attributes.length > 0));
}

function isPathPersonal(target: Target): boolean {
  const personal = target.call?.personal;
  return target.personalId || (personal !== undefined && Object.keys(personal.parameters).length > 0);
}
