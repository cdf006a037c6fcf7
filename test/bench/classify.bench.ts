import { loadShellClassifier } from "#src/classify/classify-shell.ts";

/** What the classifier owes: classifications a second on one core. */
const FLOOR = 5000;
const LINES = [
  "git status --short",
  "ls -la src | head -20",
  "find . -name '*.ts' | xargs grep -n foo",
  "npm test 2>&1 | tail -5",
  "sudo systemctl restart nginx",
  'cd src && for f in *.ts; do wc -l "$f"; done > counts.txt',
];
const classifier = await loadShellClassifier();

function best(rounds: number, work: () => void): number {
  return Math.min(
    ...Array.from({ length: rounds }, () => {
      const start = performance.now();
      work();
      return performance.now() - start;
    }),
  );
}

function report(name: string, value: number, unit: string, against: number): void {
  const ratio = Number((unit === "ms" ? against / value : value / against).toFixed(2));
  console.log(JSON.stringify({ name, value: Number(value.toFixed(2)), unit, against, ratio }));
}

for (let round = 0; round < 500; round += 1) for (const line of LINES) classifier.classify(line);
const each = best(20, () => {
  for (let round = 0; round < 50; round += 1) for (const line of LINES) classifier.classify(line);
});
report("classify ordinary lines", (50 * LINES.length * 1000) / each, "1/s", FLOOR);

const long = (count: number): string => `${"git log --oneline 'a b' | grep -n x; ".repeat(count)}ls`;
const [short, longer] = [long(20), long(160)].map((line) => best(9, () => classifier.classify(line)));
report("classify eight times the length", (longer ?? 0) / (short ?? 1), "times", 8);

/** Any text: at most so long. */
const CEILING_MS = 100;
for (const [name, line] of [
  ["1 MB of one line", "a".repeat(1_000_000)],
  ["10,000 nested substitutions", `echo ${"$(".repeat(10_000)}ls${")".repeat(10_000)}`],
  ["20,000 words", "ls ".repeat(20_000)],
  ["a pipeline of 16,000", `${"ls |".repeat(16_000)}ls`],
  ["20,000 nested braces", "{a,".repeat(20_000)],
] as const) {
  report(
    `classify ${name}`,
    best(5, () => classifier.classify(line)),
    "ms",
    CEILING_MS,
  );
}
