import { isWritError } from "#src/base/errors.ts";
import type { Authorizer } from "./authorizer.ts";
import { parsePolicyText } from "./cedar.ts";
import type { EntityJson, PolicyRequest } from "./closure.ts";
import { decideTwice, type PolicyDecision } from "./decide-twice.ts";
import { createExpressionSet, type Expression, type ExpressionSet, withCosigned } from "./expression-set.ts";
import type { CompiledPolicy } from "./policy-set.ts";
import type { PolicyTest, PolicyTestFile } from "./policy-test-file.ts";
import { type SchemaAction, type SchemaTier, schemaTierOf, type TenantSchema } from "./schema.ts";
import { type EntityUid, entityKey } from "./scope.ts";
import type { PolicyIndex } from "./slice.ts";
import { createTestFit, type TestFit } from "./test-fit.ts";

/** What came of one test. */
export interface PolicyTestResult {
  readonly test: PolicyTest;
  readonly decision: PolicyDecision;
  /** What is not as expected, in sentences; none when it passed. */
  readonly failures: readonly string[];
}

/** What tests have seen of one `when` or `unless`. */
export interface ClauseCoverage {
  readonly kind: "when" | "unless";
  readonly seenTrue: boolean;
  readonly seenFalse: boolean;
  /** Some test met it and it could not be evaluated. */
  readonly seenError: boolean;
}

/** What tests have seen of one policy. */
export interface PolicyCoverage {
  readonly policy: string;
  /** How many tests asked for what its scope covers. */
  readonly matched: number;
  /** How many it determined. */
  readonly determined: number;
  readonly clauses: readonly ClauseCoverage[];
}

/** All results, and what they covered. */
export interface PolicyTestReport {
  readonly passed: number;
  readonly failed: number;
  readonly results: readonly PolicyTestResult[];
  /** Of the tenant's policies, in their order. */
  readonly coverage: readonly PolicyCoverage[];
  /** Policies that determined something, of all; conditions seen both true and false, of all. */
  readonly covered: { readonly policies: readonly [number, number]; readonly conditions: readonly [number, number] };
}

/** What a test runs against. */
export interface PolicyTestRun {
  readonly authorizer: Authorizer;
  readonly index: PolicyIndex;
  /** The tenant's policies in `index`. */
  readonly policies: readonly CompiledPolicy[];
  /** Gives commands their tiers; without it, and without a `tier` in the test, a command is `danger`. */
  readonly schema?: TenantSchema;
}

/** What a test's ask is where it says nothing: noon of a day in the past, a live key. */
export const ASK_DEFAULTS = { time: "2026-01-05T12:00:00Z", environment: "live" } as const;

/**
 * Runs a file's tests. A request that does not fit the schema is denied as the server denies it, and fails its test unless
 * that is what is expected. Throws `invalid_argument` for an ask that Cedar cannot read, naming the test.
 */
export function runPolicyTests(file: PolicyTestFile, run: PolicyTestRun): PolicyTestReport {
  const fit = run.schema === undefined ? undefined : createTestFit(run.schema);
  const coverage = new Coverage(run.policies);
  try {
    const results = file.tests.map((test): PolicyTestResult => {
      const request = testRequest(test, file.entities, run.schema, fit);
      const mismatch = fit?.misfitOf(request);
      if (mismatch !== undefined) return misfit(test, mismatch);
      const decision = decideTwice(run.authorizer, run.index, request);
      coverage.note(run.index, request, decision);
      return { test, decision, failures: compare(test, decision) };
    });
    const failed = results.filter(({ failures }) => failures.length > 0).length;
    const policies = coverage.report();
    const clauses = policies.flatMap((policy) => policy.clauses);
    return {
      passed: results.length - failed,
      failed,
      results,
      coverage: policies,
      covered: {
        policies: [policies.filter(({ determined }) => determined > 0).length, policies.length],
        conditions: [clauses.filter(({ seenTrue, seenFalse }) => seenTrue && seenFalse).length, clauses.length],
      },
    };
  } finally {
    coverage.dispose();
  }
}

/** The request that a test's ask stands for, in the form in which Writ builds requests. */
export function testRequest(
  test: PolicyTest,
  shared: readonly EntityJson[],
  schema: TenantSchema | undefined,
  fit?: TestFit,
): PolicyRequest {
  const { ask } = test;
  const command = ask.command ?? "";
  const { type, id, attributes = {}, parents = [] } = ask.resource ?? { type: "", id: "" };
  const principal = ask.principal ?? { type: "Agent", id: ask.agent ?? "" };
  const groups = (ask.groups ?? []).map((group) => ({ type: "AgentGroup", id: group }));
  const connection = ask.connection === undefined ? [] : [{ type: "Connection", id: ask.connection }];
  const action = { type: "Action", id: command };
  const tier = ask.tier ?? tierOf(command, schema, fit?.actionOf(action));
  const declared = [...(fit?.actionOf(action)?.groups ?? [])].flatMap((group) => schema?.actions.get(group)?.uid ?? []);
  const stated = fit === undefined ? ask.context : fit.check.fitContext(action, ask.context ?? {});
  return {
    principal,
    action,
    resource: { type, id },
    context: {
      ...stated,
      writ: {
        ...(tier === undefined ? {} : { tier }),
        time: { __extn: { fn: "datetime", arg: ask.time ?? ASK_DEFAULTS.time } },
        environment: ask.environment ?? ASK_DEFAULTS.environment,
        limits: ask.limits ?? {},
        ...(ask.run === undefined ? {} : { run: ask.run }),
      },
      ...(ask.claimed === undefined && ask.context !== undefined ? {} : { claimed: ask.claimed ?? {} }),
    },
    entities: mergeEntities(shared, [
      { uid: principal, attrs: {}, parents: groups },
      { uid: action, attrs: {}, parents: withGroups(commandGroups(command, tier), declared) },
      {
        uid: { type, id },
        attrs: fit?.check.fitAttributes(type, attributes) ?? attributes,
        parents: [...connection, ...parents],
      },
    ]),
  };
}

/** A shared entity and one of the test are one: attributes and parents of both, the test's attributes first. */
function mergeEntities(shared: readonly EntityJson[], own: readonly EntityJson[]): readonly EntityJson[] {
  const merged = new Map<string, EntityJson>();
  for (const entity of [...shared, ...own]) {
    const key = JSON.stringify([(entity.uid as { type: string }).type, (entity.uid as { id: string }).id]);
    const known = merged.get(key);
    if (known === undefined) merged.set(key, entity);
    else
      merged.set(key, {
        ...known,
        attrs: { ...known.attrs, ...entity.attrs },
        parents: [...known.parents, ...entity.parents],
      });
  }
  return [...merged.values()];
}

/** An action of the tenant's own that is no command is in a tier only where the schema says so, as the server has it. */
function tierOf(
  command: string,
  schema: TenantSchema | undefined,
  action: SchemaAction | undefined,
): SchemaTier | undefined {
  if (schema === undefined) return "danger";
  const isInTier = [...(action?.groups ?? [])].some((group) => schema.actions.get(group)?.uid.id.startsWith("tier:"));
  return action === undefined || isInTier || command.startsWith("/") ? schemaTierOf(schema, command) : undefined;
}

function commandGroups(command: string, tier: SchemaTier | undefined): { type: string; id: string }[] {
  const groups = tier === undefined ? [] : [`tier:${tier}`];
  for (let at = command.lastIndexOf("/"); at > 0; at = command.lastIndexOf("/", at - 1))
    groups.push(command.slice(0, at));
  return groups.map((id) => ({ type: "Action", id }));
}

/** The tier is the test's own word, where a command has several. */
function withGroups(groups: readonly EntityUid[], declared: readonly EntityUid[]): readonly EntityUid[] {
  const known = new Set(groups.map(entityKey));
  return [...groups, ...declared.filter((uid) => !uid.id.startsWith("tier:") && !known.has(entityKey(uid)))];
}

function misfit(test: PolicyTest, mismatch: string): PolicyTestResult {
  const decision: PolicyDecision = {
    decision: "deny",
    reason: "request_mismatch",
    mismatch,
    determining: [],
    errors: [],
  };
  const isExpected = test.expect.decision === "deny" && test.expect.reason === "request_mismatch";
  return { test, decision, failures: isExpected ? [] : [`the request does not fit the schema: ${mismatch}`] };
}

function determiningOf(decision: PolicyDecision): readonly string[] {
  return decision.decision === "step_up" ? decision.asked : decision.determining;
}

function compare({ expect }: PolicyTest, decision: PolicyDecision): readonly string[] {
  const failures: string[] = [];
  const actual = decision.decision === "deny" ? `deny (${decision.reason})` : decision.decision;
  const determining = determiningOf(decision);
  if (decision.decision !== expect.decision) {
    failures.push(
      `expected ${expect.decision}, got ${actual}${determining.length === 0 ? "" : ` by ${quoteAll(determining)}`}`,
    );
  } else if (expect.reason !== undefined && (decision.decision !== "deny" || decision.reason !== expect.reason)) {
    failures.push(`expected the reason ${expect.reason}, got ${actual}`);
  }
  const errors = decision.errors.map(({ policyId }) => policyId);
  for (const [what, expected, found] of [
    ["policies", expect.policies, determining],
    ["errors", expect.errors, errors],
  ] as const) {
    if (expected === undefined || [...expected].sort().join("\0") === [...found].sort().join("\0")) continue;
    failures.push(`expected the ${what} ${quoteAll(expected)}, got ${quoteAll(found)}`);
  }
  if (failures.length > 0 && expect.errors === undefined) {
    for (const { policyId, message } of decision.errors)
      failures.push(`\`${policyId}\` could not be evaluated: ${message}`);
  }
  return failures;
}

function quoteAll(ids: readonly string[]): string {
  return ids.length === 0 ? "none" : ids.map((id) => `\`${id}\``).join(", ");
}

interface PolicySeen {
  matched: number;
  determined: number;
  readonly clauses: { readonly kind: "when" | "unless"; seenTrue: boolean; seenFalse: boolean; seenError: boolean }[];
  bodies: readonly Expression[];
  /** Made when a test first meets the policy. */
  expressions: ExpressionSet | undefined;
}

class Coverage {
  private readonly seen = new Map<string, PolicySeen>();

  constructor(policies: readonly CompiledPolicy[]) {
    for (const { id, text } of policies) {
      const json = parsePolicyText(text);
      const conditions = "effect" in json ? json.conditions : [];
      this.seen.set(id, {
        matched: 0,
        determined: 0,
        clauses: conditions.map(({ kind }) => ({ kind, seenTrue: false, seenFalse: false, seenError: false })),
        bodies: conditions.map(({ body }) => body),
        expressions: undefined,
      });
    }
  }

  note(index: PolicyIndex, request: PolicyRequest, decision: PolicyDecision): void {
    const slice = index.policiesOf(index.match(request));
    const determining =
      decision.decision === "step_up" ? [...decision.asked, ...decision.permits] : decision.determining;
    // The second pass is made where the first does not settle it and some policy tells the two apart.
    const isTwoPass = decision.decision !== "allow" && slice.some(({ readsCosigned }) => readsCosigned);
    for (const { id } of slice) {
      const seen = this.seen.get(id);
      if (seen === undefined) continue;
      seen.matched += 1;
      if (determining.includes(id)) seen.determined += 1;
      for (const cosigned of isTwoPass ? [false, true] : [false]) noteClauses(seen, withCosigned(request, cosigned));
    }
  }

  report(): readonly PolicyCoverage[] {
    return [...this.seen].map(([policy, { matched, determined, clauses }]) => ({
      policy,
      matched,
      determined,
      clauses,
    }));
  }

  dispose(): void {
    for (const { expressions } of this.seen.values()) expressions?.dispose();
  }
}

/** A clause behind one that did not hold was not looked at. */
function noteClauses(seen: PolicySeen, request: PolicyRequest): void {
  const { clauses, bodies } = seen;
  if (bodies.length === 0) return;
  if (seen.expressions === undefined) {
    try {
      seen.expressions = createExpressionSet(bodies);
    } catch (error) {
      // Nested beyond what can be taken apart: its conditions count as not seen.
      if (!isWritError(error, "invalid_argument")) throw error;
      seen.bodies = [];
      return;
    }
  }
  const truths = seen.expressions.evaluate(request);
  for (const [place, clause] of clauses.entries()) {
    const kind = truths[place]?.kind;
    if (kind === "true") clause.seenTrue = true;
    else if (kind === "false") clause.seenFalse = true;
    else clause.seenError = true;
    if (kind !== (clause.kind === "when" ? "true" : "false")) return;
  }
}
