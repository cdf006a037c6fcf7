import type { ApprovalId, TenantId } from "#src/base/ids.ts";
import type { ApprovalState } from "#src/store/approvals.ts";

/** What became of an approval: told to whoever watches. */
export interface ApprovalNews {
  readonly approval: ApprovalId;
  readonly state: ApprovalState;
  /** Whether others may decide from now on because it waited too long. */
  readonly isEscalated: boolean;
}

/** Who watches a tenant's approvals. */
export interface ApprovalFeed {
  /** Calls `listener` with what changes from now on; returns what ends that. */
  watch(tenant: TenantId, listener: (news: ApprovalNews) => void): () => void;
  tell(tenant: TenantId, news: ApprovalNews): void;
}

/** Makes a feed that nobody watches yet. */
export function createApprovalFeed(): ApprovalFeed {
  const watching = new Map<TenantId, Set<(news: ApprovalNews) => void>>();
  return {
    watch: (tenant, listener) => {
      const listeners = watching.get(tenant) ?? new Set();
      watching.set(tenant, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && watching.get(tenant) === listeners) watching.delete(tenant);
      };
    },
    tell: (tenant, news) => {
      for (const listener of [...(watching.get(tenant) ?? [])]) listener(news);
    },
  };
}
