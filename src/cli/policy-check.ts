import { loadCedar } from "#src/policy/cedar.ts";
import { compilePolicies } from "#src/policy/policy-set.ts";
import { type ValidationResult, validatePolicySet } from "#src/policy/validate-set.ts";
import type { NamedCommand } from "./command.ts";
import { readText } from "./input.ts";
import { CONNECTION_OPTION, describeProblem, offlineSchema } from "./policy-source.ts";
import { UsageError } from "./usage-error.ts";

/** Needs no server: policies are checked where they are written. */
export const check: NamedCommand = {
  name: "check",
  summary: "check policies; exit 1 where anything is wrong with them",
  positionals: [{ name: "FILE" }],
  options: [
    { name: "strict", help: "against the schema: unknown names and types, and what can never apply, are wrong too" },
    { ...CONNECTION_OPTION, help: `with --strict: ${CONNECTION_OPTION.help}` },
  ],
  notes: [
    "FILE is Cedar; `-` is standard input. The schema is that of the shipped connectors, the command line, files and the",
    "http connections that are named. A warning is no error.",
  ],
  run: async ({ terminal }, args) => {
    const path = args.at("FILE");
    if (args.list("connection").length > 0 && !args.has("strict")) {
      throw new UsageError("`--connection` is for the schema, which only `--strict` checks against");
    }
    const source = await readText(terminal, path);
    loadCedar();
    const result: ValidationResult = args.has("strict")
      ? validatePolicySet(source, offlineSchema(args.list("connection")))
      : withoutWarnings(source);
    const problems = "errors" in result ? result.errors : [];
    const warnings = "errors" in result ? [] : result.warnings;
    const policies = "errors" in result ? 0 : result.policies.length;
    if (args.has("json")) {
      await terminal.printJson({ ok: problems.length === 0, policies, problems, warnings });
    } else {
      for (const problem of problems) await terminal.print(describeProblem(path, problem));
      for (const warning of warnings) {
        await terminal.print(describeProblem(path, { ...warning, message: `warning: ${warning.message}` }));
      }
      if (problems.length === 0) {
        const verdict = warnings.length === 0 ? "nothing wrong" : `no errors; warnings: ${warnings.length}`;
        await terminal.print(`${verdict}; policies: ${policies}`);
      }
    }
    return problems.length === 0 ? 0 : 1;
  },
};

function withoutWarnings(source: string): ValidationResult {
  const result = compilePolicies(source);
  return "errors" in result ? result : { ...result, warnings: [] };
}
