import { join } from "node:path";
import { type Archive, createArchive } from "#src/archive/archive.ts";
import type { ArchiveDependencies } from "#src/archive/dependencies.ts";
import { createLog } from "#src/base/log.ts";
import type { ObjectStore } from "#src/io/object-store.ts";
import { createFolderStore } from "#src/io/object-store-folder.ts";
import { databasePath } from "#src/store/database.ts";
import { readTenants } from "#src/store/instance.ts";
import { createReaderPool } from "#src/store/reader-pool.ts";
import { openTestStore, SEAL_SIGNER, type TestStore, temporaryFolder } from "#test/support/store.ts";

/** A real store, writer and reader's thread, and an archive in a folder beside them. */
export interface ArchiveStage {
  readonly folder: string;
  readonly lake: string;
  readonly store: TestStore;
  readonly archive: Archive;
  readonly objects: ObjectStore;
  readonly dependencies: ArchiveDependencies;
  /** The same with another store or other settings. */
  withArchive(options: Partial<ArchiveDependencies>): Archive;
  /** Closes all and removes the folder. */
  close(): Promise<void>;
}

export const DAY = 86_400_000;
const NO_LOCK = {
  lock: undefined,
  legalHold: false,
  retentionSeconds: 2557 * 86_400,
  graceSeconds: 30 * 86_400,
  prunes: false,
} as const;

/** Sets one up. */
export async function openStage(options: Partial<ArchiveDependencies> = {}): Promise<ArchiveStage> {
  const temporary = temporaryFolder();
  const folder = join(temporary.path, "data");
  const lake = join(temporary.path, "lake");
  await Bun.write(join(folder, ".keep"), "");
  const store = await openTestStore({ folder });
  const pool = createReaderPool(databasePath(folder));
  const objects = createFolderStore(lake);
  const dependencies: ArchiveDependencies = {
    recorder: store.recorder,
    reader: store.reader,
    pool,
    clock: store.clock,
    log: createLog(() => undefined, "error"),
    instanceId: "ins_test",
    signer: async () => SEAL_SIGNER,
    checkCapacity: () => undefined,
    listTenants: async () => (await readTenants(store.reader)).map(({ tenantId }) => tenantId),
    store: objects,
    config: NO_LOCK,
    stagingFolder: join(folder, "archive-staging"),
    ...options,
  };
  return {
    folder,
    lake,
    store,
    objects,
    dependencies,
    archive: createArchive(dependencies, dependencies),
    withArchive: (changed) => createArchive({ ...dependencies, ...changed }, { ...dependencies, ...changed }),
    close: async () => {
      await pool.close();
      await store.close();
      temporary.remove();
    },
  };
}

/** A store whose operations can be made to go wrong. */
export interface FaultyStore extends ObjectStore {
  /** Called before each operation; what it throws is what the store answers. */
  before: (operation: "put" | "get" | "head" | "delete", key: string) => void;
  /** Called after a put; what it throws hides that the put was done. */
  after: (key: string) => void;
}

/** Wraps a store. */
export function faulty(store: ObjectStore): FaultyStore {
  const wrapped: FaultyStore = {
    ...store,
    before: () => undefined,
    after: () => undefined,
    put: async (key, body, options) => {
      wrapped.before("put", key);
      await store.put(key, body, options);
      wrapped.after(key);
    },
    get: async (key, range) => {
      wrapped.before("get", key);
      return store.get(key, range);
    },
    head: async (key) => {
      wrapped.before("head", key);
      return store.head(key);
    },
    delete: async (key) => {
      wrapped.before("delete", key);
      return store.delete(key);
    },
  };
  return wrapped;
}

/** Every key of a store. */
export async function keysOf(store: ObjectStore, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}
