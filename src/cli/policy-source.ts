import { parseName } from "#src/base/names.ts";
import { SHIPPED_TABLES } from "#src/connector/registry.ts";
import { schemaSources } from "#src/connector/schema-source.ts";
import { loadCedar } from "#src/policy/cedar.ts";
import { HOST_FAMILIES } from "#src/policy/host-families.ts";
import { type CompiledPolicy, compilePolicies, type PolicyProblem } from "#src/policy/policy-set.ts";
import { buildSchema, type TenantSchema } from "#src/policy/schema.ts";
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

/** `file:line:column: message (help)`. */
export function describeProblem(path: string, { line, column, message, help }: PolicyProblem): string {
  return `${path}:${line}:${column}: ${message}${help === undefined ? "" : ` (${help})`}`;
}
