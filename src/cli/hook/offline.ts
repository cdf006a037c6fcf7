import { homedir } from "node:os";
import { fromBase64Url } from "#src/base/bytes.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { messageOf } from "#src/base/errors.ts";
import { loadShellClassifier } from "#src/classify/classify-shell.ts";
import { judgeOffline, openOfflinePolicy } from "#src/classify/offline-policy.ts";
import { parseFileRules } from "#src/classify/project-file.ts";
import type { Api } from "../client.ts";
import type { ToolGrounds } from "../files-ground.ts";
import type { HookedCall, HookVerdict } from "./adapter.ts";
import type { HookState } from "./state.ts";

/** How old what is kept for offline use may be before it is asked for anew, in milliseconds. */
const FRESH_MS = 300_000;

/** Keeps what the server signs for the time when it cannot be reached. The first key that signed is the one that is believed. */
export async function keepOfflinePolicy(
  api: Pick<Api, "get">,
  state: HookState,
  scope: string,
  now: number,
): Promise<void> {
  const kept = state.offlineOf(scope);
  if (kept !== undefined && now - kept.keptAt < FRESH_MS) return;
  const { policy, signature, public_key: publicKey } = await api.get("/v1/tools/offline-policy");
  if (typeof publicKey !== "string" || (kept !== undefined && kept.publicKey !== publicKey)) return;
  const signed = JSON.stringify({ policy, signature });
  openOfflinePolicy(signed, fromBase64Url(publicKey));
  state.rememberOffline(scope, { keptAt: now, publicKey, signed });
}

/** What holds for a call while the server cannot be reached: a no, unless what was kept allows such a read. */
export async function judgeUnreached(
  state: HookState,
  scope: string,
  call: HookedCall,
  found: ToolGrounds,
  now: number,
  why: string,
): Promise<HookVerdict> {
  const deny = (because: string): HookVerdict => ({
    kind: "deny",
    reason: `Writ cannot be reached (${why}): ${because}`,
  });
  const kept = state.offlineOf(scope);
  if (kept === undefined) return deny("nothing is allowed");
  try {
    const policy = openOfflinePolicy(kept.signed, fromBase64Url(kept.publicKey));
    const ask = {
      tool: call.tool,
      input: call.input as JsonObject,
      place: { cwd: found.cwd, home: homedir() },
      foundNames: new Map(found.found.map(({ path, names }) => [path, names])),
      projectRules: found.project === undefined ? [] : parseFileRules(found.project.rules),
      projectBase: found.project?.folder,
      now,
    };
    const verdict = judgeOffline(policy, ask, await loadShellClassifier());
    if (!verdict.allowed) return deny(verdict.because);
    return { kind: "allow", reason: "Writ cannot be reached: a read that its signed policy allows" };
  } catch (error) {
    return deny(messageOf(error));
  }
}
