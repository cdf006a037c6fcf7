import type { PolicyJson } from "./cedar.ts";

/**
 * What a policy's conditions can look at, beyond the ids of principal, action and resource. What is not in it may be left
 * out of a request without changing what the policy says, its errors included.
 */
export interface PolicyReads {
  /** Members of `context.writ`. */
  readonly writ: readonly string[];
  /** Other members of `context`. */
  readonly context: readonly string[];
  /** Whether they can get at an entity, and so at its attributes, tags and ancestors. */
  readonly entities: boolean;
}

/**
 * What the conditions of a policy can read; undefined where that is not clear, which stands for everything.
 *
 * INVARIANT: errs to more. An entity can come from a variable, a literal or the context; `context.writ` holds none, for it
 * is Writ's own. A use of `context` or of `context.writ` as a whole, or a node of an unknown form, is everything.
 */
export function readsOf(policy: PolicyJson): PolicyReads | undefined {
  const found: Found = { writ: new Set(), context: new Set(), entities: false, everything: false };
  for (const condition of policy.conditions) visit(condition.body, found);
  if (found.everything) return undefined;
  const { writ, context, entities } = found;
  return { writ: [...writ].sort(), context: [...context].sort(), entities: entities || context.size > 0 };
}

interface Found {
  readonly writ: Set<string>;
  readonly context: Set<string>;
  entities: boolean;
  everything: boolean;
}

function visit(node: unknown, found: Found): void {
  if (Array.isArray(node)) for (const each of node) visit(each, found);
  if (typeof node !== "object" || node === null || Array.isArray(node)) return;
  const [[kind, body] = ["", undefined], ...others] = Object.entries(node);
  if (others.length > 0) {
    found.everything = true;
    return;
  }
  switch (kind) {
    case "Value":
      if (JSON.stringify(body).includes("__entity")) found.entities = true;
      return;
    case "Var":
      if (body === "context") found.everything = true;
      else found.entities = true;
      return;
    case ".":
    case "has":
      visitAccess(body as { left: unknown; attr: unknown }, found);
      return;
    // A record's values among them: its keys are the author's, so none of them is taken for a kind of node.
    default:
      if (typeof body !== "object" || body === null) return;
      for (const each of Object.values(body)) visit(each, found);
  }
}

/** `left.attr`, `left has attr`, or `left has attr.attr…`, whose `attr` is a list. */
function visitAccess({ left, attr }: { readonly left: unknown; readonly attr: unknown }, found: Found): void {
  const path = contextPath(left);
  if (path === undefined) {
    visit(left, found);
    return;
  }
  const [first, second] = [...path, ...(Array.isArray(attr) ? attr : [attr])] as unknown[];
  if (typeof first !== "string") found.everything = true;
  else if (first !== "writ") found.context.add(first);
  else if (typeof second === "string") found.writ.add(second);
  else found.everything = true;
}

/** The members that lead from `context` to a node; undefined for a node that is not reached from it by members alone. */
function contextPath(node: unknown): readonly unknown[] | undefined {
  if (typeof node !== "object" || node === null) return undefined;
  if ((node as { Var?: unknown }).Var === "context") return [];
  const access = (node as { "."?: { left: unknown; attr: unknown } })["."];
  if (access === undefined) return undefined;
  const path = contextPath(access.left);
  return path === undefined ? undefined : [...path, access.attr];
}
