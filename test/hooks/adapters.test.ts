import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import type { HookAdapter } from "#src/cli/hook/adapter.ts";
import { claude } from "#src/cli/hook/claude.ts";
import { gemini } from "#src/cli/hook/gemini.ts";

const CLAUDE = {
  session_id: "0b2f1c1e-5f6e-4f6a-9a57-1f0f2f6f9f11",
  transcript_path: "/home/u/.claude/projects/p/t.jsonl",
  cwd: "/home/u/project",
  permission_mode: "default",
  hook_event_name: "PreToolUse",
  tool_name: "Bash",
  tool_input: { command: "ls -la", description: "list" },
  tool_use_id: "toolu_01ABC",
};
const GEMINI = {
  session_id: "s-1",
  transcript_path: "/t.json",
  cwd: "/home/u/project",
  timestamp: "2026-11-21T00:00:00Z",
  hook_event_name: "BeforeTool",
  tool_name: "run_shell_command",
  tool_input: { command: "ls" },
};

describe("claude", () => {
  test("reads what is about to be used, and what was", () => {
    expect(claude.parse(CLAUDE)).toEqual({
      kind: "before",
      tool: "Bash",
      input: { command: "ls -la", description: "list" },
      cwd: "/home/u/project",
      session: CLAUDE.session_id,
      callId: "toolu_01ABC",
    });
    const after = { ...CLAUDE, hook_event_name: "PostToolUse", tool_response: { stdout: "a" } };
    expect(claude.parse(after)).toMatchObject({ kind: "after", success: true, output: { stdout: "a" } });
    const failed = { ...CLAUDE, hook_event_name: "PostToolUseFailure", error: "exit code 1" };
    expect(claude.parse(failed)).toMatchObject({ kind: "after", success: false, error: "exit code 1" });
  });

  test("answers in its own words", () => {
    expect(claude.answer({ kind: "deny", reason: "no" })).toEqual({
      hookSpecificOutput: {
        hookEventName: "PreToolUse",
        permissionDecision: "deny",
        permissionDecisionReason: "no",
      },
    });
  });
});

describe("gemini", () => {
  test("reads and answers", () => {
    expect(gemini.parse(GEMINI)).toMatchObject({ kind: "before", tool: "run_shell_command", session: "s-1" });
    const failed = { ...GEMINI, hook_event_name: "AfterTool", tool_response: { error: { message: "boom" } } };
    expect(gemini.parse(failed)).toMatchObject({ kind: "after", success: false, error: "boom" });
    expect(gemini.answer({ kind: "allow", reason: "yes" })).toEqual({ decision: "allow", reason: "yes" });
  });
});

describe("payloads that are not what they say", () => {
  const refused = (adapter: HookAdapter, payload: JsonObject): boolean => {
    try {
      adapter.parse(payload);
      return false;
    } catch (error) {
      return isWritError(error, "invalid_argument");
    }
  };

  test("another agent's", () => {
    expect(refused(claude, GEMINI)).toBe(true);
    expect(refused(gemini, CLAUDE)).toBe(true);
  });

  test("without a member, or with one of another kind", () => {
    for (const name of ["session_id", "cwd", "hook_event_name", "tool_name", "tool_input"]) {
      const { [name as "cwd"]: _, ...rest } = CLAUDE;
      expect(refused(claude, rest)).toBe(true);
      for (const value of [null, 7, [], "", {}]) {
        const isInput = name === "tool_input" && typeof value === "object" && value !== null && !Array.isArray(value);
        if (!isInput) expect(refused(claude, { ...CLAUDE, [name]: value })).toBe(true);
      }
    }
    expect(refused(claude, { ...CLAUDE, cwd: "relative" })).toBe(true);
    expect(refused(claude, { ...CLAUDE, cwd: "/a\0b" })).toBe(true);
    expect(refused(claude, { ...CLAUDE, session_id: "../../x" })).toBe(true);
    expect(refused(claude, { ...CLAUDE, tool_use_id: "a/b" })).toBe(true);
    expect(refused(claude, { ...CLAUDE, hook_event_name: "Stop" })).toBe(true);
  });

  test("any JSON has an answer or is refused", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (payload) => {
        expect(refused(claude, payload as JsonObject)).toBe(true);
        expect(refused(gemini, { ...GEMINI, ...(payload as JsonObject), cwd: 1 })).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
