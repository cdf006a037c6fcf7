import { PRODUCT_VERSION } from "#src/base/version.ts";
import { cedarVersions } from "#src/policy/cedar.ts";

/** The form of principal, action, resource and context that requests are built in. */
const REQUEST_SCHEMA = 1;

let versions: DecidingVersions | undefined;

/** What decided, besides the tenant's own versions. */
export interface DecidingVersions {
  readonly writ: string;
  readonly cedar: string;
  readonly schema: number;
}

/** What decided, as each decision's event names it: needed to decide the same again years later. */
export function decidingVersions(): DecidingVersions {
  versions ??= { writ: PRODUCT_VERSION, cedar: cedarVersions().engine, schema: REQUEST_SCHEMA };
  return versions;
}
