import { Personal } from "#src/audit/recorder.ts";
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type Json, type JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { schemaSources } from "#src/connector/schema-source.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { open, SEALING_KEY_BYTES, seal } from "#src/crypto/sealing.ts";
import type { PolicyIndex } from "#src/policy/slice.ts";
import { readAgents } from "#src/store/agents.ts";
import { readConnectionNames } from "#src/store/connections.ts";
import { readEntitiesOfType } from "#src/store/entities.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Connectors } from "#src/vault/connectors.ts";
import { decideAccess, describeGround, type PdpDependencies, type PdpGround, recorded } from "./pdp.ts";
import { type AccessEntity, AGENT_TYPE, isAboutCaller, type PdpCaller, subjectTypeOf } from "./pdp-request.ts";
import { nextTurn } from "./turn.ts";
import { type TypeMap, toEntityType } from "./type-map.ts";

/** What is looked for, and what is given instead. */
export interface SearchRequest {
  readonly kind: "subject" | "resource" | "action";
  /** The id of what is looked for is not looked at. */
  readonly subject: AccessEntity;
  readonly resource: AccessEntity;
  /** Undefined where actions are looked for. */
  readonly action: { readonly name: string; readonly properties?: JsonObject } | undefined;
  readonly context?: JsonObject;
  readonly page: { readonly token?: string; readonly limit?: number };
}

/** A page of what is permitted; `next` is empty at the end. */
export interface SearchPage {
  /** Ids of subjects or resources, names of actions. */
  readonly found: readonly string[];
  readonly next: string;
  /** How many there are on all pages together; undefined where counting them would cost more than a page may. */
  readonly total?: number;
}

/** Finds what is permitted among what is known: stored entities, agents, and actions that policies, the extension of the schema or connectors name. */
export interface PdpSearch {
  /**
   * One page. `invalid_argument` for a token of another search or of before a restart, `forbidden` for an agent's search
   * about somebody else.
   */
  search(caller: PdpCaller, asked: SearchRequest): Promise<{ readonly page: SearchPage; readonly event: string }>;
}

/** What {@link createPdpSearch} needs. */
export interface PdpSearchDependencies extends PdpDependencies {
  readonly connectors: Connectors;
}

/** The largest page. */
export const MAX_SEARCH_LIMIT = 500;
const DEFAULT_LIMIT = 100;
/** How many candidates one page decides on: what a request may cost. The page then ends early, and is not the last. */
const MAX_EXAMINED = 1000;
const CHUNK = 200;
const STEP = 25;

/** Where a search goes on: behind this name in this source of candidates. */
interface Cursor {
  readonly source: number;
  readonly after: string | null;
  /** Of all pages, as the first one counted them. */
  readonly total?: number;
}

/** Candidates by name, behind `after`. */
type Source = (
  after: string | null,
  limit: number,
) => Promise<readonly { readonly name: string; readonly key: string }[]>;

/** Makes the search. Its page tokens are sealed under a key that only this process has. */
export function createPdpSearch(dependencies: PdpSearchDependencies): PdpSearch {
  const key = Uint8Array.from(dependencies.ids.random(SEALING_KEY_BYTES));
  return {
    search: async (asking, asked) => {
      const binding = ["search", asking.tenant, asking.token, digestOf(asked)];
      const { cursor, limit } = readToken(key, binding, asked.page);
      const { answer, event } = await recorded(dependencies, asking, async (ground) => {
        requireOwn(ground, asked);
        const sources = await sourcesOf(dependencies, ground, asked);
        const { found, next, examined, total } = await collect(dependencies, ground, asked, sources, cursor, limit);
        const { subject } = ground.caller;
        return {
          answer: {
            found,
            next: next === undefined ? "" : writeToken(key, binding, next, limit),
            ...(total === undefined ? {} : { total }),
          },
          record: {
            type: "evaluation.search",
            data: {
              ...describeGround(ground),
              kind: asked.kind,
              examined,
              count: found.length,
              request: new Personal(subject, requestOf(asked)),
              results: new Personal(subject, [...found]),
            },
          },
        };
      });
      return { page: answer, event };
    },
  };
}

/** An agent may find itself, and what it may do itself; nothing of anyone else. */
function requireOwn({ map, caller }: PdpGround, { kind, subject }: SearchRequest): void {
  const isOwn =
    kind === "subject"
      ? caller.kind !== "agent" || subjectTypeOf(map, subject.type) === AGENT_TYPE
      : isAboutCaller(map, caller, subject);
  if (!isOwn) throw new WritError("forbidden", "an agent's key asks about that agent alone: the subject must be it");
}

async function collect(
  dependencies: PdpSearchDependencies,
  ground: PdpGround,
  asked: SearchRequest,
  sources: readonly Source[],
  start: Cursor,
  limit: number,
): Promise<{ found: readonly string[]; next: Cursor | undefined; examined: number; total: number | undefined }> {
  const found: string[] = [];
  const isFirst = start.source === 0 && start.after === null;
  let examined = 0;
  let permitted = 0;
  let next: Cursor | undefined;
  let { source, after } = start;
  const at = (): Cursor => ({ source, after, ...(start.total === undefined ? {} : { total: start.total }) });
  for (; source < sources.length; source += 1, after = null) {
    for (;;) {
      const candidates = (await sources[source]?.(after, CHUNK)) ?? [];
      for (const { name, key } of candidates) {
        if (examined >= MAX_EXAMINED) return { found, next: next ?? at(), examined, total: start.total };
        examined += 1;
        const { decision } = await decideAccess(dependencies, ground, questionOf(asked, name));
        // Looked for one further: that there is a next page tells of something permitted, or of nothing but the bound.
        if (decision && found.length >= limit) {
          next ??= at();
          if (!isFirst) return { found, next, examined, total: start.total };
        } else if (decision) found.push(name);
        permitted += decision ? 1 : 0;
        after = key;
        if (examined % STEP === 0) await nextTurn();
      }
      if (candidates.length < CHUNK) break;
    }
  }
  const total = isFirst ? permitted : start.total;
  return { found, next: next === undefined || total === undefined ? next : { ...next, total }, examined, total };
}

function questionOf({ kind, subject, resource, action, context }: SearchRequest, name: string) {
  return {
    subject: kind === "subject" ? { ...subject, id: name } : subject,
    resource: kind === "resource" ? { ...resource, id: name } : resource,
    action: kind === "action" || action === undefined ? { name } : action,
    ...(context === undefined ? {} : { context }),
  };
}

async function sourcesOf(
  { reader, connectors }: PdpSearchDependencies,
  { caller, map, policies }: PdpGround,
  { kind, subject, resource }: SearchRequest,
): Promise<readonly Source[]> {
  const { tenant } = caller;
  if (kind === "action") {
    const isAgent = subjectTypeOf(map, subject.type) === AGENT_TYPE;
    const commands = isAgent ? await commandsOfTenant(reader, connectors, tenant) : [];
    const stored = await readEntitiesOfType(reader, tenant, "Action", undefined, MAX_EXAMINED);
    const ids = [
      ...actionIdsIn(policies.index),
      ...stored.map(({ id }) => id),
      ...policies.requests.actionIds,
      ...commands,
    ];
    return [fromList(actionNames(map, ids))];
  }
  const type = kind === "subject" ? subjectTypeOf(map, subject.type) : toEntityType(map.resourceTypes, resource.type);
  if (type === undefined) return [];
  if (kind === "subject" && type === AGENT_TYPE) {
    if (caller.kind === "agent") return [fromList([caller.agent.name])];
    return [
      async (after, limit) => {
        const rows = await readAgents(reader, tenant, after ?? "", limit);
        return rows.map(({ agentId, name }) => ({ name, key: agentId }));
      },
    ];
  }
  return [
    async (after, limit) => {
      const rows = await readEntitiesOfType(reader, tenant, type, after ?? undefined, limit);
      return rows.map(({ id }) => ({ name: id, key: id }));
    },
  ];
}

/** Every command of the tenant's connectors, those that are named by a connection under its name. */
async function commandsOfTenant(
  reader: Reader,
  connectors: Pick<Connectors, "list">,
  tenant: TenantId,
): Promise<readonly string[]> {
  const [tables, connections] = await Promise.all([connectors.list(tenant), readConnectionNames(reader, tenant)]);
  const sources = schemaSources(
    tables.map(({ table }) => table),
    connections,
  );
  return sources.flatMap(({ commands }) => [...commands.keys()]);
}

function fromList(names: readonly string[]): Source {
  return async (after, limit) => {
    const rest = after === null ? names : names.filter((name) => name > after);
    return rest.slice(0, limit).map((name) => ({ name, key: name }));
  };
}

/** The names by which questions can ask for actions: a table's own, and ids that stand for themselves. */
function actionNames({ actions }: TypeMap, ids: readonly string[]): readonly string[] {
  const names = new Set(actions.keys());
  for (const id of ids) if (!actions.has(id) && !id.startsWith("tier:")) names.add(id);
  return [...names].sort();
}

const actionIds = new WeakMap<PolicyIndex, readonly string[]>();

/** The actions that policies name in their scopes. */
function actionIdsIn(index: PolicyIndex): readonly string[] {
  let ids = actionIds.get(index);
  if (ids === undefined) {
    const found = new Set<string>();
    for (const { scope } of index.tenantPolicies()) {
      const { action } = scope;
      const named = action.op === "eq" ? [action.entity] : action.op === "in" ? action.entities : [];
      for (const { type, id } of named) if (type === "Action") found.add(id);
    }
    ids = [...found];
    actionIds.set(index, ids);
  }
  return ids;
}

/** All that stays the same from page to page. */
function requestOf({ kind, subject, resource, action, context }: SearchRequest): Json {
  const untold = (entity: AccessEntity, isSought: boolean) => ({
    type: entity.type,
    ...(isSought ? {} : { id: entity.id }),
    ...(entity.properties === undefined ? {} : { properties: entity.properties }),
  });
  return {
    kind,
    subject: untold(subject, kind === "subject"),
    resource: untold(resource, kind === "resource"),
    ...(action === undefined ? {} : { action: action as unknown as JsonObject }),
    ...(context === undefined ? {} : { context }),
  };
}

function digestOf(asked: SearchRequest): string {
  return sha256Hex(canonicalize(requestOf(asked)));
}

function writeToken(key: Uint8Array, binding: readonly string[], cursor: Cursor, limit: number): string {
  return toBase64Url(
    seal(key, utf8(JSON.stringify([cursor.source, cursor.after, limit, cursor.total ?? null])), binding),
  );
}

function readToken(
  key: Uint8Array,
  binding: readonly string[],
  { token, limit }: SearchRequest["page"],
): { readonly cursor: Cursor; readonly limit: number } {
  if (token === undefined || token === "") {
    return { cursor: { source: 0, after: null }, limit: Math.min(limit ?? DEFAULT_LIMIT, MAX_SEARCH_LIMIT) };
  }
  let opened: readonly [number, string | null, number, number | null];
  try {
    opened = JSON.parse(fromUtf8(open(key, fromBase64Url(token), binding)));
  } catch (cause) {
    throw new WritError("invalid_argument", "`page.token` is not of this very search: begin it again", { cause });
  }
  const [source, after, kept, total] = opened;
  if (limit !== undefined && Math.min(limit, MAX_SEARCH_LIMIT) !== kept) {
    throw new WritError("invalid_argument", "`page.limit` differs from that of the page before");
  }
  return { cursor: { source, after, ...(total === null ? {} : { total }) }, limit: kept };
}
