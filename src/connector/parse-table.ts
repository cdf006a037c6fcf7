import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { compileRouteTable } from "./compiled.ts";
import { lintRouteTable } from "./lint.ts";
import type { LintCode } from "./lint-finding.ts";
import {
  type BodyRouted,
  isCommand,
  PARAMETER_FORMS,
  type ParameterForm,
  type RefusedPath,
  ROUTE_METHODS,
  type Route,
  type RouteTable,
  TIERS,
} from "./table.ts";
import { isParameterName, parsePattern } from "./template.ts";

/** How many routes, and how many entries in every other list, a table may have. */
export const MAX_ROUTES = 2000;
const MAX_LIST = 200;
const MAX_TEXT = 512;

const TABLE_ID = /^[a-z][a-z0-9-]{0,39}$/;
const VERSION = /^[A-Za-z0-9][A-Za-z0-9.+_-]{0,39}$/;
const TYPE_NAME = /^[A-Z][A-Za-z0-9]{0,63}(?:::[A-Z][A-Za-z0-9]{0,63}){1,3}$/;
const LAST_SEGMENT = /^[A-Za-z0-9$._-]{1,100}$/;
/** First segments of commands that are not a connector's. */
const RESERVED_IDS: ReadonlySet<string> = new Set(["file", "mcp", "shell", "writ"]);

/**
 * A route table that somebody outside wrote, from one JSON object. Unknown fields are errors, and so are commands outside
 * the table's own `/<id>/` and whatever does not compile. Throws `route_table_invalid` with the place, such as
 * `routes[3].tier`. What the table may declare is for `lintRouteTable` to judge.
 */
export function parseRouteTable(json: Json): RouteTable {
  const fields = new Fields(json, "table");
  const id = fields.text(
    "id",
    (text) => TABLE_ID.test(text) && !RESERVED_IDS.has(text),
    "a lower-case name of its own",
  );
  const table: RouteTable = {
    id,
    version: fields.text("version", (text) => VERSION.test(text), 'a text such as "1" or "2026-01"'),
    routes: fields.list("routes", MAX_ROUTES).map((route, index) => parseRoute(route, `routes[${index}]`, id)),
    ...fields.optional("caseFold", () => fields.names("caseFold")),
    ...fields.optional("encodedSlash", () => fields.names("encodedSlash")),
    ...fields.optional("forms", () => parseForms(fields)),
    ...fields.optional("aliases", () => parseRefused(fields, "aliases")),
    ...fields.optional("refused", () => parseRefused(fields, "refused")),
    ...fields.optional("bodyRouted", () => parseBodyRouted(fields)),
    ...fields.optional("personal", () => fields.names("personal")),
    ...fields.optional("trailingSlash", () => fields.oneOf("trailingSlash", ["refuse", "accept"] as const)),
    ...fields.optional("unlistedCommand", () => fields.text("unlistedCommand", (text) => isUnlistedCommand(text, id))),
  };
  fields.end();
  compileRouteTable(table);
  for (const { code, place, message } of lintRouteTable(table)) {
    if (UNDERIVABLE.has(code)) throw new WritError("route_table_invalid", `${place}: ${message}`);
  }
  return table;
}

/** The faults with which a call could not be derived; the others leave a table that works, if not as its author meant. */
const UNDERIVABLE: ReadonlySet<LintCode> = new Set(["malformed_route", "name_clash", "unknown_parameter"]);

function isUnlistedCommand(text: string, id: string): boolean {
  const filled = text.replace(/\{(?:connection_id|connection_name|method)\}/g, "x");
  return text.includes("{method}") && text.startsWith(`/${id}/`) && isCommand(filled);
}

function parseRoute(json: Json, place: string, tableId: string): Route {
  const fields = new Fields(json, place);
  const resource = new Fields(fields.required("resource"), `${place}.resource`);
  const route: Route = {
    method: fields.oneOf("method", ROUTE_METHODS),
    path: fields.text("path"),
    command: fields.text("command", (text) => isCommand(text) && text.startsWith(`/${tableId}/`)),
    resource: { type: resource.text("type", (text) => TYPE_NAME.test(text)), id: resource.text("id") },
    tier: fields.oneOf("tier", TIERS),
    ...fields.optional("attributes", () => parseAttributes(fields)),
    ...fields.optional("query", () => fields.names("query")),
    ...fields.optional("personal", () => fields.names("personal")),
  };
  resource.end();
  fields.end();
  return route;
}

function parseAttributes(fields: Fields): Readonly<Record<string, string>> {
  const inner = fields.object("attributes");
  const attributes: Record<string, string> = Object.create(null);
  for (const name of inner.keys()) {
    if (!isParameterName(name)) inner.fail(name, "is no attribute name");
    attributes[name] = inner.text(name);
  }
  return attributes;
}

function parseForms(fields: Fields): Readonly<Record<string, ParameterForm>> {
  const inner = fields.object("forms");
  const forms: Record<string, ParameterForm> = Object.create(null);
  for (const name of inner.keys()) {
    if (!isParameterName(name)) inner.fail(name, "is no parameter name");
    forms[name] = inner.oneOf(name, PARAMETER_FORMS);
  }
  return forms;
}

function parseRefused(fields: Fields, key: string): RefusedPath[] {
  return fields.list(key, MAX_LIST).map((json, index) => {
    const inner = new Fields(json, `${key}[${index}]`);
    const entry = { path: inner.text("path"), reason: inner.text("reason") };
    inner.end();
    parsePattern(entry.path, `${key}[${index}].path`);
    return entry;
  });
}

function parseBodyRouted(fields: Fields): BodyRouted[] {
  return fields.list("bodyRouted", MAX_LIST).map((json, index) => {
    const place = `bodyRouted[${index}]`;
    const inner = new Fields(json, place);
    const tier = inner.oneOf("tier", ["danger", "refuse"] as const);
    const where = inner.has("path")
      ? { path: inner.text("path") }
      : { lastSegment: inner.text("lastSegment", (text) => LAST_SEGMENT.test(text)) };
    inner.end();
    if ("path" in where) parsePattern(where.path, `${place}.path`);
    return { ...where, tier };
  });
}

/** Reads the members of one JSON object and remembers which were asked for. */
class Fields {
  private readonly members: ReadonlyMap<string, Json>;
  private readonly read = new Set<string>();
  private readonly place: string;

  constructor(json: Json, place: string) {
    this.place = place;
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      throw new WritError("route_table_invalid", `${place}: an object was expected`);
    }
    const object = json as JsonObject;
    this.members = new Map(Object.keys(object).map((key) => [key, object[key] as Json]));
  }

  has(key: string): boolean {
    return this.members.has(key);
  }

  keys(): string[] {
    return [...this.members.keys()];
  }

  required(key: string): Json {
    this.read.add(key);
    return this.members.get(key) ?? this.fail(key, "is missing");
  }

  optional<Key extends string, Value>(key: Key, parse: () => Value): { readonly [name in Key]?: Value } {
    return this.has(key) ? ({ [key]: parse() } as { readonly [name in Key]?: Value }) : {};
  }

  text(key: string, isValid: (text: string) => boolean = () => true, expected?: string): string {
    const value = this.required(key);
    if (typeof value !== "string" || value === "" || value.length > MAX_TEXT || !isValid(value)) {
      return this.fail(key, expected === undefined ? "is malformed" : `is malformed: ${expected} was expected`);
    }
    return value;
  }

  oneOf<Choice extends string>(key: string, choices: readonly Choice[]): Choice {
    const value = this.required(key);
    return choices.find((choice) => choice === value) ?? this.fail(key, `is none of ${choices.join(", ")}`);
  }

  list(key: string, maxLength: number): readonly Json[] {
    const value = this.required(key);
    if (!Array.isArray(value)) return this.fail(key, "is no list");
    if (value.length > maxLength) return this.fail(key, `has more than ${maxLength} entries`);
    return value;
  }

  names(key: string): string[] {
    return this.list(key, MAX_LIST).map((name) =>
      typeof name === "string" && isParameterName(name) ? name : this.fail(key, "is no list of names"),
    );
  }

  object(key: string): Fields {
    return new Fields(this.required(key), this.place === "table" ? key : `${this.place}.${key}`);
  }

  end(): void {
    for (const key of this.members.keys()) if (!this.read.has(key)) this.fail(key, "is no field of it");
  }

  fail(key: string, what: string): never {
    const shown = key.slice(0, 60);
    throw new WritError("route_table_invalid", `${this.place === "table" ? "" : `${this.place}.`}\`${shown}\` ${what}`);
  }
}
