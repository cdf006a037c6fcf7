import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { type AgentId, type DeviceId, isId, type PersonId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { readAgentByName } from "#src/store/agents.ts";
import {
  anonymizeAgent,
  anonymizeDevice,
  anonymizeTokens,
  type ErasureRow,
  expectRevoked,
  insertErasure,
  readApprovalDetails,
  readErasure,
  readErasures,
  readSubject,
  readSubjectRows,
  replaceApprovalDetails,
  type SubjectKind,
  type SubjectRow,
} from "#src/store/erasures.ts";
import { searchEvents } from "#src/store/events.ts";
import type { Reader } from "#src/store/reader.ts";
import type { JobOptions } from "#src/store/reader-pool.ts";
import { deleteSubjectKey } from "#src/store/secrets.ts";
import type { Statement } from "#src/store/unit.ts";
import type { Evidence } from "./evidence.ts";
import type { Recorder } from "./recorder.ts";
import type { ValueSealer } from "./value-sealer.ts";

/** A person, agent or device, as events name them. */
export interface Subject {
  readonly subject: SubjectId;
  readonly kind: SubjectKind;
  /** Id of the person, agent or device. */
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
  /** By subject id, or id of a person, agent or device, or name of an agent; `not_found`. */
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
   * in all tables, and every hash stays. An erased agent loses its name, groups and kept key too, and what approvers saw of its calls.
   *
   * Throws `conflict` for a person or device that is not revoked, an agent that is not disabled, and a subject that was erased before;
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
  /** Opens what approvers were shown, and seals what is left of it. */
  readonly keys: ValueSealer;
  /** Forgets keys that are held in memory. */
  readonly forgetKeys: (tenant: TenantId) => void;
  /** Name and e-mail of a person, opened; `erased` and null where they were erased. */
  readonly profileOf: (
    tenant: TenantId,
    person: PersonId,
  ) => Promise<{ readonly name: string; readonly email: string | null }>;
  /** The instance's own chain, which records backups. */
  readonly instanceTenant: TenantId;
  readonly clock: Clock;
}

const MAX_BACKUPS = 10_000;

/** Makes the service. */
export function createSubjects(dependencies: SubjectsDependencies): Subjects {
  const { recorder, reader, evidence, keys, clock, instanceTenant } = dependencies;

  const find = async (tenant: TenantId, named: string): Promise<SubjectRow> => {
    const isSomeId = isId("subject", named) || isId("person", named) || isId("agent", named) || isId("device", named);
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

  /** What a person was shown to vouch for a call was the agent's: which policies asked for whom stays. */
  const forgetApprovals = async (tenant: TenantId, agent: string): Promise<readonly Statement[]> => {
    const statements: Statement[] = [];
    for (const row of await readApprovalDetails(reader, tenant, agent)) {
      const record = `approval ${row.approvalId}`;
      const value = { dataKeyId: row.dataKeyId, sealed: row.sealedDetails };
      const details = JSON.parse(fromUtf8(await keys.openValue(tenant, record, 1, value))) as JsonObject;
      const { dataKeyId, sealed } = await keys.sealValue(tenant, record, 1, utf8(canonicalize(forgotten(details))));
      statements.push(replaceApprovalDetails(tenant, { ...row, dataKeyId, sealedDetails: sealed }));
      if (statements.length % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return statements;
  };

  /** What stands of them in tables in the clear, or sealed for somebody else; and that they are out already. */
  const forgetRows = async (tenant: TenantId, row: SubjectRow): Promise<readonly Statement[]> => {
    const { subjectId, kind, named: id } = row;
    const name = `erased-${id.slice(-12)}`;
    if (kind === "person") return [expectRevoked(tenant, id as PersonId)];
    const tokens = anonymizeTokens(tenant, subjectId, id);
    if (kind === "device") return [anonymizeDevice(tenant, id as DeviceId, name), tokens];
    return [anonymizeAgent(tenant, id as AgentId, name), tokens, ...(await forgetApprovals(tenant, id))];
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
        ...(profile === undefined ? {} : { profile: { name: profile.name, email: profile.email } }),
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
      const wanted = kind === "agent" ? "disabled" : "revoked";
      if (row.status !== wanted) throw new WritError("conflict", `the ${kind} has to be ${wanted} first`);
      const erasedAt = clock.now();
      await recorder.record({
        tenant,
        type: "subject.erased",
        actor,
        statements: [
          deleteSubjectKey(tenant, subjectId),
          insertErasure(tenant, { subjectId, kind, named: id, erasedAt }),
          ...(await forgetRows(tenant, row)),
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

function forgotten(details: JsonObject): JsonObject {
  const { type = "" } = (details["resource"] ?? {}) as { readonly type?: string };
  return {
    ...details,
    agentName: "erased",
    resource: { type, id: "erased" },
    attributes: {},
    call: null,
    claimed: "erased",
  };
}

function lineOf(value: Readonly<Record<string, unknown>>): string {
  return `${canonicalize(value as never)}\n`;
}
