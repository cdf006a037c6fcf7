/** The least of `rounds` times of `work`, in milliseconds. */
export function bestTime(rounds: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

const SOURCE = new Uint8Array(1_000_000).map((_, index) => index * 7);
const TARGET = new Uint8Array(SOURCE.length);
const TABLE = new Uint8Array(256).map((_, index) => index ^ 0x5a);

/**
 * How many million bytes a second a plain loop takes on this machine now: each byte depends on the one before it through a
 * table, as in any scanner, so that the processor can neither skip nor bundle them.
 */
export function referenceRate(): number {
  const milliseconds = bestTime(5, () => {
    let state = 0;
    for (let i = 0; i < SOURCE.length; i += 1) {
      state = TABLE[((SOURCE[i] as number) + state) & 255] as number;
      TARGET[i] = state;
    }
  });
  return SOURCE.length / milliseconds / 1000;
}
