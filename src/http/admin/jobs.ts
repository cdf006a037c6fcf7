import type { JobView } from "#src/audit/jobs.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import type { JobRunRow } from "#src/store/schedule.ts";
import { type Route, route } from "../route.ts";
import { integerText, object, optional } from "../shape.ts";

const SILENCE_SECONDS = 255;
const MAX_RUNS = 100;

/** What the instance does by itself: for whoever holds the host. */
export const JOB_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/jobs",
    summary: "List what the scheduler does, and how that stands",
    who: ["operator"],
    answers: { 200: "The jobs" },
    handle: async ({ services }) => ({ json: { jobs: (await services.jobs.list()).map(renderJob) } }),
  }),
  route({
    method: "GET",
    path: "/v1/admin/jobs/{job}/runs",
    summary: "List runs of a job, newest first",
    who: ["operator"],
    query: object({ limit: optional(integerText(1, MAX_RUNS)) }),
    answers: { 200: "The runs; of jobs that run all the time those that failed" },
    handle: async (exchange, _body, { limit = MAX_RUNS }) => {
      const runs = await exchange.services.jobs.history(exchange.param("job"), limit);
      return { json: { runs: runs.map(renderRun) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/jobs/{job}/run",
    summary: "Run a job now, or wait for the run that is under way",
    who: ["operator"],
    answers: { 200: "How the job stands after it" },
    handle: async (exchange) => {
      exchange.allowSilence(SILENCE_SECONDS);
      return { json: renderJob(await exchange.services.jobs.run(exchange.param("job"))) };
    },
  }),
];

function renderJob(job: JobView): Readonly<Record<string, unknown>> {
  return {
    name: job.name,
    schedule: job.schedule,
    state: job.isRunning ? "running" : job.isLate ? "late" : job.failures > 0 ? "failing" : "ok",
    runs: job.runs,
    failures: job.failures,
    ...timeMember("started_at", job.startedAt),
    ...timeMember("last_ok_at", job.lastOkAt),
    ...timeMember("due_at", job.dueAt),
  };
}

function renderRun(run: JobRunRow): Readonly<Record<string, unknown>> {
  return {
    started_at: toRfc3339(run.startedAt),
    outcome: run.outcome,
    ...(run.durationMs === null ? {} : { duration_ms: run.durationMs }),
    ...(run.error === null ? {} : { error: run.error }),
  };
}

function timeMember(name: string, at: number | null): Readonly<Record<string, string>> {
  return at === null ? {} : { [name]: toRfc3339(at) };
}
