import { PRODUCT_VERSION } from "#src/base/version.ts";
import cedarPackage from "../../node_modules/@cedar-policy/cedar-wasm/package.json" with { type: "json" };

/** What decided, as each decision's event names it: needed to decide the same again years later. */
export const VERSIONS = {
  writ: PRODUCT_VERSION,
  cedar: cedarPackage.version,
  /** The form of principal, action, resource and context that requests are built in. */
  schema: 1,
} as const;
