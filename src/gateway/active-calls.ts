import type { TenantId } from "#src/base/ids.ts";

/** A call that runs. */
export interface ActiveCall {
  readonly tenant: TenantId;
  /** Whether what it runs under still stands; false cuts it. */
  readonly stillAllowed: () => Promise<boolean>;
  readonly abort: (reason: Error) => void;
}

/** Calls in progress, so that a revocation cuts them and a stop waits for them. */
export interface ActiveCalls {
  /** Returns what ends the entry. */
  add(call: ActiveCall): () => void;
  /** Looks again at every call of the tenant, and cuts those that may not go on. */
  recheck(tenant: TenantId, reason: Error): Promise<void>;
  /** Waits for all to end, at most so long; then cuts the rest and waits a moment for how they ended to be recorded. */
  drain(milliseconds: number, reason: Error): Promise<void>;
}

/** How long the end of a call that was cut may take to be recorded. */
const RECORDING_MS = 2000;

/** Makes an empty set of calls. */
export function createActiveCalls(): ActiveCalls {
  const calls = new Set<ActiveCall>();
  let onEmpty: (() => void) | undefined;
  return {
    add: (call) => {
      calls.add(call);
      return () => {
        calls.delete(call);
        if (calls.size === 0) onEmpty?.();
      };
    },
    recheck: async (tenant, reason) => {
      const concerned = [...calls].filter((call) => call.tenant === tenant);
      await Promise.all(
        concerned.map(async (call) => {
          // A check that fails is a no.
          const allowed = await call.stillAllowed().catch(() => false);
          if (!allowed) call.abort(reason);
        }),
      );
    },
    drain: async (milliseconds, reason) => {
      await untilEmpty(milliseconds);
      for (const call of calls) call.abort(reason);
      await untilEmpty(RECORDING_MS);
    },
  };

  async function untilEmpty(milliseconds: number): Promise<void> {
    if (calls.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    onEmpty = resolve;
    const timer = setTimeout(resolve, milliseconds);
    await promise;
    clearTimeout(timer);
  }
}
