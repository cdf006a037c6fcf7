import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";

/**
 * What a JSON value of a request must look like: reads it, and says the same as a JSON Schema (draft 2020-12), so that the
 * description of the API cannot differ from what is accepted.
 */
export interface Shape<Value> {
  readonly schema: JsonObject;
  /** Throws `invalid_argument` naming `place` (`resource.id`) for a value of another shape. */
  parse(json: Json, place: string): Value;
}

/** The shape of a member that may be left out. `null` is not a way to leave it out. */
export interface OptionalShape<Value> extends Shape<Value> {
  readonly isOptional: true;
}

/** What a shape reads. */
export type ValueOf<S> = S extends Shape<infer Value> ? Value : never;

type Fields = Readonly<Record<string, Shape<unknown>>>;
type OptionalKey<F extends Fields> = {
  [Key in keyof F]: F[Key] extends { readonly isOptional: true } ? Key : never;
}[keyof F];
/** The object that fields make. */
export type ObjectOf<F extends Fields> = {
  readonly [Key in Exclude<keyof F, OptionalKey<F>>]: ValueOf<F[Key]>;
} & { readonly [Key in OptionalKey<F>]?: ValueOf<F[Key]> };

/** Bounds of a text, in UTF-16 code units. */
export interface TextBounds {
  /** 1 unless given. */
  readonly min?: number;
  /** 256 unless given. */
  readonly max?: number;
  /** What it must match, and what to say where it does not. */
  readonly pattern?: RegExp;
  readonly description?: string;
}

export function text(bounds: TextBounds = {}): Shape<string> {
  const { min = 1, max = 256, pattern, description } = bounds;
  return {
    schema: {
      type: "string",
      minLength: min,
      maxLength: max,
      ...(pattern === undefined ? {} : { pattern: pattern.source }),
      ...(description === undefined ? {} : { description }),
    },
    parse: (json, place) => {
      if (typeof json !== "string") return refuse(place, "must be a string");
      if (json.length < min || json.length > max) return refuse(place, `must have ${min} to ${max} characters`);
      if (pattern !== undefined && !pattern.test(json)) return refuse(place, description ?? "is malformed");
      return json;
    },
  };
}

export function integer(min: number, max: number, description?: string): Shape<number> {
  return {
    schema: { type: "integer", minimum: min, maximum: max, ...(description === undefined ? {} : { description }) },
    parse: (json, place) =>
      Number.isSafeInteger(json) && (json as number) >= min && (json as number) <= max
        ? (json as number)
        : refuse(place, `must be a whole number from ${min} to ${max}`),
  };
}

/** An integer as the text of a query parameter: decimal, without sign or leading zeros. */
export function integerText(min: number, max: number, description?: string): Shape<number> {
  const inner = integer(min, max, description);
  return {
    schema: inner.schema,
    parse: (json, place) =>
      inner.parse(typeof json === "string" && /^(?:0|[1-9][0-9]{0,15})$/.test(json) ? Number(json) : null, place),
  };
}

/** A time of RFC 3339 in milliseconds since 1970. */
export function instant(description?: string): Shape<number> {
  return {
    schema: { type: "string", format: "date-time", ...(description === undefined ? {} : { description }) },
    parse: (json, place) => {
      const milliseconds = typeof json === "string" && INSTANT.test(json) ? Date.parse(json) : Number.NaN;
      return Number.isNaN(milliseconds) ? refuse(place, "must be a time such as 2026-01-31T23:59:59Z") : milliseconds;
    },
  };
}

const INSTANT = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

export function flag(description?: string): Shape<boolean> {
  return {
    schema: { type: "boolean", ...(description === undefined ? {} : { description }) },
    parse: (json, place) => (typeof json === "boolean" ? json : refuse(place, "must be true or false")),
  };
}

export function choice<const Choice extends string>(choices: readonly Choice[]): Shape<Choice> {
  return {
    schema: { enum: choices },
    parse: (json, place) =>
      choices.find((name) => name === json) ?? refuse(place, `must be one of ${choices.join(", ")}`),
  };
}

export function list<Value>(item: Shape<Value>, max: number): Shape<readonly Value[]> {
  return {
    schema: { type: "array", items: item.schema, maxItems: max },
    parse: (json, place) => {
      if (!Array.isArray(json)) return refuse(place, "must be a list");
      if (json.length > max) return refuse(place, `must have at most ${max} entries`);
      return json.map((value: Json, index) => item.parse(value, `${place}[${index}]`));
    },
  };
}

/** Any JSON object, for whoever reads it further: a route table, an agent's claims. */
export function anyObject(description?: string): Shape<JsonObject> {
  return {
    schema: { type: "object", ...(description === undefined ? {} : { description }) },
    parse: (json, place) => (isObject(json) ? json : refuse(place, "must be an object")),
  };
}

/** An object whose members are all texts, such as headers. */
export function textMap(value: Shape<string>, max: number): Shape<readonly (readonly [string, string])[]> {
  return {
    schema: { type: "object", additionalProperties: value.schema, maxProperties: max },
    parse: (json, place) => {
      if (!isObject(json)) return refuse(place, "must be an object");
      const names = Object.keys(json);
      if (names.length > max) return refuse(place, `must have at most ${max} members`);
      return names.map((name) => [name, value.parse(json[name] as Json, memberPlace(place, name))] as const);
    },
  };
}

export function optional<Value>(shape: Shape<Value>): OptionalShape<Value> {
  return { ...shape, isOptional: true };
}

/** An object with exactly these members: one that is not among them is an error that names it. */
export function object<const F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  const shapes = new Map(Object.entries(fields));
  const required = [...shapes].filter(([, shape]) => !("isOptional" in shape)).map(([name]) => name);
  return {
    schema: {
      type: "object",
      properties: Object.fromEntries([...shapes].map(([name, shape]) => [name, shape.schema])),
      ...(required.length === 0 ? {} : { required }),
      additionalProperties: false,
    },
    parse: (json, place) => {
      if (!isObject(json)) return refuse(place, "must be an object");
      const value: Record<string, unknown> = {};
      for (const name of Object.keys(json)) {
        const shape = shapes.get(name);
        if (shape === undefined) return refuse(memberPlace(place, name), "is not a known field");
        value[name] = shape.parse(json[name] as Json, memberPlace(place, name));
      }
      for (const name of required) if (!(name in value)) return refuse(memberPlace(place, name), "is missing");
      return value as ObjectOf<F>;
    },
  };
}

/** One of several objects, told apart by the text of one member, which each of them declares. */
export function union<const S extends Readonly<Record<string, Shape<unknown>>>>(
  tag: string,
  variants: S,
): Shape<ValueOf<S[keyof S]>> {
  const shapes = new Map(Object.entries(variants));
  return {
    schema: { oneOf: [...shapes.values()].map((shape) => shape.schema) },
    parse: (json, place) => {
      if (!isObject(json)) return refuse(place, "must be an object");
      const name = json[tag];
      const shape = typeof name === "string" ? shapes.get(name) : undefined;
      if (shape === undefined) {
        return refuse(memberPlace(place, tag), `must be one of ${[...shapes.keys()].join(", ")}`);
      }
      return shape.parse(json, place) as ValueOf<S[keyof S]>;
    },
  };
}

/** Whether a parsed value is an object; parsed objects have no prototype. */
export function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function memberPlace(place: string, name: string): string {
  const shown = name.slice(0, 60);
  return place === "" ? shown : `${place}.${shown}`;
}

function refuse(place: string, what: string): never {
  if (place === "") throw new WritError("invalid_argument", `the body ${what}`);
  throw new WritError("invalid_argument", `\`${place}\` ${what}`, { details: { field: place } });
}
