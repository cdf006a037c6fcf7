import { messageOf } from "#src/base/errors.ts";
import type { Terminal } from "../terminal.ts";

/** What is said of a step, fact by fact. */
export type Facts = Readonly<Record<string, string | number | boolean>>;

/** One step of a story: what is done, and what must come of it. */
export interface Step<World> {
  /** As programs know it: `step_up_approved`. */
  readonly name: string;
  /** What a person reads: one line. */
  readonly story: string;
  readonly expected: Facts;
  /** Does it, and gives the same facts as they are. What it throws is what came of it. */
  run(world: World): Promise<Facts>;
}

/** What came of a step. */
export interface StepResult {
  readonly step: string;
  readonly expected: string;
  readonly actual: string;
  readonly ok: boolean;
}

/**
 * Runs every step, whatever came of those before, and gives each result as soon as it is there. A later step that needs
 * what an earlier one did not bring fails for itself and says so.
 */
export async function* tell<World>(
  steps: readonly Step<World>[],
  world: World,
): AsyncGenerator<{ readonly step: Step<World>; readonly result: StepResult }, void> {
  for (const step of steps) {
    const expected = factsText(step.expected);
    const actual = await step.run(world).then(factsText, (error: unknown) => `failed: ${messageOf(error)}`);
    yield { step, result: { step: step.name, expected, actual, ok: actual === expected } };
  }
}

/** One line for a person; two more where it went otherwise. */
export async function printStep<World>(terminal: Terminal, step: Step<World>, result: StepResult): Promise<void> {
  await terminal.printMarked(result.ok ? "good" : "bad", result.ok ? "✓" : "✗", ` ${step.story}`);
  if (result.ok) return;
  await terminal.print(`    expected  ${result.expected}`);
  await terminal.print(`    actual    ${result.actual}`);
}

function factsText(facts: Facts): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${value}`)
    .join(", ");
}
