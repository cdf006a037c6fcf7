import type { PolicyInForm, TextInput, TextResult } from "#src/store/jobs/build-policies.ts";
import type { JobOptions, ReaderPool } from "#src/store/reader-pool.ts";

/** Policies as forms, for whoever edits them without writing Cedar, and back. Nothing is stored. */
export interface PolicyBuilder {
  /** Each policy of a source. Throws `policy_invalid`. */
  toForms(source: string, options?: JobOptions): Promise<readonly PolicyInForm[]>;
  /** The source of forms; what was not edited stays as it was, byte for byte. Throws `policy_invalid`. */
  toText(policies: TextInput["policies"], options?: JobOptions): Promise<TextResult>;
}

/** Makes it, on the reader's thread. */
export function createPolicyBuilder(pool: ReaderPool): PolicyBuilder {
  return {
    toForms: async (source, options) => (await pool.run("forms", { source }, options)).result.policies,
    toText: async (policies, options) => (await pool.run("build", { policies }, options)).result,
  };
}
