import type { DiffLine } from "#views/policies.ts";

/** Lines around a change that are shown. */
const CONTEXT_LINES = 3;
/** The table of a comparison has this many cells at most: beyond that everything between the common ends is one change. */
const MAX_CELLS = 200_000;
/** Longer texts are not compared for a page: `writ policy diff` does it. */
const MAX_CHARACTERS = 400_000;

/**
 * The lines that differ, by their longest common subsequence, with a few lines around each change; undefined for texts that
 * are too long to be compared between two requests.
 */
export function lineDiff(before: string, after: string): readonly DiffLine[] | undefined {
  if (before.length + after.length > MAX_CHARACTERS) return undefined;
  const [left, right] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < left.length - start && end < right.length - start && left.at(-1 - end) === right.at(-1 - end)) end += 1;
  const changed = compare(left.slice(start, left.length - end), right.slice(start, right.length - end));
  const same = (text: string): DiffLine => ({ kind: "same", text });
  return foldSame([...left.slice(0, start).map(same), ...changed, ...left.slice(left.length - end).map(same)]);
}

function compare(left: readonly string[], right: readonly string[]): DiffLine[] {
  const removed = left.map((text): DiffLine => ({ kind: "removed", text }));
  const added = right.map((text): DiffLine => ({ kind: "added", text }));
  if (left.length * right.length > MAX_CELLS) return [...removed, ...added];
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      lengths[row * width + column] =
        left[row] === right[column]
          ? (lengths[(row + 1) * width + column + 1] as number) + 1
          : Math.max(lengths[(row + 1) * width + column] as number, lengths[row * width + column + 1] as number);
    }
  }
  const lines: DiffLine[] = [];
  let [row, column] = [0, 0];
  while (row < left.length && column < right.length) {
    if (left[row] === right[column]) {
      lines.push({ kind: "same", text: left[row] as string });
      row += 1;
      column += 1;
    } else if ((lengths[(row + 1) * width + column] as number) >= (lengths[row * width + column + 1] as number)) {
      lines.push(removed[row] as DiffLine);
      row += 1;
    } else {
      lines.push(added[column] as DiffLine);
      column += 1;
    }
  }
  return [...lines, ...removed.slice(row), ...added.slice(column)];
}

function foldSame(lines: readonly DiffLine[]): readonly DiffLine[] {
  if (lines.every(({ kind }) => kind === "same")) return [];
  const isNear = lines.map((_, index) =>
    lines.slice(Math.max(0, index - CONTEXT_LINES), index + CONTEXT_LINES + 1).some(({ kind }) => kind !== "same"),
  );
  const folded: DiffLine[] = [];
  for (const [index, line] of lines.entries()) {
    if (isNear[index] === true) folded.push(line);
    else if (folded.at(-1)?.kind !== "gap") folded.push({ kind: "gap", text: "…" });
  }
  return folded;
}
