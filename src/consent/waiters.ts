/** Those who wait for something to change, by its id. */
export interface Waiters {
  /** Resolves when `wake(id)` is called, after so many milliseconds, or when the signal fires: it never rejects. */
  wait(id: string, milliseconds: number, signal?: AbortSignal): { readonly promise: Promise<void>; cancel(): void };
  wake(id: string): void;
}

/** Makes an empty set of waiters. */
export function createWaiters(): Waiters {
  const waiting = new Map<string, Set<() => void>>();
  return {
    wait: (id, milliseconds, signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        const set = waiting.get(id);
        set?.delete(done);
        if (set?.size === 0) waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal?.addEventListener("abort", done, { once: true });
      const set = waiting.get(id) ?? new Set();
      waiting.set(id, set.add(done));
      if (signal?.aborted) done();
      return { promise, cancel: done };
    },
    wake: (id) => {
      for (const done of [...(waiting.get(id) ?? [])]) done();
    },
  };
}
