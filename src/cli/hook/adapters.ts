import type { HookAdapter } from "./adapter.ts";
import { claude } from "./claude.ts";
import { gemini } from "./gemini.ts";

/** Every coding agent whose hooks are answered. */
export const ADAPTERS: readonly HookAdapter[] = [claude, gemini];

/** A tool's input and output are the largest part of a payload. */
export const MAX_PAYLOAD_BYTES = 8 * 2 ** 20;
/** How long a hook waits for a person at most. */
export const MAX_WAIT_SECONDS = 1800;
