import type { Recorder } from "#src/audit/recorder.ts";
import { fromBase64, toBase64 } from "#src/base/bytes.ts";
import type { Clock } from "#src/base/clock.ts";
import { invariant, WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import type { KeyPurpose } from "#src/config/key-line.ts";
import type { KeyMaterial } from "#src/config/key-material.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import { publishKey } from "#src/ledger/keys.ts";
import { readAgents, setAgentSeed } from "#src/store/agents.ts";
import { insertSealKey, readSealKeys, readTenants, type SealKeyRow } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import {
  readDataKeys,
  readSecretsUnder,
  readSubjectKeysUnder,
  resealSecret,
  retireDataKey,
  rewrapDataKey,
  rewrapSubjectKey,
} from "#src/store/secrets.ts";
import type { Statement } from "#src/store/unit.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import type { Keyring } from "./keyring.ts";
import type { TenantKeys } from "./tenant-keys.ts";

/** Rotation of every kind of key, while Writ runs. Old keys stay for what they sealed and signed. */
export interface KeyRotation {
  /** Makes a new key of this purpose and puts it to use; its id. */
  rotate(purpose: KeyPurpose, actor: SubjectId): Promise<string>;
  /** Gives a tenant a new data key and seals its secrets anew under it; the new key's id. */
  rotateDataKey(tenant: TenantId, actor: SubjectId): Promise<string>;
  /**
   * Announces every seal key that is held and not published yet, each signed by the one before it, then seals with the
   * newest. Also finishes a rotation that was cut off, or that was made outside by adding a key to the environment.
   */
  publishSealKeys(actor: SubjectId): Promise<void>;
  /** The key that seals and checkpoints are signed with: the newest that is published. */
  signer(): Promise<Signer>;
  /** Published seal keys, oldest first. */
  published(): Promise<SealKeyRow[]>;
}

/** What {@link createKeyRotation} needs. */
export interface KeyRotationDependencies {
  readonly keyring: Keyring;
  readonly keys: TenantKeys;
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly clock: Clock;
  /** The instance's own chain. */
  readonly instanceTenant: TenantId;
  /** Adds a key where the instance keeps its material and returns all of it. */
  readonly addKey: (purpose: KeyPurpose) => KeyMaterial;
  readonly useSealKey: (id: string, seed: Uint8Array) => void;
}

/** Rows that one unit changes: bounds how long a commit takes. */
const ROWS_PER_UNIT = 200;

/** The row that announces the first seal key of an instance: signed by itself. */
export function firstSealKey(keyring: Keyring): SealKeyRow {
  const oldest = keyring.sealSigners().at(-1);
  invariant(oldest !== undefined, "there is a seal key");
  const published = publishKey(oldest.signer, toMilliseconds(oldest.at));
  return {
    keyId: published.id,
    publicKey: oldest.signer.publicKey,
    at: published.at,
    previous: null,
    signature: fromBase64(published.signature),
  };
}

/** Makes the service of rotation. */
export function createKeyRotation(dependencies: KeyRotationDependencies): KeyRotation {
  const { keyring, keys, recorder, reader, clock, instanceTenant, addKey, useSealKey } = dependencies;

  const publishSealKeys = async (actor: SubjectId): Promise<void> => {
    const rows = await readSealKeys(reader);
    const known = new Set(rows.map((row) => row.keyId));
    let previous = rows.at(-1)?.keyId;
    for (const next of keyring.sealSigners().toReversed()) {
      if (known.has(next.id)) continue;
      const before = keyring.sealSigners().find((signer) => signer.id === previous);
      if (before === undefined) {
        throw new WritError(
          "key_material_missing",
          `the seal key \`${previous}\` must be here to announce its successor`,
        );
      }
      await announce(actor, publishKey(next.signer, toMilliseconds(next.at), before.signer));
      useSealKey(next.id, seedOf(next.id));
      previous = next.id;
    }
  };

  /** In every chain, while the old key still seals: whoever trusts the old key learns of the new one from it. */
  const announce = async (actor: SubjectId, key: ReturnType<typeof publishKey>): Promise<void> => {
    const row: SealKeyRow = {
      keyId: key.id,
      publicKey: fromBase64(key.publicKey),
      at: key.at,
      previous: key.previous ?? null,
      signature: fromBase64(key.signature),
    };
    const data = {
      purpose: "seal",
      key: key.id,
      public_key: key.publicKey,
      previous: key.previous,
      signature: toBase64(row.signature),
      key_at: key.at,
    };
    for (const { tenantId } of await readTenants(reader)) {
      if (tenantId === instanceTenant) continue;
      await recorder.record({ tenant: tenantId, type: "key.rotated", actor, data });
    }
    await recorder.record({
      tenant: instanceTenant,
      type: "key.rotated",
      actor,
      data,
      statements: [insertSealKey(row)],
    });
  };

  const seedOf = (id: string): Uint8Array => {
    const seed = keyring.sealSeed(id);
    invariant(seed !== undefined, "a seal key that is held has a seed");
    return seed;
  };

  const rewrapAll = async (actor: SubjectId, from: readonly string[]): Promise<void> => {
    for (const { tenantId } of await readTenants(reader)) {
      const statements = (await Promise.all(from.map((id) => rewrapTenant(tenantId, id)))).flat();
      for (let i = 0; i < statements.length || i === 0; i += ROWS_PER_UNIT) {
        await recorder.record({
          tenant: tenantId,
          type: "key.rotated",
          actor,
          statements: statements.slice(i, i + ROWS_PER_UNIT),
          data: {
            purpose: "master",
            key: keyring.masterKeyId,
            rewrapped: Math.min(ROWS_PER_UNIT, statements.length - i),
          },
        });
      }
    }
  };

  const rewrapTenant = async (tenant: TenantId, from: string): Promise<Statement[]> => {
    const dataKeys = (await readDataKeys(reader, tenant)).filter((row) => row.masterKeyId === from);
    const subjectKeys = await readSubjectKeysUnder(reader, tenant, from);
    return [
      ...dataKeys.map((row) =>
        rewrapDataKey(
          tenant,
          { ...row, ...keyring.wrap(tenant, row.dataKeyId, keyring.unwrap(tenant, row.dataKeyId, row)) },
          from,
        ),
      ),
      ...subjectKeys.map((row) =>
        rewrapSubjectKey(
          tenant,
          { ...row, ...keyring.wrap(tenant, row.subjectId, keyring.unwrap(tenant, row.subjectId, row)) },
          from,
        ),
      ),
    ];
  };

  const announceUcan = async (actor: SubjectId): Promise<void> => {
    for (const { tenantId } of await readTenants(reader)) {
      await recorder.record({
        tenant: tenantId,
        type: "key.rotated",
        actor,
        data: { purpose: "ucan", key: keyring.ucanKeyId, did: didOfSigner(keyring.ucanSigner(tenantId)) },
        raisesEpoch: true,
      });
    }
  };

  return {
    publishSealKeys,
    published: () => readSealKeys(reader),
    signer: async () => {
      const newest = (await readSealKeys(reader)).at(-1)?.keyId;
      const held = keyring.sealSigners().find(({ id }) => id === newest);
      if (held === undefined) throw new WritError("key_material_missing", `the seal key \`${newest}\` is not here`);
      return held.signer;
    },
    rotate: async (purpose, actor) => {
      const former = keyring.masterKeyIds();
      keyring.replaceMaterial(addKey(purpose));
      switch (purpose) {
        case "seal":
          await publishSealKeys(actor);
          return keyring.sealKey.id;
        case "master":
          await rewrapAll(actor, former);
          return keyring.masterKeyId;
        case "ucan":
          await announceUcan(actor);
          return keyring.ucanKeyId;
      }
    },
    rotateDataKey: async (tenant, actor) => {
      const now = clock.now();
      const old = (await readDataKeys(reader, tenant)).filter((row) => row.retiredAt === null);
      const { dataKeyId, statement } = keys.createDataKey(tenant, now);
      await recorder.record({
        tenant,
        type: "key.rotated",
        actor,
        statements: [statement, ...old.map((row) => retireDataKey(tenant, row.dataKeyId, now))],
        data: { purpose: "data", key: dataKeyId, retired: old.map((row) => row.dataKeyId) },
      });
      keys.forget(tenant);
      for (const row of old) await resealUnder(tenant, actor, row.dataKeyId);
      return dataKeyId;
    },
  };

  async function resealUnder(tenant: TenantId, actor: SubjectId, from: string): Promise<void> {
    const statements: Statement[] = [];
    for (const row of await readSecretsUnder(reader, tenant, from)) {
      const opened = await keys.openValue(tenant, row.secretId, row.version, row);
      const sealed = await keys.sealValue(tenant, row.secretId, row.version, opened);
      statements.push(resealSecret(tenant, { ...row, ...sealed }, from));
    }
    for (const agent of await readAgents(reader, tenant, "", Number.MAX_SAFE_INTEGER)) {
      if (agent.sealedSeed === null || agent.dataKeyId !== from) continue;
      const value = { dataKeyId: agent.dataKeyId, sealed: agent.sealedSeed };
      const opened = await keys.openValue(tenant, `agent ${agent.agentId}`, 1, value);
      const sealed = await keys.sealValue(tenant, `agent ${agent.agentId}`, 1, opened);
      statements.push(setAgentSeed(tenant, agent.agentId, sealed.sealed, sealed.dataKeyId));
    }
    for (let i = 0; i < statements.length; i += ROWS_PER_UNIT) {
      const slice = statements.slice(i, i + ROWS_PER_UNIT);
      await recorder.record({
        tenant,
        type: "key.resealed",
        actor,
        statements: slice,
        data: { from, values: slice.length },
      });
    }
  }
}

/** Key times are RFC 3339 with or without milliseconds; announcements always have them. */
function toMilliseconds(at: string): string {
  return new Date(at).toISOString();
}
