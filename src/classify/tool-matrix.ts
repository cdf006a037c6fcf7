import { higherTier, type Tier } from "./tier.ts";
import { isKnownTool } from "./tool-use.ts";

/** When a person is asked, whatever the tier says. */
export type ToolApproval =
  | { readonly when: "never" }
  | { readonly when: "always" }
  /** Beyond so many calls of a run, or of a day where there is no run. */
  | { readonly when: "above_calls"; readonly calls: number }
  /** Beyond a cost of the agent's day. */
  | { readonly when: "above_cost"; readonly cost: number };

/** What holds where Writ cannot be reached: no, or reads by a policy that was signed at most so many seconds ago. */
export type ToolOffline = { readonly mode: "deny" } | { readonly mode: "read_only"; readonly maxAgeSeconds: number };

/** One line of the matrix. What it leaves out, it does not limit. */
export interface ToolRule {
  /** A tool by its name; a family of commands by its path, such as `/github/issues`; `*` is every tool and command. */
  readonly tool: string;
  /** At least this tier; a tool whose calls say nothing of themselves has it as its tier. */
  readonly tier?: Tier;
  readonly maxCallsPerRun?: number;
  readonly window?: { readonly calls: number; readonly seconds: number };
  readonly approval?: ToolApproval;
  readonly offline?: ToolOffline;
  /** What one call costs; 1 unless the most special line that says so says otherwise. */
  readonly cost?: number;
  /** Groups of agents, one of which the agent must be in. */
  readonly roles?: readonly string[];
}

/** How much may be spent, in the matrix's own costs. */
export interface ToolBudgets {
  readonly run?: number;
  /** Of one agent in a day, UTC. */
  readonly agentDay?: number;
  /** Of all agents of the tenant in a day, UTC. */
  readonly day?: number;
}

/** A tenant's lines and budgets. */
export interface ToolMatrix {
  readonly rules: ReadonlyMap<string, ToolRule>;
  readonly budgets: ToolBudgets;
}

/** What is asked for, as far as the matrix goes. */
export interface MatrixAsk {
  /** The tool's name; undefined for a command that is asked for by itself. */
  readonly tool: string | undefined;
  readonly command: string;
  readonly agent: string;
  /** Groups of the agent. */
  readonly groups: readonly string[];
  /** The run that limits are counted under: the topmost of its family. */
  readonly run: string | undefined;
  /** Milliseconds. */
  readonly now: number;
}

/** One counter that a call adds to, and how far it may go. */
export interface LimitLine {
  readonly scope: "run" | "window" | "budget_run" | "budget_agent" | "budget_day" | "approval";
  /** The line of the matrix that it is from; the budgets' own are without. */
  readonly tool: string | undefined;
  readonly counter: string;
  /** Milliseconds; 0 for one that never begins anew. */
  readonly start: number;
  /** When it begins anew, in milliseconds; undefined never. */
  readonly end: number | undefined;
  /** What this call adds. */
  readonly weight: number;
  readonly limit: number | undefined;
  /** Beyond it a person is asked. */
  readonly askAbove: number | undefined;
}

/** What the matrix says before anything is counted. */
export interface MatrixView {
  /** No line is about it: nothing is counted and nothing is limited. */
  readonly isGoverned: boolean;
  /** The least tier; undefined where no line gives one. */
  readonly tier: Tier | undefined;
  /** Why it is refused whatever the counters say. */
  readonly refusal: MatrixRefusal | undefined;
  readonly asksAlways: boolean;
  readonly cost: number;
  readonly offline: ToolOffline;
  readonly lines: readonly LimitLine[];
}

/** Why the matrix says no. */
export interface MatrixRefusal {
  readonly code: "unknown_tool" | "role_needed";
  readonly message: string;
}

const DAY = 86_400_000;

/**
 * Tools of coding agents that touch nothing by themselves, or that reach out: the tier that they have without a line. Shells
 * and tools for files are judged by each call.
 */
export const BUILT_IN_TOOLS: ReadonlyMap<string, Tier> = new Map<string, Tier>([
  ...["TodoWrite", "TodoRead", "todowrite", "todoread", "update_plan", "write_todos"].map(
    (name) => [name, "read"] as const,
  ),
  ...["Task", "Agent", "task", "Skill", "SlashCommand", "ToolSearch"].map((name) => [name, "read"] as const),
  ...["EnterPlanMode", "ExitPlanMode", "AskUserQuestion"].map((name) => [name, "read"] as const),
  ...["BashOutput", "TaskOutput", "ListMcpResourcesTool"].map((name) => [name, "read"] as const),
  ...["KillShell", "KillBash", "TaskStop", "ReadMcpResourceTool"].map((name) => [name, "write"] as const),
  ...["WebFetch", "WebSearch", "webfetch", "websearch", "web_fetch"].map((name) => [name, "write"] as const),
  ...["google_web_search", "web_search", "save_memory"].map((name) => [name, "write"] as const),
]);

/** What all lines that are about a call say together: the strictest of each. */
export function viewMatrix(matrix: ToolMatrix, ask: MatrixAsk): MatrixView {
  const rules = rulesFor(matrix, ask);
  const own = ask.tool === undefined ? undefined : BUILT_IN_TOOLS.get(ask.tool);
  const tier = [own, ...rules.map((rule) => rule.tier)].reduce(
    (a, b) => (a === undefined || b === undefined ? (a ?? b) : higherTier(a, b)),
    undefined,
  );
  const cost = rules.find((rule) => rule.cost !== undefined)?.cost ?? 1;
  const spent = Object.values(matrix.budgets).some((limit) => limit !== undefined);
  return {
    isGoverned: ask.tool !== undefined || rules.length > 0 || spent,
    tier,
    refusal: refusalOf(rules, ask, tier),
    cost,
    asksAlways: rules.some(({ approval }) => approval?.when === "always"),
    offline: rules.find((rule) => rule.offline !== undefined)?.offline ?? { mode: "deny" },
    lines: [...rules.flatMap((rule) => ruleLines(rule, ask)), ...costLines(matrix.budgets, rules, ask, cost)],
  };
}

/** The lines about a call, special to general: the tool's own, its command, the command's families, `*`. */
function rulesFor({ rules }: ToolMatrix, { tool, command }: MatrixAsk): readonly ToolRule[] {
  const names = tool === undefined ? [] : [tool];
  for (let at = command.length; at > 0; at = command.lastIndexOf("/", at - 1)) names.push(command.slice(0, at));
  return [...new Set([...names, "*"])].flatMap((name) => rules.get(name) ?? []);
}

function refusalOf(rules: readonly ToolRule[], ask: MatrixAsk, tier: Tier | undefined): MatrixRefusal | undefined {
  const { tool, groups } = ask;
  if (tool !== undefined && !isKnownTool(tool) && tier === undefined) {
    return { code: "unknown_tool", message: `the tool \`${tool}\` has no line in the tool matrix` };
  }
  const closed = rules.find(({ roles }) => roles !== undefined && !roles.some((role) => groups.includes(role)));
  if (closed === undefined) return undefined;
  return { code: "role_needed", message: `\`${closed.tool}\` is for agents of the groups ${closed.roles?.join(", ")}` };
}

function ruleLines(rule: ToolRule, ask: MatrixAsk): readonly LimitLine[] {
  const { agent, run, now } = ask;
  const lines: LimitLine[] = [];
  const counted = { tool: rule.tool, weight: 1, askAbove: undefined };
  if (rule.maxCallsPerRun !== undefined && run !== undefined) {
    const counter = `calls of ${rule.tool} in ${run}`;
    lines.push({ ...counted, scope: "run", counter, start: 0, end: undefined, limit: rule.maxCallsPerRun });
  }
  if (rule.window !== undefined) {
    const { calls, seconds } = rule.window;
    const counter = `calls of ${rule.tool} by ${agent} in ${seconds}s`;
    lines.push({ ...counted, scope: "window", counter, ...periodOf(now, seconds * 1000), limit: calls });
  }
  if (rule.approval?.when === "above_calls") {
    const place = run === undefined ? periodOf(now, DAY) : { start: 0, end: undefined };
    const counter = `asked of ${rule.tool} by ${run ?? agent}`;
    lines.push({ ...counted, scope: "approval", counter, ...place, limit: undefined, askAbove: rule.approval.calls });
  }
  return lines;
}

/** Costs: one counter a scope, whatever lines ask about it. */
function costLines(
  budgets: ToolBudgets,
  rules: readonly ToolRule[],
  { agent, run, now }: MatrixAsk,
  cost: number,
): readonly LimitLine[] {
  if (cost === 0) return [];
  const asks = rules.flatMap(({ approval }) => (approval?.when === "above_cost" ? [approval.cost] : []));
  const askAbove = asks.length === 0 ? undefined : Math.min(...asks);
  const day = periodOf(now, DAY);
  const line = { tool: undefined, weight: cost, askAbove: undefined };
  const lines: LimitLine[] = [];
  if (run !== undefined && budgets.run !== undefined) {
    lines.push({
      ...line,
      scope: "budget_run",
      counter: `cost in ${run}`,
      start: 0,
      end: undefined,
      limit: budgets.run,
    });
  }
  if (budgets.agentDay !== undefined || askAbove !== undefined) {
    const counter = `cost by ${agent}`;
    lines.push({ ...line, scope: "budget_agent", counter, ...day, limit: budgets.agentDay, askAbove });
  }
  if (budgets.day !== undefined) {
    lines.push({ ...line, scope: "budget_day", counter: "cost", ...day, limit: budgets.day });
  }
  return lines;
}

function periodOf(now: number, length: number): { readonly start: number; readonly end: number } {
  const start = Math.floor(now / length) * length;
  return { start, end: start + length };
}

/** Where one counter stands before this call. */
export interface LimitState {
  readonly line: LimitLine;
  readonly used: number;
}

/** Whether this call still fits. */
export function isSpent({ line, used }: LimitState): boolean {
  return line.limit !== undefined && used + line.weight > line.limit;
}

/** Whether this call is one that a person is asked about. */
export function isAskedAbout({ line, used }: LimitState): boolean {
  return line.askAbove !== undefined && used + line.weight > line.askAbove;
}
