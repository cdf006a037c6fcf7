import { canonicalize, type Json, type JsonObject } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import type { Scrubber } from "#src/vault/scrubber.ts";

/**
 * The same value with every text in it scrubbed, names of members included: each by itself, then all in their place, since
 * some secrets are known only by the name that they stand under.
 */
export async function scrubJson(scrubber: Scrubber, tenant: TenantId, value: JsonObject): Promise<JsonObject> {
  const alone = await scrubEach(scrubber, tenant, value);
  const whole = canonicalize(alone);
  const [inPlace = ""] = await scrubber.scrub(tenant, [whole]);
  return inPlace === whole ? alone : parseScrubbed(inPlace);
}

/** What was taken out may have been more than a text between its quotes: then it is kept as the text that is left. */
function parseScrubbed(text: string): JsonObject {
  try {
    const value = parseStrictJson(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch (error) {
    if (!isWritError(error)) throw error;
  }
  return { scrubbed: text };
}

async function scrubEach(scrubber: Scrubber, tenant: TenantId, value: JsonObject): Promise<JsonObject> {
  const texts: string[] = [];
  visit(value, (text) => void texts.push(text));
  const scrubbed = await scrubber.scrub(tenant, [...new Set(texts)]);
  const table = new Map([...new Set(texts)].map((text, at) => [text, scrubbed[at] ?? ""]));
  return rebuild(value, table) as JsonObject;
}

function visit(value: Json, see: (text: string) => void): void {
  if (typeof value === "string") see(value);
  else if (Array.isArray(value)) for (const item of value) visit(item as Json, see);
  else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      see(name);
      visit(member as Json, see);
    }
  }
}

function rebuild(value: Json, table: ReadonlyMap<string, string>): Json {
  if (typeof value === "string") return table.get(value) ?? "";
  if (Array.isArray(value)) return value.map((item) => rebuild(item as Json, table));
  if (typeof value !== "object" || value === null) return value;
  const object: Record<string, Json> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    object[freeName(table.get(name) ?? "", object)] = rebuild(member as Json, table);
  }
  return object;
}

/** Two names of which nothing but a secret differed stay two members. */
function freeName(name: string, taken: Readonly<Record<string, Json>>): string {
  let free = name;
  for (let number = 2; free in taken; number += 1) free = `${name}#${number}`;
  return free;
}
