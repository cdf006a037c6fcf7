import { describe, expect, test } from "bun:test";
import { printStep, type Step, type StepResult, tell } from "#src/cli/demo/story.ts";
import type { Terminal } from "#src/cli/terminal.ts";

interface Place {
  readonly visited: string[];
}

function step(name: string, run: Step<Place>["run"], expected: Step<Place>["expected"] = { status: 200 }): Step<Place> {
  return {
    name,
    story: `what ${name} is about`,
    expected,
    run: (place) => {
      place.visited.push(name);
      return run(place);
    },
  };
}

async function resultsOf(steps: readonly Step<Place>[]): Promise<{ results: StepResult[]; visited: string[] }> {
  const place: Place = { visited: [] };
  const results: StepResult[] = [];
  for await (const { result } of tell(steps, place)) results.push(result);
  return { results, visited: place.visited };
}

describe("a story", () => {
  test("is told to its end, whatever comes of a step", async () => {
    const { results, visited } = await resultsOf([
      step("good", async () => ({ status: 200 })),
      step("other", async () => ({ status: 500 })),
      step("thrown", async () => {
        throw new Error("there is no door");
      }),
      step("last", async () => ({ status: 200 })),
    ]);
    expect(visited).toEqual(["good", "other", "thrown", "last"]);
    expect(results).toEqual([
      { step: "good", expected: "status: 200", actual: "status: 200", ok: true },
      { step: "other", expected: "status: 200", actual: "status: 500", ok: false },
      { step: "thrown", expected: "status: 200", actual: "failed: there is no door", ok: false },
      { step: "last", expected: "status: 200", actual: "status: 200", ok: true },
    ]);
  });

  test("takes a fact that is missing, added or in another place for another one", async () => {
    const expected = { status: 200, seen: false };
    const { results } = await resultsOf([
      step("same", async () => ({ status: 200, seen: false }), expected),
      step("fewer", async () => ({ status: 200 }), expected),
      step("more", async () => ({ status: 200, seen: false, code: "x" }), expected),
      step("none", async () => ({}), expected),
    ]);
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false, false]);
  });

  test("says a number and its text alike, as answers carry both", async () => {
    const { results } = await resultsOf([step("text", async () => ({ status: "200" }))]);
    expect(results[0]?.ok).toBeTrue();
  });

  test("shows what was expected only where it went otherwise", async () => {
    const lines: string[] = [];
    const terminal = {
      print: async (line = "") => void lines.push(line),
      printMarked: async (mark: string, word: string, rest: string) => void lines.push(`${mark}|${word}${rest}`),
    } as unknown as Terminal;
    const told = step("s", async () => ({}));
    await printStep(terminal, told, { step: "s", expected: "a: 1", actual: "a: 1", ok: true });
    await printStep(terminal, told, { step: "s", expected: "a: 1", actual: "a: 2", ok: false });
    expect(lines).toEqual([
      "good|✓ what s is about",
      "bad|✗ what s is about",
      "    expected  a: 1",
      "    actual    a: 2",
    ]);
  });
});
