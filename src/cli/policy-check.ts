import { loadCedar } from "#src/policy/cedar.ts";
import { compilePolicies, type PolicyProblem } from "#src/policy/policy-set.ts";
import { validatePolicySet } from "#src/policy/validate-set.ts";
import type { Arguments } from "./arguments.ts";
import { withApi } from "./client.ts";
import type { ExitCode, NamedCommand } from "./command.ts";
import { readText } from "./input.ts";
import { TENANT_OPTION } from "./option.ts";
import { CONNECTION_OPTION, describeProblem, offlineSchema, SCHEMA_OPTION } from "./policy-source.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** What was found in a source. */
interface Findings {
  readonly policies: number;
  readonly problems: readonly PolicyProblem[];
  readonly warnings: readonly PolicyProblem[];
}

/** Needs no server unless it is asked: policies are checked where they are written. */
export const check: NamedCommand = {
  name: "check",
  summary: "check policies as saving them does; exit 1 where anything is wrong with them",
  positionals: [{ name: "FILE" }],
  options: [
    { name: "server", help: "ask the server: against the tenant's own connections and schema" },
    SCHEMA_OPTION,
    CONNECTION_OPTION,
    { name: "syntax", help: "only whether it parses; names and types are not looked at" },
    TENANT_OPTION,
  ],
  notes: [
    "FILE is Cedar; `-` is standard input. Without --server the schema is that of the shipped connectors, the command line,",
    "files, the http connections that are named and the file of --schema. A warning is no error.",
  ],
  run: async (context, args) => {
    const { terminal } = context;
    requireOneWay(args);
    const path = args.at("FILE");
    const source = await readText(terminal, path);
    if (args.has("server")) {
      return withApi(context, args, async (api) => {
        const answer = await api.post("/v1/admin/policies/check", { source });
        return tell(terminal, args, path, answer as unknown as Findings);
      });
    }
    const found = await checkHere(terminal, args, source);
    return found === undefined ? 2 : tell(terminal, args, path, found);
  },
};

function requireOneWay(args: Arguments): void {
  const ways = ["server", "syntax"].filter((name) => args.has(name));
  const offline = ["schema", "connection"].find((name) => args.has(name));
  if (ways.length > 1) throw new UsageError("either `--server` or `--syntax`");
  if (ways.length === 1 && offline !== undefined) {
    throw new UsageError(`\`--${offline}\` is for a check against the schema without a server`);
  }
}

async function checkHere(terminal: Terminal, args: Arguments, source: string): Promise<Findings | undefined> {
  loadCedar();
  if (args.has("syntax")) {
    const result = compilePolicies(source);
    return "errors" in result
      ? { policies: 0, problems: result.errors, warnings: [] }
      : { policies: result.policies.length, problems: [], warnings: [] };
  }
  const schema = await offlineSchema(terminal, args.list("connection"), args.option("schema"));
  if (schema === undefined) return undefined;
  const result = validatePolicySet(source, schema);
  return "errors" in result
    ? { policies: 0, problems: result.errors, warnings: [] }
    : { policies: result.policies.length, problems: [], warnings: result.warnings };
}

async function tell(
  terminal: Terminal,
  args: Arguments,
  path: string,
  { policies, problems, warnings }: Findings,
): Promise<ExitCode> {
  const ok = problems.length === 0;
  if (args.has("json")) {
    await terminal.printJson({ ok, policies, problems, warnings });
  } else {
    for (const problem of problems) await terminal.print(describeProblem(path, problem));
    for (const warning of warnings) {
      await terminal.print(describeProblem(path, { ...warning, message: `warning: ${warning.message}` }));
    }
    const verdict = warnings.length === 0 ? "nothing wrong" : `no errors; warnings: ${warnings.length}`;
    if (ok) await terminal.print(`${verdict}; policies: ${policies}`);
  }
  return ok ? 0 : 1;
}
