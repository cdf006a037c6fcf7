import type { JsonObject } from "#src/base/canonical-json.ts";
import type { HookAdapter } from "./adapter.ts";
import { errorText, malformed, readCall, textMember } from "./payload.ts";

const BEFORE = "BeforeTool";
const AFTER = "AfterTool";
/** Milliseconds: longer than the hook itself ever takes, since the agent goes on without an answer that comes too late. */
const TIMEOUT_MS = 3_600_000;

/** Gemini CLI: `BeforeTool` and `AfterTool`. Its payloads have no id of the call. */
export const gemini: HookAdapter = {
  name: "gemini",
  title: "Gemini CLI",
  parse: (payload) => {
    const event = textMember(payload, "hook_event_name");
    const call = readCall(payload);
    if (event === BEFORE) return { kind: "before", ...call };
    if (event !== AFTER) throw malformed("`hook_event_name` is none that is answered here");
    const output = payload["tool_response"] ?? null;
    const isObject = typeof output === "object" && output !== null && !Array.isArray(output);
    const error = isObject ? errorText((output as JsonObject)["error"]) : undefined;
    return { kind: "after", success: error === undefined, output, ...(error === undefined ? {} : { error }), ...call };
  },
  answer: ({ kind, reason }) => ({ decision: kind, reason }),
  configFile: [".gemini", "settings.json"],
  hooks: (command) =>
    new Map(
      [BEFORE, AFTER].map((event) => [
        event,
        { matcher: ".*", hooks: [{ name: "writ", type: "command", command, timeout: TIMEOUT_MS }] },
      ]),
    ),
};
