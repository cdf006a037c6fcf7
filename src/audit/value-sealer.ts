import type { TenantId } from "#src/base/ids.ts";

/** Seals values under a tenant's data key, each for its own record. The vault does. */
export interface ValueSealer {
  sealValue(
    tenant: TenantId,
    record: string,
    version: number,
    plaintext: Uint8Array,
  ): Promise<{ readonly dataKeyId: string; readonly sealed: Uint8Array }>;
  openValue(
    tenant: TenantId,
    record: string,
    version: number,
    value: { readonly dataKeyId: string; readonly sealed: Uint8Array },
  ): Promise<Uint8Array>;
}
