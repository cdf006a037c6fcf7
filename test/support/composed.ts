import { existsSync } from "node:fs";
import { join } from "node:path";
import type { EventView } from "#src/audit/event-view.ts";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { WritError } from "#src/base/errors.ts";
import type { IdSource } from "#src/base/ids.ts";
import { createLog } from "#src/base/log.ts";
import { type Limits, parseConfig } from "#src/config/config.ts";
import { readEnvironment } from "#src/config/env.ts";
import { addKey, createMissingKeyFiles, loadKeyMaterial } from "#src/config/key-material.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { createAddressPolicy } from "#src/io/addresses.ts";
import { createDialer } from "#src/io/dial.ts";
import { ensureFolder } from "#src/io/durable-file.ts";
import { createServices, type Services } from "#src/services.ts";
import { databasePath } from "#src/store/database.ts";
import { readSealKeys } from "#src/store/instance.ts";
import { openReader } from "#src/store/reader.ts";
import { createReaderPool } from "#src/store/reader-pool.ts";
import type { Unit } from "#src/store/unit.ts";
import { openWriter, type Writer } from "#src/store/writer.ts";
import { createMetrics } from "#src/telemetry/metrics.ts";
import { createWritMetrics } from "#src/telemetry/requests.ts";
import { temporaryFolder } from "#test/support/store.ts";
import { createTenantHelper, type TestTenant } from "./tenant.ts";

/** A wall clock that stands until a test moves it. */
export interface TestClock {
  time: number;
  now(): number;
  advance(milliseconds: number): void;
}

/** What a test may set of its instance. */
export interface InstanceOptions {
  readonly clock?: TestClock;
  readonly ids?: IdSource;
  /** The resolver of names; without one no name resolves. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  readonly limits?: Partial<Limits>;
  /** An existing data folder, which `stop` then leaves. */
  readonly folder?: string;
  /** Ranges that upstreams may be in besides public ones; loopback unless given. */
  readonly grantedRanges?: readonly string[];
}

/** Stands between the services and the writer's thread. */
export interface WriterHooks {
  /** Called with each unit before it is submitted; what it awaits happens between a decision and its record. */
  beforeSubmit: ((unit: Unit) => Promise<void>) | undefined;
}

/** A whole Writ without its edges: real writer thread, real reader, real keys, in a temporary folder. */
export interface TestInstance {
  readonly folder: string;
  readonly clock: TestClock;
  readonly services: Services;
  readonly hooks: WriterHooks;
  /** Lines that were logged. */
  readonly logged: readonly string[];
  /** Set to have every grant refused as on a full disk. */
  readonly disk: { full: boolean };
  /** The tenant `default`, or a new one of that name. */
  tenant(name?: string): Promise<TestTenant>;
  /** Events of a tenant, oldest first, personal members opened. */
  events(tenant: TestTenant, after?: number): Promise<EventView[]>;
  /** Closes everything at once, as a crash would; the folder stays. */
  halt(): Promise<void>;
  /** Closes everything, has the folder verified, and removes it. */
  stop(): Promise<void>;
}

const START = Date.parse("2026-12-01T09:00:00.000Z");

/** A clock that stands at `time`. */
export function createTestClock(time = START): TestClock {
  const clock: TestClock = {
    time,
    now: () => clock.time,
    advance: (milliseconds) => {
      clock.time += milliseconds;
    },
  };
  return clock;
}

/** Composes an instance as the application does, without HTTP. */
export async function startInstance(options: InstanceOptions = {}): Promise<TestInstance> {
  const temporary = options.folder === undefined ? temporaryFolder() : undefined;
  const folder = options.folder ?? join(temporary?.path ?? "", "data");
  const clock = options.clock ?? createTestClock();
  const ids = options.ids ?? { now: () => clock.now(), random: randomBytes };
  const raw = readEnvironment({ WRIT_DATA: folder });
  const parsed = parseConfig(raw);
  const config = { ...parsed, limits: { ...parsed.limits, ...options.limits } };
  const logged: string[] = [];
  const log = createLog((line) => logged.push(line), "debug", clock.now);
  await ensureFolder(folder);
  createMissingKeyFiles({ dataFolder: folder, raw });
  const keyMaterial = loadKeyMaterial({ dataFolder: folder, raw });
  const path = databasePath(folder);
  const published = existsSync(path) ? await newestSealKey(path) : undefined;
  const sealKey = keyMaterial.seal.find(({ id }) => id === published) ?? keyMaterial.seal.at(-1) ?? keyMaterial.seal[0];
  const writer = await openWriter(
    { path, sealKeyId: sealKey.id, sealSeed: sealKey.secret, tenantQuotaBytes: config.limits.tenantQuotaBytes },
    clock.now,
  );
  const hooks: WriterHooks = { beforeSubmit: undefined };
  const reader = openReader(path);
  const pool = createReaderPool(path);
  const dialer = createDialer({
    addressPolicy: createAddressPolicy({
      grantedRanges: options.grantedRanges ?? ["127.0.0.0/8", "::1"],
      ownAddresses: [],
    }),
    resolve: options.resolve ?? (async (host) => Promise.reject(new Error(`no address for ${host}`))),
  });
  const disk = { full: false };
  const services = await createServices({
    config,
    clock,
    ids,
    log,
    writer: hookWriter(writer, hooks),
    reader,
    pool,
    dialer,
    metrics: createWritMetrics(createMetrics()),
    capacity: {
      check: () => {
        if (disk.full) throw new WritError("disk_full");
      },
      measure: async () => undefined,
      freeBytes: () => Number.MAX_SAFE_INTEGER,
    },
    keyMaterial,
    addKey: (purpose) => {
      addKey({ dataFolder: folder, raw }, purpose, { now: Date.now, random: randomBytes });
      return loadKeyMaterial({ dataFolder: folder, raw });
    },
  });
  let halted = false;
  const halt = async (): Promise<void> => {
    if (halted) return;
    halted = true;
    dialer.close();
    await pool.close();
    reader.close();
    await writer.close();
  };
  return {
    folder,
    clock,
    services,
    hooks,
    logged,
    disk,
    tenant: (name) => createTenantHelper(services, name),
    events: (tenant, after = 0) => readEvents(services, tenant, after),
    halt,
    stop: async () => {
      await services.gateway.drain(2000);
      await halt();
      const report = await verifyDataFolder(folder);
      temporary?.remove();
      if (!report.ok) throw new Error(`the folder does not verify: ${JSON.stringify(report)}`);
    },
  };
}

function hookWriter(writer: Writer, hooks: WriterHooks): Writer {
  return {
    ...writer,
    submit: async (unit) => {
      await hooks.beforeSubmit?.(unit);
      return writer.submit(unit);
    },
  };
}

async function newestSealKey(path: string): Promise<string | undefined> {
  const reader = openReader(path);
  try {
    return (await readSealKeys(reader)).at(-1)?.keyId;
  } finally {
    reader.close();
  }
}

async function readEvents({ audit }: Services, tenant: TestTenant, after: number): Promise<EventView[]> {
  const events: EventView[] = [];
  let before: number | undefined;
  for (;;) {
    const page = await audit.list(
      tenant.id,
      {},
      { limit: 500, ...(before === undefined ? {} : { before }) },
      { openPersonal: true },
    );
    events.push(...page.events.filter(({ seq }) => seq > after));
    if (page.next === undefined || (page.events.at(-1)?.seq ?? 0) <= after) return events.reverse();
    before = page.next;
  }
}
