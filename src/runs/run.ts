import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import type { AgentId, DeviceId, PersonId, RunId, SubjectId, TenantId } from "#src/base/ids.ts";
import type { RunRow, RunState } from "#src/store/runs.ts";
import type { Scrubber } from "#src/vault/scrubber.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";

/** By which way an agent's own calls to its model go: names, never a credential. */
export interface RunRoute {
  /** How it signs in: `subscription`, `api_key`, … */
  readonly authLane?: string;
  /** Who pays. */
  readonly costLane?: string;
  /** The program and its version. */
  readonly cli?: string;
  readonly version?: string;
}

/** What a run and all below it may use together. */
export interface RunLimits {
  readonly maxCalls: number | null;
  readonly maxCost: number | null;
  /** Milliseconds. */
  readonly until: number | null;
}

/** How far the host holds an agent: `observed` can be gone around, `contained` cannot. */
export type RunLevel = "observed" | "contained";

/** A run. */
export interface Run {
  readonly id: RunId;
  readonly agent: AgentId;
  readonly device: DeviceId | null;
  readonly person: PersonId | null;
  readonly parent: RunId | null;
  /** The topmost run of the family. */
  readonly root: RunId;
  readonly state: RunState;
  readonly level: RunLevel | null;
  /** What it is for; null where nobody said, or where that was erased. */
  readonly workItem: string | null;
  readonly route: RunRoute;
  readonly limits: RunLimits;
  /** Granted so far, all below it included. */
  readonly calls: number;
  readonly cost: number;
  readonly receipts: number;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

/** The sealed part of a run. */
export interface RunDetails {
  readonly workItem?: string;
  readonly route: RunRoute;
}

/** What a run's details are sealed to. */
export function runBinding(run: RunId): string {
  return `run ${run}`;
}

/** The bytes of details before they are sealed. */
export function encodeDetails({ workItem, route }: RunDetails): Uint8Array {
  return utf8(canonicalize({ ...(workItem === undefined ? {} : { work_item: workItem }), route: renderRoute(route) }));
}

/** A row as the rest of Writ sees it. @param subject of the agent, under whose key the details are sealed */
export async function openRun(
  keys: Pick<TenantKeys, "openPersonal">,
  tenant: TenantId,
  subject: SubjectId,
  row: RunRow,
): Promise<Run> {
  const opened = await keys.openPersonal(tenant, subject, runBinding(row.runId), row.sealedDetails);
  const details = opened === undefined ? undefined : (JSON.parse(fromUtf8(opened)) as StoredDetails);
  return {
    id: row.runId,
    agent: row.agentId,
    device: row.deviceId,
    person: row.personId as PersonId | null,
    parent: row.parentId,
    root: row.rootId,
    state: row.state,
    level: row.level,
    workItem: details?.work_item ?? null,
    route: details === undefined ? {} : readRoute(details.route),
    limits: { maxCalls: row.maxCalls, maxCost: row.maxCost, until: row.untilAt },
    calls: row.calls,
    cost: row.cost,
    receipts: row.receipts,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    endedAt: row.endedAt,
  };
}

interface StoredDetails {
  readonly work_item?: string;
  readonly route: StoredRoute;
}

interface StoredRoute {
  readonly auth_lane?: string;
  readonly cost_lane?: string;
  readonly cli?: string;
  readonly version?: string;
}

/** A route as JSON. */
export function renderRoute({ authLane, costLane, cli, version }: RunRoute): JsonObject {
  return {
    ...(authLane === undefined ? {} : { auth_lane: authLane }),
    ...(costLane === undefined ? {} : { cost_lane: costLane }),
    ...(cli === undefined ? {} : { cli }),
    ...(version === undefined ? {} : { version }),
  };
}

/** A route from the same JSON. */
export function readRoute(stored: StoredRoute): RunRoute {
  return {
    ...(stored.auth_lane === undefined ? {} : { authLane: stored.auth_lane }),
    ...(stored.cost_lane === undefined ? {} : { costLane: stored.cost_lane }),
    ...(stored.cli === undefined ? {} : { cli: stored.cli }),
    ...(stored.version === undefined ? {} : { version: stored.version }),
  };
}

/** The same names without secrets in them. */
export async function scrubRoute(scrubber: Scrubber, tenant: TenantId, route: RunRoute): Promise<RunRoute> {
  const names = Object.entries(route) as [keyof RunRoute, string][];
  const scrubbed = await scrubber.scrub(
    tenant,
    names.map(([, text]) => text),
  );
  return Object.fromEntries(names.map(([name], at) => [name, scrubbed[at] ?? ""]));
}
