import { invariant } from "#src/base/errors.ts";
import type { Log } from "#src/base/log.ts";

/** How stopping went. */
export interface ShutdownResult {
  /** Steps that threw. */
  readonly failed: readonly string[];
  /** Steps that were left running. */
  readonly late: readonly string[];
}

/** What was started, and how to stop it. */
export interface Shutdown {
  /** Adds a step. Steps run last added first, one after the other: what was built on something stops before it. */
  add(name: string, dispose: () => Promise<void> | void): Shutdown;
  /**
   * Runs every step. A step that throws is logged and the next one runs. A step that is still running when `deadlineMs`
   * is over is left behind; the ones below it are still called, each with {@link GRACE_MS}, so that a client that never
   * hangs up cannot keep the database from being closed. A second call gives the first one's result. Never rejects.
   */
  run(deadlineMs: number): Promise<ShutdownResult>;
}

/** How long a step gets once the deadline is over, in milliseconds. */
export const GRACE_MS = 250;

/** No steps yet. */
export function createShutdown(log: Log): Shutdown {
  const steps: { readonly name: string; readonly dispose: () => Promise<void> | void }[] = [];
  let running: Promise<ShutdownResult> | undefined;

  const runSteps = async (deadlineMs: number): Promise<ShutdownResult> => {
    const endsAt = performance.now() + deadlineMs;
    const failed: string[] = [];
    const late: string[] = [];
    for (const { name, dispose } of steps.toReversed()) {
      const outcome = await settle(dispose, Math.max(GRACE_MS, endsAt - performance.now()));
      if (outcome.kind === "late") {
        late.push(name);
        log.warn("a part did not stop in time", { part: name });
      } else if (outcome.kind === "failed") {
        failed.push(name);
        log.error("a part did not stop", outcome.error, { part: name });
      }
    }
    return { failed, late };
  };

  const shutdown: Shutdown = {
    add(name, dispose) {
      invariant(running === undefined, `\`${name}\` is started before stopping begins`);
      steps.push({ name, dispose });
      return shutdown;
    },
    run(deadlineMs) {
      running ??= runSteps(deadlineMs);
      return running;
    },
  };
  return shutdown;
}

type Outcome =
  | { readonly kind: "ok" }
  | { readonly kind: "late" }
  | { readonly kind: "failed"; readonly error: unknown };

async function settle(dispose: () => Promise<void> | void, limitMs: number): Promise<Outcome> {
  const { promise: expired, resolve: expire } = Promise.withResolvers<Outcome>();
  const timer = setTimeout(expire, limitMs, { kind: "late" });
  try {
    return await Promise.race([runStep(dispose), expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Never rejects, so that a step left behind cannot surface later as an unhandled rejection. */
async function runStep(dispose: () => Promise<void> | void): Promise<Outcome> {
  try {
    await dispose();
    return { kind: "ok" };
  } catch (error) {
    return { kind: "failed", error };
  }
}
