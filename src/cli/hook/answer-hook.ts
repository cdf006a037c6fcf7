import { hostname } from "node:os";
import { messageOf } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { listOf, textOf } from "../answer.ts";
import { apiPath } from "../api-command.ts";
import { ApiError } from "../api-error.ts";
import type { Answer, Api } from "../client.ts";
import { groundTool, type ToolGrounds } from "../files-ground.ts";
import type { HookAdapter, HookEvent, HookedCall, HookVerdict } from "./adapter.ts";
import type { HookState } from "./state.ts";

/** What a hook is answered with. */
export interface HookGround {
  readonly adapter: HookAdapter;
  readonly api: Pick<Api, "get" | "post">;
  readonly state: HookState;
  /** Milliseconds. */
  readonly now: () => number;
  /** The run that all of this machine's calls belong to; without one, each session of the agent is a run. */
  readonly run: string | undefined;
  /** Who asks and where, so that what is remembered for one is not taken for another's. */
  readonly scope: string;
  /** How long to wait for a person. */
  readonly waitSeconds: number;
}

/** The server waits at most so long in one request. */
const WAIT_STEP_SECONDS = 60;
const MAX_SUMMARY = 2000;
const MAX_ERROR = 1000;

/** Asks before a call: anything but a clear yes of the server is a no, with the reason. */
export async function judgeCall(
  ground: HookGround,
  event: Extract<HookEvent, { kind: "before" }>,
): Promise<HookVerdict> {
  try {
    return await ask(ground, event);
  } catch (error) {
    return { kind: "deny", reason: explainFailure(error) };
  }
}

/** Tells the server what a call came to. Throws {@link ApiError}. */
export async function recordCall(ground: HookGround, event: Extract<HookEvent, { kind: "after" }>): Promise<void> {
  const { api, state, now } = ground;
  const scope = scopeOf(ground, event);
  const pending = state.take(scope, event);
  const run = ground.run ?? state.runOf(scope);
  if (run === undefined) return;
  const text = JSON.stringify(event.output ?? null).toWellFormed();
  await api.post(apiPath(["runs", run, "receipts"]), {
    tool: event.tool,
    inputs: event.input,
    success: event.success,
    duration_ms: pending === undefined ? 0 : Math.max(0, Math.round(now() - pending.startedAt)),
    output: {
      summary: text.slice(0, MAX_SUMMARY).toWellFormed(),
      sha256: sha256Hex(text),
      bytes: Buffer.byteLength(text),
    },
    ...(event.error === undefined ? {} : { error: event.error.slice(0, MAX_ERROR).toWellFormed() }),
    ...(pending === undefined ? {} : { decision: pending.decision }),
  });
  const { keepOfflinePolicy } = await import("./offline.ts");
  await keepOfflinePolicy(api, state, ground.scope, now());
}

async function ask(ground: HookGround, event: HookedCall): Promise<HookVerdict> {
  const { state, now } = ground;
  const { tool, input, cwd } = event;
  const found = await groundTool(tool, input, cwd);
  if ("unfollowed" in found) return { kind: "deny", reason: `Writ: ${found.unfollowed}` };
  try {
    return await askServer(ground, event, found);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 0) throw error;
    const { judgeUnreached } = await import("./offline.ts");
    return judgeUnreached(state, ground.scope, event, found, now(), error.message);
  }
}

async function askServer(ground: HookGround, event: HookedCall, found: ToolGrounds): Promise<HookVerdict> {
  const { api, state, now } = ground;
  const { tool, input } = event;
  const scope = scopeOf(ground, event);
  const run = ground.run ?? (await runOfSession(ground, scope, event));
  const request = { tool: { name: tool, input, host: hostname(), ...found }, run };
  let decision = await api.post("/v1/authorize", request);
  const approval = textOf(decision, "approval.id");
  if (decision["decision"] === "step_up" && (await waitForPerson(ground, approval))) {
    decision = await api.post("/v1/authorize", request);
  }
  if (decision["decision"] !== "allow") return { kind: "deny", reason: explainDecision(decision) };
  state.remember(scope, event, { decision: textOf(decision, "decision_id"), startedAt: now() });
  return { kind: "allow", reason: explainDecision(decision) };
}

/** A session that is no part of a run yet gets one of its own. */
async function runOfSession({ api, state, adapter }: HookGround, scope: string, call: HookedCall): Promise<string> {
  const known = state.runOf(scope);
  if (known !== undefined) return known;
  const opened = await api.post("/v1/runs", {
    work_item: `${adapter.title}, session ${call.session}`,
    level: "observed",
    route: { cli: adapter.name },
  });
  const run = textOf(opened, "id");
  state.rememberRun(scope, run);
  return run;
}

/** Whether a person said yes in the time that there is. */
async function waitForPerson({ api, waitSeconds }: HookGround, approval: string): Promise<boolean> {
  for (let rest = waitSeconds; rest > 0; rest -= WAIT_STEP_SECONDS) {
    const { state } = await api.get(apiPath(["approvals", approval]), { wait: Math.min(rest, WAIT_STEP_SECONDS) });
    if (state !== "pending") return state === "approved";
  }
  return false;
}

function scopeOf({ adapter, run, scope }: HookGround, { session }: HookedCall): string {
  return [adapter.name, scope, run ?? "", session].join("\n");
}

/** In words that the model behind the agent can act on. */
function explainDecision(decision: Answer): string {
  const why = listOf(decision, "reasons")
    .map((reason) => textOf(reason, "message"))
    .join("; ");
  const id = textOf(decision, "decision_id");
  if (decision["decision"] !== "step_up") return `Writ: ${why} (decision ${id})`;
  const url = textOf(decision, "approval.url");
  return `Writ: a person must approve this first; once they did, use the tool again with exactly the same input (${url}; decision ${id})`;
}

function explainFailure(error: unknown): string {
  return `Writ: ${messageOf(error)}`;
}
