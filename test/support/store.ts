import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRecorder, type Recorder } from "#src/audit/recorder.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import { type IdSource, newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { createSigner } from "#src/crypto/ed25519.ts";
import { sha256 } from "#src/crypto/hash.ts";
import { publishKey } from "#src/ledger/keys.ts";
import { databasePath } from "#src/store/database.ts";
import { insertInstance, insertSealKey, insertTenant, type SealKeyRow } from "#src/store/instance.ts";
import { openReader, type Reader } from "#src/store/reader.ts";
import type { Statement, Unit, UnitResult } from "#src/store/unit.ts";
import { openWriter, type Writer, type WriterObserver } from "#src/store/writer.ts";
import { revokeWrit } from "#src/store/writs.ts";

/** The seed of the key that seals in tests, and its public half. */
export const SEAL_SEED = sha256("test seal key");
export const SEAL_SIGNER = createSigner(SEAL_SEED);
const FIRST_KEY = publishKey(SEAL_SIGNER, "2026-01-01T00:00:00.000Z");
export const SEAL_KEY_ID = FIRST_KEY.id;

/** A new temporary folder and how to be rid of it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "writ-test-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The row that announces the first seal key. */
export function sealKeyRow(key = FIRST_KEY): SealKeyRow {
  return {
    keyId: key.id,
    publicKey: Uint8Array.fromBase64(key.publicKey),
    at: key.at,
    previous: key.previous ?? null,
    signature: Uint8Array.fromBase64(key.signature),
  };
}

/** Ids that are the same in every run. */
export function countingIds(seed = 1): IdSource {
  let count = seed;
  return {
    now: () => 1_767_225_600_000,
    random: (length) => {
      count += 1;
      return sha256(`ids ${count}`).slice(0, length);
    },
  };
}

/** What a test may set of its store. */
export interface StoreOptions {
  readonly folder: string;
  readonly quotaBytes?: number;
  readonly observer?: WriterObserver;
  /** Where ids begin: give each opening of one folder its own. */
  readonly seed?: number;
}

/** A real writer and reader on a folder, with a wall clock that the test sets. */
export interface TestStore {
  readonly folder: string;
  readonly writer: Writer;
  readonly reader: Reader;
  readonly recorder: Recorder;
  readonly ids: IdSource;
  readonly clock: { time: number; now(): number };
  /** Makes a tenant; the first one makes the instance too. */
  createTenant(name: string, kind?: "instance" | "customer"): Promise<TenantId>;
  /** Submits a unit with an event and nothing else, unless more is given. */
  submit(
    tenant: TenantId,
    unit?: Partial<Unit> & { readonly data?: Parameters<typeof canonicalize>[0] },
  ): Promise<UnitResult>;
  close(): Promise<void>;
}

/** Opens a store, making it where it is new. */
export async function openTestStore({ folder, quotaBytes, observer, seed }: StoreOptions): Promise<TestStore> {
  const clock = { time: 1_767_225_600_000, now: () => clock.time };
  const ids = countingIds(seed);
  const path = databasePath(folder);
  const writer = await openWriter(
    { path, sealKeyId: SEAL_KEY_ID, sealSeed: SEAL_SEED, tenantQuotaBytes: quotaBytes ?? 0 },
    clock.now,
    observer,
  );
  const reader = openReader(path);
  const sealer = { sealPersonal: async (_: TenantId, __: SubjectId, ___: string, text: Uint8Array) => text };
  const recorder = createRecorder({ writer, sealer, ids });
  const submit: TestStore["submit"] = (tenant, { data, ...unit } = {}) =>
    writer.submit({ tenant, statements: [], event: eventDraft(ids, data), ...unit });
  return {
    folder,
    writer,
    reader,
    recorder,
    ids,
    clock,
    submit,
    createTenant: async (name, kind = "customer") => {
      const tenantId = newId("tenant", ids);
      const row = { tenantId, name, kind, status: "active" as const, createdAt: clock.time, settings: "{}" };
      const instance = { instanceId: "ins_test", createdAt: clock.time, operatorSubjectId: newId("subject", ids) };
      const extra = kind === "instance" ? [insertInstance(instance), insertSealKey(sealKeyRow())] : [];
      const statements = [insertTenant(row), ...extra];
      const result = await submit(tenantId, { statements, data: { name }, raisesEpoch: true });
      if (result.kind !== "committed") throw new Error(`the tenant was ${result.reason}`);
      return tenantId;
    },
    close: async () => {
      reader.close();
      await writer.close();
    },
  };
}

/** An event of a test. */
export function eventDraft(
  ids: IdSource,
  data: Parameters<typeof canonicalize>[0] = {},
  type = "test.done",
): Unit["event"] {
  return { id: newId("event", ids), type, actor: newId("subject", ids), dataJson: canonicalize(data) };
}

/** A statement that adds one row, and conflicts when it is applied a second time. */
export function markStatement(tenant: TenantId, mark: string): Statement {
  return revokeWrit(tenant, mark, 0);
}

/** A connection that a tamperer might have. */
export function openForTampering(folder: string): Database {
  return new Database(databasePath(folder), { readwrite: true, strict: true });
}
