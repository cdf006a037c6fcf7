import { canonicalize, type Json, type JsonObject } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { RunId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import type { EntityJson, PolicyRequest } from "#src/policy/closure.ts";
import { type EntityUid, entityKey, readEntityUid } from "#src/policy/scope.ts";
import type { Blob } from "#src/store/unit.ts";
import { type StoredEntities, withStored } from "./stored-entities.ts";
import type { Target } from "./target.ts";

/** A request as Cedar gets it, and the same in the form that the event keeps. */
export interface BuiltRequest {
  readonly policyRequest: PolicyRequest;
  /** The entities that are the same for many requests, stored once by their hash. */
  readonly shared: Blob;
  /** The one that is not: the resource as evaluated. */
  readonly resourceEntity: EntityJson;
  /** Whether it has attributes that the entity store gave it. */
  readonly isResourceStored: boolean;
  /**
   * What the entity store added: ancestors and whatever attributes lead to, and the agent as it was evaluated, named by its
   * id. Each stands in place of one of `shared` that has its name.
   */
  readonly storedEntities: readonly EntityJson[];
  /** `context.writ`, without `cosigned`. */
  readonly writContext: JsonObject;
}

/** Who asks, as far as policies see it. */
export type Asker = Pick<AgentPrincipal, "agent" | "environment">;

/** What a request is built from. */
export interface RequestParts {
  readonly principal: Asker;
  readonly target: Target;
  readonly claimed: JsonObject;
  readonly claimedAttributes?: JsonObject;
  readonly run?: { readonly id: RunId; readonly calls: number };
  /** What matrix and gates say of it: `context.writ.tool` and `context.writ.limits`. */
  readonly governance?: { readonly toolContext: JsonObject | undefined; readonly limitsContext: JsonObject };
  /** Milliseconds. */
  readonly now: number;
  /** What {@link rootsOf} reaches in the entity store. */
  readonly stored: StoredEntities;
}

/** The entities that a request is about: what the entity store says of them and of what they are in takes part. */
export function rootsOf(principal: Asker, target: Target): readonly EntityUid[] {
  const { name, groups } = principal.agent;
  return [
    { type: "Agent", id: name },
    ...groups.map((id) => ({ type: "AgentGroup", id })),
    target.resource,
    ...(target.connection === undefined ? [] : [{ type: "Connection", id: target.connection.name }]),
  ];
}

/**
 * Principal, action, resource, context and entities for Cedar.
 *
 * INVARIANT: nothing that an agent says is anywhere but under `context.claimed`.
 */
export function buildRequest(parts: RequestParts): BuiltRequest {
  const { principal, target } = parts;
  const shared = sharedEntities(principal, target);
  const writContext: JsonObject = {
    tier: target.tier,
    time: { __extn: { fn: "datetime", arg: toRfc3339(parts.now) } },
    environment: principal.environment,
    limits: parts.governance?.limitsContext ?? {},
    ...(parts.governance?.toolContext === undefined ? {} : { tool: parts.governance.toolContext }),
    ...(parts.run === undefined ? {} : { run: { id: parts.run.id, calls: parts.run.calls } }),
  };
  const claimed = checkClaims(
    parts.claimedAttributes === undefined ? parts.claimed : { ...parts.claimed, resource: parts.claimedAttributes },
  );
  const derived: EntityJson = {
    uid: target.resource,
    attrs: { ...target.attributes },
    parents: [
      ...(target.connection === undefined ? [] : [{ type: "Connection", id: target.connection.name }]),
      ...(target.parents ?? []),
    ],
  };
  const storedResource = parts.stored.get(entityKey(target.resource));
  const resourceEntity = withStored(derived, storedResource, "given");
  const others = parts.stored.size === 0 ? NOTHING_STORED : mergeStored(principal, target, shared, parts.stored);
  return {
    policyRequest: {
      principal: { type: "Agent", id: principal.agent.name },
      action: { type: "Action", id: target.command },
      resource: target.resource,
      context: { writ: writContext, claimed },
      entities: [
        ...(others.evaluated ?? shared.entities),
        ...(isBare(resourceEntity) || isAgent(principal, target) ? [] : [resourceEntity]),
      ],
    },
    shared: shared.blob,
    resourceEntity,
    isResourceStored: storedResource !== undefined,
    storedEntities: others.recorded,
    writContext,
  };
}

function isBare({ attrs, parents }: EntityJson): boolean {
  return parents.length === 0 && Object.keys(attrs).length === 0;
}

/** Whether an agent asks for itself: one entity then, not two of one name. */
function isAgent({ agent }: Asker, { resource }: Target): boolean {
  return resource.type === "Agent" && resource.id === agent.name;
}

interface MergedEntities {
  /** All but the resource; undefined where the shared ones are all. */
  readonly evaluated: readonly EntityJson[] | undefined;
  /** As {@link BuiltRequest.storedEntities}. */
  readonly recorded: readonly EntityJson[];
}

const NOTHING_STORED: MergedEntities = { evaluated: undefined, recorded: [] };

/** The shared entities with what is stored of the agent, and all other stored ones. */
function mergeStored(principal: Asker, target: Target, shared: SharedEntities, stored: StoredEntities): MergedEntities {
  const { id, name, groups } = principal.agent;
  const agentKey = entityKey({ type: "Agent", id: name });
  const own = new Set([agentKey, entityKey(target.resource), entityKey({ type: "Action", id: target.command })]);
  const others = [...stored].filter(([key]) => !own.has(key)).map(([, entity]) => entity);
  const storedAgent = stored.get(agentKey);
  if (storedAgent === undefined) return { evaluated: [...shared.entities, ...others], recorded: others };
  const parents = groups.map((group) => ({ type: "AgentGroup", id: group }));
  const agent = withStored({ uid: { type: "Agent", id: name }, attrs: {}, parents }, storedAgent);
  const rest = shared.entities.filter(({ uid }) => entityKey(readEntityUid(uid)) !== agentKey);
  return {
    evaluated: [agent, ...rest, ...others],
    recorded: [{ ...agent, uid: { type: "Agent", id } }, ...others],
  };
}

interface SharedEntities {
  readonly entities: readonly EntityJson[];
  readonly blob: Blob;
}

/** By the very objects that the authority and the authenticator hand out: they are replaced when anything changes. */
const sharedCache = new WeakMap<object, Map<string, SharedEntities>>();

function sharedEntities(principal: Asker, target: Target): SharedEntities {
  const byTarget = sharedCache.get(principal.agent) ?? new Map<string, SharedEntities>();
  sharedCache.set(principal.agent, byTarget);
  const key = `${target.tier} ${target.command} ${target.groups.length}`;
  let shared = byTarget.get(key);
  if (shared === undefined) {
    if (byTarget.size >= 1000) byTarget.clear();
    shared = buildShared(principal, target);
    byTarget.set(key, shared);
  }
  return shared;
}

/**
 * The agent in its groups and the command in its own. Policies know an agent by its name; a name can be personal, so what
 * is kept says the agent's id instead, and the sealed name in `agent.created` is what leads back.
 * NOTE: an entity costs Cedar some 15 µs, and one without attributes
 * and parents says nothing that its id does not: such entities are left out.
 */
function buildShared(principal: Asker, target: Target): SharedEntities {
  const action: EntityJson = {
    uid: { type: "Action", id: target.command },
    attrs: {},
    parents: target.groups.map((id) => ({ type: "Action", id })),
  };
  const { id, name, groups } = principal.agent;
  const agentAs = (uid: string): EntityJson => ({
    uid: { type: "Agent", id: uid },
    attrs: {},
    parents: groups.map((group) => ({ type: "AgentGroup", id: group })),
  });
  if (groups.length === 0) return { entities: [action], blob: toBlob([action]) };
  return { entities: [agentAs(name), action], blob: toBlob([agentAs(id), action]) };
}

function toBlob(entities: readonly EntityJson[]): Blob {
  const bytes = canonicalize(entities);
  return { sha256: sha256Hex(bytes), bytes };
}

const MAX_CLAIM_DEPTH = 16;
const MAX_CLAIM_CHARACTERS = 64 * 1024;

/** Claims as policies can see them: Cedar has no null and no fractions, and its own escapes are not for agents. */
function checkClaims(claims: JsonObject): JsonObject {
  if (Object.hasOwn(claims, "writ")) {
    throw new WritError("reserved_context_key", "`context.writ` is Writ's own; leave it out");
  }
  const entries = Object.entries(claims);
  for (const [key, value] of entries) checkClaim(value, `context.${key}`, key, 0);
  // They are sealed into the event whole.
  if (entries.length > 0 && canonicalize(claims).length > MAX_CLAIM_CHARACTERS) {
    throw new WritError("invalid_argument", `\`context\` has more than ${MAX_CLAIM_CHARACTERS} characters`);
  }
  return claims;
}

function checkClaim(value: Json, path: string, key: string, depth: number): void {
  if (key.startsWith("__")) refuseClaim(path, "has a key that begins with two underscores");
  if (depth > MAX_CLAIM_DEPTH) refuseClaim(path, "is nested too deep");
  if (value === null) refuseClaim(path, "is null, which policies cannot see");
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    if (Number.isInteger(value)) throw new WritError("integer_out_of_range");
    refuseClaim(path, "is not a whole number that policies can see");
  }
  if (typeof value !== "object") return;
  for (const [name, member] of Object.entries(value)) checkClaim(member, `${path}.${name}`, name, depth + 1);
}

function refuseClaim(path: string, why: string): never {
  throw new WritError("invalid_argument", `\`${path.slice(0, 200)}\` ${why}`);
}
