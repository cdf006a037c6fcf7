import { createSanitizer, type Sanitizer } from "#src/redact/redact.ts";

/** After so long without a byte what is held back is shown: people wait for prompts that end in the middle of a line. */
const QUIET_MS = 60;

/** Takes secrets out of what a program prints as it streams by. */
export interface Scrub {
  push(chunk: Uint8Array): void;
  finish(): void;
}

/**
 * Scrubs one stream. What could be the beginning of a secret waits for what follows, at most {@link QUIET_MS}: a secret that
 * is printed in two pieces further apart than that is not recognised.
 */
export function createScrub(knownValues: readonly Uint8Array[], write: (bytes: Uint8Array) => void): Scrub {
  const fresh = (): Sanitizer => createSanitizer({ knownValues, mode: "text" });
  let sanitizer = fresh();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    for (const piece of sanitizer.finish()) write(piece);
    sanitizer = fresh();
  };
  return {
    push: (chunk) => {
      clearTimeout(timer);
      for (const piece of sanitizer.push(chunk)) write(piece);
      timer = setTimeout(flush, QUIET_MS);
    },
    finish: flush,
  };
}
