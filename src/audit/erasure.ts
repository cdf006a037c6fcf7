import { canonicalize } from "#src/base/canonical-json.ts";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { type AgentId, isId, type PersonId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { readAgentByName } from "#src/store/agents.ts";
import {
  anonymizeAgent,
  type ErasureRow,
  expectRevoked,
  insertErasure,
  readErasure,
  readErasures,
  readSubject,
  readSubjectRows,
  type SubjectKind,
  type SubjectRow,
} from "#src/store/erasures.ts";
import { searchEvents } from "#src/store/events.ts";
import type { Reader } from "#src/store/reader.ts";
import type { JobOptions } from "#src/store/reader-pool.ts";
import { deleteSubjectKey } from "#src/store/secrets.ts";
import type { Evidence } from "./evidence.ts";
import type { Recorder } from "./recorder.ts";

/** A person or agent, as events name them. */
export interface Subject {
  readonly subject: SubjectId;
  readonly kind: SubjectKind;
  /** Id of the person or agent. */
  readonly id: string;
  readonly status: string;
  /** Milliseconds; undefined where the key is there. */
  readonly erasedAt?: number;
}

/** What an erasure does not reach yet. */
export interface ErasureReach {
  /** Backups that were made before it, of which this instance knows: each holds the key, wrapped, until it is deleted. */
  readonly backups: { readonly count: number; readonly newestMadeAt?: string };
}

/** Those whom events are about: all that is known of one, and forgetting one. */
export interface Subjects {
  /** By subject id, person id, agent id or agent name; `not_found`. */
  show(tenant: TenantId, named: string): Promise<Subject>;
  /** Who was erased, newest first. */
  listErased(tenant: TenantId): Promise<ErasureRow[]>;
  /**
   * All that concerns one, a JSON object a line: rows, then events that name them. What is sealed for them is opened; what is
   * sealed for others in the same events stays so. That it was exported is recorded first.
   */
  export(tenant: TenantId, actor: SubjectId, named: string, options?: JobOptions): AsyncGenerator<string, void, void>;
  /**
   * Destroys the subject's key, for good: what was sealed under it is unreadable in the chain, in every archive and bundle and
   * in all tables, and every hash stays. An erased agent loses its name, groups and kept key too.
   *
   * Throws `conflict` for a person who is not revoked, an agent that is not disabled, and a subject that was erased before;
   * `invalid_argument` where `confirm` is not the subject's id.
   */
  erase(
    tenant: TenantId,
    actor: SubjectId,
    named: string,
    confirm: string,
  ): Promise<{ readonly subject: Subject; readonly reach: ErasureReach }>;
}

/** What {@link createSubjects} needs. */
export interface SubjectsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly evidence: Pick<Evidence, "linesAbout">;
  /** Forgets keys that are held in memory. */
  readonly forgetKeys: (tenant: TenantId) => void;
  /** Name and e-mail of a person, opened; `erased` where they were erased. */
  readonly profileOf: (tenant: TenantId, person: PersonId) => Promise<Readonly<Record<string, string | null>>>;
  /** The instance's own chain, which records backups. */
  readonly instanceTenant: TenantId;
  readonly clock: Clock;
}

const MAX_BACKUPS = 10_000;

/** Makes the service. */
export function createSubjects(dependencies: SubjectsDependencies): Subjects {
  const { recorder, reader, evidence, clock, instanceTenant } = dependencies;

  const find = async (tenant: TenantId, named: string): Promise<SubjectRow> => {
    const isSomeId = isId("subject", named) || isId("person", named) || isId("agent", named);
    const id = isSomeId ? named : (await readAgentByName(reader, tenant, named))?.agentId;
    const row = id === undefined ? undefined : await readSubject(reader, tenant, id);
    if (row === undefined) throw new WritError("not_found");
    return row;
  };

  const show = async (tenant: TenantId, named: string): Promise<Subject> => {
    const { subjectId, kind, named: id, status } = await find(tenant, named);
    const erasure = await readErasure(reader, tenant, subjectId);
    return { subject: subjectId, kind, id, status, ...(erasure === undefined ? {} : { erasedAt: erasure.erasedAt }) };
  };

  const reachOf = async (): Promise<ErasureReach> => {
    const made = await searchEvents(
      reader,
      instanceTenant,
      { type: "backup.made" },
      Number.MAX_SAFE_INTEGER,
      MAX_BACKUPS,
    );
    const [newest] = made;
    const newestMadeAt = newest === undefined ? {} : { newestMadeAt: toRfc3339(newest.at) };
    return { backups: { count: made.length, ...newestMadeAt } };
  };

  return {
    show,
    listErased: (tenant) => readErasures(reader, tenant),
    export: async function* (tenant, actor, named, options) {
      const subject = await show(tenant, named);
      const { subject: subjectId, kind, id, status, erasedAt } = subject;
      await recorder.record({
        tenant,
        type: "subject.exported",
        actor,
        data: { subject: subjectId, subject_kind: kind, named: id },
        ignoresClock: true,
      });
      const profile = kind === "person" ? await dependencies.profileOf(tenant, id as PersonId) : undefined;
      yield lineOf({
        kind: "subject",
        v: 1,
        made_at: toRfc3339(clock.now()),
        tenant,
        subject: subjectId,
        subject_kind: kind,
        id,
        status,
        erased_at: erasedAt === undefined ? null : toRfc3339(erasedAt),
        ...(profile === undefined ? {} : { profile }),
      });
      for (const { table, row } of await readSubjectRows(reader, tenant, { kind, named: id })) {
        yield lineOf({ kind: "row", table, ...row });
      }
      yield* evidence.linesAbout(tenant, subjectId, [subjectId, id], options);
    },
    erase: async (tenant, actor, named, confirm) => {
      const row = await find(tenant, named);
      const { subjectId, kind, named: id } = row;
      if (confirm !== subjectId) {
        throw new WritError("invalid_argument", `\`confirm\` must be the subject's id: ${subjectId}`);
      }
      if (row.hasKey === 0) throw new WritError("conflict", "the subject was erased before");
      const wanted = kind === "person" ? "revoked" : "disabled";
      if (row.status !== wanted) throw new WritError("conflict", `the ${kind} has to be ${wanted} first`);
      const erasedAt = clock.now();
      await recorder.record({
        tenant,
        type: "subject.erased",
        actor,
        statements: [
          deleteSubjectKey(tenant, subjectId),
          insertErasure(tenant, { subjectId, kind, named: id, erasedAt }),
          kind === "person"
            ? expectRevoked(tenant, id as PersonId)
            : anonymizeAgent(tenant, id as AgentId, `erased-${id.slice(-12)}`),
        ],
        data: { subject: subjectId, subject_kind: kind, named: id },
        raisesEpoch: true,
        ignoresClock: true,
      });
      dependencies.forgetKeys(tenant);
      return { subject: await show(tenant, subjectId), reach: await reachOf() };
    },
  };
}

function lineOf(value: Readonly<Record<string, unknown>>): string {
  return `${canonicalize(value as never)}\n`;
}
