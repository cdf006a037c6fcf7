import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { HookAdapter } from "./adapter.ts";

/**
 * An agent's configuration with Writ's hooks, in place of what an earlier installation left there, and nothing else
 * changed. Throws `invalid_argument` for one whose hooks have another shape.
 *
 * @param command what the agent runs; it ends with `hook` and the agent's name, which is how it is found again
 */
export function withHooks(configuration: JsonObject, adapter: HookAdapter, command: string): JsonObject {
  const bare = withoutHooks(configuration, adapter);
  const hooks: Record<string, Json> = { ...hooksOf(bare) };
  for (const [event, entry] of adapter.hooks(command)) hooks[event] = [...entriesOf(hooks, event), entry];
  return { ...bare, hooks };
}

/** The same without them; `hooks` and its events go where nothing else is in them. */
export function withoutHooks(configuration: JsonObject, adapter: HookAdapter): JsonObject {
  const { hooks: _, ...rest } = configuration;
  const before = hooksOf(configuration);
  const kept: Record<string, Json> = {};
  for (const event of Object.keys(before)) {
    const entries = entriesOf(before, event);
    const others = entries.flatMap((entry) => withoutOurs(entry, adapter));
    if (others.length > 0 || entries.length === 0) kept[event] = others;
  }
  const hadHooks = Object.hasOwn(configuration, "hooks");
  const isEmpty = Object.keys(kept).length === 0;
  if (!hadHooks || (isEmpty && Object.keys(before).length > 0)) return rest;
  // In its own place, so that taking them out changes nothing else.
  return Object.fromEntries(Object.entries(configuration).map(([key, value]) => [key, key === "hooks" ? kept : value]));
}

function withoutOurs(entry: Json, adapter: HookAdapter): readonly Json[] {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return [entry];
  const record = entry as JsonObject;
  const list = record["hooks"];
  if (!Array.isArray(list)) return [entry];
  const others = list.filter((hook) => !isOurs(hook as Json, adapter));
  if (others.length === list.length) return [entry];
  return others.length === 0 ? [] : [{ ...record, hooks: others }];
}

function isOurs(hook: Json, { name }: HookAdapter): boolean {
  if (typeof hook !== "object" || hook === null || Array.isArray(hook)) return false;
  const command = (hook as JsonObject)["command"];
  return (
    typeof command === "string" && new RegExp(`(?:^|[/\\\\'" ])writ[^/\\\\ ]*'? hook ${name}(?: |$)`).test(command)
  );
}

function hooksOf(configuration: JsonObject): JsonObject {
  const hooks = Object.hasOwn(configuration, "hooks") ? configuration["hooks"] : {};
  if (typeof hooks !== "object" || hooks === null || Array.isArray(hooks)) throw otherShape("`hooks` is no object");
  return hooks as JsonObject;
}

function entriesOf(hooks: JsonObject, event: string): readonly Json[] {
  const entries = Object.hasOwn(hooks, event) ? hooks[event] : [];
  if (!Array.isArray(entries)) throw otherShape(`\`hooks.${event}\` is no list`);
  return entries as readonly Json[];
}

function otherShape(why: string): WritError {
  return new WritError("invalid_argument", `the agent's configuration cannot be changed safely: ${why}`);
}
