import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { WritError } from "#src/base/errors.ts";
import { type ApprovalId, isId, type TenantId } from "#src/base/ids.ts";
import { ensureFolder, readFileChecked, writeFileDurably } from "#src/io/durable-file.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";

/** Sealed bodies of calls that wait for a person, so that whoever decides sees what would be sent. */
export interface Spool {
  put(tenant: TenantId, approval: ApprovalId, body: Uint8Array): Promise<void>;
  /** Undefined where the call had no body or the approval is over. */
  get(tenant: TenantId, approval: ApprovalId): Promise<Uint8Array | undefined>;
  /** What cannot be removed stays, sealed, until the next {@link list} finds it: nothing is undone for its sake. */
  remove(tenant: TenantId, approval: ApprovalId): Promise<void>;
  /** The approvals that a body is kept for. */
  list(tenant: TenantId): Promise<readonly ApprovalId[]>;
}

/** How much may wait at a time. */
export const SPOOL_LIMITS = {
  maxAgentBytes: 32 * 2 ** 20,
  maxTenantBytes: 256 * 2 ** 20,
  maxAgentApprovals: 100,
} as const;

const HEADER_END = 0x0a;
const SUFFIX = ".sealed";

/** A spool in a folder; a file a body, sealed under the tenant's data key and bound to its approval. */
export function createSpool(folder: string, keys: TenantKeys): Spool {
  const pathOf = (tenant: TenantId, approval: ApprovalId): string => join(folder, tenant, `${approval}${SUFFIX}`);
  return {
    put: async (tenant, approval, body) => {
      const { dataKeyId, sealed } = await keys.sealValue(tenant, `spool ${approval}`, 1, body);
      await ensureFolder(folder);
      await ensureFolder(join(folder, tenant));
      await writeFileDurably(
        pathOf(tenant, approval),
        Buffer.concat([Buffer.from(dataKeyId), Uint8Array.of(HEADER_END), sealed]),
      );
    },
    get: async (tenant, approval) => {
      const file = await readIfThere(pathOf(tenant, approval));
      if (file === undefined) return undefined;
      const end = file.indexOf(HEADER_END);
      const dataKeyId = Buffer.from(file.subarray(0, end)).toString();
      return keys.openValue(tenant, `spool ${approval}`, 1, { dataKeyId, sealed: file.subarray(end + 1) });
    },
    remove: (tenant, approval) => rm(pathOf(tenant, approval), { force: true }).catch(() => undefined),
    list: async (tenant) => {
      const names = await readdir(join(folder, tenant)).catch(() => []);
      return names.map((name) => name.replace(SUFFIX, "")).filter((name) => isId("approval", name));
    },
  };
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  if (!(await Bun.file(path).exists())) return undefined;
  try {
    return await readFileChecked(path, 8 * 2 ** 20);
  } catch (error) {
    // It may have been used up between the two looks.
    if (!(await Bun.file(path).exists())) return undefined;
    throw error instanceof WritError ? error : new WritError("store_failed", undefined, { cause: error });
  }
}
