import type { Change, Recorder } from "#src/audit/recorder.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { type IdSource, newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { parseName } from "#src/base/names.ts";
import {
  acceptClock,
  insertInstance,
  insertSealKey,
  insertTenant,
  readInstance,
  readTenant,
  readTenantByName,
  readTenants,
  type SealKeyRow,
  setTenantSettings,
  setTenantStatus,
  type TenantRow,
} from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";

/** The instance, its own chain and the subject that stands for whoever holds the host. */
export interface Instance {
  readonly instanceId: string;
  readonly operator: SubjectId;
  /** The tenant whose chain records what is done to the instance itself. */
  readonly tenant: TenantId;
}

/** What a tenant sets for all of its agents. */
export interface TenantSettings {
  /** Whether every writ must come with an invocation that the agent signed; else those agents alone that are enrolled so. */
  readonly requireProof: boolean;
  /** Whether an agent may be told why its ask was decided as it was, with the policies and the values that they saw. */
  readonly explainToAgents: boolean;
}

/** Tenants, and the instance that they live in. */
export interface Tenants {
  /** The instance, made on the first run together with its own chain and the tenant `default`. */
  provision(sealKey: SealKeyRow): Promise<Instance>;
  create(actor: SubjectId, name: string): Promise<TenantRow>;
  list(): Promise<TenantRow[]>;
  /** By id or name; `not_found`. */
  show(idOrName: string): Promise<TenantRow>;
  /** Everything of the tenant is refused from the next request on. */
  disable(actor: SubjectId, tenant: TenantId): Promise<void>;
  enable(actor: SubjectId, tenant: TenantId): Promise<void>;
  /** What holds for all of the tenant's agents from the next request on; `not_found`. */
  configure(actor: SubjectId, tenant: TenantId, changes: Partial<TenantSettings>): Promise<void>;
  /** The operator's word that the clock is right although it is behind a chain's head. */
  acceptClock(instance: Instance): Promise<void>;
}

/** What {@link createTenants} needs. */
export interface TenantsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly ids: IdSource;
  readonly clock: Clock;
}

/** The name of the tenant that a new instance has. */
export const DEFAULT_TENANT = "default";
const INSTANCE_TENANT = "instance";

/** Makes the service of tenants. */
export function createTenants({ recorder, reader, keys, ids, clock }: TenantsDependencies): Tenants {
  const insert = async (
    actor: SubjectId,
    name: string,
    kind: TenantRow["kind"],
    extra: { readonly statements: Change["statements"]; readonly data: Change["data"] } = {
      statements: [],
      data: {},
    },
  ): Promise<TenantRow> => {
    const now = clock.now();
    const row = {
      tenantId: newId("tenant", ids),
      name,
      kind,
      status: "active" as const,
      createdAt: now,
      settings: "{}",
    };
    const dataKey = keys.createDataKey(row.tenantId, now);
    await recorder.record({
      tenant: row.tenantId,
      type: "tenant.created",
      actor,
      statements: [insertTenant(row), dataKey.statement, ...(extra.statements ?? [])],
      data: { name, tenant_kind: kind, data_key: dataKey.dataKeyId, ...extra.data },
      raisesEpoch: true,
    });
    return { ...row, policyVersion: 0, schemaVersion: 0 };
  };

  const provision = async (sealKey: SealKeyRow): Promise<Instance> => {
    const existing = await readInstance(reader);
    if (existing !== undefined) return openInstance(existing.instanceId, existing.operatorSubjectId as SubjectId);
    const operator = newId("subject", ids);
    const instanceId = newId("event", ids).replace("evt_", "ins_");
    const instanceRow = { instanceId, operatorSubjectId: operator, createdAt: clock.now() };
    const tenant = await insert(operator, INSTANCE_TENANT, "instance", {
      statements: [insertInstance(instanceRow), insertSealKey(sealKey)],
      data: { instance: instanceId, seal_key: sealKey.keyId },
    });
    await insert(operator, DEFAULT_TENANT, "customer");
    return { instanceId, operator, tenant: tenant.tenantId };
  };

  const openInstance = async (instanceId: string, operator: SubjectId): Promise<Instance> => {
    const tenant = await readTenantByName(reader, INSTANCE_TENANT);
    if (tenant === undefined) throw new WritError("store_failed", "the instance's own chain is missing");
    // A first run that was cut off between its two commits is finished here.
    if ((await readTenantByName(reader, DEFAULT_TENANT)) === undefined) {
      await insert(operator, DEFAULT_TENANT, "customer");
    }
    return { instanceId, operator, tenant: tenant.tenantId };
  };

  const setStatus = async (actor: SubjectId, tenant: TenantId, status: TenantRow["status"]): Promise<void> => {
    await recorder.record({
      tenant,
      type: status === "disabled" ? "tenant.disabled" : "tenant.enabled",
      actor,
      statements: [setTenantStatus(tenant, status)],
      data: {},
      raisesEpoch: true,
      ignoresClock: status === "disabled",
    });
  };

  return {
    provision,
    create: async (actor, name) => {
      const parsed = parseName(name, "name");
      if ((await readTenantByName(reader, parsed)) !== undefined) throw new WritError("name_taken");
      return insert(actor, parsed, "customer");
    },
    list: () => readTenants(reader),
    show: async (idOrName) => {
      const row = idOrName.startsWith("ten_")
        ? await readTenant(reader, idOrName as TenantId)
        : await readTenantByName(reader, idOrName);
      if (row === undefined) throw new WritError("not_found");
      return row;
    },
    disable: (actor, tenant) => setStatus(actor, tenant, "disabled"),
    enable: (actor, tenant) => setStatus(actor, tenant, "active"),
    configure: async (actor, tenant, changes) => {
      const row = await readTenant(reader, tenant);
      if (row === undefined) throw new WritError("not_found");
      const before = settingsOf(row);
      const { requireProof, explainToAgents } = { ...before, ...changes };
      const text = canonicalize({ requireProof, explainToAgents });
      await recorder.record({
        tenant,
        type: "tenant.configured",
        actor,
        statements: [setTenantSettings(tenant, text)],
        data: { require_proof: requireProof, explain_to_agents: explainToAgents },
        raisesEpoch: true,
      });
    },
    acceptClock: async ({ tenant, operator }) => {
      const now = clock.now();
      await recorder.record({
        tenant,
        type: "clock.accepted",
        actor: operator,
        statements: [acceptClock(now)],
        data: { accepted: toRfc3339(now) },
        ignoresClock: true,
      });
    },
  };
}

/** The settings of a tenant's row, with what holds where nothing was set. */
export function settingsOf(row: TenantRow): TenantSettings {
  const stored = JSON.parse(row.settings) as Partial<TenantSettings>;
  return { requireProof: stored.requireProof === true, explainToAgents: stored.explainToAgents === true };
}
