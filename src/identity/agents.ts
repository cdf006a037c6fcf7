import { Personal, type Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import {
  type AgentId,
  type IdSource,
  isId,
  newId,
  type PersonId,
  parseId,
  type SubjectId,
  type TenantId,
} from "#src/base/ids.ts";
import { parseName } from "#src/base/names.ts";
import { createSigner, KEY_BYTES, type Signer } from "#src/crypto/ed25519.ts";
import {
  type AgentRow,
  insertAgent,
  readAgent,
  readAgentByDid,
  readAgentByName,
  readAgents,
  setAgentGroups,
  setAgentOwner,
  setAgentStatus,
} from "#src/store/agents.ts";
import { readErasure } from "#src/store/erasures.ts";
import { readPerson } from "#src/store/people.ts";
import type { Reader } from "#src/store/reader.ts";
import { formatDidKey, parseDidKey } from "#src/ucan/did-key.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";

/** An agent, without its sealed key. */
export interface Agent {
  readonly id: AgentId;
  readonly subject: SubjectId;
  readonly name: string;
  /** `did:key` of its Ed25519 key. */
  readonly did: string;
  /** Who holds the key: Writ's vault, or the agent itself. */
  readonly custody: "vault" | "agent";
  /** Whether a writ must come with an invocation that the agent signed. */
  readonly requireProof: boolean;
  readonly groups: readonly string[];
  readonly status: "active" | "disabled";
  /** The person behind it, who vouches for none of its calls; null where there is none. */
  readonly owner: PersonId | null;
  readonly createdAt: number;
}

/** What a new agent is made of. */
export interface NewAgent {
  readonly name: string;
  readonly groups?: readonly string[];
  /** The agent's own key; left out: one is made and kept in the vault. */
  readonly did?: string;
  readonly requireProof?: boolean;
  /** The id of the person behind it. */
  readonly owner?: string;
}

/** Agents of a tenant. */
export interface Agents {
  create(tenant: TenantId, actor: SubjectId, agent: NewAgent): Promise<Agent>;
  list(tenant: TenantId, page: { readonly after?: string; readonly limit?: number }): Promise<Agent[]>;
  /** By id or name; `not_found`. */
  show(tenant: TenantId, idOrName: string): Promise<Agent>;
  /** Everything of the agent is refused from the next request on. */
  disable(tenant: TenantId, actor: SubjectId, agent: AgentId): Promise<void>;
  enable(tenant: TenantId, actor: SubjectId, agent: AgentId): Promise<void>;
  setGroups(tenant: TenantId, actor: SubjectId, agent: AgentId, groups: readonly string[]): Promise<void>;
  /** Says which person is behind the agent, or that none is; `not_found` for a person that there is not. */
  setOwner(tenant: TenantId, actor: SubjectId, agent: AgentId, owner: string | null): Promise<void>;
  /** The key that the vault keeps for an agent, to sign on its behalf; `not_found` where the agent has its own. */
  signerOf(tenant: TenantId, agent: AgentId): Promise<Signer>;
}

/** What {@link createAgents} needs. */
export interface AgentsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly ids: IdSource;
  readonly clock: Clock;
}

const MAX_GROUPS = 32;

/** Makes the service of agents. */
export function createAgents({ recorder, reader, keys, ids, clock }: AgentsDependencies): Agents {
  const create = async (tenant: TenantId, actor: SubjectId, agent: NewAgent): Promise<Agent> => {
    const name = parseName(agent.name, "name");
    const groups = parseGroups(agent.groups ?? []);
    if ((await readAgentByName(reader, tenant, name)) !== undefined) throw new WritError("name_taken");
    const agentId = newId("agent", ids);
    const subjectId = newId("subject", ids);
    const key =
      agent.did === undefined ? await makeKey(tenant, agentId) : { did: parseOwnDid(agent.did), sealed: null };
    if ((await readAgentByDid(reader, tenant, key.did)) !== undefined) {
      throw new WritError("name_taken", "another agent has this key");
    }
    const row: AgentRow = {
      agentId,
      subjectId,
      name,
      did: key.did,
      sealedSeed: key.sealed?.sealed ?? null,
      dataKeyId: key.sealed?.dataKeyId ?? null,
      requireProof: agent.requireProof ? 1 : 0,
      groups: JSON.stringify(groups),
      status: "active",
      owner: agent.owner === undefined ? null : await requirePerson(tenant, agent.owner),
      createdAt: clock.now(),
    };
    if (agent.requireProof && agent.did === undefined) {
      throw new WritError("invalid_argument", "an agent can prove possession only of a key of its own: give its `did`");
    }
    await recorder.record({
      tenant,
      type: "agent.created",
      actor,
      statements: [keys.createSubjectKey(tenant, subjectId), insertAgent(tenant, row)],
      data: {
        agent: agentId,
        subject: subjectId,
        did: key.did,
        custody: key.sealed === null ? "agent" : "vault",
        groups,
        owner: row.owner ?? undefined,
        name: new Personal(subjectId, name),
      },
      raisesEpoch: true,
    });
    return toAgent(row);
  };

  const requirePerson = async (tenant: TenantId, owner: string): Promise<PersonId> => {
    const person = await readPerson(reader, tenant, parseId("person", owner));
    if (person === undefined) throw new WritError("not_found", "there is no such person");
    return person.personId;
  };

  const makeKey = async (tenant: TenantId, agent: AgentId) => {
    const seed = ids.random(KEY_BYTES);
    return {
      did: formatDidKey(createSigner(seed).publicKey),
      sealed: await keys.sealValue(tenant, `agent ${agent}`, 1, seed),
    };
  };

  const setStatus = async (
    tenant: TenantId,
    actor: SubjectId,
    agent: AgentId,
    to: AgentRow["status"],
  ): Promise<void> => {
    const row = await readAgent(reader, tenant, agent);
    if (row === undefined) throw new WritError("not_found");
    if (row.status === to) return;
    if (to === "active" && (await readErasure(reader, tenant, row.subjectId)) !== undefined) {
      throw new WritError("conflict", "the agent was erased");
    }
    await recorder.record({
      tenant,
      type: to === "disabled" ? "agent.disabled" : "agent.enabled",
      actor,
      statements: [setAgentStatus(tenant, agent, row.status, to)],
      data: { agent, subject: row.subjectId },
      raisesEpoch: true,
      ignoresClock: to === "disabled",
    });
  };

  return {
    create,
    list: async (tenant, { after = "", limit = 100 }) => (await readAgents(reader, tenant, after, limit)).map(toAgent),
    show: async (tenant, idOrName) => {
      const row = isId("agent", idOrName)
        ? await readAgent(reader, tenant, idOrName)
        : await readAgentByName(reader, tenant, idOrName);
      if (row === undefined) throw new WritError("not_found");
      return toAgent(row);
    },
    disable: (tenant, actor, agent) => setStatus(tenant, actor, agent, "disabled"),
    enable: (tenant, actor, agent) => setStatus(tenant, actor, agent, "active"),
    setGroups: async (tenant, actor, agent, groups) => {
      const parsed = parseGroups(groups);
      if ((await readAgent(reader, tenant, agent)) === undefined) throw new WritError("not_found");
      await recorder.record({
        tenant,
        type: "agent.grouped",
        actor,
        statements: [setAgentGroups(tenant, agent, JSON.stringify(parsed))],
        data: { agent, groups: parsed },
        raisesEpoch: true,
      });
    },
    setOwner: async (tenant, actor, agent, owner) => {
      const person = owner === null ? null : await requirePerson(tenant, owner);
      if ((await readAgent(reader, tenant, agent)) === undefined) throw new WritError("not_found");
      await recorder.record({
        tenant,
        type: "agent.owned",
        actor,
        statements: [setAgentOwner(tenant, agent, person)],
        data: { agent, owner: person },
        raisesEpoch: true,
      });
    },
    signerOf: async (tenant, agent) => {
      const row = await readAgent(reader, tenant, agent);
      if (row === undefined || row.sealedSeed === null || row.dataKeyId === null) throw new WritError("not_found");
      const value = { dataKeyId: row.dataKeyId, sealed: row.sealedSeed };
      return createSigner(await keys.openValue(tenant, `agent ${agent}`, 1, value));
    },
  };
}

/** A row as the rest of Writ sees it. */
export function toAgent(row: AgentRow): Agent {
  return {
    id: row.agentId,
    subject: row.subjectId,
    name: row.name,
    did: row.did,
    custody: row.sealedSeed === null ? "agent" : "vault",
    requireProof: row.requireProof === 1,
    groups: JSON.parse(row.groups) as string[],
    status: row.status,
    owner: row.owner as PersonId | null,
    createdAt: row.createdAt,
  };
}

function parseGroups(groups: readonly string[]): string[] {
  if (groups.length > MAX_GROUPS) throw new WritError("invalid_argument", `at most ${MAX_GROUPS} groups`);
  return [...new Set(groups.map((group) => parseName(group, "groups")))].sort();
}

function parseOwnDid(did: string): string {
  return formatDidKey(parseDidKey(did));
}
