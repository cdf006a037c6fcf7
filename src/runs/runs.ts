import { Personal, type Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { type IdSource, newId, parseId, type RunId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import { readAgent, readAgentByName } from "#src/store/agents.ts";
import type { Reader } from "#src/store/reader.ts";
import {
  cancelBelow,
  type EndedState,
  endRun,
  insertRun,
  moveRun,
  type RunRow,
  type RunState,
  readChildren,
  readFamily,
  readOverdueRuns,
  readRun,
  readRuns,
} from "#src/store/runs.ts";
import type { Scrubber } from "#src/vault/scrubber.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import {
  encodeDetails,
  openRun,
  type Run,
  type RunLevel,
  type RunRoute,
  renderRoute,
  runBinding,
  scrubRoute,
} from "./run.ts";

/** What a new run is made of. */
export interface NewRun {
  /** What it is for: a ticket, a sentence. */
  readonly workItem?: string;
  /** The run that it is part of. */
  readonly parent?: string;
  readonly level?: RunLevel;
  readonly route?: RunRoute;
  readonly maxCalls?: number;
  readonly maxCost?: number;
  /** Milliseconds. */
  readonly until?: number;
  /** Whether it begins later, by {@link Runs.start}. */
  readonly isPending?: boolean;
}

/** Which runs a list is of. */
export interface RunQuery {
  /** Name or id. */
  readonly agent?: string;
  readonly state?: RunState;
  /** Runs older than this one. */
  readonly before?: string;
  readonly limit?: number;
}

/**
 * Runs of agents. What an agent asks for is about its own runs: another's, and one that was opened on another device, are
 * `not_found`.
 */
export interface Runs {
  /** Throws `run_not_active` under a parent that is not active, `run_ended` under one that has ended. */
  create(principal: AgentPrincipal, run: NewRun): Promise<Run>;
  /** From pending. Throws `conflict` from any other state. */
  start(principal: AgentPrincipal, run: string): Promise<Run>;
  /** Ends it, and cancels what is below it; its calls are cut. Throws `run_ended` where it has ended. */
  end(principal: AgentPrincipal, run: string, state: EndedState): Promise<Run>;
  showOwn(principal: AgentPrincipal, run: string): Promise<Run>;
  /** The row of a run of the agent's. */
  requireOwn(principal: AgentPrincipal, run: string): Promise<RunRow>;
  show(tenant: TenantId, run: string): Promise<Run>;
  children(tenant: TenantId, run: RunId): Promise<Run[]>;
  /** The newest first. */
  list(tenant: TenantId, query: RunQuery): Promise<Run[]>;
  /** Grants nothing in it and in all below it, and cuts what runs, until it is resumed. */
  pause(tenant: TenantId, actor: SubjectId, run: string): Promise<Run>;
  resume(tenant: TenantId, actor: SubjectId, run: string): Promise<Run>;
  cancel(tenant: TenantId, actor: SubjectId, run: string): Promise<Run>;
  /** Cancels runs whose time is over, and cuts what runs in them; returns how many. */
  endOverdue(tenant: TenantId): Promise<number>;
}

/** What {@link createRuns} needs. */
export interface RunsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly scrubber: Scrubber;
  readonly ids: IdSource;
  readonly clock: Clock;
}

/** How many runs may stand above each other. */
const MAX_DEPTH = 8;
const MAX_CHILDREN = 500;
const MAX_OVERDUE = 100;
/** Above every id of a run. */
const NEWEST = "run_~";

/** Makes the service of runs. */
export function createRuns({ recorder, reader, keys, scrubber, ids, clock }: RunsDependencies): Runs {
  const find = async (tenant: TenantId, run: string): Promise<RunRow> => {
    const row = await readRun(reader, tenant, parseId("run", run));
    if (row === undefined) throw new WritError("not_found", "there is no such run");
    return row;
  };

  const requireOwn = async (principal: AgentPrincipal, run: string): Promise<RunRow> => {
    const row = await find(principal.tenant, run);
    if (!isOwn(principal, row)) throw new WritError("not_found", "there is no such run");
    return row;
  };

  const open = async (tenant: TenantId, row: RunRow): Promise<Run> => {
    const agent = await readAgent(reader, tenant, row.agentId);
    if (agent === undefined) throw new WritError("not_found", "there is no such run");
    return openRun(keys, tenant, agent.subjectId, row);
  };

  const show = async (tenant: TenantId, run: string): Promise<Run> => open(tenant, await find(tenant, run));

  const requireParent = async (principal: AgentPrincipal, parent: string): Promise<RunRow> => {
    const row = await requireOwn(principal, parent);
    const family = await readFamily(reader, principal.tenant, row.runId);
    if (row.endedAt !== null) throw new WritError("run_ended");
    if (family.some(({ state }) => state !== "active")) throw new WritError("run_not_active");
    if (family.length >= MAX_DEPTH) throw new WritError("invalid_argument", `runs are at most ${MAX_DEPTH} deep`);
    return row;
  };

  const create = async (principal: AgentPrincipal, asked: NewRun): Promise<Run> => {
    const { tenant, subject, agent, device } = principal;
    const parent = asked.parent === undefined ? undefined : await requireParent(principal, asked.parent);
    const now = clock.now();
    if (asked.until !== undefined && asked.until <= now) {
      throw new WritError("invalid_argument", "`until` is over already");
    }
    const route = await scrubRoute(scrubber, tenant, asked.route ?? {});
    const [workItem] = asked.workItem === undefined ? [] : await scrubber.scrub(tenant, [asked.workItem]);
    const runId = newId("run", ids);
    const until = earlier(asked.until ?? null, parent?.untilAt ?? null);
    const sealed = encodeDetails({ ...(workItem === undefined ? {} : { workItem }), route });
    const row: RunRow = {
      runId,
      agentId: agent.id,
      deviceId: device?.id ?? parent?.deviceId ?? null,
      personId: agent.owner ?? device?.person ?? null,
      parentId: parent?.runId ?? null,
      rootId: parent?.rootId ?? runId,
      depth: parent === undefined ? 0 : parent.depth + 1,
      state: asked.isPending === true ? "pending" : "active",
      level: asked.level ?? parent?.level ?? null,
      sealedDetails: await keys.sealPersonal(tenant, subject, runBinding(runId), sealed),
      maxCalls: asked.maxCalls ?? null,
      maxCost: asked.maxCost ?? null,
      untilAt: until,
      calls: 0,
      cost: 0,
      receipts: 0,
      createdAt: now,
      startedAt: asked.isPending === true ? null : now,
      endedAt: null,
    };
    const result = await recorder.tryRecord({
      tenant,
      type: "run.created",
      actor: subject,
      statements: [insertRun(tenant, row)],
      countsAgainstQuota: true,
      data: {
        run: runId,
        agent: agent.id,
        device: row.deviceId,
        person: row.personId,
        parent: row.parentId,
        root: row.rootId,
        state: row.state,
        level: row.level,
        limits: { max_calls: row.maxCalls, max_cost: row.maxCost, until },
        route: asked.route === undefined ? undefined : new Personal(subject, renderRoute(route)),
        work_item: workItem === undefined ? undefined : new Personal(subject, workItem),
      },
    });
    if (result.kind === "committed") return openRun(keys, tenant, subject, row);
    if (result.reason === "conflict") throw new WritError("run_not_active");
    throw new WritError(result.reason === "quota" ? "disk_quota_exceeded" : "conflict");
  };

  const move = async (
    tenant: TenantId,
    actor: SubjectId,
    row: RunRow,
    from: RunState,
    to: RunState,
    type: string,
  ): Promise<Run> => {
    if (row.endedAt !== null) throw new WritError("run_ended");
    if (row.state === to) return open(tenant, row);
    await recorder.record({
      tenant,
      type,
      actor,
      statements: [moveRun(tenant, row.runId, from, to, clock.now())],
      data: { run: row.runId, agent: row.agentId },
      // What runs in it is looked at again.
      raisesEpoch: to === "paused",
      ignoresClock: to === "paused",
    });
    return show(tenant, row.runId);
  };

  const end = async (tenant: TenantId, actor: SubjectId | "system", row: RunRow, state: EndedState): Promise<Run> => {
    if (row.endedAt !== null) throw new WritError("run_ended");
    const now = clock.now();
    const result = await recorder.tryRecord({
      tenant,
      type: "run.ended",
      actor,
      statements: [endRun(tenant, row.runId, state, now), cancelBelow(tenant, row.runId, now)],
      data: { run: row.runId, agent: row.agentId, state },
      raisesEpoch: true,
      ignoresClock: true,
    });
    if (result.kind === "refused") throw new WritError(result.reason === "conflict" ? "run_ended" : "store_failed");
    return show(tenant, row.runId);
  };

  const findAgent = async (tenant: TenantId, agent: string): Promise<{ readonly agent: RunRow["agentId"] }> => {
    const row = agent.startsWith("agt_")
      ? await readAgent(reader, tenant, parseId("agent", agent))
      : await readAgentByName(reader, tenant, agent);
    if (row === undefined) throw new WritError("not_found", "there is no such agent");
    return { agent: row.agentId };
  };

  return {
    create,
    requireOwn,
    show,
    start: async (principal, run) => {
      const row = await requireOwn(principal, run);
      return move(principal.tenant, principal.subject, row, "pending", "active", "run.started");
    },
    end: async (principal, run, state) =>
      end(principal.tenant, principal.subject, await requireOwn(principal, run), state),
    showOwn: async (principal, run) => open(principal.tenant, await requireOwn(principal, run)),
    children: async (tenant, run) =>
      Promise.all((await readChildren(reader, tenant, run, MAX_CHILDREN)).map((row) => open(tenant, row))),
    list: async (tenant, { agent, state, before, limit = 100 }) => {
      const filter = {
        ...(agent === undefined ? {} : await findAgent(tenant, agent)),
        ...(state === undefined ? {} : { state }),
      };
      const rows = await readRuns(reader, tenant, filter, before ?? NEWEST, limit);
      return Promise.all(rows.map((row) => open(tenant, row)));
    },
    pause: async (tenant, actor, run) => move(tenant, actor, await find(tenant, run), "active", "paused", "run.paused"),
    resume: async (tenant, actor, run) =>
      move(tenant, actor, await find(tenant, run), "paused", "active", "run.resumed"),
    cancel: async (tenant, actor, run) => end(tenant, actor, await find(tenant, run), "cancelled"),
    endOverdue: async (tenant) => {
      let ended = 0;
      for (const row of await readOverdueRuns(reader, tenant, clock.now(), MAX_OVERDUE)) {
        // Whoever ends it at the same moment, or the run above it, has done what was to be done.
        const done = await end(tenant, "system", row, "cancelled").catch((error: unknown) => {
          if (isWritError(error, "run_ended")) return undefined;
          throw error;
        });
        if (done !== undefined) ended += 1;
      }
      return ended;
    },
  };
}

/** Whether a run is this agent's and, where it was opened on a device, whether that is the one that asks. */
export function isOwn(principal: AgentPrincipal, { agentId, deviceId }: RunRow): boolean {
  return agentId === principal.agent.id && (deviceId === null || deviceId === principal.device?.id);
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
