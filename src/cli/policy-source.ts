import { parseName } from "#src/base/names.ts";
import { SHIPPED_TABLES } from "#src/connector/registry.ts";
import { schemaSources } from "#src/connector/schema-source.ts";
import { loadCedar } from "#src/policy/cedar.ts";
import { HOST_FAMILIES } from "#src/policy/host-families.ts";
import { type CompiledPolicy, compilePolicies, type PolicyProblem } from "#src/policy/policy-set.ts";
import { buildSchema, type TenantSchema } from "#src/policy/schema.ts";
import { ApiError } from "./api-error.ts";
import type { Answer } from "./client.ts";
import { readText } from "./input.ts";
import type { Option } from "./option.ts";
import type { Terminal } from "./terminal.ts";

/** The connections whose commands have a name of their own in the schema. */
export const CONNECTION_OPTION: Option = {
  name: "connection",
  value: "NAME",
  many: true,
  help: "an http connection, whose commands are /http/NAME/get and so on",
};

/** Policies that compile; of those that do not each problem is said on standard error. */
export async function compileOrTell(
  terminal: Terminal,
  path: string,
  source: string,
): Promise<readonly CompiledPolicy[] | undefined> {
  loadCedar();
  const result = compilePolicies(source);
  if ("policies" in result) return result.policies;
  for (const problem of result.errors) await terminal.note(describeProblem(path, problem));
  return undefined;
}

/** A tenant's own declarations. */
export const SCHEMA_OPTION: Option = {
  name: "schema",
  value: "FILE",
  help: "the tenant's own types and actions, in Cedar's schema syntax",
};

/**
 * The schema of a tenant with the shipped connectors, http connections of these names, and the extension in a file, where
 * one is given; undefined where that is not valid, which is said on standard error.
 */
export async function offlineSchema(
  terminal: Terminal,
  connectionNames: readonly string[],
  extensionPath: string | undefined,
): Promise<TenantSchema | undefined> {
  loadCedar();
  const extension = extensionPath === undefined ? "" : await readText(terminal, extensionPath);
  const tables = [...SHIPPED_TABLES.values()];
  const connections = connectionNames.map((stated) => {
    const name = parseName(stated, "connection");
    return { connectionId: name, connectionName: name, connector: "http" };
  });
  const result = buildSchema([...schemaSources(tables, connections), ...HOST_FAMILIES], extension);
  if ("schema" in result) return result.schema;
  for (const problem of result.errors) await terminal.note(describeProblem(extensionPath ?? "", problem));
  return undefined;
}

/** What the server answers; undefined where it refuses policies, each of whose problems is then said on standard error, and `refusal` last. */
export async function orTellProblems(
  terminal: Terminal,
  path: string,
  asking: Promise<Answer>,
  refusal: string,
): Promise<Answer | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "policy_invalid") throw error;
    const { in: where, problems = [], count } = error.problem as Partial<Refusal>;
    if (where !== "policies" || problems.length === 0) throw error;
    for (const problem of problems) await terminal.note(describeProblem(path, problem));
    const more = Number(count ?? problems.length) - problems.length;
    await terminal.note(`writ: ${refusal}${more > 0 ? `; problems besides these: ${more}` : ""}`);
    await terminal.note("hint: what policies may name: `writ policy schema show --whole`");
    return undefined;
  }
}

/** What a refusal of policies says besides its code. */
interface Refusal {
  readonly in: string;
  readonly problems: readonly PolicyProblem[];
  readonly count: number;
}

/** `file:line:column: message (help)`. */
export function describeProblem(path: string, { line, column, message, help }: PolicyProblem): string {
  return `${path}:${line}:${column}: ${message}${help === undefined ? "" : ` (${help})`}`;
}
