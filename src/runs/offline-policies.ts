import { toBase64Url } from "#src/base/bytes.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import type { AgentId, TenantId } from "#src/base/ids.ts";
import { signOfflinePolicy } from "#src/classify/offline-policy.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import type { FileGates } from "./file-gates.ts";
import type { ToolMatrices } from "./tool-matrix.ts";

/** Signs what an agent's host may go by where Writ cannot be reached. */
export interface OfflinePolicies {
  /** `{policy, signature, public_key}`; the key is that of seals and checkpoints. */
  issue(tenant: TenantId, agent: { readonly id: AgentId; readonly groups: readonly string[] }): Promise<JsonObject>;
}

/** What {@link createOfflinePolicies} needs. */
export interface OfflinePoliciesDependencies {
  readonly matrices: Pick<ToolMatrices, "of">;
  readonly gates: Pick<FileGates, "rulesFor">;
  readonly signer: () => Promise<Signer>;
  readonly clock: Clock;
}

/** Makes the service. */
export function createOfflinePolicies(dependencies: OfflinePoliciesDependencies): OfflinePolicies {
  const { matrices, gates, signer, clock } = dependencies;
  return {
    issue: async (tenant, { id, groups }) => {
      const [{ rules }, files, key] = await Promise.all([matrices.of(tenant), gates.rulesFor(tenant, id), signer()]);
      const policy = {
        v: 1,
        tenant,
        agent: id,
        groups,
        issuedAt: clock.now(),
        tools: [...rules.values()],
        files,
      } as const;
      return { ...signOfflinePolicy(policy, key), public_key: toBase64Url(key.publicKey) };
    },
  };
}
