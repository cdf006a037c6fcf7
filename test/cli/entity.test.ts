import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type Edge, startEdge } from "#test/http/support.ts";
import { isCleanError, jsonLines, writ } from "./support.ts";

let edge: Edge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.stop());

const run = (words: readonly string[], stdin?: unknown) =>
  writ(words, {
    env: { WRIT_DATA: join(edge.folder) },
    ...(stdin === undefined ? {} : { stdin: typeof stdin === "string" ? stdin : JSON.stringify(stdin) }),
  });

test("entities are imported, listed, shown and removed", async () => {
  const doc = { uid: { type: "Doc", id: 'a "b"' }, attrs: { n: 1 }, parents: [{ type: "Folder", id: "f" }] };
  const folder = { uid: { type: "Folder", id: "f" }, attrs: {}, parents: [] };
  const entities = [doc, folder];
  expect(jsonLines((await run(["entity", "import", "-", "--json"], entities)).stdout)).toEqual([{ count: 2 }]);
  expect(jsonLines((await run(["entity", "list", "--json"])).stdout)).toEqual(entities);
  expect(jsonLines((await run(["entity", "list", "--type", "Folder", "--json"])).stdout)).toEqual([folder]);
  expect(jsonLines((await run(["entity", "show", "Doc", 'a "b"', "--json"])).stdout)).toEqual([doc]);
  expect((await run(["entity", "remove", "Doc", 'a "b"'])).code).toBe(0);
  expect(isCleanError(await run(["entity", "show", "Doc", 'a "b"']))).toBe(true);
  expect(isCleanError(await run(["entity", "import", "-"], "{}"))).toBe(true);
  expect(isCleanError(await run(["entity", "import", "-"], [{ uid: { type: "a b", id: "x" } }]))).toBe(true);
});

test("the table of types is shown and replaced", async () => {
  const table = { subject_types: { "my-type": "Person" }, resource_types: {}, actions: { see: "view" } };
  expect(jsonLines((await run(["entity", "types", "--set", "-", "--json"], table)).stdout)).toEqual([table]);
  expect(jsonLines((await run(["entity", "types", "--json"])).stdout)).toEqual([table]);
});
