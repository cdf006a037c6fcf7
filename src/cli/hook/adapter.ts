import type { Json, JsonObject } from "#src/base/canonical-json.ts";

/** What a coding agent tells its hook. */
export type HookEvent =
  /** A tool is about to be used. */
  | ({ readonly kind: "before" } & HookedCall)
  /** A tool was used. */
  | ({
      readonly kind: "after";
      readonly success: boolean;
      readonly output: Json;
      readonly error?: string;
    } & HookedCall);

/** A call of one of the agent's tools, as every agent's payload says it in some form. */
export interface HookedCall {
  readonly tool: string;
  readonly input: JsonObject;
  /** Absolute. */
  readonly cwd: string;
  /** The agent's own id of its session. */
  readonly session: string;
  /** The agent's own id of the call, where it gives one. */
  readonly callId?: string;
}

/** What the agent is told of a call before it is made. */
export type HookVerdict =
  | { readonly kind: "allow"; readonly reason: string }
  | { readonly kind: "deny"; readonly reason: string };

/**
 * One coding agent's hook protocol: a payload on standard input to an event, and a verdict to the object on standard output.
 * Both are pure. An agent blocks the call where the hook ends with exit code 2, which is how every failure ends.
 */
export interface HookAdapter {
  /** As the command line names it. */
  readonly name: string;
  /** What people call it. */
  readonly title: string;
  /** Throws `invalid_argument` for a payload that is not this agent's, or not of a call. */
  parse(payload: JsonObject): HookEvent;
  /** What is printed where a call is about to be made. */
  answer(verdict: HookVerdict): JsonObject;
  /** Where its configuration is, below the user's home or the project's folder. */
  readonly configFile: readonly string[];
  /** The hooks that the configuration gets, by the agent's own name of the event. */
  hooks(command: string): ReadonlyMap<string, JsonObject>;
}
