import { readFileSync } from "node:fs";
import {
  type AuthorizationAnswer,
  checkParseSchema,
  type DetailedError,
  getCedarLangVersion,
  getCedarVersion,
  initSync,
  type PolicyJson,
  policyToJson,
  preparsePolicySet,
  type StatefulAuthorizationCall,
  statefulIsAuthorized,
  validate,
} from "@cedar-policy/cedar-wasm/web";
import { messageOf, WritError } from "#src/base/errors.ts";
// @ts-expect-error TypeScript sees the module's own exports; the bundler gives the path of the embedded file.
import wasmPath from "../../node_modules/@cedar-policy/cedar-wasm/web/cedar_wasm_bg.wasm" with { type: "file" };

export type { PolicyJson, StatefulAuthorizationCall } from "@cedar-policy/cedar-wasm/web";

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

/** Problems of a schema in Cedar's own syntax; none when it parses. */
export function checkSchema(schema: string): readonly CedarProblem[] {
  const answer = guarded(() => checkParseSchema(schema));
  return answer.type === "success" ? [] : answer.errors.map(toProblem);
}

/** What strict validation of named policies against a schema finds; none when all are valid. */
export function validatePolicies(
  policies: ReadonlyMap<string, string>,
  schema: string,
): readonly (CedarProblem & { readonly policyId?: string })[] {
  const staticPolicies = toRecord(policies);
  const answer = guarded(() => validate({ schema, policies: { staticPolicies } }));
  if (answer.type === "failure") return answer.errors.map(toProblem);
  return answer.validationErrors.map(({ policyId, error }) => ({ ...toProblem(error), policyId }));
}

/**
 * Parses named policies and keeps them in the engine under `setName`, in place of what was there.
 *
 * Throws `policy_invalid` when one does not parse; what was there then *stays*, so the caller must forget the name.
 */
export function preparseSet(setName: string, policies: ReadonlyMap<string, string>): void {
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
function toRecord(policies: ReadonlyMap<string, string>): Record<string, string> {
  const record: Record<string, string> = Object.create(null);
  for (const [id, text] of policies) record[id] = text;
  return record;
}
