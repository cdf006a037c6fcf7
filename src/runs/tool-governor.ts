import type { Recorder } from "#src/audit/recorder.ts";
import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import type { AgentId, RunId, TenantId } from "#src/base/ids.ts";
import type { PathPlace } from "#src/classify/file-names.ts";
import { compileFileRules, type FileRule, type FileVerdict, joinGates } from "#src/classify/file-rules.ts";
import { lexicalPath } from "#src/classify/lexical-path.ts";
import { treeSample } from "#src/classify/line-files.ts";
import type { FileAccess, Tier } from "#src/classify/tier.ts";
import { isAskedAbout, isSpent, type LimitState, viewMatrix } from "#src/classify/tool-matrix.ts";
import type { Reader } from "#src/store/reader.ts";
import { addToCounter, deleteOldCounters, readCounter } from "#src/store/tools.ts";
import type { Statement } from "#src/store/unit.ts";
import type { FileGates } from "./file-gates.ts";
import type { ToolMatrices } from "./tool-matrix.ts";

/** What is to be done with a tool, taken apart. */
export interface GovernedTool {
  readonly name: string;
  readonly place: PathPlace;
  readonly files: readonly FileAccess[];
  /** Names that the host found for a path, by the path as it stands in `files`. */
  readonly foundNames: ReadonlyMap<string, readonly string[]>;
  readonly projectRules: readonly FileRule[];
  /** Folder that relative globs of `projectRules` are in. */
  readonly projectBase: string | undefined;
  /** The commands that a line runs. */
  readonly programs: readonly string[];
  /** Why its input is nothing that can be judged. */
  readonly malformed: string | undefined;
  /** Why nobody can tell which files it touches. */
  readonly unknown: string | undefined;
  /** Whether nothing but its name says what it does. */
  readonly isOpaque: boolean;
}

/** One ask, as far as tools and files go. */
export interface GovernedAsk {
  readonly tenant: TenantId;
  readonly agent: { readonly id: AgentId; readonly groups: readonly string[] };
  /** The run that limits are counted under. */
  readonly run: RunId | undefined;
  readonly command: string;
  readonly tool: GovernedTool | undefined;
  /** Milliseconds. */
  readonly now: number;
}

/** Why a tool may not be used, whatever policies permit. */
export interface ToolRefusal {
  readonly code:
    | "unknown_tool"
    | "role_needed"
    | "limit_reached"
    | "file_closed"
    | "file_invalid"
    | "tool_input_invalid";
  readonly message: string;
}

/** Where one limit stands after this ask: what an answer says of it. */
export interface LimitReport {
  readonly scope: LimitState["line"]["scope"];
  readonly tool?: string;
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  /** RFC 3339; left out for one that never begins anew. */
  readonly resets_at?: string;
}

/** What matrix and gates say of an ask, and what an allow of it adds to counters. */
export interface Governance {
  readonly isGoverned: boolean;
  /** What this call costs, in the matrix's own costs. */
  readonly cost: number;
  /** The least tier by the matrix. */
  readonly tier: Tier | undefined;
  readonly refusal: ToolRefusal | undefined;
  /** Why a person is asked, besides what policies say. */
  readonly asksBecause: string | undefined;
  /** `context.writ.tool`. */
  readonly toolContext: JsonObject | undefined;
  /** `context.writ.limits`. */
  readonly limitsContext: JsonObject;
  /** Grown by this ask where it is allowed. */
  report(isAllowed: boolean): readonly LimitReport[];
  /** What an allow commits: each expects that no limit is passed. */
  count(isCosigned: boolean): readonly Statement[];
}

/** Holds asks against the tool matrix and the file gates. */
export interface ToolGovernor {
  govern(ask: GovernedAsk): Promise<Governance>;
}

/** What {@link createToolGovernor} needs. */
export interface ToolGovernorDependencies {
  readonly matrices: Pick<ToolMatrices, "of">;
  readonly gates: Pick<FileGates, "gateFor">;
  readonly reader: Reader;
  readonly recorder: Pick<Recorder, "touch">;
}

/** What policies see of a line's programs at most. */
const MAX_PROGRAMS = 200;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

const UNGOVERNED: Governance = {
  isGoverned: false,
  cost: 1,
  tier: undefined,
  refusal: undefined,
  asksBecause: undefined,
  toolContext: undefined,
  limitsContext: {},
  report: () => [],
  count: () => [],
};

/** Makes the governor. */
export function createToolGovernor(dependencies: ToolGovernorDependencies): ToolGovernor {
  const { matrices, reader } = dependencies;
  return {
    govern: async (ask) => {
      const { tenant, agent, run, command, tool, now } = ask;
      const name = tool?.name.startsWith("/") === true ? undefined : tool?.name;
      const asked = { tool: name, command, agent: agent.id, groups: agent.groups, run, now };
      const view = viewMatrix(await matrices.of(tenant), asked);
      if (!view.isGoverned && tool === undefined) return { ...UNGOVERNED, cost: view.cost };
      const states = await Promise.all(
        view.lines.map(async (line): Promise<LimitState> => {
          const row = await readCounter(reader, tenant, line.counter, line.start);
          return { line, used: row?.used ?? 0 };
        }),
      );
      const files = tool === undefined ? undefined : await judgeFiles(dependencies, ask, tool);
      const refusal = view.refusal ?? inputRefusal(tool) ?? limitRefusal(states) ?? files?.refusal;
      const asksBecause = asksFor(view.asksAlways, states) ?? files?.unknown;
      return {
        isGoverned: true,
        cost: view.cost,
        tier: view.tier,
        refusal,
        asksBecause,
        toolContext: {
          name: tool?.name ?? command,
          ...(refusal === undefined ? {} : { refused: refusal.code }),
          ...(asksBecause === undefined ? {} : { approval: true }),
          ...(tool === undefined ? {} : { programs: [...new Set(tool.programs)].slice(0, MAX_PROGRAMS) }),
        },
        limitsContext: remainingOf(states),
        report: (isAllowed) => states.flatMap((state) => reportOf(state, isAllowed)),
        count: (isCosigned) => countStatements(dependencies, ask, states, isCosigned),
      };
    },
  };
}

function inputRefusal(tool: GovernedTool | undefined): ToolRefusal | undefined {
  return tool?.malformed === undefined ? undefined : { code: "tool_input_invalid", message: tool.malformed };
}

function limitRefusal(states: readonly LimitState[]): ToolRefusal | undefined {
  const spent = states.find(isSpent);
  if (spent === undefined) return undefined;
  const { line, used } = spent;
  const until = line.end === undefined ? "it does not begin anew" : `it begins anew at ${toRfc3339(line.end)}`;
  const of = line.tool === undefined ? "" : ` of \`${line.tool}\``;
  return { code: "limit_reached", message: `${LIMIT_NAMES[line.scope]}${of} is ${line.limit}, used ${used}: ${until}` };
}

const LIMIT_NAMES: Readonly<Record<LimitState["line"]["scope"], string>> = {
  run: "the limit for calls in a run",
  window: "the limit for calls in a window",
  budget_run: "the budget of the run",
  budget_agent: "the agent's budget of the day",
  budget_day: "the tenant's budget of the day",
  approval: "the number of calls without a person",
};

function asksFor(asksAlways: boolean, states: readonly LimitState[]): string | undefined {
  if (asksAlways) return "the tool matrix asks for a person with every call of this tool";
  return states.some(isAskedAbout) ? "the tool matrix asks for a person from here on" : undefined;
}

interface JudgedFiles {
  readonly refusal: ToolRefusal | undefined;
  /** Why nobody can tell which file is meant. */
  readonly unknown: string | undefined;
}

async function judgeFiles(
  { gates }: ToolGovernorDependencies,
  { tenant, agent }: GovernedAsk,
  tool: GovernedTool,
): Promise<JudgedFiles> {
  const stored = await gates.gateFor(tenant, agent.id);
  const { projectRules, projectBase, files, foundNames, place, programs } = tool;
  const ground = projectBase === undefined ? {} : { base: projectBase };
  const gate = projectRules.length === 0 ? stored : joinGates([stored, compileFileRules(projectRules, ground)]);
  const findsDots = programs.some((program) => DOT_SETTERS.has(program));
  let { unknown } = tool;
  const samples = files.flatMap(({ path, mode }): FileAccess[] => {
    const full = lexicalPath(path, place.cwd, place.home);
    const sample = mode === "read" ? treeSample(full, programs, place.home) : undefined;
    return sample === undefined ? [] : [{ path: sample, mode, resolved: true }];
  });
  for (const { path, mode, resolved } of [...files, ...samples]) {
    const found = foundNames.get(path);
    const verdict = gate.judge(
      { path, mode, resolved, findsDots, ...(found === undefined ? {} : { foundNames: found }) },
      place,
    );
    const refusal = refusalOf(verdict);
    if (refusal !== undefined) return { refusal, unknown: undefined };
    if (verdict.kind === "unknown") unknown ??= verdict.because;
  }
  return { refusal: undefined, unknown };
}

/** What can have a pattern find names that begin with a dot. */
const DOT_SETTERS: ReadonlySet<string> = new Set([
  "shopt",
  "set",
  "setopt",
  "bash",
  "zsh",
  "sh",
  "eval",
  "source",
  ".",
]);

function refusalOf(verdict: FileVerdict): ToolRefusal | undefined {
  if (verdict.kind === "closed") return { code: "file_closed", message: verdict.because };
  return verdict.kind === "invalid" ? { code: "file_invalid", message: verdict.because } : undefined;
}

/** The least that any limit has left. */
function remainingOf(states: readonly LimitState[]): JsonObject {
  const left = states.flatMap(({ line, used }) => (line.limit === undefined ? [] : [Math.max(0, line.limit - used)]));
  return left.length === 0 ? {} : ({ remaining: Math.min(...left) } satisfies Record<string, Json>);
}

function reportOf({ line, used }: LimitState, isAllowed: boolean): readonly LimitReport[] {
  const limit = line.limit ?? line.askAbove;
  if (limit === undefined) return [];
  const spent = isAllowed ? used + line.weight : used;
  return [
    {
      scope: line.scope,
      ...(line.tool === undefined ? {} : { tool: line.tool }),
      limit,
      used: spent,
      remaining: Math.max(0, limit - spent),
      ...(line.end === undefined ? {} : { resets_at: toRfc3339(line.end) }),
    },
  ];
}

function countStatements(
  { recorder }: ToolGovernorDependencies,
  { tenant, now }: GovernedAsk,
  states: readonly LimitState[],
  isCosigned: boolean,
): readonly Statement[] {
  // A new period of some counter: those of old ones have nothing to say.
  if (states.some(({ line, used }) => line.end !== undefined && used === 0)) {
    recorder.touch([deleteOldCounters(tenant, now)]);
  }
  return states.map(({ line }) => {
    const limit = line.limit ?? NO_LIMIT;
    const most = isCosigned ? limit : Math.min(limit, line.askAbove ?? NO_LIMIT);
    return addToCounter(tenant, line.counter, line.start, line.end ?? null, line.weight, most);
  });
}
