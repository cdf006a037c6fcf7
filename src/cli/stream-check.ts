import { toRfc3339 } from "#src/base/clock.ts";
import { readEventsAfter } from "#src/store/events.ts";
import { readTenants } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import { hasScheduleTables, readJobRuns, readScheduledJobs } from "#src/store/schedule.ts";
import { readStreams } from "#src/store/streams.ts";
import type { Finding } from "./health-finding.ts";

/** A stream may be so far behind before it is worth a word. */
const LAG_MS = 900_000;

/** Whether every stream of events is followed closely. */
export async function* checkStreams(reader: Reader): AsyncGenerator<Finding, void> {
  const what = "streams";
  if (!(await hasScheduleTables(reader))) return;
  let active = 0;
  let problems = 0;
  for (const { tenantId, name } of await readTenants(reader)) {
    for (const stream of await readStreams(reader, tenantId)) {
      if (stream.status !== "active") continue;
      active += 1;
      const [oldest] = await readEventsAfter(reader, tenantId, stream.cursor, Number.MAX_SAFE_INTEGER, 1);
      if (oldest === undefined || (stream.lastError === null && Date.now() - oldest.at <= LAG_MS)) continue;
      problems += 1;
      const why = stream.lastError ?? "nothing takes it";
      yield {
        state: "warn",
        what,
        why: `tenant \`${name}\`, \`${stream.name}\`: behind since ${toRfc3339(oldest.at)}: ${why}`,
      };
    }
  }
  if (active > 0 && problems === 0) yield { state: "ok", what, why: `${active} follow` };
}

/** Whether the scheduler's jobs run when they are due, and end well. */
export async function* checkJobs(reader: Reader, isRunning: boolean): AsyncGenerator<Finding, void> {
  const what = "jobs";
  const instance = (await readTenants(reader)).find(({ kind }) => kind === "instance");
  if (instance === undefined || !(await hasScheduleTables(reader))) return;
  const jobs = await readScheduledJobs(reader, instance.tenantId);
  let problems = 0;
  for (const { job, lateAt, failures, lease } of jobs) {
    const isLate = isRunning && lease === null && lateAt !== null && lateAt < Date.now();
    if (!isLate && failures === 0) continue;
    problems += 1;
    if (isLate) yield { state: "warn", what, why: `\`${job}\` is late since ${toRfc3339(lateAt)}` };
    else {
      const [last] = await readJobRuns(reader, instance.tenantId, job, 1);
      yield { state: "warn", what, why: `\`${job}\` failed ${failures} times in a row: ${last?.error ?? "unknown"}` };
    }
  }
  if (jobs.length > 0 && problems === 0) yield { state: "ok", what, why: `${jobs.length} ran when they were due` };
}
