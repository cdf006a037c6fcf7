import builtinSource from "#policies/builtin.cedar" with { type: "text" };
import { invariant } from "#src/base/errors.ts";
import { type CompiledPolicy, compilePolicies } from "./policy-set.ts";

let compiled: readonly CompiledPolicy[] | undefined;

/** The policies that are part of every index and that no tenant can remove. Compiled at the first use. */
export function builtinPolicies(): readonly CompiledPolicy[] {
  if (compiled === undefined) {
    const result = compilePolicies(builtinSource, "builtin");
    invariant("policies" in result, "the built-in policies do not compile");
    compiled = result.policies;
  }
  return compiled;
}
