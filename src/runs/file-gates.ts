import type { Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { type AgentId, type FileRuleId, type IdSource, newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { BUILT_IN_FILE_RULES } from "#src/classify/built-in-file-rules.ts";
import {
  compileFileRules,
  type FileAccessRule,
  type FileGate,
  type FileRule,
  joinGates,
  MAX_FILE_RULES,
  requireGlob,
} from "#src/classify/file-rules.ts";
import {
  deleteFileRule,
  type FileRuleRow,
  insertFileRule,
  readFileRule,
  readFileRules,
} from "#src/store/file-rules.ts";
import type { Reader } from "#src/store/reader.ts";

/** A rule that somebody added. */
export interface StoredFileRule {
  readonly id: FileRuleId;
  readonly level: "instance" | "tenant" | "agent";
  /** The agent that it is about, for one of level `agent`. */
  readonly agent: AgentId | null;
  readonly glob: string;
  readonly access: FileAccessRule;
  readonly createdAt: number;
}

/** A rule to be added; with an agent it is about that agent alone. */
export interface NewFileRule {
  readonly glob: string;
  readonly access: FileAccessRule;
  readonly agent?: AgentId;
}

/** Rules about files, and the gates that they make. */
export interface FileGates {
  /** Rules that the tenant stores; those of the instance where it is the instance's own. */
  list(tenant: TenantId): Promise<readonly StoredFileRule[]>;
  /** `invalid_argument` for a glob that is none, `name_taken` where there is a rule for it already. */
  add(tenant: TenantId, actor: SubjectId, rule: NewFileRule): Promise<StoredFileRule>;
  /** `not_found`. What comes with Writ is not stored and cannot be removed. */
  remove(tenant: TenantId, actor: SubjectId, rule: FileRuleId): Promise<void>;
  /** Every rule that holds for an agent, the highest level first. */
  rulesFor(tenant: TenantId, agent: AgentId | undefined): Promise<readonly FileRule[]>;
  /** The same, ready to be asked. */
  gateFor(tenant: TenantId, agent: AgentId): Promise<FileGate>;
}

/** What {@link createFileGates} needs. */
export interface FileGatesDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly ids: IdSource;
  readonly clock: Clock;
  /** The tenant under which the instance's own rules stand. */
  readonly instanceTenant: TenantId;
  /** Folders of this instance that no agent opens, absolute. */
  readonly ownFolders: readonly string[];
}

interface Cached {
  readonly epochs: string;
  readonly rows: Promise<readonly FileRuleRow[]>;
  readonly gates: Map<string, FileGate>;
}

/** Makes the service. */
export function createFileGates(dependencies: FileGatesDependencies): FileGates {
  const { recorder, reader, ids, clock, instanceTenant, ownFolders } = dependencies;
  const always: readonly FileRule[] = [
    ...BUILT_IN_FILE_RULES,
    ...ownFolders.map((glob): FileRule => ({ level: "builtin", glob, access: "noAccess" })),
  ];
  const builtIn = compileFileRules(always);
  const caches = new Map<TenantId, Cached>();

  const cacheOf = (tenant: TenantId): Cached => {
    const epochs = `${recorder.epochOf(instanceTenant)} ${recorder.epochOf(tenant)}`;
    const known = caches.get(tenant);
    if (known?.epochs === epochs) return known;
    const fresh: Cached = { epochs, rows: loadRows(tenant), gates: new Map() };
    fresh.rows.catch(() => caches.delete(tenant));
    caches.set(tenant, fresh);
    return fresh;
  };

  const loadRows = async (tenant: TenantId): Promise<readonly FileRuleRow[]> => {
    const [above, own] = await Promise.all([
      tenant === instanceTenant ? [] : readFileRules(reader, instanceTenant),
      readFileRules(reader, tenant),
    ]);
    return [...above, ...own];
  };

  const storedFor = (rows: readonly FileRuleRow[], agent: AgentId | undefined): readonly FileRule[] =>
    rows
      .filter(({ agentId }) => agentId === "" || agentId === agent)
      .map(({ level, glob, access }) => ({ level, glob, access }));

  return {
    list: async (tenant) => (await readFileRules(reader, tenant)).map(toStored),
    add: async (tenant, actor, { glob, access, agent }) => {
      requireGlob(glob);
      const rows = await readFileRules(reader, tenant);
      if (rows.length >= MAX_STORED) throw new WritError("invalid_argument", `at most ${MAX_STORED} file rules`);
      const level = agent !== undefined ? "agent" : tenant === instanceTenant ? "instance" : "tenant";
      const agentId = agent ?? "";
      if (rows.some((row) => row.level === level && row.agentId === agentId && row.glob === glob)) {
        throw new WritError("name_taken", `there is a rule for \`${glob.slice(0, 100)}\`: remove it first`);
      }
      const row: FileRuleRow = { ruleId: newId("fileRule", ids), level, agentId, glob, access, createdAt: clock.now() };
      await recorder.record({
        tenant,
        type: "file_rule.added",
        actor,
        statements: [insertFileRule(tenant, row)],
        data: { rule: row.ruleId, level, agent, glob, access },
        raisesEpoch: true,
      });
      return toStored(row);
    },
    remove: async (tenant, actor, rule) => {
      const row = await readFileRule(reader, tenant, rule);
      if (row === undefined) throw new WritError("not_found");
      const { level, agentId, glob, access } = row;
      await recorder.record({
        tenant,
        type: "file_rule.removed",
        actor,
        statements: [deleteFileRule(tenant, rule)],
        data: { rule, level, agent: agentId === "" ? undefined : agentId, glob, access },
        raisesEpoch: true,
      });
    },
    rulesFor: async (tenant, agent) => [...always, ...storedFor(await cacheOf(tenant).rows, agent)],
    gateFor: async (tenant, agent) => {
      const { rows, gates } = cacheOf(tenant);
      const stored = storedFor(await rows, agent);
      let gate = gates.get(agent);
      if (gate === undefined) {
        gate = stored.length === 0 ? builtIn : joinGates([builtIn, compileFileRules(stored)]);
        gates.set(agent, gate);
      }
      return gate;
    },
  };
}

/** Of one tenant; with those of the instance and the built-in ones they stay within what a gate holds. */
const MAX_STORED = Math.floor((MAX_FILE_RULES - BUILT_IN_FILE_RULES.length) / 2);

function toStored(row: FileRuleRow): StoredFileRule {
  return {
    id: row.ruleId,
    level: row.level,
    agent: row.agentId === "" ? null : (row.agentId as AgentId),
    glob: row.glob,
    access: row.access,
    createdAt: row.createdAt,
  };
}
