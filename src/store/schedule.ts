import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A job of the scheduler, as it was left. */
export interface ScheduledJobRow {
  readonly job: string;
  /** The process that runs it now. */
  readonly lease: string | null;
  readonly leasedUntil: number | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly lastOkAt: number | null;
  readonly dueAt: number | null;
  readonly lateAt: number | null;
  /** In a row. */
  readonly failures: number;
}

/** What became of a run. */
export interface JobRunRow {
  readonly job: string;
  readonly startedAt: number;
  readonly durationMs: number | null;
  readonly outcome: "running" | "ok" | "failed" | "interrupted";
  readonly error: string | null;
}

/** Runs that are kept of each job. */
export const KEPT_RUNS = 100;

const JOB_COLUMNS = `job, lease, leased_until AS leasedUntil, started_at AS startedAt, ended_at AS endedAt,
  last_ok_at AS lastOkAt, due_at AS dueAt, late_at AS lateAt, failures`;

/** Takes the lease where nobody has it, where it ran out, and where it ends later than any lease: a clock was set back. */
export function leaseJob(tenant: TenantId, job: string, lease: string, now: number, leaseMs: number): Statement {
  return {
    sql: `INSERT INTO scheduled_jobs (tenant_id, job, lease, leased_until, started_at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (tenant_id, job) DO UPDATE SET lease = excluded.lease, leased_until = excluded.leased_until,
        started_at = excluded.started_at, ended_at = NULL
      WHERE lease IS NULL OR leased_until <= ? OR leased_until > ?`,
    params: [tenant, job, lease, now + leaseMs, now, now, now + leaseMs],
  };
}

export function renewLease(tenant: TenantId, job: string, lease: string, until: number): Statement {
  return {
    sql: "UPDATE scheduled_jobs SET leased_until = ? WHERE tenant_id = ? AND job = ? AND lease = ?",
    params: [until, tenant, job, lease],
  };
}

/** What a process that is no more had leased is free, and its runs were interrupted. */
export function freeLeases(tenant: TenantId): readonly Statement[] {
  return [
    {
      sql: "UPDATE scheduled_jobs SET lease = NULL, leased_until = NULL WHERE tenant_id = ? AND lease IS NOT NULL",
      params: [tenant],
    },
    {
      sql: "UPDATE job_runs SET outcome = 'interrupted' WHERE tenant_id = ? AND outcome = 'running'",
      params: [tenant],
    },
  ];
}

export function insertRunning(tenant: TenantId, job: string, startedAt: number): Statement {
  return {
    sql: "INSERT OR IGNORE INTO job_runs (tenant_id, job, started_at, outcome) VALUES (?, ?, ?, 'running')",
    params: [tenant, job, startedAt],
  };
}

/** How a run ended; its lease is given back, and what is older than the newest runs goes. */
export function finishRun(
  tenant: TenantId,
  run: JobRunRow,
  now: number,
  due: { readonly dueAt: number; readonly lateAt: number },
): readonly Statement[] {
  const { job, startedAt, durationMs, outcome, error } = run;
  return [
    {
      sql: `INSERT INTO job_runs (tenant_id, job, started_at, duration_ms, outcome, error) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (tenant_id, job, started_at) DO UPDATE SET duration_ms = excluded.duration_ms,
          outcome = excluded.outcome, error = excluded.error`,
      params: [tenant, job, startedAt, durationMs, outcome, error],
    },
    {
      sql: `INSERT INTO scheduled_jobs (tenant_id, job, started_at, ended_at, last_ok_at, due_at, late_at, failures)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (tenant_id, job) DO UPDATE SET lease = NULL, leased_until = NULL, ended_at = ?4,
          last_ok_at = coalesce(?5, last_ok_at), due_at = ?6, late_at = ?7,
          failures = CASE ?8 WHEN 0 THEN 0 ELSE failures + 1 END`,
      params: [
        tenant,
        job,
        startedAt,
        now,
        outcome === "ok" ? now : null,
        due.dueAt,
        due.lateAt,
        outcome === "ok" ? 0 : 1,
      ],
    },
    {
      sql: `DELETE FROM job_runs WHERE tenant_id = ?1 AND job = ?2 AND started_at <= (
        SELECT started_at FROM job_runs WHERE tenant_id = ?1 AND job = ?2 ORDER BY started_at DESC LIMIT 1 OFFSET ?3)`,
      params: [tenant, job, KEPT_RUNS],
    },
  ];
}

export function readScheduledJobs(reader: Reader, tenant: TenantId): Promise<ScheduledJobRow[]> {
  return reader.all(`SELECT ${JOB_COLUMNS} FROM scheduled_jobs WHERE tenant_id = ? ORDER BY job`, [tenant]);
}

export function readScheduledJob(reader: Reader, tenant: TenantId, job: string): Promise<ScheduledJobRow | undefined> {
  return reader.get(`SELECT ${JOB_COLUMNS} FROM scheduled_jobs WHERE tenant_id = ? AND job = ?`, [tenant, job]);
}

/** Newest first. */
export function readJobRuns(reader: Reader, tenant: TenantId, job: string, limit: number): Promise<JobRunRow[]> {
  return reader.all(
    `SELECT job, started_at AS startedAt, duration_ms AS durationMs, outcome, error FROM job_runs
      WHERE tenant_id = ? AND job = ? ORDER BY started_at DESC LIMIT ?`,
    [tenant, job, limit],
  );
}

/** Whether the database is of a Writ that keeps them. */
export async function hasScheduleTables(reader: Reader): Promise<boolean> {
  return (await reader.get("SELECT 1 FROM sqlite_schema WHERE name = 'scheduled_jobs'", [])) !== undefined;
}
