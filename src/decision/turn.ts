/** Lets others have the loop: for work of many small steps on the main thread. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
