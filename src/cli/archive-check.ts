import { LATE_MS } from "#src/archive/archive.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { hasArchiveTables, readArchiveRun, readArchiveTotals } from "#src/store/archive.ts";
import { readTenants } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Finding } from "./health-finding.ts";

const what = "archive";

/** Whether the archive of every tenant is well: what the store lost, what the last run ended with, how long ago it was. */
export async function* checkArchive(reader: Reader, isConfigured: boolean): AsyncGenerator<Finding, void> {
  if (!(await hasArchiveTables(reader))) return;
  let segments = 0;
  let problems = 0;
  for (const { tenantId, name } of await readTenants(reader)) {
    const totals = await readArchiveTotals(reader, tenantId);
    segments += totals.reduce((sum, total) => sum + total.segments, 0);
    const finding = await checkTenant(reader, tenantId, name, totals);
    if (finding === undefined) continue;
    problems += 1;
    yield finding;
  }
  if (problems > 0) return;
  if (isConfigured || segments > 0) yield { state: "ok", what, why: `${segments} segments` };
}

async function checkTenant(
  reader: Reader,
  tenantId: Parameters<typeof readArchiveRun>[1],
  name: string,
  totals: Awaited<ReturnType<typeof readArchiveTotals>>,
): Promise<Finding | undefined> {
  const lost = totals.find(({ state }) => state === "lost");
  if (lost !== undefined) {
    return {
      state: "fail",
      what,
      why: `tenant \`${name}\`: the store lost ${lost.segments} segments that are nowhere else`,
    };
  }
  const run = await readArchiveRun(reader, tenantId);
  if (run?.errorCode != null)
    return { state: "fail", what, why: `tenant \`${name}\`: ${run.errorMessage ?? run.errorCode}` };
  const damaged = totals.find(({ state }) => state === "damaged");
  if (damaged !== undefined) {
    return {
      state: "fail",
      what,
      why: `tenant \`${name}\`: ${damaged.segments} segments are to be written again: \`writ archive run\``,
    };
  }
  const last = run?.lastOkAt ?? run?.lastRunAt;
  if (last === undefined || Date.now() - last <= LATE_MS) return undefined;
  return { state: "warn", what, why: `tenant \`${name}\`: nothing was archived since ${toRfc3339(last)}` };
}
