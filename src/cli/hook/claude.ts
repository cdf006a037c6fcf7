import type { HookAdapter } from "./adapter.ts";
import { errorText, malformed, readCall, textMember } from "./payload.ts";

const BEFORE = "PreToolUse";
const AFTER = "PostToolUse";
const FAILED = "PostToolUseFailure";
/** Seconds: longer than the hook itself ever takes, since the agent goes on without an answer that comes too late. */
const TIMEOUT_SECONDS = 3600;

/** Claude Code: `PreToolUse`, `PostToolUse` and `PostToolUseFailure`. */
export const claude: HookAdapter = {
  name: "claude",
  title: "Claude Code",
  parse: (payload) => {
    const event = textMember(payload, "hook_event_name");
    const call = readCall(payload, "tool_use_id");
    if (event === BEFORE) return { kind: "before", ...call };
    const output = payload["tool_response"] ?? null;
    if (event === AFTER) return { kind: "after", success: true, output, ...call };
    if (event !== FAILED) throw malformed("`hook_event_name` is none that is answered here");
    return { kind: "after", success: false, output, error: errorText(payload["error"]) ?? "it failed", ...call };
  },
  answer: ({ kind, reason }) => ({
    hookSpecificOutput: { hookEventName: BEFORE, permissionDecision: kind, permissionDecisionReason: reason },
  }),
  configFile: [".claude", "settings.json"],
  hooks: (command) =>
    new Map(
      [BEFORE, AFTER, FAILED].map((event) => [
        event,
        { matcher: "*", hooks: [{ type: "command", command, timeout: TIMEOUT_SECONDS }] },
      ]),
    ),
};
