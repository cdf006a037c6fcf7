import { WritError } from "#src/base/errors.ts";
import type { TenantId, TokenId } from "#src/base/ids.ts";
import type { RouteTable } from "#src/connector/table.ts";
import { toAgent } from "#src/identity/agents.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import type { CompiledPolicy } from "#src/policy/policy-set.ts";
import { createRequestCheck, NO_RULES, type RequestCheck, type RequestRules } from "#src/policy/request-rules.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { readAgent } from "#src/store/agents.ts";
import { readTenant } from "#src/store/instance.ts";
import { readPolicyPiece, readPolicySummary, readWholeCompiled, unpackText } from "#src/store/policies.ts";
import { readStaleAt } from "#src/store/policy-bundles.ts";
import { readPolicySchema } from "#src/store/policy-schemas.ts";
import type { Reader } from "#src/store/reader.ts";
import { readShadow } from "#src/store/shadow.ts";
import { isStopped } from "#src/store/stops.ts";
import { readToken } from "#src/store/tokens.ts";
import type { Connection, Connections } from "#src/vault/connections.ts";
import type { Connectors } from "#src/vault/connectors.ts";
import type { ToolGround } from "./asked-tool.ts";
import { createEntitySource, type EntitySource } from "./stored-entities.ts";
import { nextTurn } from "./turn.ts";

/** A tenant's active policies. */
export interface ActivePolicies {
  /** 0 where there are none. */
  readonly version: number;
  readonly index: PolicyIndex;
  /** Version of the tenant's extension of the schema; 0: none. */
  readonly schemaVersion: number;
  /** What that says of requests. */
  readonly requests: RequestCheck;
  /** The version that is tried beside it; its index is undefined where it does not load. */
  readonly shadow?: { readonly version: number; readonly index: PolicyIndex | undefined };
  /** When the bundle that governs the tenant is too old to decide, in milliseconds; undefined never. */
  readonly staleAt?: number;
}

/** Policies by the hash of their source, and where they are: at hand, or in a stored version. */
export type StoredPolicies = { readonly sha256: string } & (
  | { readonly pieces: readonly Uint8Array[] }
  | { readonly version: number }
);

/** What decisions rest on, from memory; each answer is right for the authority epoch that it is asked under. */
export interface Authority extends EntitySource {
  /** What calls of tools on a host are taken apart with. */
  readonly hostGround: ToolGround;
  epochOf(tenant: TenantId): number;
  /**
   * Who was proven some time ago, as of now: with the agent's groups of now. Throws `unauthenticated` where tenant or key
   * no longer hold, `agent_disabled`, `stopped`.
   *
   * @param now milliseconds
   */
  current(principal: AgentPrincipal, now: number): Promise<AgentPrincipal>;
  /** The same of a token that is no agent's: throws `unauthenticated` where it or its tenant no longer hold. */
  requireToken(tenant: TenantId, token: TokenId, now: number): Promise<void>;
  policies(tenant: TenantId): Promise<ActivePolicies>;
  /** Indexes policies that are about to decide, so that nobody waits for it when they do. */
  prepare(tenant: TenantId, policies: StoredPolicies): Promise<void>;
  /** By id or name; `not_found`. */
  connection(tenant: TenantId, idOrName: string): Promise<Connection>;
  /** The tenant's own table of that name, or the shipped one; `invalid_argument` for a connector that is neither. */
  routeTable(tenant: TenantId, connector: string): Promise<RouteTable>;
}

/** What {@link createAuthority} needs. */
export interface AuthorityDependencies {
  readonly reader: Reader;
  readonly connections: Pick<Connections, "show">;
  readonly connectors: Pick<Connectors, "find">;
  readonly hostGround: ToolGround;
  readonly epochOf: (tenant: TenantId) => number;
}

interface TenantCache {
  readonly epoch: number;
  readonly policies: { value: Promise<ActivePolicies> | undefined };
  readonly principals: Map<string, Promise<Standing>>;
  /** Until when a token holds, in milliseconds; null for ever. */
  readonly tokens: Map<string, Promise<number | null>>;
  readonly connections: Map<string, Promise<Connection>>;
  readonly tables: Map<string, Promise<RouteTable>>;
}

/** What is left of a key: whose it is, and until when. */
interface Standing {
  readonly principal: AgentPrincipal;
  /** Milliseconds; null never. */
  readonly expiresAt: number | null;
}

/** Names that an agent may make up are not remembered without end. */
const MAX_REMEMBERED = 2000;
/** Of one tenant. */
const MAX_INDEXES = 3;

/** Makes the authority. */
export function createAuthority(dependencies: AuthorityDependencies): Authority {
  const { reader, connections, connectors, hostGround, epochOf } = dependencies;
  const caches = new Map<TenantId, TenantCache>();
  const { reach } = createEntitySource(reader, epochOf);
  const indexes = new Map<string, Promise<PolicyIndex>>();

  const cacheOf = (tenant: TenantId): TenantCache => {
    const epoch = epochOf(tenant);
    const known = caches.get(tenant);
    if (known?.epoch === epoch) return known;
    const fresh = {
      epoch,
      policies: { value: undefined },
      principals: new Map(),
      tokens: new Map(),
      connections: new Map(),
      tables: new Map(),
    };
    caches.set(tenant, fresh);
    return fresh;
  };

  /**
   * INVARIANT: by the hash of their source, which is all that an index depends on; a number of a version that did not come
   * to be may be another's. Some outlive the epoch: for a change and its way back, and a shadow.
   */
  const remembered = (tenant: TenantId, sha256: string, load: () => Promise<PolicyIndex>): Promise<PolicyIndex> => {
    const id = `${tenant} ${sha256}`;
    let index = indexes.get(id);
    if (index === undefined) {
      index = load();
      const older = [...indexes.keys()].filter((key) => key.startsWith(`${tenant} `));
      for (const key of older.slice(0, Math.max(0, older.length + 1 - MAX_INDEXES))) indexes.delete(key);
      indexes.set(id, index);
      index.catch(() => indexes.delete(id));
    }
    return index;
  };

  const indexOf = async (tenant: TenantId, version: number): Promise<PolicyIndex> => {
    if (version === 0) return remembered(tenant, "", async () => PolicyIndex.build([]));
    const row = await readPolicySummary(reader, tenant, version);
    if (row === undefined) throw new WritError("store_failed", "the policy version is missing");
    return remembered(tenant, row.sha256, () => loadIndex(reader, tenant, version));
  };

  /** Of the last extension of each tenant. */
  const requests = new Map<TenantId, { readonly version: number; readonly check: Promise<RequestCheck> }>();

  const requestsOf = (tenant: TenantId, version: number): Promise<RequestCheck> => {
    const known = requests.get(tenant);
    if (known?.version === version) return known.check;
    const check = loadRequests(reader, tenant, version);
    requests.set(tenant, { version, check });
    check.catch(() => requests.delete(tenant));
    return check;
  };

  const loadPolicies = async (tenant: TenantId): Promise<ActivePolicies> => {
    const [row, shadow, staleAt] = await Promise.all([
      readTenant(reader, tenant),
      readShadow(reader, tenant),
      readStaleAt(reader, tenant),
    ]);
    if (row === undefined) throw new WritError("not_found");
    return {
      version: row.policyVersion,
      index: await indexOf(tenant, row.policyVersion),
      schemaVersion: row.schemaVersion,
      requests: await requestsOf(tenant, row.schemaVersion),
      ...(shadow === undefined ? {} : { shadow: await loadShadow(tenant, shadow.version) }),
      ...(staleAt === undefined ? {} : { staleAt }),
    };
  };

  /** What is only tried must not keep anybody from deciding. */
  const loadShadow = async (tenant: TenantId, version: number): Promise<NonNullable<ActivePolicies["shadow"]>> => ({
    version,
    index: await indexOf(tenant, version).catch(() => undefined),
  });

  return {
    hostGround,
    epochOf,
    current: async (principal, now) => {
      const { principals } = cacheOf(principal.tenant);
      const standing = await remember(principals, `${principal.token} ${principal.agent.id}`, () =>
        loadStanding(reader, principal),
      );
      if (standing.expiresAt !== null && standing.expiresAt <= now) throw new WritError("unauthenticated");
      return standing.principal;
    },
    requireToken: async (tenant, token, now) => {
      const expiresAt = await remember(cacheOf(tenant).tokens, token, () => loadTokenExpiry(reader, tenant, token));
      if (expiresAt !== null && expiresAt <= now) throw new WritError("unauthenticated");
    },
    reach,
    prepare: async (tenant, stored) => {
      await remembered(tenant, stored.sha256, () =>
        "pieces" in stored ? indexPieces(stored.pieces) : loadIndex(reader, tenant, stored.version),
      );
    },
    policies: (tenant) => {
      const { policies } = cacheOf(tenant);
      policies.value ??= loadPolicies(tenant).catch((error: unknown) => {
        policies.value = undefined;
        throw error;
      });
      return policies.value;
    },
    connection: (tenant, idOrName) =>
      remember(cacheOf(tenant).connections, idOrName, () => loadConnection(reader, connections, tenant, idOrName)),
    routeTable: (tenant, connector) =>
      remember(cacheOf(tenant).tables, connector, () => loadTable(connectors, tenant, connector)),
  };
}

async function loadConnection(
  reader: Reader,
  connections: Pick<Connections, "show">,
  tenant: TenantId,
  idOrName: string,
): Promise<Connection> {
  const connection = await connections.show(tenant, idOrName);
  if (await isStopped(reader, tenant, null, connection.id)) throw new WritError("stopped");
  return connection;
}

async function loadStanding(reader: Reader, principal: AgentPrincipal): Promise<Standing> {
  const { tenant } = principal;
  const [tenantRow, token, agentRow] = await Promise.all([
    readTenant(reader, tenant),
    readToken(reader, tenant, principal.token),
    readAgent(reader, tenant, principal.agent.id),
  ]);
  if (tenantRow?.status !== "active" || token?.revokedAt !== null || agentRow === undefined) {
    throw new WritError("unauthenticated");
  }
  if (agentRow.status !== "active") throw new WritError("agent_disabled");
  if (await isStopped(reader, tenant, agentRow.agentId, null)) throw new WritError("stopped");
  return { principal: { ...principal, agent: toAgent(agentRow) }, expiresAt: token.expiresAt };
}

async function loadTokenExpiry(reader: Reader, tenant: TenantId, token: TokenId): Promise<number | null> {
  const [tenantRow, row] = await Promise.all([readTenant(reader, tenant), readToken(reader, tenant, token)]);
  if (tenantRow?.status !== "active" || row === undefined || row.revokedAt !== null) {
    throw new WritError("unauthenticated");
  }
  if (await isStopped(reader, tenant, null, null)) throw new WritError("stopped");
  return row.expiresAt;
}

async function loadIndex(reader: Reader, tenant: TenantId, version: number): Promise<PolicyIndex> {
  const pieces: Uint8Array[] = [];
  for (let place = 0; ; place += 1) {
    const piece = await readPolicyPiece(reader, tenant, version, place);
    if (piece === undefined) break;
    pieces.push(piece.compiled);
  }
  if (pieces.length > 0) return indexPieces(pieces);
  const row = await readWholeCompiled(reader, tenant, version);
  if (row === undefined) throw new WritError("store_failed", "the policy version is missing");
  return PolicyIndex.buildInSteps(JSON.parse(row.compiled) as CompiledPolicy[]);
}

/** In steps of a millisecond or so. */
async function indexPieces(pieces: readonly Uint8Array[]): Promise<PolicyIndex> {
  const policies: CompiledPolicy[] = [];
  for (const piece of pieces) {
    for (const policy of JSON.parse(unpackText(piece)) as CompiledPolicy[]) policies.push(policy);
    await nextTurn();
  }
  return PolicyIndex.buildInSteps(policies);
}

async function loadRequests(reader: Reader, tenant: TenantId, version: number): Promise<RequestCheck> {
  if (version === 0) return createRequestCheck(NO_RULES);
  const row = await readPolicySchema(reader, tenant, version);
  if (row === undefined) throw new WritError("store_failed", "the active version of the schema is missing");
  return createRequestCheck(JSON.parse(row.rules) as RequestRules);
}

async function loadTable(connectors: Pick<Connectors, "find">, tenant: TenantId, id: string): Promise<RouteTable> {
  const connector = await connectors.find(tenant, id);
  if (connector === undefined) throw new WritError("invalid_argument", `there is no connector \`${id.slice(0, 64)}\``);
  return connector.table;
}

function remember<Value>(table: Map<string, Promise<Value>>, key: string, load: () => Promise<Value>): Promise<Value> {
  const known = table.get(key);
  if (known !== undefined) return known;
  const loading = load();
  if (table.size >= MAX_REMEMBERED) table.clear();
  table.set(key, loading);
  // A failure is not an answer to keep.
  loading.catch(() => table.delete(key));
  return loading;
}
