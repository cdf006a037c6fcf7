import type { Recorder } from "#src/audit/recorder.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import type { ToolBudgets, ToolMatrix, ToolRule } from "#src/classify/tool-matrix.ts";
import type { Reader } from "#src/store/reader.ts";
import { deleteToolRule, putToolBudgets, putToolRule, readToolBudgets, readToolRules } from "#src/store/tools.ts";

/** The tool matrix of a tenant. */
export interface ToolMatrices {
  /** As of now, from memory. */
  of(tenant: TenantId): Promise<ToolMatrix>;
  /** `not_found` where the tool has no line of the tenant's own. */
  show(tenant: TenantId, tool: string): Promise<ToolRule>;
  /** Stores a line in place of the tool's own one. `invalid_argument`. */
  set(tenant: TenantId, actor: SubjectId, rule: ToolRule): Promise<ToolRule>;
  /** `not_found`. */
  remove(tenant: TenantId, actor: SubjectId, tool: string): Promise<void>;
  setBudgets(tenant: TenantId, actor: SubjectId, budgets: ToolBudgets): Promise<ToolBudgets>;
}

/** What {@link createToolMatrices} needs. */
export interface ToolMatricesDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly clock: Clock;
}

/** A tool as agents name it; a family of commands; all. */
const TOOL = /^(?:\*|[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}|(?:\/[a-z0-9][a-z0-9._-]*)+)$/;
const MAX_TOOL_CHARACTERS = 200;
const MAX_RULES = 500;

/** Makes the service. */
export function createToolMatrices({ recorder, reader, clock }: ToolMatricesDependencies): ToolMatrices {
  const caches = new Map<TenantId, { readonly epoch: number; readonly matrix: Promise<ToolMatrix> }>();

  const of = (tenant: TenantId): Promise<ToolMatrix> => {
    const epoch = recorder.epochOf(tenant);
    const known = caches.get(tenant);
    if (known?.epoch === epoch) return known.matrix;
    const matrix = load(reader, tenant);
    caches.set(tenant, { epoch, matrix });
    matrix.catch(() => caches.delete(tenant));
    return matrix;
  };

  return {
    of,
    show: async (tenant, tool) => {
      const rule = (await of(tenant)).rules.get(tool);
      if (rule === undefined) throw new WritError("not_found");
      return rule;
    },
    set: async (tenant, actor, rule) => {
      checkRule(rule);
      const { rules } = await of(tenant);
      if (!rules.has(rule.tool) && rules.size >= MAX_RULES) {
        throw new WritError("invalid_argument", `a tool matrix has at most ${MAX_RULES} lines`);
      }
      const { tool, ...rest } = rule;
      const json = rest as unknown as JsonObject;
      await recorder.record({
        tenant,
        type: "tool_rule.set",
        actor,
        statements: [putToolRule(tenant, { tool, rule: canonicalize(json), updatedAt: clock.now() })],
        data: { tool, rule: json },
        raisesEpoch: true,
      });
      return rule;
    },
    remove: async (tenant, actor, tool) => {
      if (!(await of(tenant)).rules.has(tool)) throw new WritError("not_found");
      await recorder.record({
        tenant,
        type: "tool_rule.removed",
        actor,
        statements: [deleteToolRule(tenant, tool)],
        data: { tool },
        raisesEpoch: true,
      });
    },
    setBudgets: async (tenant, actor, budgets) => {
      const json = budgets as unknown as JsonObject;
      await recorder.record({
        tenant,
        type: "tool_budgets.set",
        actor,
        statements: [putToolBudgets(tenant, canonicalize(json), clock.now())],
        data: { budgets: json },
        raisesEpoch: true,
      });
      return budgets;
    },
  };
}

async function load(reader: Reader, tenant: TenantId): Promise<ToolMatrix> {
  const [rows, budgets] = await Promise.all([readToolRules(reader, tenant), readToolBudgets(reader, tenant)]);
  return {
    rules: new Map(rows.map(({ tool, rule }) => [tool, { tool, ...(JSON.parse(rule) as Omit<ToolRule, "tool">) }])),
    budgets: budgets === undefined ? {} : (JSON.parse(budgets) as ToolBudgets),
  };
}

/** What the shape of a request does not say. */
function checkRule({ tool, roles }: ToolRule): void {
  if (tool.length > MAX_TOOL_CHARACTERS || !TOOL.test(tool)) {
    throw new WritError(
      "invalid_argument",
      "`tool` is a tool's name, a family of commands such as `/github/issues`, or `*`",
    );
  }
  if (roles?.length === 0)
    throw new WritError("invalid_argument", "`roles` names at least one group; leave it out for all");
}
