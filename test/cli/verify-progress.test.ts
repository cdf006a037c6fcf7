import { expect, test } from "bun:test";
import { showVerifyProgress } from "#src/cli/verify-progress.ts";

function watch() {
  const lines: string[] = [];
  const clock = { time: 0 };
  const terminal = { showProgress: (line: string) => void lines.push(line) };
  const progress = showVerifyProgress(terminal, "data", () => clock.time);
  return { lines, clock, progress };
}

test("says how far it is and how fast, at most ten times a second, and takes it away", () => {
  const { lines, clock, progress } = watch();
  for (let seq = 4096; seq <= 4096 * 5; seq += 4096) {
    clock.time += 50;
    progress.reached(seq);
  }
  progress.end();
  expect(lines).toEqual([
    "verifying data: event 8,192, 81,920 a second",
    "verifying data: event 16,384, 81,920 a second",
    "",
  ]);
});

test("starts anew with each chain, wherever that begins", () => {
  const { lines, clock, progress } = watch();
  progress.reached(1_000_000);
  clock.time = 100;
  progress.reached(1_005_000);
  clock.time = 200;
  progress.reached(4096);
  clock.time = 300;
  progress.reached(5096);
  expect(lines).toEqual([
    "verifying data: event 1,005,000, 50,000 a second",
    "verifying data: event 4,096, 0 a second",
    "verifying data: event 5,096, 10,000 a second",
  ]);
});

test("what is over at once is not talked about", () => {
  const { lines, progress } = watch();
  progress.reached(4096);
  progress.end();
  expect(lines).toEqual([]);
});
