import { compilePatterns, type PatternSet, type SecretPattern } from "./pattern-set.ts";
import { CONTEXT_PATTERNS } from "./patterns-context.ts";
import { MATERIAL_PATTERNS } from "./patterns-material.ts";
import { ACCOUNT_PATTERNS, PRODUCT_PATTERNS } from "./patterns-product.ts";
import { VENDOR_PATTERNS } from "./patterns-vendor.ts";

/** All formats that Writ knows; the more specific ones first. */
export const SECRET_PATTERNS: readonly SecretPattern[] = [
  ...MATERIAL_PATTERNS,
  ...VENDOR_PATTERNS,
  ...PRODUCT_PATTERNS,
  ...ACCOUNT_PATTERNS,
  ...CONTEXT_PATTERNS,
];

let compiled: PatternSet | undefined;

/** {@link SECRET_PATTERNS}, compiled on first use. */
export function defaultPatternSet(): PatternSet {
  compiled ??= compilePatterns(SECRET_PATTERNS);
  return compiled;
}
