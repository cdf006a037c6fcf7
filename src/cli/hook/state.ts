import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { HookedCall } from "./adapter.ts";

/** What is remembered between the two hooks of one call. */
export interface PendingCall {
  readonly decision: string;
  /** Milliseconds. */
  readonly startedAt: number;
}

/**
 * What hooks of one user remember between calls, in a folder of that user's alone. It says under which decision a call
 * was made, and which run a session is; neither is believed by the server, which knows whose each is.
 */
export interface HookState {
  remember(scope: string, call: HookedCall, pending: PendingCall): void;
  /** What was remembered, and forgotten by that. */
  take(scope: string, call: HookedCall): PendingCall | undefined;
  runOf(scope: string): string | undefined;
  rememberRun(scope: string, run: string): void;
  offlineOf(scope: string): KeptPolicy | undefined;
  rememberOffline(scope: string, kept: KeptPolicy): void;
}

/** What a server signed for the time when it cannot be reached. */
export interface KeptPolicy {
  /** Milliseconds. */
  readonly keptAt: number;
  /** Base64url. */
  readonly publicKey: string;
  readonly signed: string;
}

/** Throws `invalid_argument` where the folder is somebody else's. */
export function openHookState(folder = join(tmpdir(), `writ-hooks-${userInfo().uid}`)): HookState {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o077) !== 0) {
    throw new WritError("invalid_argument", `\`${folder}\` must be a folder of this user's alone`);
  }
  const read = (name: string): JsonObject | undefined => {
    try {
      return JSON.parse(readFileSync(join(folder, name), "utf8")) as JsonObject;
    } catch {
      return undefined;
    }
  };
  const write = (name: string, value: JsonObject): void => {
    try {
      writeFileSync(join(folder, name), canonicalize(value), { mode: 0o600 });
    } catch (cause) {
      throw new WritError("invalid_argument", `\`${folder}\` cannot be written: ${messageOf(cause)}`, { cause });
    }
  };
  return {
    remember: (scope, call, { decision, startedAt }) => write(callName(scope, call), { decision, startedAt }),
    take: (scope, call) => {
      const name = callName(scope, call);
      const value = read(name);
      rmSync(join(folder, name), { force: true });
      const { decision, startedAt } = value ?? {};
      return typeof decision === "string" && typeof startedAt === "number" ? { decision, startedAt } : undefined;
    },
    runOf: (scope) => {
      const run = read(runName(scope))?.["run"];
      return typeof run === "string" ? run : undefined;
    },
    rememberRun: (scope, run) => write(runName(scope), { run }),
    offlineOf: (scope) => {
      const { keptAt, publicKey, signed } = read(offlineName(scope)) ?? {};
      const isWhole = typeof keptAt === "number" && typeof publicKey === "string" && typeof signed === "string";
      return isWhole ? { keptAt, publicKey, signed } : undefined;
    },
    rememberOffline: (scope, { keptAt, publicKey, signed }) => write(offlineName(scope), { keptAt, publicKey, signed }),
  };
}

/** By the agent's id of the call; where it gives none, by what is called. */
function callName(scope: string, { tool, input, session, callId }: HookedCall): string {
  return `${sha256Hex(canonicalize([scope, session, callId ?? [tool, input]]))}.call`;
}

function runName(scope: string): string {
  return `${sha256Hex(scope)}.run`;
}

function offlineName(scope: string): string {
  return `${sha256Hex(scope)}.offline`;
}
