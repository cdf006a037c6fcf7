import { type Checkpoints, createCheckpoints } from "#src/audit/checkpoints.ts";
import { createProofs, type Proofs } from "#src/audit/proofs.ts";
import { newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { silentLog } from "#src/base/log.ts";
import { openTestStore, SEAL_SIGNER, type StoreOptions, type TestStore } from "#test/support/store.ts";

/** A real store with an instance, a tenant, checkpoints and proofs. */
export interface AuditStage {
  readonly store: TestStore;
  readonly instance: TenantId;
  readonly tenant: TenantId;
  readonly actor: SubjectId;
  readonly checkpoints: Checkpoints;
  readonly proofs: Proofs;
  /** Adds so many events, all in as few commits as they come in. */
  add(count: number): Promise<void>;
}

/** Opens a stage on a folder, making what is not there. */
export async function openStage(options: StoreOptions, every: "day" | "hour" = "day"): Promise<AuditStage> {
  const store = await openTestStore(options);
  const existing = await store.reader.all<{ id: TenantId; kind: string }>(
    "SELECT tenant_id AS id, kind FROM tenants ORDER BY kind DESC",
    [],
  );
  const instance =
    existing.find(({ kind }) => kind === "instance")?.id ?? (await store.createTenant("instance", "instance"));
  const tenant = existing.find(({ kind }) => kind === "customer")?.id ?? (await store.createTenant("acme"));
  const { recorder, reader, clock } = store;
  return {
    store,
    instance,
    tenant,
    actor: newId("subject", store.ids),
    checkpoints: createCheckpoints({
      recorder,
      reader,
      clock,
      log: silentLog,
      instance: { instanceId: "ins_test", tenant: instance },
      every,
      signer: async () => SEAL_SIGNER,
    }),
    proofs: createProofs(reader),
    add: async (count) => {
      await Promise.all(Array.from({ length: count }, (_, n) => store.submit(tenant, { data: { n } })));
    },
  };
}
