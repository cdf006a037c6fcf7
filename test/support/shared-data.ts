import { describe, test } from "bun:test";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../../../shared/data");
const PRESENT = existsSync(ROOT);

/** The path of a file or folder of the test data that lives beside the project. */
export function sharedData(path: string): string {
  return join(ROOT, path);
}

/**
 * A `describe` whose tests read the data beside the project. Where the folder is absent they are skipped, saying so;
 * in CI, where it always is, its absence fails.
 */
export function describeShared(name: string, body: () => void): void {
  if (PRESENT) {
    describe(name, body);
    return;
  }
  describe(`${name} (skipped: ../shared/data is absent)`, () => {
    if (process.env["CI"] === undefined) test.skip("needs ../shared/data", () => {});
    else {
      test("needs ../shared/data", () => {
        throw new Error("../shared/data is absent in CI");
      });
    }
  });
}
