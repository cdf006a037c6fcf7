import type { TenantId } from "#src/base/ids.ts";
import { redactText } from "#src/redact/redact.ts";
import type { Connections } from "./connections.ts";

/** Takes out of texts what must not be stored. */
export interface Scrubber {
  /** Texts without known formats of secrets, without the credentials of the tenant's connections, without invisible characters. */
  scrub(tenant: TenantId, texts: readonly string[]): Promise<readonly string[]>;
}

/** Connections that are read at once. */
const PAGE = 200;

/** Makes the scrubber. Credentials are opened for one call of it and kept nowhere. */
export function createScrubber(connections: Pick<Connections, "list" | "inject">): Scrubber {
  const knownValues = async (tenant: TenantId): Promise<readonly Uint8Array[]> => {
    const values: Uint8Array[] = [];
    let after: string | undefined;
    do {
      const page = await connections.list(tenant, { limit: PAGE, ...(after === undefined ? {} : { after }) });
      for (const connection of page) values.push(...(await connections.inject(tenant, connection)).knownValues);
      after = page.length < PAGE ? undefined : page.at(-1)?.id;
    } while (after !== undefined);
    return values;
  };
  return {
    scrub: async (tenant, texts) => {
      const values = await knownValues(tenant);
      return texts.map((text) => redactText(text, values).text);
    },
  };
}
