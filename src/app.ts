import { existsSync, readFileSync } from "node:fs";
import type { Clock } from "#src/base/clock.ts";
import { systemClock } from "#src/base/clock.ts";
import type { IdSource } from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import { createCapacity } from "#src/capacity.ts";
import type { Config } from "#src/config/config.ts";
import type { RawEnvironment } from "#src/config/env.ts";
import { addKey, createMissingKeyFiles, type KeyMaterial, loadKeyMaterial } from "#src/config/key-material.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { type HttpServer, startHttp } from "#src/http/server.ts";
import type { IssuedLink } from "#src/identity/invitations.ts";
import { DEFAULT_TENANT } from "#src/identity/tenants.ts";
import { type AddressPolicy, createAddressPolicy } from "#src/io/addresses.ts";
import { createDialer, type Dialer, listenerAddresses } from "#src/io/dial.ts";
import { ensureFolder } from "#src/io/durable-file.ts";
import { acquireFolderLock } from "#src/io/folder-lock.ts";
import { openTlsAuthority } from "#src/io/tls-authority.ts";
import { createScheduler, type Scheduler } from "#src/scheduler/scheduler.ts";
import { createShutdown } from "#src/scheduler/shutdown.ts";
import { createServices, type Services } from "#src/services.ts";
import { databasePath } from "#src/store/database.ts";
import { readSealKeys, readTenants } from "#src/store/instance.ts";
import { openReader, type Reader } from "#src/store/reader.ts";
import { createReaderPool } from "#src/store/reader-pool.ts";
import { forgetEndedSessions } from "#src/store/sessions.ts";
import { openWriter, type Writer } from "#src/store/writer.ts";
import { forgetExpiredWrits } from "#src/store/writs.ts";
import { createMetrics } from "#src/telemetry/metrics.ts";
import { startProcessMetrics } from "#src/telemetry/process-metrics.ts";
import { createRequestLog } from "#src/telemetry/request-log.ts";
import { createWritMetrics, type WritMetrics } from "#src/telemetry/requests.ts";
import { createTelemetryStore, type TelemetryStore } from "#src/telemetry/telemetry-store.ts";

/** What an application is started with. Clock, ids and resolver are handed in by tests. */
export interface AppOptions {
  readonly config: Config;
  readonly raw: RawEnvironment;
  readonly log: Log;
  /** `tcp`: on its address and the operator's socket; `socket-only`: the operator's socket and nothing else, for a command on a host where no server runs. */
  readonly listen?: "tcp" | "socket-only";
  readonly clock?: Clock;
  readonly ids?: IdSource;
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

/** A running instance. */
export interface App {
  /** Where it listens: `http://127.0.0.1:8620`, or `unix:` and the socket's path where it has that alone. */
  readonly address: string;
  readonly socketPath: string;
  /** Key files that this start made, on a first run. */
  readonly createdKeys: readonly string[];
  readonly services: Services;
  /** A new one-time link for the first owner of the tenant `default`; undefined once there was one. */
  setupLink(): Promise<IssuedLink | undefined>;
  /** Lets what runs end, at most so long, then closes everything in reverse order. */
  stop(graceMs?: number): Promise<void>;
}

const STOP_GRACE_MS = 10_000;
/** What the last steps of a stop get beyond the grace that calls have. */
const CLOSE_MS = 5000;

/**
 * The composition root: from config and keys to services, edges and scheduler.
 *
 * Throws `locked` where another process holds the folder, `key_material_missing` and `key_material_unsafe`,
 * `config_invalid`, `store_failed`. What was started before a failure is stopped again.
 */
export async function startApp(options: AppOptions): Promise<App> {
  const { config, raw, log } = options;
  const clock = options.clock ?? systemClock;
  const ids = options.ids ?? systemIdSource;
  const shutdown = createShutdown(log);
  try {
    // Whatever is made from here on, by SQLite too, is for this user alone.
    process.umask(0o077);
    await ensureFolder(config.dataFolder);
    const lock = acquireFolderLock(config.dataFolder);
    shutdown.add("lock", () => lock.release());
    const location = { dataFolder: config.dataFolder, raw };
    const createdKeys = createMissingKeyFiles(location);
    const keyMaterial = loadKeyMaterial(location);

    const registry = createMetrics();
    const requests = config.keepsTelemetry ? createRequestLog() : undefined;
    const metrics = createWritMetrics(registry, requests);
    shutdown.add("process metrics", startProcessMetrics(registry, clock.now()));
    const telemetry =
      requests === undefined
        ? undefined
        : createTelemetryStore({ dataFolder: config.dataFolder, metrics: registry, log, requests });
    shutdown.add("telemetry", () => telemetry?.close());

    const path = databasePath(config.dataFolder);
    const writer = await startWriter(path, keyMaterial, config, clock, metrics, log);
    shutdown.add("writer", () => writer.close());
    const reader = openReader(path);
    shutdown.add("reader", () => reader.close());
    const pool = createReaderPool(path, { onCrash: (message) => log.error("the reader's thread ended", message) });
    shutdown.add("reader pool", () => pool.close());
    const archivePool = createReaderPool(path, {
      onCrash: (message) => log.error("the archive's thread ended", message),
    });
    shutdown.add("archive pool", () => archivePool.close());

    const capacity = createCapacity(config.dataFolder, config.limits.diskReserveBytes, log);
    await capacity.measure();
    const { dialer, setListeners } = startDialer(config, options.resolve);
    shutdown.add("dialer", () => dialer.close());
    const services = await createServices({
      config,
      clock,
      ids,
      log,
      writer,
      reader,
      pool,
      archivePool,
      dialer,
      metrics,
      capacity,
      keyMaterial,
      addKey: (purpose) => {
        addKey(location, purpose);
        return loadKeyMaterial(location);
      },
    });
    shutdown.add("tally", () => services.tally.flush());
    await settleFormerRun(services, log);

    const scheduler = startScheduler({ services, config, clock, ids, log, metrics, capacity, telemetry });
    shutdown.add("notifications", () => services.notifications.stop());
    shutdown.add("streams", () => services.streams.stop());
    shutdown.add("scheduler", () => scheduler.stop());
    const http = await startHttp({
      services,
      config,
      clock,
      ids,
      log,
      metrics,
      registry,
      telemetry,
      capacity,
      listen: options.listen ?? "tcp",
      ...(config.forward === undefined
        ? {}
        : { forwarding: { dialer, authority: await openTlsAuthority(config.dataFolder, clock) } }),
    });
    setListeners(http);
    return {
      address: http.url ?? `unix:${http.socketPath}`,
      socketPath: http.socketPath,
      createdKeys,
      services,
      setupLink: () => setupLinkOf(services),
      stop: async (graceMs = STOP_GRACE_MS) => {
        await http.stopAccepting();
        await services.gateway.drain(graceMs);
        await http.stop();
        await shutdown.run(CLOSE_MS);
      },
    };
  } catch (error) {
    await shutdown.run(CLOSE_MS);
    throw error;
  }
}

async function setupLinkOf({ tenants, people, invitations, instance }: Services): Promise<IssuedLink | undefined> {
  const { tenantId } = await tenants.show(DEFAULT_TENANT);
  if (await people.hasPasskey(tenantId)) return undefined;
  // One that `writ init` printed a moment ago stays good: the first that is used voids the others.
  return invitations.setUp(tenantId, instance.operator, { keepsOthers: true });
}

/** Opens the writer with the newest seal key that is published: a newer one is announced before it seals. */
async function startWriter(
  path: string,
  keyMaterial: KeyMaterial,
  config: Config,
  clock: Clock,
  metrics: WritMetrics,
  log: Log,
): Promise<Writer> {
  const published = existsSync(path) ? await newestPublishedKey(path) : undefined;
  const key = keyMaterial.seal.find(({ id }) => id === published) ?? keyMaterial.seal.at(-1) ?? keyMaterial.seal[0];
  return openWriter(
    { path, sealKeyId: key.id, sealSeed: key.secret, tenantQuotaBytes: config.limits.tenantQuotaBytes },
    clock.now,
    {
      onCommit: (units, milliseconds) => {
        metrics.commitUnits.observe(units);
        metrics.commitDuration.observe(milliseconds / 1000);
      },
      onFailure: (code, message, undelivered) => {
        metrics.commitFailures.increment();
        log.error("a commit failed", message, { code, undelivered });
      },
    },
  );
}

async function newestPublishedKey(path: string): Promise<string | undefined> {
  let reader: Reader | undefined;
  try {
    reader = openReader(path);
    return (await readSealKeys(reader)).at(-1)?.keyId;
  } catch {
    // A database that a first start left without tables: the writer makes them.
    return undefined;
  } finally {
    reader?.close();
  }
}

function startDialer(
  config: Config,
  resolve: AppOptions["resolve"],
): { readonly dialer: Dialer; setListeners(http: HttpServer): void } {
  const grantedRanges = config.allowRanges.map((range) => range.text);
  let policy: AddressPolicy = createAddressPolicy({ grantedRanges, ownAddresses: [] });
  const caFile = config.upstreamCaFile;
  const dialer = createDialer({
    // The listeners' ports are known once they listen, which is after the dialer is made and before any call is.
    addressPolicy: { check: (address, port) => policy.check(address, port) },
    ...(resolve === undefined ? {} : { resolve }),
    ...(config.upstreamProxy === undefined ? {} : { proxy: new URL(config.upstreamProxy) }),
    ...(caFile === undefined ? {} : { caCertificates: [readFileSync(caFile, "utf8")] }),
  });
  return {
    dialer,
    setListeners: (http) => {
      const listeners = [http.listener, http.forward].filter((listener) => listener !== undefined);
      policy = createAddressPolicy({ grantedRanges, ownAddresses: listeners.flatMap(listenerAddresses) });
    },
  };
}

async function settleFormerRun(services: Services, log: Log): Promise<void> {
  const unknown = await services.gateway.settleOpenCalls();
  if (unknown > 0) log.warn("calls of the former run ended with an unknown outcome", { calls: unknown });
}

interface ScheduledParts {
  readonly services: Services;
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  readonly metrics: WritMetrics;
  readonly capacity: ReturnType<typeof createCapacity>;
  readonly telemetry: TelemetryStore | undefined;
}

/** An ended session is dead at once; its row is kept so long. */
const ENDED_SESSION_MARGIN_MS = 86_400_000;
/** A used writ is remembered this much longer than it is good, for clocks that are set back. */
const USED_WRIT_MARGIN_MS = 3_600_000;

function startScheduler({
  services,
  config,
  clock,
  ids,
  log,
  metrics,
  capacity,
  telemetry,
}: ScheduledParts): Scheduler {
  const { reader, recorder, tally, approvals, emergencies, notifications } = services;
  const scheduler = createScheduler({
    log,
    random: () => new DataView(Uint8Array.from(ids.random(4)).buffer).getUint32(0) / 2 ** 32,
    now: clock.now,
    journal: services.jobs.journal,
    onRun: ({ job, outcome }) => metrics.jobs.increment(job, outcome),
  });
  services.jobs.use(scheduler);
  const eachTenant = async (run: (tenant: Awaited<ReturnType<typeof readTenants>>[number]) => unknown) => {
    for (const tenant of await readTenants(reader)) await run(tenant);
  };
  scheduler.add({ name: "disk space", everyMs: 5000, run: capacity.measure });
  scheduler.add({ name: "tallies", everyMs: 60_000, isKept: true, run: tally.flush });
  scheduler.add({ name: "witnesses", everyMs: 300_000, isKept: true, run: () => services.witnesses.sendNewest() });
  scheduler.add({ name: "checkpoints", everyMs: 60_000, isKept: true, run: () => services.checkpoints.makeDue() });
  if (config.backup !== undefined && config.backupSchedule !== undefined) {
    const make = async (signal: AbortSignal) => void (await services.backups.create("system", { signal }));
    scheduler.add({ name: "backup", cron: config.backupSchedule, isKept: true, run: make });
  } else {
    scheduler.add({ name: "backup", everyMs: 600_000, isKept: true, run: services.backups.createDue });
  }
  scheduler.add({ name: "archive", everyMs: 60_000, isKept: true, run: services.archive.runAll });
  if (telemetry !== undefined) {
    scheduler.add({ name: "telemetry", everyMs: 60_000, run: () => telemetry.snapshot(clock.now()) });
  }
  scheduler.add({
    name: "overdue approvals",
    everyMs: 10_000,
    run: () => eachTenant(({ tenantId }) => approvals.expireOverdue(tenantId)),
  });
  scheduler.add({
    name: "overdue runs",
    everyMs: 10_000,
    run: () => eachTenant(({ tenantId }) => services.runs.endOverdue(tenantId)),
  });
  scheduler.add({ name: "policy bundles", everyMs: 5000, run: services.policyPolling.pollDue });
  scheduler.add({
    name: "escalations",
    everyMs: 5000,
    run: () => eachTenant(({ tenantId }) => approvals.escalateOverdue(tenantId)),
  });
  scheduler.add({
    name: "notifications",
    everyMs: 2000,
    // Not waited for: a channel that hangs would hold up the others' next turn.
    run: () =>
      eachTenant(({ tenantId }) => {
        notifications.deliverDue(tenantId).catch((error: unknown) => log.error("notifications failed", error));
      }),
  });
  scheduler.add({
    name: "streams",
    everyMs: 2000,
    // Not waited for, as notifications are not.
    run: () =>
      eachTenant(({ tenantId }) => {
        services.streams.sendDue(tenantId).catch((error: unknown) => log.error("streams failed", error));
      }),
  });
  scheduler.add({
    name: "overdue emergencies",
    everyMs: 10_000,
    run: () => eachTenant(({ tenantId }) => emergencies.closeOverdue(tenantId)),
  });
  scheduler.add({
    name: "used writs",
    everyMs: 600_000,
    isKept: true,
    run: () =>
      eachTenant(({ tenantId }) => recorder.touch([forgetExpiredWrits(tenantId, clock.now() - USED_WRIT_MARGIN_MS)])),
  });
  scheduler.add({
    name: "ended sessions",
    cron: "17 * * * *",
    isKept: true,
    run: () =>
      eachTenant(({ tenantId }) =>
        recorder.touch([forgetEndedSessions(tenantId, clock.now() - ENDED_SESSION_MARGIN_MS)]),
      ),
  });
  scheduler.start();
  return scheduler;
}
