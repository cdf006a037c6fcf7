import { readFileSync } from "node:fs";
import {
  type AuthorizationAnswer,
  checkParseEntities,
  checkParseSchema,
  type DetailedError,
  type EntitiesParsingCall,
  formatPolicies,
  getCedarLangVersion,
  getCedarVersion,
  initSync,
  type PolicyJson,
  policyToJson,
  policyToText,
  preparsePolicySet,
  type SchemaJson,
  type StatefulAuthorizationCall,
  schemaToJson,
  schemaToText,
  statefulIsAuthorized,
  validate,
} from "@cedar-policy/cedar-wasm/web";
import { messageOf, WritError } from "#src/base/errors.ts";
// @ts-expect-error TypeScript sees the module's own exports; the bundler gives the path of the embedded file.
import wasmPath from "../../node_modules/@cedar-policy/cedar-wasm/web/cedar_wasm_bg.wasm" with { type: "file" };

export type { PolicyJson, SchemaJson, StatefulAuthorizationCall } from "@cedar-policy/cedar-wasm/web";

/** A complaint about one of several policies. */
export type NamedProblem = CedarProblem & { readonly policyId?: string };

/** One complaint of Cedar's. Offsets count UTF-8 bytes of the text that was handed in. */
export interface CedarProblem {
  readonly message: string;
  readonly help: string | undefined;
  readonly startByte: number | undefined;
}

/** What Cedar answers to one request: ids in no particular order. */
export interface CedarResponse {
  readonly decision: "allow" | "deny";
  readonly reason: readonly string[];
  readonly errors: readonly { readonly policyId: string; readonly message: string }[];
}

type EngineState = "cold" | "ready" | "broken";
let state: EngineState = "cold";

/** Loads the engine now rather than at its first use; 40 to 150 ms, once for each thread. */
export function loadCedar(): void {
  if (state === "ready") return;
  if (state === "broken") throw new WritError("internal", "the policy engine trapped earlier and cannot be used again");
  initSync({ module: readFileSync(wasmPath as string) });
  state = "ready";
}

/** Whether the engine trapped: its memory is then undefined, every further call throws, and the process must restart. */
export function isCedarBroken(): boolean {
  return state === "broken";
}

/** Versions for the record of a decision: of the engine (`4.13.0`) and of the policy language (`4.5`). */
export function cedarVersions(): { readonly engine: string; readonly language: string } {
  return guarded(() => ({ engine: getCedarVersion(), language: getCedarLangVersion() }));
}

/**
 * One static policy as Cedar's JSON. A template, several policies, or none are problems.
 *
 * Cedar recurses over the text: bound its nesting first (`scanPolicyText`), or the engine traps for good.
 */
export function parsePolicyText(text: string): PolicyJson | readonly CedarProblem[] {
  const answer = guarded(() => policyToJson(text));
  return answer.type === "success" ? answer.json : answer.errors.map(toProblem);
}

/** The text of one static policy given as Cedar's JSON, on one line. Throws `policy_invalid` when it is not one. */
export function printPolicy(policy: PolicyJson): string {
  const answer = guarded(() => policyToText(policy));
  if (answer.type === "success") return answer.text;
  throw new WritError("policy_invalid", answer.errors.map((error) => error.message).join("; "));
}

/**
 * Cedar's own layout of any number of policies, comments kept; or what does not parse.
 *
 * Bound the nesting first, as for {@link parsePolicyText}.
 */
export function formatText(
  policyText: string,
  lineWidth: number,
  indentWidth: number,
): string | readonly CedarProblem[] {
  const answer = guarded(() => formatPolicies({ policyText, lineWidth, indentWidth }));
  return answer.type === "success" ? answer.formatted_policy : answer.errors.map(toProblem);
}

/** Why Cedar cannot read entities of its own JSON, taken by themselves; undefined where it can. */
export function whyUnreadable(entities: readonly object[]): string | undefined {
  const answer = guarded(() => checkParseEntities({ entities: entities as EntitiesParsingCall["entities"] }));
  if (answer.type === "success") return undefined;
  return `not entities that cedar reads: ${answer.errors.map(({ message }) => message).join("; ")}`.slice(0, 500);
}

/** Problems of a schema in Cedar's own syntax or its JSON; none when it parses. */
export function checkSchema(schema: string | SchemaJson<string>): readonly CedarProblem[] {
  const answer = guarded(() => checkParseSchema(schema));
  return answer.type === "success" ? [] : answer.errors.map(toProblem);
}

/** A schema's JSON, names not yet resolved: a fragment may name what another declares. */
export function parseSchemaText(schema: string): SchemaJson<string> | { readonly problems: readonly CedarProblem[] } {
  const answer = guarded(() => schemaToJson(schema));
  return answer.type === "success" ? answer.json : { problems: answer.errors.map(toProblem) };
}

/** A schema in Cedar's own syntax. Throws `policy_invalid` when it is not one. */
export function printSchema(schema: SchemaJson<string>): string {
  const answer = guarded(() => schemaToText(schema));
  if (answer.type === "success") return answer.text;
  throw new WritError("policy_invalid", answer.errors.map((error) => error.message).join("; "));
}

/** What strict validation of named policies against a schema finds; none when all are valid. */
export function validatePolicies(
  policies: ReadonlyMap<string, string>,
  schema: string | SchemaJson<string>,
): readonly NamedProblem[] {
  return validateStrictly(policies, schema).errors;
}

/** The same with Cedar's warnings: policies that no request can meet, confusable characters. Each text is one policy. */
export function validateStrictly(
  policies: ReadonlyMap<string, string>,
  schema: string | SchemaJson<string>,
): { readonly errors: readonly NamedProblem[]; readonly warnings: readonly NamedProblem[] } {
  // Policies of one text take Cedar half the time of as many texts; it then calls them by their places.
  const ids = [...policies.keys()];
  const texts = [...policies.values()];
  const starts: number[] = [];
  let bytes = 0;
  for (const text of texts) {
    starts.push(bytes);
    bytes += Buffer.byteLength(text) + 1;
  }
  const answer = guarded(() => validate({ schema, policies: { staticPolicies: texts.join("\n") } }));
  if (answer.type === "failure") return { errors: answer.errors.map(toProblem), warnings: [] };
  const named = ({ policyId, error }: { policyId: string; error: DetailedError }): NamedProblem => {
    const place = Number(/^policy(\d+)$/.exec(policyId)?.[1]);
    const { startByte, ...problem } = toProblem(error);
    const inText = startByte === undefined ? undefined : startByte - (starts[place] ?? 0);
    return { ...problem, startByte: inText, policyId: ids[place] ?? policyId };
  };
  return { errors: answer.validationErrors.map(named), warnings: answer.validationWarnings.map(named) };
}

/**
 * Parses named policies and keeps them in the engine under `setName`, in place of what was there.
 *
 * Throws `policy_invalid` when one does not parse; what was there then *stays*, so the caller must forget the name.
 */
export function preparseSet(setName: string, policies: ReadonlyMap<string, string | PolicyJson>): void {
  const staticPolicies = toRecord(policies);
  const answer = guarded(() => preparsePolicySet(setName, { staticPolicies }));
  if (answer.type === "failure") {
    throw new WritError("policy_invalid", answer.errors.map((error) => error.message).join("; "));
  }
}

/** Evaluates one request against a set kept by {@link preparseSet}. Throws `invalid_argument` when Cedar cannot read it. */
export function authorizeWithSet(call: StatefulAuthorizationCall): CedarResponse {
  const answer: AuthorizationAnswer = guarded(() => statefulIsAuthorized(call));
  if (answer.type === "failure") {
    const problems = answer.errors.map((error) => error.message).join("; ");
    throw new WritError("invalid_argument", `the request is not one that cedar reads: ${problems.slice(0, 1000)}`);
  }
  const { decision, diagnostics } = answer.response;
  return {
    decision,
    reason: diagnostics.reason,
    errors: diagnostics.errors.map(({ policyId, error }) => ({ policyId, message: error.message })),
  };
}

const freeSetNames: string[] = [];
let setNamesMade = 0;

/** A set name that nobody else in this thread uses. The engine never frees a named set, so names go round. */
export function acquireSetName(): string {
  const free = freeSetNames.pop();
  if (free !== undefined) return free;
  setNamesMade += 1;
  return `set${setNamesMade}`;
}

/** Gives a name back; what the engine keeps under it is emptied. */
export function releaseSetName(setName: string): void {
  preparseSet(setName, new Map());
  freeSetNames.push(setName);
}

/** An `Error` is the engine refusing its input. A trap or an overflown stack leaves it undefined: it is not used again. */
function guarded<Result>(call: () => Result): Result {
  loadCedar();
  try {
    return call();
  } catch (cause) {
    if (cause instanceof WebAssembly.RuntimeError || cause instanceof RangeError) {
      state = "broken";
      throw new WritError("internal", "the policy engine trapped", { cause });
    }
    throw new WritError("invalid_argument", `not readable by cedar: ${messageOf(cause).slice(0, 300)}`, { cause });
  }
}

function toProblem(error: DetailedError): CedarProblem {
  const location = error.sourceLocations?.[0];
  const label = location?.label ?? undefined;
  return { message: error.message, help: error.help ?? label, startByte: location?.start };
}

/** Without a prototype, so that an id `__proto__` is a key like any other. */
function toRecord<Policy extends string | PolicyJson>(policies: ReadonlyMap<string, Policy>): Record<string, Policy> {
  const record: Record<string, Policy> = Object.create(null);
  for (const [id, policy] of policies) record[id] = policy;
  return record;
}
