/** Of `names`, the one that takes the fewest single-character changes from `name`, where a third of it is enough. */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const wanted = name.slice(0, MAX_COMPARED);
  let nearest: string | undefined;
  let fewest = Math.floor(wanted.length / 3) + 1;
  for (const candidate of names) {
    if (Math.abs(candidate.length - wanted.length) >= fewest) continue;
    const changes = countChanges(wanted, candidate, fewest);
    if (changes >= fewest) continue;
    nearest = candidate;
    fewest = changes;
  }
  return nearest;
}

const MAX_COMPARED = 200;

/** Levenshtein's distance, or `limit` when it is at least that. */
function countChanges(a: string, b: string, limit: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    let least = i;
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const cost = Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      next.push(cost);
      least = Math.min(least, cost);
    }
    if (least >= limit) return limit;
    row = next;
  }
  return row[b.length] ?? limit;
}
