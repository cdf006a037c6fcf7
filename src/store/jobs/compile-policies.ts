import { isWritError } from "#src/base/errors.ts";
import { type CompiledPolicy, compilePolicies, type PolicyProblem } from "#src/policy/policy-set.ts";
import { PolicyIndex } from "#src/policy/slice.ts";

/** A source to compile, and how many of its policies may match one request. */
export interface CompileInput {
  readonly source: string;
  readonly maxSlice: number;
}

/** What became of it: the policies, or what is wrong. */
export type CompileOutcome =
  | { readonly kind: "compiled"; readonly policies: readonly CompiledPolicy[] }
  | { readonly kind: "invalid"; readonly problems: readonly PolicyProblem[] }
  | { readonly kind: "slice_too_large"; readonly message: string; readonly bound: number };

/** Parses, checks and measures a source, at some tenth of a millisecond a policy. */
export function compileSource({ source, maxSlice }: CompileInput): CompileOutcome {
  const result = compilePolicies(source);
  if ("errors" in result) return { kind: "invalid", problems: result.errors };
  try {
    const index = PolicyIndex.build(result.policies);
    index.requireSlicesWithin(maxSlice);
    return { kind: "compiled", policies: result.policies };
  } catch (error) {
    if (!isWritError(error, "policy_slice_too_large")) throw error;
    return { kind: "slice_too_large", message: error.message, bound: Number(error.details?.["bound"] ?? 0) };
  }
}
