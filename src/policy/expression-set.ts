import { isWritError } from "#src/base/errors.ts";
import type { StatefulAuthorizationCall } from "./cedar.ts";
import { acquireSetName, authorizeWithSet, type PolicyJson, preparseSet, releaseSetName } from "./cedar.ts";
import type { PolicyRequest } from "./closure.ts";
import { entityKey, readEntityUid } from "./scope.ts";

/** What an expression is for one request: a truth, or why it has none. */
export type Truth =
  | { readonly kind: "true" }
  | { readonly kind: "false" }
  | { readonly kind: "error"; readonly message: string };

/** An expression in Cedar's JSON. */
export type Expression = PolicyJson["conditions"][number]["body"];

/** Conditions that are evaluated one by one, all in one call. */
export interface ExpressionSet {
  /** One truth for each expression, in their order. Throws `invalid_argument` when Cedar cannot read the request. */
  evaluate(request: PolicyRequest): readonly Truth[];
  /** Gives back what the engine keeps of it. */
  dispose(): void;
}

const ANYTHING = { op: "All" } as const;

/**
 * Prepares expressions of policies that compile; each is evaluated as the only condition of a permit for everything.
 *
 * Throws `invalid_argument` for one that nests beyond what Cedar reads as JSON, at some 60 levels: its policy's text is
 * fine, see {@link evaluatePolicy}.
 */
export function createExpressionSet(expressions: readonly Expression[]): ExpressionSet {
  const setName = acquireSetName();
  const policies = expressions.map((body, place): [string, PolicyJson] => [
    String(place),
    {
      effect: "permit",
      principal: ANYTHING,
      action: ANYTHING,
      resource: ANYTHING,
      conditions: [{ kind: "when", body }],
    },
  ]);
  try {
    preparseSet(setName, new Map(policies));
  } catch (cause) {
    if (isWritError(cause, "invalid_argument")) releaseSetName(setName);
    throw cause;
  }
  return {
    evaluate: (request) =>
      truthsOf(
        setName,
        request,
        policies.map(([id]) => id),
      ),
    dispose: () => releaseSetName(setName),
  };
}

/** What all conditions of one policy together are for a request that its scope covers. */
export function evaluatePolicy(text: string, request: PolicyRequest): Truth {
  const setName = acquireSetName();
  try {
    preparseSet(setName, new Map([["p", text]]));
    return truthsOf(setName, request, ["p"])[0] ?? FALSE;
  } finally {
    releaseSetName(setName);
  }
}

/** `request` with `context.writ.cosigned` as in the pass that is looked at. */
export function withCosigned(request: PolicyRequest, cosigned: boolean): PolicyRequest {
  const { writ } = request.context;
  const record = typeof writ === "object" && writ !== null && !Array.isArray(writ) ? writ : {};
  return { ...request, context: { ...request.context, writ: { ...record, cosigned } } };
}

/** Whether a request's entities have one of this name. */
export function findEntity(request: PolicyRequest, uid: unknown): PolicyRequest["entities"][number] | undefined {
  const key = entityKey(readEntityUid(uid));
  return request.entities.find((entity) => entityKey(readEntityUid(entity.uid)) === key);
}

function truthsOf(setName: string, request: PolicyRequest, ids: readonly string[]): readonly Truth[] {
  const { principal, action, resource, context, entities } = request;
  const answer = authorizeWithSet({
    principal: { type: principal.type, id: principal.id },
    action: { type: action.type, id: action.id },
    resource: { type: resource.type, id: resource.id },
    context,
    entities,
    preparsedPolicySetId: setName,
  } as unknown as StatefulAuthorizationCall);
  const held = new Set(answer.reason);
  const failed = new Map(answer.errors.map(({ policyId, message }) => [policyId, plainError(message)]));
  return ids.map((id) => {
    const message = failed.get(id);
    if (message !== undefined) return { kind: "error", message };
    return held.has(id) ? TRUE : FALSE;
  });
}

const TRUE: Truth = { kind: "true" };
const FALSE: Truth = { kind: "false" };

function plainError(message: string): string {
  return message.replace(/^error while evaluating policy `[\s\S]*?`: /, "");
}
