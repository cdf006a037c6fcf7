import type { Database } from "bun:sqlite";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { EntityJson, PolicyRequest } from "#src/policy/closure.ts";
import { type Explanation, explainDecision } from "#src/policy/explain.ts";
import { createReplay, type RecordedOutcome, type ReplayReport, recordedRequest } from "#src/policy/replay.ts";
import { type EntityUid, entityKey, readEntityUid } from "#src/policy/scope.ts";
import type { JobContext } from "./job.ts";
import { indexOf, type PolicyChoice, threadAuthorizer } from "./policy-index.ts";

/** What an event keeps of a request, its personal parts opened; the shared entities are fetched by their hash. */
export interface RecordedParts {
  /** The agent's id, which stands for its name in the recorded entities. */
  readonly agentId: string;
  readonly agentName: string;
  readonly command: string;
  readonly resource: EntityUid;
  readonly resourceEntity: EntityJson;
  /** SHA-256, hex. */
  readonly shared: string;
  /** Each stands in place of the shared one of its name. */
  readonly stored: readonly EntityJson[];
  readonly writContext: JsonObject;
  readonly claimed: JsonObject;
}

/** A recorded decision; without parts where some of them were erased. */
export interface DecisionRecord {
  readonly id: string;
  readonly outcome: RecordedOutcome;
  readonly parts?: RecordedParts;
}

/** Recorded decisions to be decided again. */
export interface ReplayInput {
  readonly tenant: TenantId;
  readonly policies: PolicyChoice;
  readonly records: readonly DecisionRecord[];
}

/** A request to be explained: as it was recorded, or as it would be. */
export interface ExplainInput {
  readonly tenant: TenantId;
  readonly policies: PolicyChoice;
  readonly asked: { readonly recorded: RecordedParts } | { readonly request: PolicyRequest };
}

/** Decides records again under one set of policies. */
export async function replayRecords(
  context: JobContext,
  { tenant, policies, records }: ReplayInput,
): Promise<ReplayReport> {
  const replay = createReplay(threadAuthorizer(), await indexOf(context, tenant, policies));
  const blobs = new Map<string, readonly EntityJson[]>();
  for (const { id, outcome, parts } of records) {
    const request = parts === undefined ? undefined : rebuild(context.db, tenant, parts, blobs);
    replay.take({ id, outcome, request });
    await context.breathe();
  }
  return replay.report();
}

/** Explains one request. Throws `invalid_argument` for one that Cedar cannot read, `policy_slice_too_large`. */
export async function explainRequest(
  context: JobContext,
  { tenant, policies, asked }: ExplainInput,
): Promise<Explanation> {
  const request = "request" in asked ? asked.request : rebuild(context.db, tenant, asked.recorded, new Map());
  return explainDecision(threadAuthorizer(), await indexOf(context, tenant, policies), request);
}

/** The request as it was evaluated: the agent has its name again, and what was stored stands in its place. */
function rebuild(
  db: Database,
  tenant: TenantId,
  parts: RecordedParts,
  blobs: Map<string, readonly EntityJson[]>,
): PolicyRequest {
  const { agentId, agentName, command, resource, writContext, claimed } = parts;
  const named = (entity: EntityJson): EntityJson => {
    const { type, id } = readEntityUid(entity.uid);
    return type === "Agent" && id === agentId ? { ...entity, uid: { type, id: agentName } } : entity;
  };
  const stored = parts.stored.map(named);
  const replaced = new Set(stored.map(keyOf));
  const shared = readBlob(db, tenant, parts.shared, blobs).map(named);
  // An agent that asks for itself was evaluated as the agent alone.
  const isAgent = resource.type === "Agent" && resource.id === agentName;
  return recordedRequest({
    principal: { type: "Agent", id: agentName },
    command,
    resource,
    resourceEntity: isAgent ? { uid: resource, attrs: {}, parents: [] } : parts.resourceEntity,
    sharedEntities: [...shared.filter((entity) => !replaced.has(keyOf(entity))), ...stored],
    writContext,
    claimed,
  });
}

function keyOf({ uid }: EntityJson): string {
  return entityKey(readEntityUid(uid));
}

function readBlob(
  db: Database,
  tenant: TenantId,
  sha256: string,
  known: Map<string, readonly EntityJson[]>,
): readonly EntityJson[] {
  let entities = known.get(sha256);
  if (entities === undefined) {
    const row = db
      .query<{ bytes: string }, [string, string]>("SELECT bytes FROM blobs WHERE tenant_id = ? AND sha256 = ?")
      .get(tenant, sha256);
    if (row === null) throw new WritError("store_failed", "the entities of a recorded decision are missing");
    entities = JSON.parse(row.bytes) as EntityJson[];
    known.set(sha256, entities);
  }
  return entities;
}
