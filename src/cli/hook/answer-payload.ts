import { fromUtf8 } from "#src/base/bytes.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import type { HookAdapter, HookEvent } from "./adapter.ts";
import { type HookGround, judgeCall, recordCall } from "./answer-hook.ts";

/** What a hook prints: the answer on standard output, and a line on standard error where there is something to tell. */
export interface HookAnswer {
  readonly answer: JsonObject;
  readonly note?: string;
}

/** Answers one payload. Throws `invalid_argument` for what is none: the call is blocked then. */
export async function answerPayload(ground: HookGround, payload: Uint8Array): Promise<HookAnswer> {
  const event = readEvent(ground.adapter, payload);
  if (event.kind === "before") return { answer: ground.adapter.answer(await judgeCall(ground, event)) };
  try {
    await recordCall(ground, event);
    return { answer: {} };
  } catch (error) {
    // What was done is done: the agent goes on, and whoever looks sees why there is no receipt.
    return { answer: {}, note: `writ: no receipt was recorded: ${messageOf(error)}` };
  }
}

function readEvent(adapter: HookAdapter, bytes: Uint8Array): HookEvent {
  const text = fromUtf8(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new WritError("invalid_argument", "the hook's payload is not whole JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WritError("invalid_argument", "the hook's payload is no object");
  }
  const event = adapter.parse(value as JsonObject);
  // What is decided on has one reading only: a member that is there twice could be another for the agent.
  return event.kind === "before" ? adapter.parse(parseStrictJson(text) as JsonObject) : event;
}
