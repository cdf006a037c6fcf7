import { isWritError, WritError } from "#src/base/errors.ts";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { type PolicyTestFile, parsePolicyTests } from "#src/policy/policy-test-file.ts";
import { type PolicyCoverage, type PolicyTestReport, runPolicyTests } from "#src/policy/policy-tests.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import type { Arguments } from "./arguments.ts";
import { type Api, withApi } from "./client.ts";
import type { ExitCode, NamedCommand } from "./command.ts";
import { readText } from "./input.ts";
import { TENANT_OPTION } from "./option.ts";
import { CONNECTION_OPTION, compileOrTell, offlineSchema, SCHEMA_OPTION } from "./policy-source.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

interface NamedFile {
  readonly path: string;
  readonly file: PolicyTestFile;
}

/** What is told of a file's tests, whoever ran them. */
interface NamedReport extends Pick<PolicyTestReport, "passed" | "failed" | "coverage"> {
  readonly path: string;
  readonly results: readonly {
    readonly test: { readonly name: string; readonly line: number };
    readonly decision: { readonly decision: string };
    readonly failures: readonly string[];
  }[];
}

/** What the server answers. */
interface ServerReport extends Pick<PolicyTestReport, "passed" | "failed" | "coverage"> {
  readonly tests: readonly {
    readonly name: string;
    readonly line: number;
    readonly decision: string;
    readonly failures: readonly string[];
  }[];
}

const MAX_SETS = 64;

/** Needs no server unless it is asked: policies are tried where they are written. */
export const test: NamedCommand = {
  name: "test",
  summary: "try policies against files of requests and expected decisions; exit 1 where one comes out differently",
  positionals: [{ name: "FILE", many: true }],
  options: [
    { name: "policies", value: "P.cedar", required: true, help: "the policies" },
    { name: "server", help: "ask the server: under the tenant's own connections and schema" },
    SCHEMA_OPTION,
    { ...CONNECTION_OPTION, help: `gives its commands their tiers: ${CONNECTION_OPTION.help}` },
    TENANT_OPTION,
  ],
  notes: [
    'FILE is JSON: {"tests": [{"name", "ask", "expect"}], "defaults"?, "entities"?}. `-` is standard input, once.',
    "Exit: 0 all as expected, 1 some not, 2 a file that cannot be read or policies that do not compile.",
  ],
  run: async (context, args) => {
    const { terminal } = context;
    const paths = args.allAt("FILE");
    const policiesPath = args.option("policies") ?? "";
    if ([...paths, policiesPath].filter((path) => path === "-").length > 1) {
      throw new UsageError("standard input can be only one of the files");
    }
    if (args.has("server")) {
      requireServerAlone(args);
      return withApi(context, args, (api) => testOnServer(terminal, args, api, paths, policiesPath));
    }
    const policies = await compileOrTell(terminal, policiesPath, await readText(terminal, policiesPath));
    const files = await readFiles(terminal, paths);
    if (policies === undefined || files === undefined) return 2;
    const schema = await offlineSchema(terminal, args.list("connection"), args.option("schema"));
    if (schema === undefined) return 2;
    const authorizer = createAuthorizer({ maxSets: MAX_SETS });
    try {
      const index = PolicyIndex.build(policies);
      const reports = files.map(({ path, file }) => {
        try {
          return { path, ...runPolicyTests(file, { authorizer, index, policies, schema }) };
        } catch (error) {
          if (!isWritError(error, "invalid_argument")) throw error;
          throw new WritError("invalid_argument", `${path}: ${error.message}`, { cause: error });
        }
      });
      await (args.has("json") ? printAsJson(terminal, reports) : printReports(terminal, reports));
      return reports.every(({ failed }) => failed === 0) ? 0 : 1;
    } finally {
      authorizer.dispose();
    }
  },
};

function requireServerAlone(args: Arguments): void {
  const offline = ["schema", "connection"].find((name) => args.has(name));
  if (offline !== undefined) throw new UsageError(`\`--${offline}\` is for tests without a server`);
}

async function testOnServer(
  terminal: Terminal,
  args: Arguments,
  api: Api,
  paths: readonly string[],
  policiesPath: string,
): Promise<ExitCode> {
  const source = await readText(terminal, policiesPath);
  const reports: NamedReport[] = [];
  for (const path of paths) {
    const tests = await readText(terminal, path);
    const answer = (await api.post("/v1/admin/policies/tests", { source, tests })) as unknown as ServerReport;
    const results = answer.tests.map(({ name, line, decision, failures }) => ({
      test: { name, line },
      decision: { decision },
      failures,
    }));
    reports.push({ path, results, passed: answer.passed, failed: answer.failed, coverage: answer.coverage });
  }
  await (args.has("json") ? printAsJson(terminal, reports) : printReports(terminal, reports));
  return reports.every(({ failed }) => failed === 0) ? 0 : 1;
}

async function readFiles(terminal: Terminal, paths: readonly string[]): Promise<readonly NamedFile[] | undefined> {
  const files: NamedFile[] = [];
  for (const path of paths) {
    const result = parsePolicyTests(await readText(terminal, path));
    if ("file" in result) files.push({ path, file: result.file });
    else {
      for (const { line, column, path: place, message } of result.errors) {
        await terminal.note(`${path}:${line}:${column}: ${place === "" ? "" : `${place}: `}${message}`);
      }
    }
  }
  return files.length === paths.length ? files : undefined;
}

async function printAsJson(terminal: Terminal, reports: readonly NamedReport[]): Promise<void> {
  const coverage = mergeCoverage(reports);
  await terminal.printJson({
    ok: reports.every(({ failed }) => failed === 0),
    ...countTests(reports),
    tests: reports.flatMap(({ path, results }) =>
      results.map(({ test: { name, line }, decision, failures }) => ({
        file: path,
        line,
        name,
        ok: failures.length === 0,
        decision: decision.decision,
        failures,
      })),
    ),
    coverage,
    covered: summarize(coverage),
  });
}

async function printReports(terminal: Terminal, reports: readonly NamedReport[]): Promise<void> {
  for (const { path, results } of reports) {
    for (const { test: each, failures } of results) {
      if (failures.length === 0) continue;
      await terminal.printMarked("bad", "failed", `  ${path}:${each.line}: ${each.name}`);
      for (const failure of failures) await terminal.print(`          ${failure}`);
    }
  }
  const coverage = mergeCoverage(reports);
  await terminal.printTable(
    ["POLICY", "MATCHED", "DETERMINED", "CONDITIONS", "NOT SEEN"],
    coverage.map((policy) => [
      policy.policy,
      String(policy.matched),
      String(policy.determined),
      `${policy.clauses.filter(isCovered).length}/${policy.clauses.length}`,
      unseenOf(policy),
    ]),
    "no policies: all is denied",
  );
  const { passed, failed } = countTests(reports);
  const covered = summarize(coverage);
  await terminal.print(
    `passed: ${passed}; failed: ${failed}; policies that determined something: ${covered.policies.join("/")}; conditions seen true and false: ${covered.conditions.join("/")}`,
  );
}

function countTests(reports: readonly NamedReport[]): { readonly passed: number; readonly failed: number } {
  const sum = (member: "passed" | "failed") => reports.reduce((total, report) => total + report[member], 0);
  return { passed: sum("passed"), failed: sum("failed") };
}

/** What all files together have seen of each policy: every report is of the same policies in the same order. */
function mergeCoverage(reports: readonly NamedReport[]): readonly PolicyCoverage[] {
  const [first, ...others] = reports.map(({ coverage }) => coverage);
  return (first ?? []).map((policy, place) => {
    const all = [policy, ...others.flatMap((coverage) => coverage[place] ?? [])];
    const sum = (member: "matched" | "determined") => all.reduce((total, each) => total + each[member], 0);
    return {
      policy: policy.policy,
      matched: sum("matched"),
      determined: sum("determined"),
      clauses: policy.clauses.map(({ kind }, clause) => {
        const saw = (member: "seenTrue" | "seenFalse" | "seenError") =>
          all.some(({ clauses }) => clauses[clause]?.[member] === true);
        return { kind, seenTrue: saw("seenTrue"), seenFalse: saw("seenFalse"), seenError: saw("seenError") };
      }),
    };
  });
}

type Clause = PolicyCoverage["clauses"][number];

function isCovered({ seenTrue, seenFalse }: Clause): boolean {
  return seenTrue && seenFalse;
}

function summarize(coverage: readonly PolicyCoverage[]): PolicyTestReport["covered"] {
  const clauses = coverage.flatMap((policy) => policy.clauses);
  return {
    policies: [coverage.filter(({ determined }) => determined > 0).length, coverage.length],
    conditions: [clauses.filter(isCovered).length, clauses.length],
  };
}

/** Which conditions were never seen how: `when 1 never false`. */
function unseenOf({ clauses }: PolicyCoverage): string {
  return clauses
    .flatMap(({ kind, seenTrue, seenFalse }, place) => {
      const never = [...(seenTrue ? [] : ["true"]), ...(seenFalse ? [] : ["false"])];
      return never.length === 0 ? [] : [`${kind} ${place + 1} never ${never.join(" or ")}`];
    })
    .join(", ");
}
