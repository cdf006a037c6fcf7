import { accessSync, constants, lstatSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError, messageOf } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { type Config, parseConfig } from "#src/config/config.ts";
import type { RawEnvironment } from "#src/config/env.ts";
import { loadKeyMaterial } from "#src/config/key-material.ts";
import { readFreeSpace } from "#src/io/durable-file.ts";
import { parseEvent } from "#src/ledger/event.ts";
import { readOpenCalls } from "#src/store/calls.ts";
import { CLOCK_TOLERANCE_MS } from "#src/store/committer.ts";
import { databasePath, openForVerifying } from "#src/store/database.ts";
import { searchEvents } from "#src/store/events.ts";
import { readTenants } from "#src/store/instance.ts";
import { readStaleTenants } from "#src/store/policy-bundles.ts";
import { createReader, type Reader } from "#src/store/reader.ts";
import { checkArchive } from "./archive-check.ts";
import { checkChainTail, readTrustedKeys } from "./chain-tail.ts";
import { readServedCertificate, readServerProblems } from "./client.ts";
import type { CommandContext } from "./command.ts";
import type { Finding } from "./health-finding.ts";
import { checkJobs, checkStreams } from "./stream-check.ts";

const TAIL_EVENTS = 1000;
const MAX_ATTEMPTS = 3;
const DAY_MS = 86_400_000;
const WARN_DAYS = 21;

/** Everything there is to look at, in order; what depends on something that fails is left out. */
export async function* runChecks(context: CommandContext): AsyncGenerator<Finding, void> {
  let raw: RawEnvironment;
  let config: Config;
  try {
    raw = context.environment();
    config = parseConfig(raw);
  } catch (error) {
    yield { state: "fail", what: "settings", why: messageOf(error) };
    return;
  }
  yield { state: "ok", what: "settings", why: `${raw.settings.size} set` };
  const folder = checkFolder(config.dataFolder);
  yield folder;
  const problems = await readServerProblems(config.dataFolder);
  const isRunning = problems !== undefined;
  yield checkKeys(config, raw, isRunning);
  if (folder.state === "fail") return;
  yield await checkDisk(config);
  yield describeServer(problems);
  if (config.tls !== undefined) yield await checkTls(config, isRunning);
  yield* checkDatabase(config.dataFolder, isRunning, config.archive !== undefined);
}

function describeServer(problems: readonly string[] | undefined): Finding {
  const what = "server";
  if (problems === undefined) return { state: "warn", what, why: "none runs on this data folder" };
  if (problems.length > 0) return { state: "fail", what, why: `not ready: ${problems.join("; ")}` };
  return { state: "ok", what, why: "ready, on the operator's socket" };
}

function checkFolder(path: string): Finding {
  const what = "data folder";
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return { state: "fail", what, why: `\`${resolve(path)}\` is not there: \`writ init\`` };
  if (!status.isDirectory()) return { state: "fail", what, why: `\`${path}\` is not a folder` };
  const user = process.geteuid?.();
  if (user !== undefined && user !== 0 && status.uid !== user)
    return { state: "fail", what, why: "belongs to another user" };
  if ((status.mode & 0o077) !== 0) {
    return { state: "fail", what, why: `others can enter it: \`chmod 700 ${resolve(path)}\`` };
  }
  try {
    for (const file of [path, databasePath(path)]) {
      if (statSync(file, { throwIfNoEntry: false }) !== undefined) accessSync(file, constants.W_OK);
    }
  } catch (error) {
    return { state: "fail", what, why: `cannot be written: ${messageOf(error)}` };
  }
  return { state: "ok", what, why: resolve(path) };
}

/**
 * Loading checks owners and modes, and that each key is what its id says. Keys that a service manager hands to the server
 * alone cannot be seen from here.
 */
function checkKeys({ dataFolder }: Config, raw: RawEnvironment, isRunning: boolean): Finding {
  try {
    const { master, ucan, seal, sources } = loadKeyMaterial({ dataFolder, raw });
    const why = `master ${master[0].id} (${sources.master}), ucan ${ucan[0].id} (${sources.ucan}), seal ${seal[0].id} (${sources.seal})`;
    return { state: "ok", what: "keys", why };
  } catch (error) {
    if (isRunning && isWritError(error, "key_material_missing")) {
      return { state: "warn", what: "keys", why: "none to be seen from here; the server that runs has them" };
    }
    return { state: "fail", what: "keys", why: messageOf(error) };
  }
}

async function checkDisk({ dataFolder, limits }: Config): Promise<Finding> {
  const { freeBytes } = await readFreeSpace(dataFolder);
  const reserve = limits.diskReserveBytes;
  const why = `${mebibytes(freeBytes)} free, the reserve is ${mebibytes(reserve)}`;
  if (freeBytes <= reserve) return { state: "fail", what: "disk", why: `${why}: nothing new is granted` };
  return { state: freeBytes < 2 * reserve ? "warn" : "ok", what: "disk", why };
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}

async function checkTls(config: Config, isRunning: boolean): Promise<Finding> {
  const what = "tls";
  try {
    if (config.tls !== undefined) for (const path of [config.tls.certFile, config.tls.keyFile]) readFileSync(path);
    if (!isRunning || config.listen.port === 0) {
      return { state: "warn", what, why: "the certificate is looked at where it is served, and no server runs" };
    }
    const { validFrom, validTo } = await readServedCertificate(config.listen);
    const days = Math.floor((validTo - Date.now()) / DAY_MS);
    if (validFrom > Date.now()) return { state: "fail", what, why: "the certificate is not valid yet" };
    if (days < 0) return { state: "fail", what, why: `the certificate expired on ${toRfc3339(validTo)}` };
    const why = `the certificate is good until ${toRfc3339(validTo)}, ${days} days`;
    return { state: days < WARN_DAYS ? "warn" : "ok", what, why };
  } catch (error) {
    return { state: "fail", what, why: messageOf(error) };
  }
}

async function* checkDatabase(
  dataFolder: string,
  isRunning: boolean,
  hasArchive: boolean,
): AsyncGenerator<Finding, void> {
  const path = databasePath(dataFolder);
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    yield { state: "ok", what: "chain", why: "nothing is recorded yet" };
    return;
  }
  // What was read while a server began to write may be of two states: then it is read again.
  for (let attempt = 1; ; attempt += 1) {
    const { findings, isSettled } = await examineDatabase(path, isRunning, hasArchive);
    if (!isSettled && attempt < MAX_ATTEMPTS) continue;
    yield* findings;
    return;
  }
}

async function examineDatabase(path: string, isRunning: boolean, hasArchive: boolean) {
  const findings: Finding[] = [];
  let isSettled = (): boolean => true;
  let reader: Reader | undefined;
  try {
    const opened = openForVerifying(path);
    isSettled = opened.isSettled;
    reader = createReader(opened.db);
    for await (const finding of checkChains(reader)) findings.push(finding);
    findings.push(await checkOpenCalls(reader, isRunning));
    for await (const finding of checkArchive(reader, hasArchive)) findings.push(finding);
    findings.push(await checkPolicyAge(reader));
    for await (const finding of checkStreams(reader)) findings.push(finding);
    for await (const finding of checkJobs(reader, isRunning)) findings.push(finding);
  } catch (error) {
    findings.push({ state: "fail", what: "chain", why: messageOf(error) });
  } finally {
    reader?.close();
  }
  return { findings, isSettled: isSettled() };
}

async function* checkChains(reader: Reader): AsyncGenerator<Finding, void> {
  const keys = await readTrustedKeys(reader);
  const tenants = await readTenants(reader);
  let events = 0;
  let newest = 0;
  let problems = 0;
  for (const { tenantId, name } of tenants) {
    const tail = await checkChainTail(reader, tenantId, keys, TAIL_EVENTS);
    events += tail?.events ?? 0;
    newest = Math.max(newest, tail?.at ?? 0);
    const problem = tail === undefined ? "it has no head" : tail.problem;
    if (problem === undefined) continue;
    problems += 1;
    yield { state: "fail", what: "chain", why: `tenant \`${name}\`: ${problem}` };
  }
  if (problems === 0) {
    const why = `the newest events of ${tenants.length} chains (${events}) and their seals; \`writ verify\` goes through all`;
    yield { state: "ok", what: "chain", why };
  }
  const instance = tenants.find(({ kind }) => kind === "instance");
  yield checkClock(newest, instance === undefined ? undefined : await readAcceptance(reader, instance.tenantId));
}

/** The newest time that the operator said the clock was right at, in milliseconds. */
async function readAcceptance(reader: Reader, instance: TenantId): Promise<number | undefined> {
  const [row] = await searchEvents(reader, instance, { type: "clock.accepted" }, Number.MAX_SAFE_INTEGER, 1);
  const accepted = row === undefined ? undefined : parseEvent(row.bytes).data["accepted"];
  return typeof accepted === "string" ? Date.parse(accepted) : undefined;
}

function checkClock(newest: number, acceptedAt: number | undefined): Finding {
  const behind = newest - Date.now();
  if (behind <= CLOCK_TOLERANCE_MS) return { state: "ok", what: "clock", why: "not behind the newest event" };
  if (acceptedAt !== undefined && Date.now() >= acceptedAt - CLOCK_TOLERANCE_MS) {
    const why = `behind the newest event (${toRfc3339(newest)}), and accepted by the operator`;
    return { state: "warn", what: "clock", why };
  }
  const why = `${Math.ceil(behind / 1000)} s behind the newest event (${toRfc3339(newest)}): set it, or \`writ doctor --accept-clock\``;
  return { state: "fail", what: "clock", why };
}

/** Policies of a bundle that was not renewed in time: everything is denied then. */
async function checkPolicyAge(reader: Reader): Promise<Finding> {
  const what = "policies";
  const stale = (await readStaleTenants(reader, Date.now())).map(
    ({ name, staleAt }) => `\`${name}\` since ${toRfc3339(staleAt)}`,
  );
  if (stale.length === 0) return { state: "ok", what, why: "none is older than its bundle says it may be" };
  return { state: "fail", what, why: `too old to grant anything, import a newer bundle: ${stale.join(", ")}` };
}

async function checkOpenCalls(reader: Reader, isRunning: boolean): Promise<Finding> {
  let open = 0;
  for (const { tenantId } of await readTenants(reader)) open += (await readOpenCalls(reader, tenantId)).length;
  if (open === 0) return { state: "ok", what: "calls", why: "none is open" };
  if (isRunning) return { state: "ok", what: "calls", why: `${open} running` };
  return { state: "warn", what: "calls", why: `${open} ended with an unknown outcome; the next start records that` };
}
