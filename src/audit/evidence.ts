import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { isId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { readAgent } from "#src/store/agents.ts";
import { readNewestCheckpoint } from "#src/store/checkpoints.ts";
import { readHead } from "#src/store/events.ts";
import { readTenant } from "#src/store/instance.ts";
import type { EvidenceFilter, EvidenceResult, EvidenceSummary } from "#src/store/jobs/evidence.ts";
import type { EvidenceFormat } from "#src/store/jobs/evidence-format.ts";
import type { Reader } from "#src/store/reader.ts";
import type { JobOptions, ReaderPool } from "#src/store/reader-pool.ts";
import { beginEvidence, type EvidenceCover, type EvidenceScope, endEvidence } from "./evidence-cover.ts";
import type { Recorder } from "./recorder.ts";

/** What is exported, and how. */
export interface EvidenceRequest {
  readonly scope: EvidenceScope;
  readonly format: EvidenceFormat;
  /** Whether what is personal stands in the clear. */
  readonly openPersonal: boolean;
}

/** Records for people who review. Bundles are what proves; these are what is read. */
export interface Evidence {
  /**
   * The text of an export, piece by piece, oldest event first; that it was made is recorded before its first piece.
   * Throws `not_found` for a tenant without events and an agent that there is not.
   */
  export(
    tenant: TenantId,
    actor: SubjectId,
    request: EvidenceRequest,
    options?: JobOptions,
  ): AsyncGenerator<string, void, void>;
  /** The smallest part of the chain that holds all of it; `not_found` where there is nothing. */
  locate(
    tenant: TenantId,
    scope: EvidenceScope,
    options?: JobOptions,
  ): Promise<{ readonly from: number; readonly through: number }>;
  /** The events that name one of these ids, a JSON object a line, opened with one subject's key and no other. */
  linesAbout(
    tenant: TenantId,
    subject: SubjectId,
    ids: readonly string[],
    options?: JobOptions,
  ): AsyncGenerator<string, void, void>;
}

/** Gives the keys of subjects, for another thread to open with; null for one that was erased. The vault does. */
export interface SubjectKeySource {
  subjectKeys(tenant: TenantId, subjects: readonly string[]): Promise<ReadonlyMap<string, Uint8Array | null>>;
}

/** What {@link createEvidence} needs. */
export interface EvidenceDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly pool: ReaderPool;
  readonly keys: SubjectKeySource;
  readonly clock: Clock;
}

/** Subjects whose keys one part of an export is given. */
const MAX_KEYS = 10_000;

/** Makes the service. Events are read, opened and written down on the reader's thread, in parts of bounded size. */
export function createEvidence({ recorder, reader, pool, keys, clock }: EvidenceDependencies): Evidence {
  const toFilter = async (tenant: TenantId, { agent, run, ...rest }: EvidenceScope): Promise<EvidenceFilter> => {
    const mentions: (readonly string[])[] = [];
    if (agent !== undefined) {
      const row = await readAgent(reader, tenant, agent);
      if (row === undefined) throw new WritError("not_found");
      mentions.push([row.agentId, row.subjectId]);
    }
    if (run !== undefined) {
      if (!isId("run", run)) throw new WritError("not_found");
      mentions.push([run]);
    }
    return { ...rest, ...(mentions.length === 0 ? {} : { mentions }) };
  };

  const headOf = async (tenant: TenantId): Promise<number> => {
    const head = await readHead(reader, tenant);
    if (head === undefined) throw new WritError("not_found");
    return head.seq;
  };

  const summarize = async (
    tenant: TenantId,
    filter: EvidenceFilter,
    through: number,
    options: JobOptions | undefined,
  ): Promise<EvidenceSummary> => (await pool.run("evidenceSummary", { tenant, filter, through }, options)).result;

  async function* rows(
    input: {
      readonly tenant: TenantId;
      readonly filter: EvidenceFilter;
      readonly through: number;
      readonly format: EvidenceFormat;
      readonly closed?: boolean;
    },
    given: ReadonlyMap<string, Uint8Array | null> | undefined,
    options: JobOptions | undefined,
  ): AsyncGenerator<string, void, void> {
    let held = given;
    let after = 0;
    for (;;) {
      const part = pool.stream("evidence", { ...input, after, keys: held }, options);
      let step = await part.next();
      try {
        for (; step.done !== true; step = await part.next()) yield step.value.join("");
      } finally {
        // Whoever leaves early ends the job.
        if (step.done !== true) await part.return(undefined as never);
      }
      const { rest }: EvidenceResult = step.value;
      if (rest === undefined) return;
      after = rest.after;
      if (rest.missing.length === 0) continue;
      // Where it holds too many, it is told all anew: only those of the next page then.
      const base = (held?.size ?? 0) > MAX_KEYS ? [] : (held ?? []);
      held = new Map([...base, ...(await keys.subjectKeys(input.tenant, rest.missing))]);
    }
  }

  return {
    export: async function* (tenant, actor, { scope, format, openPersonal }, options) {
      const filter = await toFilter(tenant, scope);
      const through = await headOf(tenant);
      const summary = await summarize(tenant, filter, through, options);
      await recorder.record({
        tenant,
        type: "audit.exported",
        actor,
        data: {
          format,
          personal: openPersonal ? "opened" : "sealed",
          events: summary.events,
          event_type: scope.type,
          agent: scope.agent,
          run: scope.run,
          since: scope.since === undefined ? undefined : toRfc3339(scope.since),
          until: scope.until === undefined ? undefined : toRfc3339(scope.until),
        },
        ignoresClock: true,
      });
      const cover: EvidenceCover = {
        tenant,
        tenantName: (await readTenant(reader, tenant))?.name ?? "",
        scope,
        summary,
        through,
        madeAt: toRfc3339(clock.now()),
        checkpoint: (await readNewestCheckpoint(reader, tenant))?.note,
        isOpened: openPersonal,
      };
      yield beginEvidence(format, cover);
      yield* rows({ tenant, filter, through, format }, openPersonal ? new Map() : undefined, options);
      yield endEvidence(format);
    },
    locate: async (tenant, scope, options) => {
      const summary = await summarize(tenant, await toFilter(tenant, scope), await headOf(tenant), options);
      if (summary.events === 0) throw new WritError("not_found", "no event matches");
      return { from: summary.first, through: summary.last };
    },
    linesAbout: async function* (tenant, subject, ids, options) {
      const held = await keys.subjectKeys(tenant, [subject]);
      const input = { tenant, filter: { mentions: [ids] }, through: await headOf(tenant), format: "jsonl" } as const;
      yield* rows({ ...input, closed: true }, held, options);
    },
  };
}
