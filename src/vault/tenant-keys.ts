import type { PersonalSealer } from "#src/audit/recorder.ts";
import type { Bytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { type IdSource, newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { open, SEALING_KEY_BYTES, seal } from "#src/crypto/sealing.ts";
import { personalBinding } from "#src/ledger/personal.ts";
import type { Reader } from "#src/store/reader.ts";
import { insertDataKey, insertSubjectKey, readDataKeys, readSubjectKey } from "#src/store/secrets.ts";
import type { Statement } from "#src/store/unit.ts";
import type { Keyring } from "./keyring.ts";

/** A value sealed under a tenant's data key, with the id of that key. */
export interface SealedValue {
  readonly dataKeyId: string;
  readonly sealed: Uint8Array;
}

/** Keys per tenant (for secrets) and per subject (for what is personal), unwrapped when first needed and kept in memory. */
export interface TenantKeys extends PersonalSealer {
  /** Gives a tenant its first or next data key, once the statement is committed. */
  createDataKey(tenant: TenantId, now: number): { readonly dataKeyId: string; readonly statement: Statement };
  /**
   * Gives a subject its key. What is personal can be sealed under it at once, in the event that the same unit commits: if
   * that commit fails, nothing that the key sealed exists either.
   */
  createSubjectKey(tenant: TenantId, subject: SubjectId): Statement;
  /** Seals under the tenant's newest data key; `record` and `version` bind the value to its row. */
  sealValue(tenant: TenantId, record: string, version: number, plaintext: Uint8Array): Promise<SealedValue>;
  /** Opens what {@link sealValue} sealed; throws `crypto_failed` for a value of another row. */
  openValue(tenant: TenantId, record: string, version: number, value: SealedValue): Promise<Bytes>;
  /** Opens a personal value; undefined where the subject was erased. */
  openPersonal(tenant: TenantId, subject: SubjectId, binding: string, sealed: Uint8Array): Promise<Bytes | undefined>;
  /**
   * Subjects' keys, for another thread of this process that opens many values at once and forgets them with that work;
   * null for a subject that was erased.
   */
  subjectKeys(tenant: TenantId, subjects: readonly string[]): Promise<ReadonlyMap<string, Uint8Array | null>>;
  /** Forgets what is in memory of a tenant, after its keys were rotated or a subject was erased. */
  forget(tenant: TenantId): void;
}

/** What {@link createTenantKeys} needs. */
export interface TenantKeysDependencies {
  readonly keyring: Keyring;
  readonly reader: Reader;
  readonly ids: IdSource;
}

/** Subjects whose keys stay unwrapped; more are unwrapped again when they are needed. */
const MAX_SUBJECTS = 4096;
/** How long keys are unwrapped before the main thread's other work has its turn, in milliseconds. */
const TURN_MS = 4;

/** Makes the keys of tenants and subjects. */
export function createTenantKeys({ keyring, reader, ids }: TenantKeysDependencies): TenantKeys {
  const dataKeys = new Map<TenantId, ReadonlyMap<string, Bytes>>();
  const subjectKeys = new Map<string, Bytes>();

  const loadDataKeys = async (tenant: TenantId): Promise<ReadonlyMap<string, Bytes>> => {
    const all = await readDataKeys(reader, tenant);
    // The one that seals comes first: the newest that is not retired, which of two of one millisecond only that tells.
    const rows = [...all.filter((row) => row.retiredAt === null), ...all.filter((row) => row.retiredAt !== null)];
    const keys = new Map(rows.map((row) => [row.dataKeyId, keyring.unwrap(tenant, row.dataKeyId, row)]));
    dataKeys.set(tenant, keys);
    return keys;
  };

  const newestDataKey = async (tenant: TenantId): Promise<readonly [id: string, key: Bytes]> => {
    const keys = dataKeys.get(tenant) ?? (await loadDataKeys(tenant));
    const [newest] = keys;
    if (newest === undefined) throw new WritError("key_material_missing", "the tenant has no data key");
    return newest;
  };

  const dataKey = async (tenant: TenantId, id: string): Promise<Bytes> => {
    const key = dataKeys.get(tenant)?.get(id) ?? (await loadDataKeys(tenant)).get(id);
    if (key === undefined) throw new WritError("key_material_missing", `the data key \`${id}\` is not there`);
    return key;
  };

  const rememberSubjectKey = (tenant: TenantId, subject: SubjectId, key: Bytes): void => {
    if (subjectKeys.size >= MAX_SUBJECTS) subjectKeys.clear();
    subjectKeys.set(`${tenant} ${subject}`, key);
  };

  const subjectKey = async (tenant: TenantId, subject: SubjectId): Promise<Bytes | undefined> => {
    const cached = subjectKeys.get(`${tenant} ${subject}`);
    if (cached !== undefined) return cached;
    const row = await readSubjectKey(reader, tenant, subject);
    if (row === undefined) return undefined;
    const key = keyring.unwrap(tenant, subject, row);
    rememberSubjectKey(tenant, subject, key);
    return key;
  };

  return {
    createDataKey: (tenant, now) => {
      const dataKeyId = newId("secret", ids).replace("sec_", "dky_");
      const wrapped = keyring.wrap(tenant, dataKeyId, ids.random(SEALING_KEY_BYTES));
      return {
        dataKeyId,
        statement: insertDataKey(tenant, { dataKeyId, ...wrapped, createdAt: now, retiredAt: null }),
      };
    },
    createSubjectKey: (tenant, subject) => {
      const key = Uint8Array.from(ids.random(SEALING_KEY_BYTES));
      rememberSubjectKey(tenant, subject, key);
      return insertSubjectKey(tenant, { subjectId: subject, ...keyring.wrap(tenant, subject, key) });
    },
    sealValue: async (tenant, record, version, plaintext) => {
      const [dataKeyId, key] = await newestDataKey(tenant);
      return { dataKeyId, sealed: seal(key, plaintext, valueBinding(tenant, record, version)) };
    },
    openValue: async (tenant, record, version, { dataKeyId, sealed }) =>
      open(await dataKey(tenant, dataKeyId), sealed, valueBinding(tenant, record, version)),
    sealPersonal: async (tenant, subject, binding, plaintext) => {
      const key = await subjectKey(tenant, subject);
      if (key === undefined) throw new WritError("key_material_missing", "the subject was erased");
      return seal(key, plaintext, personalBinding(tenant, subject, binding));
    },
    openPersonal: async (tenant, subject, binding, sealed) => {
      const key = await subjectKey(tenant, subject);
      return key === undefined ? undefined : open(key, sealed, personalBinding(tenant, subject, binding));
    },
    subjectKeys: async (tenant, subjects) => {
      const found = new Map<string, Uint8Array | null>();
      let turnEnds = performance.now() + TURN_MS;
      for (const subject of subjects) {
        found.set(subject, (await subjectKey(tenant, subject as SubjectId)) ?? null);
        if (performance.now() < turnEnds) continue;
        await new Promise<void>((resolve) => setImmediate(resolve));
        turnEnds = performance.now() + TURN_MS;
      }
      return found;
    },
    forget: (tenant) => {
      dataKeys.delete(tenant);
      for (const id of subjectKeys.keys()) if (id.startsWith(`${tenant} `)) subjectKeys.delete(id);
    },
  };
}

function valueBinding(tenant: TenantId, record: string, version: number): readonly string[] {
  return ["value", tenant, record, String(version)];
}
