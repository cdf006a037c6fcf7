import type { Terminal } from "./terminal.ts";

/** How far a verification is, for whoever waits for it. */
export interface VerifyProgress {
  /** Takes the place in a chain that was reached; a smaller one than before is of the next chain. */
  reached(seq: number): void;
  /** Takes what is shown away. */
  end(): void;
}

/** The least time between two lines, in milliseconds. */
const INTERVAL_MS = 100;

/**
 * Shows how many events of a chain were gone through and how many a second, on a terminal alone.
 * @param now milliseconds from any beginning
 */
export function showVerifyProgress(
  terminal: Pick<Terminal, "showProgress">,
  path: string,
  now: () => number = () => performance.now(),
): VerifyProgress {
  let before = Number.POSITIVE_INFINITY;
  let first = 0;
  let begun = now();
  let shownAt = begun;
  let isShown = false;
  return {
    reached: (seq) => {
      const time = now();
      if (seq < before) {
        // Of the first place of a chain nothing can be said: it need not begin with event 1.
        first = seq;
        begun = time;
      }
      before = seq;
      if (time - shownAt < INTERVAL_MS) return;
      shownAt = time;
      isShown = true;
      const rate = Math.round(((seq - first) * 1000) / Math.max(time - begun, 1));
      terminal.showProgress(`verifying ${path}: event ${grouped(seq)}, ${grouped(rate)} a second`);
    },
    end: () => {
      if (isShown) terminal.showProgress("");
    },
  };
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}
