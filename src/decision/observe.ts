import type { WritMetrics } from "#src/telemetry/requests.ts";
import type { Decider } from "./decide.ts";

/** The same decider, counted: whichever edge asks. */
export function observeDecisions(decider: Decider, metrics: WritMetrics): Decider {
  return {
    decide: async (ask, extrasOf) => {
      const began = performance.now();
      try {
        const outcome = await decider.decide(ask, extrasOf);
        metrics.decisions.increment(outcome.decision, outcome.tier);
        metrics.decisionDuration.observe((performance.now() - began) / 1000, outcome.decision);
        return outcome;
      } catch (error) {
        metrics.decisions.increment("error", "unknown");
        throw error;
      }
    },
  };
}
