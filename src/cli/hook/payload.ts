import { isAbsolute } from "node:path";
import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { HookedCall } from "./adapter.ts";

/** As agents make them: UUIDs, and what is like them. */
const ID = /^[\w.:-]{1,200}$/;

/** A member that is text. Throws `invalid_argument`. */
export function textMember(payload: JsonObject, name: string): string {
  const value = Object.hasOwn(payload, name) ? payload[name] : undefined;
  if (typeof value !== "string" || value === "") throw malformed(`\`${name}\` is missing`);
  return value;
}

/** The members that the protocols share by name. Throws `invalid_argument`. */
export function readCall(payload: JsonObject, callIdMember?: string): HookedCall {
  const input = Object.hasOwn(payload, "tool_input") ? payload["tool_input"] : undefined;
  if (typeof input !== "object" || input === null || Array.isArray(input)) throw malformed("`tool_input` is no object");
  const [tool, cwd, session] = [
    textMember(payload, "tool_name"),
    textMember(payload, "cwd"),
    textMember(payload, "session_id"),
  ];
  if (!isAbsolute(cwd) || cwd.includes("\0")) throw malformed("`cwd` is not absolute");
  if (!ID.test(session)) throw malformed("`session_id` is none");
  const callId = callIdMember === undefined ? undefined : payload[callIdMember];
  if (callId !== undefined && (typeof callId !== "string" || !ID.test(callId))) {
    throw malformed(`\`${callIdMember}\` is none`);
  }
  return { tool, input: input as JsonObject, cwd, session, ...(callId === undefined ? {} : { callId }) };
}

/** A value that may be an error's text, or an object with one. */
export function errorText(value: Json | undefined): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const message = (value as JsonObject)["message"];
  return typeof message === "string" && message !== "" ? message : undefined;
}

/** The error for a payload that cannot be what it should be: the agent blocks the call. */
export function malformed(why: string): WritError {
  return new WritError("invalid_argument", `this is no payload of this agent's hooks: ${why}`);
}
