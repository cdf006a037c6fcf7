import type { PolicyJson } from "./cedar.ts";

/**
 * Whether what this policy says may depend on `context.writ.cosigned`, the one thing that differs between the two passes.
 *
 * Errs to `true`: any use of `context` is one, except `context.<other>…`, `context.writ.<other>…` and `has`, which asks
 * about presence alone.
 */
export function dependsOnCosigned(policy: PolicyJson): boolean {
  return policy.conditions.some((condition) => mayReadCosigned(condition.body));
}

function mayReadCosigned(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(mayReadCosigned);
  if (typeof node !== "object" || node === null) return false;
  const [kind, body] = Object.entries(node)[0] ?? ["", undefined];
  switch (kind) {
    case "Value":
      return false;
    case "Var":
      return body === "context";
    case ".": {
      const { left, attr } = body as { left: unknown; attr: string };
      if (isContext(left)) return attr === "writ";
      if (isContextWrit(left)) return attr === "cosigned";
      return mayReadCosigned(left);
    }
    case "has": {
      const { left } = body as { left: unknown };
      return !isContext(left) && !isContextWrit(left) && mayReadCosigned(left);
    }
    // A record's values among them: its keys are the author's, so none of them is taken for a kind of node.
    default:
      return Object.values(body as object).some(mayReadCosigned);
  }
}

function isContext(node: unknown): boolean {
  return typeof node === "object" && node !== null && (node as { Var?: unknown }).Var === "context";
}

function isContextWrit(node: unknown): boolean {
  if (typeof node !== "object" || node === null) return false;
  const access = (node as { "."?: { left: unknown; attr: unknown } })["."];
  return access !== undefined && isContext(access.left) && access.attr === "writ";
}
