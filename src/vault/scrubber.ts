import { fromUtf8Leniently } from "#src/base/bytes.ts";
import type { TenantId } from "#src/base/ids.ts";
import { redactText } from "#src/redact/redact.ts";
import { readConnectionSecrets } from "#src/store/connections.ts";
import type { Reader } from "#src/store/reader.ts";
import { injectCredential } from "./credential.ts";
import type { TenantKeys } from "./tenant-keys.ts";

/** Takes out of texts what must not be stored. */
export interface Scrubber {
  /** The text without known formats of secrets, without any credential of the tenant's connections, and without invisible characters. */
  scrub(tenant: TenantId, text: string): Promise<string>;
}
