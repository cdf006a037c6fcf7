import { afterAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Json } from "#src/base/canonical-json.ts";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import type { EntityJson, PolicyRequest } from "#src/policy/closure.ts";
import { compilePolicies } from "#src/policy/policy-set.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { describeShared, sharedData } from "../support/shared-data.ts";

/** One request of Cedar's own integration tests, with what must come of it. */
interface ExpectedRequest extends Omit<PolicyRequest, "entities"> {
  readonly description: string;
  readonly decision: "allow" | "deny";
  readonly reason: readonly string[];
  readonly errors: readonly string[];
}

interface TestFile {
  readonly policies: string;
  readonly entities: string;
  readonly requests: readonly ExpectedRequest[];
}

const authorizer = createAuthorizer({ maxSets: 4 });
afterAll(() => authorizer.dispose());

function readText(path: string): string {
  return readFileSync(sharedData(`cedar/${path}`), "utf8");
}

/**
 * Cedar's data leaves to the schema which attributes are references: `{type, id}` alone. Without a schema that is a record,
 * so references are written out here, as Writ's own entities have them.
 */
function withReferences(value: Json): Json {
  if (Array.isArray(value)) return value.map(withReferences);
  if (typeof value !== "object" || value === null || "__entity" in value || "__extn" in value) return value;
  if (Object.keys(value).sort().join() === "id,type") return { __entity: value as Json };
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withReferences(member)]));
}

function readEntities(path: string): readonly EntityJson[] {
  const entities = JSON.parse(readText(path)) as readonly EntityJson[];
  return entities.map((entity) => ({ ...entity, attrs: withReferences(entity.attrs) as EntityJson["attrs"] }));
}

function testFiles(): readonly string[] {
  const root = sharedData("cedar/tests");
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .sort();
}

describeShared("cedar's own integration tests", () => {
  for (const name of testFiles()) {
    test(name, () => {
      const file = JSON.parse(readText(`tests/${name}`)) as TestFile;
      const result = compilePolicies(readText(file.policies));
      if ("errors" in result) throw new Error(JSON.stringify(result.errors));
      const index = PolicyIndex.build(result.policies);
      const entities = readEntities(file.entities);
      expect(file.requests.length).toBeGreaterThan(0);
      for (const expected of file.requests) {
        const { decision, determining, errors } = authorizer.evaluate(index, { ...expected, entities });
        expect([expected.description, decision, determining, errors.map((error) => error.policyId)]).toEqual([
          expected.description,
          expected.decision,
          [...expected.reason].sort(),
          [...expected.errors].sort(),
        ]);
      }
    });
  }

  test("there are some", () => {
    expect(testFiles().length).toBeGreaterThan(10);
  });
});
