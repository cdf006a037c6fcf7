import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { Recorder } from "#src/audit/recorder.ts";
import { toBase64, toHex } from "#src/base/bytes.ts";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { IdSource, TenantId } from "#src/base/ids.ts";
import type { StoreLocation } from "#src/config/archive-config.ts";
import { derivePassphraseKey } from "#src/crypto/passphrase.ts";
import { STREAM_NONCE_BYTES } from "#src/crypto/sealed-stream.ts";
import { seal } from "#src/crypto/sealing.ts";
import { ensureFolder } from "#src/io/durable-file.ts";
import { bodyOfFile, PART_BYTES } from "#src/io/object-store.ts";
import type { S3Dependencies } from "#src/io/object-store-call.ts";
import { openObjectStore } from "#src/io/object-store-open.ts";
import { type BackupRecipient, encodeBackupHeader } from "#src/store/jobs/backup-format.ts";
import type { ReaderPool } from "#src/store/reader-pool.ts";
import { backupName, timeOfBackup } from "./backup-key.ts";
import { DAY_MS } from "./layout.ts";
import { putVerified } from "./upload.ts";
import type { Actor } from "./write.ts";

/** What is asked of a backup. */
export interface BackupRequest {
  /** A folder of this machine; where the settings say unless given. */
  readonly to?: string;
  /** Lets whoever knows it open the backup, besides whoever holds the master key. */
  readonly passphrase?: string;
  /** Whether the key files go with it: only under a passphrase. */
  readonly withKeys?: boolean;
  readonly signal?: AbortSignal;
}

/** A backup that was made. */
export interface Backup {
  readonly name: string;
  readonly store: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly madeAt: string;
}

/** Copies of the instance, sealed. */
export interface Backups {
  /** Makes one, puts it where it belongs, reads it back and compares it. */
  create(actor: Actor, request: BackupRequest): Promise<Backup>;
  /** Makes one where the settings say where to and the newest there is a day old. */
  createDue(signal: AbortSignal): Promise<void>;
}

/** What {@link createBackups} needs. */
export interface BackupsDependencies {
  readonly recorder: Recorder;
  readonly pool: ReaderPool;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly instance: { readonly instanceId: string; readonly tenant: TenantId };
  /** Wraps a stream's key under the master key. */
  readonly wrapKey: (key: Uint8Array) => { readonly masterKeyId: string; readonly wrapped: Uint8Array };
  readonly checkCapacity: () => void;
  /** Where backups go unless a request says; undefined: nowhere. */
  readonly location: StoreLocation | undefined;
  readonly dataFolder: string;
  readonly stagingFolder: string;
  readonly network: S3Dependencies;
}

const KEY_FILES = ["keys/master.key", "keys/ucan.key", "keys/seal.key"];
const KEY_BYTES = 32;
const SALT_BYTES = 16;

/** What a stream's key is wrapped for, by a passphrase. */
export const PASSPHRASE_BINDING: readonly string[] = ["backup", "passphrase"];

/** Makes the service. */
export function createBackups(dependencies: BackupsDependencies): Backups {
  const { recorder, pool, clock, ids, instance, dataFolder, stagingFolder, network } = dependencies;
  let tail: Promise<unknown> = Promise.resolve();

  const recipientsOf = async (key: Uint8Array, passphrase: string | undefined): Promise<BackupRecipient[]> => {
    const { masterKeyId, wrapped } = dependencies.wrapKey(key);
    const recipients: BackupRecipient[] = [{ kind: "master", id: masterKeyId, wrapped: toBase64(wrapped) }];
    if (passphrase === undefined) return recipients;
    const salt = ids.random(SALT_BYTES);
    const wrapping = await derivePassphraseKey(passphrase, salt);
    recipients.push({
      kind: "passphrase",
      salt: toBase64(salt),
      wrapped: toBase64(seal(wrapping, key, PASSPHRASE_BINDING)),
    });
    return recipients;
  };

  const make = async (actor: Actor, { to, passphrase, withKeys = false, signal }: BackupRequest): Promise<Backup> => {
    const location = to === undefined ? dependencies.location : ({ kind: "folder", path: to } as const);
    if (location === undefined) {
      throw new WritError("invalid_argument", "say where to: a folder, or `WRIT_BACKUP_URL` in the settings");
    }
    if (withKeys && passphrase === undefined) {
      throw new WritError("invalid_argument", "keys go into a backup under a passphrase alone");
    }
    dependencies.checkCapacity();
    await ensureFolder(stagingFolder);
    const madeAt = toRfc3339(clock.now());
    const key = ids.random(KEY_BYTES);
    const nonce = ids.random(STREAM_NONCE_BYTES);
    const recipients = await recipientsOf(key, passphrase);
    const header = encodeBackupHeader({ instance: instance.instanceId, madeAt, nonce, recipients });
    const path = join(stagingFolder, `backup-${toHex(ids.random(4))}`);
    try {
      const files = [...(await listSpool(dataFolder)), ...(withKeys ? listKeys(dataFolder) : [])];
      const input = { snapshot: `${path}.db`, path, header, key, nonce, files, partBytes: PART_BYTES };
      const { result } = await pool.run("backup", input, signal === undefined ? {} : { signal });
      const store = openObjectStore(location, network);
      const name = backupName(instance.instanceId, madeAt);
      const options = { contentType: "application/octet-stream", lock: undefined, signal };
      await putVerified(store, name, bodyOfFile(path, result), options);
      const backup = { name, store: store.description, bytes: result.bytes, sha256: result.sha256, madeAt };
      await recorder.record({
        tenant: instance.tenant,
        type: "backup.made",
        actor,
        data: { name, bytes: backup.bytes, sha256: backup.sha256, files: result.files, with_keys: withKeys },
        ignoresClock: true,
      });
      return backup;
    } finally {
      await rm(path, { force: true });
    }
  };

  const create: Backups["create"] = (actor, request) => {
    const run = tail.then(() => make(actor, request));
    tail = run.catch(() => undefined);
    return run;
  };

  return {
    create,
    createDue: async (signal) => {
      if (dependencies.location === undefined) return;
      const dayAgo = timeOfBackup(backupName(instance.instanceId, toRfc3339(clock.now() - DAY_MS))) ?? "";
      for await (const { key } of openObjectStore(dependencies.location, network).list(
        `writ-${instance.instanceId}-`,
      )) {
        if ((timeOfBackup(key) ?? "") > dayAgo) return;
      }
      await create("system", { signal });
    },
  };
}

function listKeys(dataFolder: string): { readonly name: string; readonly path: string }[] {
  return KEY_FILES.map((name) => ({ name, path: join(dataFolder, name) })).filter(({ path }) => existsSync(path));
}

async function listSpool(dataFolder: string): Promise<{ readonly name: string; readonly path: string }[]> {
  const folder = join(dataFolder, "spool");
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sealed"))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ name: relative(dataFolder, path).split(sep).join("/"), path }));
}
