import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { claude } from "#src/cli/hook/claude.ts";
import { withHooks, withoutHooks } from "#src/cli/hook/configuration.ts";
import { gemini } from "#src/cli/hook/gemini.ts";

const COMMAND = "/usr/local/bin/writ hook claude";
const OTHERS: JsonObject = {
  model: "x",
  hooks: {
    PreToolUse: [{ matcher: "Bash", hooks: [{ type: "command", command: "./mine.sh" }] }],
    Stop: [{ hooks: [{ type: "command", command: "say done" }] }],
  },
  permissions: { deny: ["WebFetch"] },
};

describe("hooks in a configuration", () => {
  test("stand beside what was there", () => {
    const { hooks, ...rest } = withHooks(OTHERS, claude, COMMAND) as { hooks: Record<string, unknown[]> };
    expect(rest).toEqual({ model: "x", permissions: { deny: ["WebFetch"] } });
    expect(Object.keys(hooks).sort()).toEqual(["PostToolUse", "PostToolUseFailure", "PreToolUse", "Stop"]);
    expect(hooks["PreToolUse"]).toHaveLength(2);
    expect(JSON.stringify(hooks["PreToolUse"])).toContain(COMMAND);
  });

  test("are taken out again, and nothing else", () => {
    expect(JSON.stringify(withoutHooks(withHooks(OTHERS, claude, COMMAND), claude))).toBe(JSON.stringify(OTHERS));
    expect(withoutHooks(withHooks({}, claude, COMMAND), claude)).toEqual({});
  });

  test("are replaced, not doubled", () => {
    const once = withHooks(OTHERS, claude, "'/opt/a b/writ' hook claude --wait 5m");
    expect(withHooks(once, claude, COMMAND)).toEqual(withHooks(OTHERS, claude, COMMAND));
  });

  test("of one agent are not another's, and a command that only mentions writ is nobody's", () => {
    const both = withHooks(withHooks({}, claude, COMMAND), gemini, "/usr/local/bin/writ hook gemini");
    expect(JSON.stringify(withoutHooks(both, claude))).toContain("hook gemini");
    const own = { hooks: { PreToolUse: [{ hooks: [{ type: "command", command: "rewrite hook claudette" }] }] } };
    expect(withoutHooks(own, claude)).toEqual(own);
  });

  test("of another shape are left alone, with an error", () => {
    expect(() => withHooks({ hooks: [] }, claude, COMMAND)).toThrow("safely");
    expect(() => withHooks({ hooks: { PreToolUse: "x" } }, claude, COMMAND)).toThrow("safely");
  });

  test("in and out again changes no configuration", () => {
    const entry = fc.record({
      matcher: fc.string(),
      hooks: fc.array(fc.record({ command: fc.string() }), { minLength: 1 }),
    });
    const hooks = fc.dictionary(
      fc.constantFrom("PreToolUse", "Stop", "PostToolUse"),
      fc.array(entry, { minLength: 1 }),
      {
        minKeys: 1,
      },
    );
    fc.assert(
      fc.property(hooks, fc.jsonValue(), (found, other) => {
        const configuration = JSON.parse(JSON.stringify({ other, hooks: found })) as JsonObject;
        const back = withoutHooks(withHooks(configuration, claude, COMMAND), claude);
        expect(back).toEqual(configuration);
      }),
      { numRuns: 100 },
    );
  });
});
