import { type Change, Personal, type Recorder, refusedError } from "#src/audit/recorder.ts";
import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { type IdSource, newId } from "#src/base/ids.ts";
import type { Authorizer } from "#src/policy/authorizer.ts";
import type { EntityJson, PolicyRequest } from "#src/policy/closure.ts";
import type { PolicyDecision } from "#src/policy/decide-twice.ts";
import { annotationOf } from "#src/policy/policy-set.ts";
import type { Reader } from "#src/store/reader.ts";
import type { ActivePolicies, Authority } from "./authority.ts";
import { type AccessRequest, isAboutCaller, type PdpCaller, translate } from "./pdp-request.ts";
import { decideActive } from "./policy-age.ts";
import { denyReasons, type Reason, reason } from "./reasons.ts";
import { describeShadow, judgeInShadow, type ShadowVerdict } from "./shadow-verdict.ts";
import { nextTurn } from "./turn.ts";
import type { TypeMap, TypeMaps } from "./type-map.ts";
import { decidingVersions } from "./versions.ts";

/** What is answered to one question. */
export interface AccessDecision {
  readonly decision: boolean;
  /** Why; of an ordinary yes or no, too. */
  readonly reasons: readonly Reason[];
  /** What policies say to whoever is refused, in their own words: `@reason("…")`. */
  readonly stated: readonly string[];
  /** As evaluated; undefined where the question has no such form. */
  readonly request: PolicyRequest | undefined;
  readonly determining: readonly string[];
  /** Policies that could not be evaluated. */
  readonly errors: readonly string[];
  /** Recorded, and never answered. */
  readonly shadow?: ShadowVerdict;
}

/** When a batch ends: never early, with the first no, or with the first yes. */
export type BatchSemantic = "execute_all" | "deny_on_first_deny" | "permit_on_first_permit";

/** Answers questions: mints nothing and opens no approval. */
export interface Pdp {
  /**
   * Decides questions in order, under one state of everything, and records them in one event before it answers.
   *
   * Throws `forbidden` for an agent's question about somebody else, `reserved_context_key`, `unauthenticated`, and what a
   * write throws.
   */
  evaluate(
    caller: PdpCaller,
    asked: readonly AccessRequest[],
    semantic?: BatchSemantic,
  ): Promise<{ readonly decisions: readonly AccessDecision[]; readonly event: string }>;
}

/** What {@link createPdp} needs. */
export interface PdpDependencies {
  readonly authority: Authority;
  readonly authorizer: Authorizer;
  /** Evaluates what is only tried. */
  readonly shadowAuthorizer: Authorizer;
  readonly typeMaps: TypeMaps;
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly ids: IdSource;
  readonly clock: Clock;
  /** Throws when nothing new may be granted, such as on a full disk. */
  readonly checkCapacity: () => void;
}

/** What questions are decided on: all of one authority epoch. */
export interface PdpGround {
  readonly caller: PdpCaller;
  readonly epoch: number;
  readonly map: TypeMap;
  readonly policies: ActivePolicies;
  readonly now: number;
}

/** How many questions one request asks. */
export const MAX_BATCH = 1000;
const MAX_ATTEMPTS = 8;
/** Decisions between two turns of the loop: some milliseconds. */
const STEP = 25;

/** Makes it. */
export function createPdp(dependencies: PdpDependencies): Pdp {
  return {
    evaluate: async (asking, asked, semantic = "execute_all") => {
      const batch = async (ground: PdpGround) => {
        requireOwn(ground, asked);
        const decisions: AccessDecision[] = [];
        for (const [i, question] of asked.entries()) {
          const decided = await decideAccess(dependencies, ground, question);
          const shadow = judgeInShadow(
            dependencies.shadowAuthorizer,
            ground.policies,
            wasAsked(decided) ? decided.request : undefined,
          );
          decisions.push(shadow === undefined ? decided : { ...decided, shadow });
          if (semantic === "deny_on_first_deny" && !decided.decision) break;
          if (semantic === "permit_on_first_permit" && decided.decision) break;
          if (i % STEP === STEP - 1) await nextTurn();
        }
        return { answer: decisions, record: describe(ground, asked, decisions) };
      };
      const { answer, event } = await recorded(dependencies, asking, batch);
      return { decisions: answer, event };
    },
  };
}

/** Does `work` on one state of everything and records what it says, again where the state moved meanwhile. */
export async function recorded<Answer>(
  dependencies: PdpDependencies,
  asking: PdpCaller,
  work: (ground: PdpGround) => Promise<{ readonly answer: Answer; readonly record: Pick<Change, "type" | "data"> }>,
): Promise<{ readonly answer: Answer; readonly event: string }> {
  const { authority, typeMaps, recorder, ids, clock, checkCapacity } = dependencies;
  checkCapacity();
  const { tenant } = asking;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const now = clock.now();
    const epoch = authority.epochOf(tenant);
    const caller = asking.kind === "agent" ? await authority.current(asking, now) : asking;
    if (caller.kind !== "agent") await authority.requireToken(tenant, caller.token, now);
    const [map, policies] = await Promise.all([typeMaps.show(tenant), authority.policies(tenant)]);
    const { answer, record } = await work({ caller, epoch, map, policies, now });
    const event = newId("decision", ids);
    const result = await recorder.tryRecord({
      ...record,
      tenant,
      id: event,
      actor: caller.subject,
      expectEpoch: epoch,
      countsAgainstQuota: true,
    });
    if (result.kind === "committed") return { answer, event };
    if (result.reason !== "stale") throw refusedError(result.reason);
  }
  throw new WritError("conflict", "what the decision rests on kept changing");
}

/** Whether policies had a say: a shadow that did would be compared with nothing. */
function wasAsked({ reasons }: AccessDecision): boolean {
  return reasons.every(({ code }) => code !== "policies_stale" && code !== "request_mismatch");
}

function requireOwn({ map, caller }: PdpGround, asked: readonly AccessRequest[]): void {
  if (asked.every(({ subject }) => isAboutCaller(map, caller, subject))) return;
  throw new WritError("forbidden", "an agent's key asks about that agent alone: the subject must be it");
}

/** One question, decided and not recorded. Throws `reserved_context_key`. */
export async function decideAccess(
  { authority, authorizer, reader }: PdpDependencies,
  { caller, map, policies, now }: PdpGround,
  asked: AccessRequest,
): Promise<AccessDecision> {
  let request: PolicyRequest | undefined;
  try {
    const translated = await translate({ authority, reader, map, caller, now }, asked);
    if ("refusal" in translated) return refused([translated.refusal], undefined);
    request = translated.request;
    return toDecision(policies, decideActive(authorizer, policies, request, now, translated.mismatch), request);
  } catch (error) {
    // What Cedar cannot read is no fault of this instance, and no yes.
    if (isWritError(error, "invalid_argument")) {
      return refused([{ code: "not_representable", message: error.message }], request);
    }
    if (isWritError(error, "policy_slice_too_large")) return refused([reason("too_costly")], request);
    throw error;
  }
}

function refused(reasons: readonly Reason[], request: PolicyRequest | undefined): AccessDecision {
  return { decision: false, reasons, stated: [], request, determining: [], errors: [] };
}

function toDecision(policies: ActivePolicies, decided: PolicyDecision, request: PolicyRequest): AccessDecision {
  const errors = decided.errors.map(({ policyId }) => policyId);
  switch (decided.decision) {
    case "allow": {
      const reasons = decided.determining.map((policy) => reason("permitted", policy));
      return { decision: true, reasons, stated: [], request, determining: decided.determining, errors };
    }
    case "step_up":
      return {
        decision: false,
        reasons: [reason("approval_needed")],
        stated: statedBy(policies, decided.asked),
        request,
        determining: decided.asked,
        errors,
      };
    case "deny":
      return {
        decision: false,
        reasons: denyReasons(decided),
        stated: statedBy(policies, decided.determining),
        request,
        determining: decided.determining,
        errors,
      };
  }
}

function statedBy({ index }: ActivePolicies, ids: readonly string[]): readonly string[] {
  return ids.flatMap((id) => {
    const policy = index.get(id);
    const stated = policy === undefined ? undefined : annotationOf(policy, "reason");
    return stated === undefined || stated === "" ? [] : [stated];
  });
}

/** The event of one question, or of a batch: enough to decide each of them again. */
function describe(
  ground: PdpGround,
  asked: readonly AccessRequest[],
  decisions: readonly AccessDecision[],
): Pick<Change, "type" | "data"> {
  const { caller } = ground;
  const shared = {
    ...describeGround(ground),
    requests: new Personal(caller.subject, describeRequests(asked, decisions)),
  };
  const [only] = decisions;
  if (asked.length === 1 && only !== undefined) {
    return {
      type: only.decision ? "evaluation.allowed" : "evaluation.denied",
      data: { ...shared, decision: only.decision ? "allow" : "deny", ...describeOutcome(only) },
    };
  }
  return {
    type: "evaluation.batch",
    data: {
      ...shared,
      asked: asked.length,
      decisions: decisions.map((each) => ({ decision: each.decision ? "allow" : "deny", ...describeOutcome(each) })),
    },
  };
}

/** What every event of an evaluation says of its ground. */
export function describeGround({ caller, policies }: PdpGround): JsonObject {
  return {
    key: caller.token,
    ...(caller.kind === "agent" ? { agent: caller.agent.id } : {}),
    versions: { ...decidingVersions(), policies: policies.version, schema_extension: policies.schemaVersion },
  };
}

function describeOutcome({ determining, errors, reasons, shadow }: AccessDecision): JsonObject {
  return {
    policies: [...determining],
    ...(errors.length === 0 ? {} : { policy_errors: [...errors] }),
    reasons: reasons.map(({ code }) => code),
    ...describeShadow(shadow),
  };
}

/** Requests as evaluated, with entities by their place in one list; what was never evaluated, as it was asked. */
function describeRequests(asked: readonly AccessRequest[], decisions: readonly AccessDecision[]): Json {
  const places = new Map<EntityJson, number>();
  const placeOf = (entity: EntityJson): number => {
    const place = places.get(entity) ?? places.size;
    places.set(entity, place);
    return place;
  };
  const requests = decisions.map(({ request }, i) => {
    if (request === undefined) return { asked: asked[i] as unknown as Json };
    const { principal, action, resource, context, entities } = request;
    return { principal, action, resource, context, entities: entities.map(placeOf) };
  });
  return { requests, entities: [...places.keys()] } as unknown as Json;
}
