import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHookState } from "#src/cli/hook/state.ts";

const folder = mkdtempSync(join(tmpdir(), "writ-hook-state-"));
afterAll(() => rmSync(folder, { recursive: true }));
const CALL = { tool: "Bash", input: { command: "ls" }, cwd: "/", session: "s" } as const;

test("a decision is remembered for its own call and taken once", () => {
  const state = openHookState(join(folder, "a"));
  state.remember("me", CALL, { decision: "dec_1", startedAt: 5 });
  expect(state.take("other", CALL)).toBeUndefined();
  expect(state.take("me", { ...CALL, input: { command: "rm" } })).toBeUndefined();
  expect(state.take("me", CALL)).toEqual({ decision: "dec_1", startedAt: 5 });
  expect(state.take("me", CALL)).toBeUndefined();
  expect(statSync(join(folder, "a")).mode & 0o777).toBe(0o700);
});

test("a folder that others can write, or that is a link, is not used", () => {
  openHookState(join(folder, "b"));
  chmodSync(join(folder, "b"), 0o777);
  expect(() => openHookState(join(folder, "b"))).toThrow("alone");
  symlinkSync(join(folder, "a"), join(folder, "c"));
  expect(() => openHookState(join(folder, "c"))).toThrow("alone");
});
