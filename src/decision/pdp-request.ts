import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { isCommand } from "#src/connector/table.ts";
import { toAgent } from "#src/identity/agents.ts";
import type { Principal } from "#src/identity/authenticate.ts";
import type { EntityJson, PolicyRequest } from "#src/policy/closure.ts";
import { type RequestCheck, ruleTierOf } from "#src/policy/request-rules.ts";
import { type EntityUid, entityKey } from "#src/policy/scope.ts";
import { readAgent, readAgentByName } from "#src/store/agents.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Authority } from "./authority.ts";
import { isEntityType, whyNotCedar } from "./cedar-value.ts";
import type { ReasonCode } from "./reasons.ts";
import { withStored } from "./stored-entities.ts";
import { resolveCommand } from "./target.ts";
import { type TypeMap, toEntityType } from "./type-map.ts";

/** A subject or resource of AuthZEN's information model. */
export interface AccessEntity {
  readonly type: string;
  readonly id: string;
  readonly properties?: JsonObject;
}

/** A question: AuthZEN's Access Evaluation request. */
export interface AccessRequest {
  readonly subject: AccessEntity;
  readonly action: { readonly name: string; readonly properties?: JsonObject };
  readonly resource: AccessEntity;
  readonly context?: JsonObject;
}

/** Whoever asks: an enforcement point about anyone, an agent about itself. */
export type PdpCaller = Principal;

/** The question as Cedar gets it, or why it has no such form. */
export type Translation =
  | {
      readonly request: PolicyRequest /** Why it does not fit the schema of its command. */;
      readonly mismatch?: string;
    }
  | { readonly refusal: { readonly code: ReasonCode; readonly message: string } };

/** What {@link translate} needs. */
export interface TranslateGround {
  readonly authority: Authority;
  readonly reader: Reader;
  readonly map: TypeMap;
  readonly caller: PdpCaller;
  /** Milliseconds. */
  readonly now: number;
}

/** The Cedar type of agents: AuthZEN's `agent` unless a tenant's map says otherwise. */
export const AGENT_TYPE = "Agent";
const DEFAULT_SUBJECTS: ReadonlyMap<string, string> = new Map([["agent", AGENT_TYPE]]);

/** The Cedar type that a subject's type stands for; undefined for one that has none. */
export function subjectTypeOf(map: TypeMap, type: string): string | undefined {
  const listed = map.subjectTypes.get(type);
  return listed ?? DEFAULT_SUBJECTS.get(type) ?? toEntityType(map.subjectTypes, type);
}

/** The action that a name stands for. */
export function actionOf(map: TypeMap, name: string): EntityUid {
  return { type: "Action", id: map.actions.get(name) ?? name };
}

/** Whether a question is about the agent that asks it. */
export function isAboutCaller(map: TypeMap, caller: PdpCaller, subject: AccessEntity): boolean {
  if (caller.kind !== "agent") return true;
  const { name, id } = caller.agent;
  return subjectTypeOf(map, subject.type) === AGENT_TYPE && (subject.id === name || subject.id === id);
}

/**
 * An AuthZEN question in Cedar's form, with what is stored of subject and resource and of all that they lead to; stored
 * attributes win over those of the request.
 *
 * INVARIANT: an enforcement point's properties are attributes and its context is the context; what an agent says of itself
 * stands under `context.claimed` alone. Throws `reserved_context_key` for a context that has `writ`.
 */
export async function translate(ground: TranslateGround, stated: AccessRequest): Promise<Translation> {
  const { caller, map, authority } = ground;
  if (stated.context !== undefined && Object.hasOwn(stated.context, "writ")) {
    throw new WritError("reserved_context_key", "`context.writ` is Writ's own; leave it out");
  }
  const principalType = subjectTypeOf(map, stated.subject.type);
  if (principalType === undefined) return unmapped("subject", stated.subject.type);
  const resourceType = toEntityType(map.resourceTypes, stated.resource.type);
  if (resourceType === undefined) return unmapped("resource", stated.resource.type);
  const action = actionOf(map, stated.action.name);
  const { requests } = await authority.policies(caller.tenant);
  // What an agent says of itself has no other form than what it says.
  const asked = caller.kind === "agent" ? stated : fitRequest(requests, stated, action, principalType, resourceType);

  const references: EntityUid[] = [];
  const why = whyNotRepresentable(asked, caller.kind === "agent" ? "plain" : "escapes", references);
  if (why !== undefined) return { refusal: { code: "not_representable", message: why } };

  const resource = { type: resourceType, id: asked.resource.id };
  let principal: EntityUid = { type: principalType, id: asked.subject.id };
  let groups: readonly EntityUid[] = [];
  if (principalType === AGENT_TYPE) {
    const agent = await findAgent(ground, asked.subject.id);
    if (agent?.status !== "active") return { refusal: { code: "unknown_agent", message: "there is no such agent" } };
    principal = { type: AGENT_TYPE, id: agent.name };
    groups = agent.groups.map((id) => ({ type: "AgentGroup", id }));
  }
  const command = await resolveAction(authority, caller.tenant, action, principal, resource);
  const roots = [principal, ...groups, resource, ...(command === undefined ? [action] : []), ...references];
  const stored = await authority.reach(caller.tenant, roots);

  const entities = new Map<string, EntityJson>(stored);
  const add = (uid: EntityUid, attrs: JsonObject, parents: readonly EntityUid[]): void => {
    if (parents.length === 0 && Object.keys(attrs).length === 0) return;
    const key = entityKey(uid);
    const before = entities.get(key);
    entities.set(key, withStored({ uid, attrs, parents }, before));
  };
  const isTrusted = caller.kind !== "agent";
  add(resource, isTrusted ? (asked.resource.properties ?? {}) : {}, []);
  add(principal, isTrusted ? (asked.subject.properties ?? {}) : {}, groups);
  if (command !== undefined) add(action, {}, command.groups);
  return {
    request: {
      principal,
      action,
      resource,
      context: composeContext(ground, asked, command?.tier, isTrusted),
      entities: [...entities.values()],
    },
    ...(command?.mismatch === undefined ? {} : { mismatch: command.mismatch }),
  };
}

/** The question with values in the form that the tenant's schema declares. */
function fitRequest(
  requests: RequestCheck,
  asked: AccessRequest,
  action: EntityUid,
  principalType: string,
  resourceType: string,
): AccessRequest {
  const attributes = (type: string, { properties, ...entity }: AccessEntity): AccessEntity =>
    properties === undefined ? entity : { ...entity, properties: requests.fitAttributes(type, properties) };
  return {
    ...asked,
    subject: attributes(principalType, asked.subject),
    resource: attributes(resourceType, asked.resource),
    ...(asked.context === undefined ? {} : { context: requests.fitContext(action, asked.context) }),
  };
}

function unmapped(what: string, type: string): Translation {
  const message = `the ${what} type \`${type.slice(0, 100)}\` is no entity type and is not in the table of types`;
  return { refusal: { code: "not_representable", message } };
}

function whyNotRepresentable(
  { subject, action, resource, context }: AccessRequest,
  rule: "escapes" | "plain",
  references: EntityUid[],
): string | undefined {
  const parts: readonly (readonly [string, Json | undefined])[] = [
    ["subject.properties", subject.properties],
    ["action.properties", action.properties],
    ["resource.properties", resource.properties],
    ["context", context],
  ];
  for (const [place, value] of parts) {
    const why = value === undefined ? undefined : whyNotCedar(value, place, rule, references);
    if (why !== undefined) return why;
    // A whole part cannot be an escape: it is a record.
    if (value !== undefined && Object.keys(value as JsonObject).some((name) => name.startsWith("__"))) {
      return `\`${place}\` has a key that begins with two underscores`;
    }
  }
  if (action.properties !== undefined && context !== undefined && Object.hasOwn(context, "action")) {
    return "`action.properties` and `context.action` would be one to policies";
  }
  return undefined;
}

async function findAgent({ caller, reader }: TranslateGround, idOrName: string) {
  if (caller.kind === "agent") return caller.agent;
  const row =
    (await readAgentByName(reader, caller.tenant, idOrName)) ??
    (await readAgent(reader, caller.tenant, idOrName as Parameters<typeof readAgent>[2]));
  return row === undefined ? undefined : toAgent(row);
}

interface ResolvedCommand {
  readonly tier: string | undefined;
  readonly groups: readonly EntityUid[];
  readonly mismatch?: string;
}

/** Tier and groups, as a command's connector gives them or the tenant's extension of the schema; undefined for any other action. */
async function resolveAction(
  authority: Authority,
  tenant: TenantId,
  action: EntityUid,
  principal: EntityUid,
  resource: EntityUid,
): Promise<ResolvedCommand | undefined> {
  const rule = (await authority.policies(tenant)).requests.actionOf(action);
  if (rule !== undefined && !isCommand(action.id)) return { tier: ruleTierOf(rule), groups: rule.groups };
  if (!isCommand(action.id) || !isEntityType(resource.type)) return undefined;
  const target = await resolveCommand(authority, tenant, { command: action.id, resource: { ...resource, id: "" } });
  const isForeign = rule === undefined && target.isListed === true && principal.type !== AGENT_TYPE;
  const mismatch = isForeign
    ? `\`${action.id}\` is for \`${AGENT_TYPE}\`, not for \`${principal.type}\``
    : target.mismatch;
  return {
    tier: target.tier,
    groups: target.groups.map((id) => ({ type: "Action", id })),
    ...(mismatch === undefined ? {} : { mismatch }),
  };
}

function composeContext(
  { caller, now }: TranslateGround,
  { subject, action, resource, context = {} }: AccessRequest,
  tier: string | undefined,
  isTrusted: boolean,
): JsonObject {
  const writ: JsonObject = {
    time: { __extn: { fn: "datetime", arg: toRfc3339(now) } },
    environment: caller.environment,
    limits: {},
    ...(tier === undefined ? {} : { tier }),
  };
  const ofAction = action.properties === undefined ? {} : { action: action.properties };
  if (isTrusted) return { ...context, ...ofAction, writ };
  const claimed = {
    ...context,
    ...ofAction,
    ...(subject.properties === undefined ? {} : { subject: subject.properties }),
    ...(resource.properties === undefined ? {} : { resource: resource.properties }),
  };
  return { claimed, writ };
}
