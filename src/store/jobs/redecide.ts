import type { Database } from "bun:sqlite";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { EntityJson, PolicyRequest } from "#src/policy/closure.ts";
import { type Explanation, explainDecision } from "#src/policy/explain.ts";
import { type RecordedOutcome, recordedRequest } from "#src/policy/replay.ts";
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

/** A request to be explained: as it was recorded, or as it would be. */
export interface ExplainInput {
  readonly tenant: TenantId;
  readonly policies: PolicyChoice;
  readonly asked: { readonly recorded: RecordedParts } | { readonly request: PolicyRequest };
}

/** An agent as the entities of a record name it, and as policies know it. */
type NamedAgent = Pick<RecordedParts, "agentId" | "agentName">;

/** Shared entities by their hash, the agent named in them, read once each. Throws `store_failed` where they are missing. */
export type BlobCache = (sha256: string, agent: NamedAgent) => readonly EntityJson[];

/** So many documents are kept: some KiB each. */
const MAX_BLOBS = 1000;

/** Explains one request. Throws `invalid_argument` for one that Cedar cannot read, `policy_slice_too_large`. */
export async function explainRequest(
  context: JobContext,
  { tenant, policies, asked }: ExplainInput,
): Promise<Explanation> {
  const blobs = createBlobCache(context.db, tenant);
  const request = "request" in asked ? asked.request : rebuildRequest(blobs, asked.recorded);
  return explainDecision(threadAuthorizer(), await indexOf(context, tenant, policies), request);
}

/** The request as it was evaluated: the agent has its name again, and what was stored stands in its place. */
export function rebuildRequest(blobs: BlobCache, parts: RecordedParts): PolicyRequest {
  const { agentName, command, resource, writContext, claimed } = parts;
  const stored = parts.stored.map((entity) => withName(entity, parts));
  const replaced = new Set(stored.map(keyOf));
  const shared = blobs(parts.shared, parts);
  // An agent that asks for itself was evaluated as the agent alone.
  const isAgent = resource.type === "Agent" && resource.id === agentName;
  return recordedRequest({
    principal: { type: "Agent", id: agentName },
    command,
    resource,
    resourceEntity: isAgent ? { uid: resource, attrs: {}, parents: [] } : parts.resourceEntity,
    sharedEntities:
      replaced.size === 0 ? shared : [...shared.filter((entity) => !replaced.has(keyOf(entity))), ...stored],
    writContext,
    claimed,
  });
}

function withName(entity: EntityJson, { agentId, agentName }: NamedAgent): EntityJson {
  const { type, id } = readEntityUid(entity.uid);
  return type === "Agent" && id === agentId ? { ...entity, uid: { type, id: agentName } } : entity;
}

function keyOf({ uid }: EntityJson): string {
  return entityKey(readEntityUid(uid));
}

/** Makes one. */
export function createBlobCache(db: Database, tenant: TenantId): BlobCache {
  const known = new Map<string, readonly EntityJson[]>();
  const find = db.query<{ bytes: string }, [string, string]>(
    "SELECT bytes FROM blobs WHERE tenant_id = ? AND sha256 = ?",
  );
  return (sha256, agent) => {
    const key = `${agent.agentId} ${sha256}`;
    let entities = known.get(key);
    if (entities === undefined) {
      const row = find.get(tenant, sha256);
      if (row === null) throw new WritError("store_failed", "the entities of a recorded decision are missing");
      entities = (JSON.parse(row.bytes) as EntityJson[]).map((entity) => withName(entity, agent));
      if (known.size >= MAX_BLOBS) known.clear();
      known.set(key, entities);
    }
    return entities;
  };
}
