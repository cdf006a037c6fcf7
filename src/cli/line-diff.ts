/** A line of a comparison: in both, only in the old text, only in the new. */
export interface DiffLine {
  readonly mark: " " | "-" | "+";
  readonly text: string;
}

/** Beyond so many pairs of lines that differ, the old ones stand before the new ones without a search for what they share. */
const MAX_PAIRS = 16_000_000;

/** Compares two texts line by line: the longest common subsequence stays, the rest is removed and added. */
export function diffLines(before: string, after: string): readonly DiffLine[] {
  const [a, b] = [splitLines(before), splitLines(after)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  return [
    ...mark(" ", a.slice(0, start)),
    ...diffMiddle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...mark(" ", a.slice(a.length - end)),
  ];
}

/** The changed lines with so many unchanged ones around them; a line with `…` where others are left out. */
export function withContext(lines: readonly DiffLine[], context: number): readonly string[] {
  const shown = new Set<number>();
  for (const [index, line] of lines.entries()) {
    if (line.mark === " ") continue;
    for (let near = index - context; near <= index + context; near += 1) shown.add(near);
  }
  const output: string[] = [];
  let last = -1;
  for (const [index, line] of lines.entries()) {
    if (!shown.has(index)) continue;
    if (index !== last + 1) output.push("…");
    output.push(`${line.mark} ${line.text}`);
    last = index;
  }
  if (output.length > 0 && last < lines.length - 1) output.push("…");
  return output;
}

function splitLines(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function mark(sign: DiffLine["mark"], lines: readonly string[]): readonly DiffLine[] {
  return lines.map((text) => ({ mark: sign, text }));
}

function diffMiddle(a: readonly string[], b: readonly string[]): readonly DiffLine[] {
  if (a.length * b.length > MAX_PAIRS) return [...mark("-", a), ...mark("+", b)];
  const width = b.length + 1;
  // common[i * width + j]: how many lines a[i…] and b[j…] share in order.
  const common = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push({ mark: " ", text: a[i] ?? "" });
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      lines.push({ mark: "-", text: a[i] ?? "" });
      i += 1;
    } else {
      lines.push({ mark: "+", text: b[j] ?? "" });
      j += 1;
    }
  }
  return [...lines, ...mark("-", a.slice(i)), ...mark("+", b.slice(j))];
}
