import { WritError } from "#src/base/errors.ts";
import { type Ipld, isBytes, isIpldMap, ownField } from "./ipld.ts";

/** One step of a selector. With `optional`, what would fail gives null instead. */
export type Segment = { readonly optional: boolean } & (
  | { readonly kind: "field"; readonly key: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "slice"; readonly start: number | undefined; readonly end: number | undefined }
  | { readonly kind: "values" }
);

/** A parsed selector: the steps after the leading dot. */
export type Selector = readonly Segment[];

/** How long a selector may be, in UTF-16 code units. */
export const MAX_SELECTOR_CHARACTERS = 512;
const MAX_SEGMENTS = 32;

const INTEGER = "(?:0|-?[1-9][0-9]{0,8})";
// One segment: a dotted field, or a bracket with nothing, an index, a slice or a JSON string; then any number of `?`.
const SEGMENT = new RegExp(
  `(?:\\.([\\p{L}\\p{N}_]+)|\\.?\\[(?:(${INTEGER})|(${INTEGER})?(:)(${INTEGER})?|("(?:[^"\\\\]|\\\\.)*"))?\\])(\\?*)`,
  "uy",
);

/**
 * Parses a selector (UCAN delegation specification, "Selectors"): `.`, `.foo`, `["any key"]`, `[]`, `[0]`, `[-1]`, `[2:]`,
 * `[:42]`, `[0:-2]`, each optional with `?`. A selector begins with one dot and never has two side by side. Throws
 * `writ_invalid` for anything else: a selector that two readers could read differently grants nothing.
 */
export function parseSelector(text: unknown): Selector {
  if (typeof text !== "string" || text.length > MAX_SELECTOR_CHARACTERS || !text.startsWith(".")) refuse();
  if (text === ".") return [];
  const segments: Segment[] = [];
  SEGMENT.lastIndex = 0;
  while (SEGMENT.lastIndex < text.length) {
    const match = SEGMENT.exec(text);
    if (match === null || segments.length === MAX_SEGMENTS) refuse();
    segments.push(toSegment(match));
  }
  return segments;
}

/**
 * What `selector` finds in `value`, or undefined where there is nothing: a key that the map lacks, an index out of range, a
 * step into something that has no such steps. Bytes are arrays of their octets.
 *
 * @param spend is told of each step's cost and answers whether there is still budget
 */
export function selectValue(selector: Selector, value: Ipld, spend: (units: number) => boolean): Ipld | undefined {
  let current = value;
  for (const segment of selector) {
    if (!spend(1)) return undefined;
    const next = takeStep(segment, current, spend);
    if (next === undefined && !segment.optional) return undefined;
    current = next === undefined ? null : next;
  }
  return current;
}

function toSegment(match: RegExpExecArray): Segment {
  const [, field, index, start, colon, end, quoted, questions] = match;
  const optional = questions !== "";
  if (field !== undefined) return { kind: "field", key: field, optional };
  if (quoted !== undefined) return { kind: "field", key: unquote(quoted), optional };
  if (index !== undefined) return { kind: "index", index: Number(index), optional };
  if (colon === undefined) return { kind: "values", optional };
  if (start === undefined && end === undefined) refuse();
  return { kind: "slice", start: toNumber(start), end: toNumber(end), optional };
}

function toNumber(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}

function unquote(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return refuse();
  }
}

function takeStep(segment: Segment, value: Ipld, spend: (units: number) => boolean): Ipld | undefined {
  switch (segment.kind) {
    case "field":
      return isIpldMap(value) ? ownField(value, segment.key) : undefined;
    case "index":
      return isSequence(value) ? value.at(segment.index) : undefined;
    case "slice":
      if (!isSequence(value) || !spend(value.length >> 3)) return undefined;
      return value.slice(segment.start, segment.end);
    case "values":
      if (Array.isArray(value)) return value;
      return isIpldMap(value) ? collectionOf(value, spend) : undefined;
  }
}

/** The elements of an array or the values of a map, in the map's own order; undefined for anything else. */
export function collectionOf(value: Ipld, spend: (units: number) => boolean): readonly Ipld[] | undefined {
  if (Array.isArray(value)) return value;
  return isIpldMap(value) && spend(Object.keys(value).length) ? Object.values(value) : undefined;
}

function isSequence(value: Ipld): value is readonly Ipld[] & Uint8Array {
  return Array.isArray(value) || isBytes(value);
}

function refuse(): never {
  throw new WritError("writ_invalid", "a selector of the policy is malformed");
}
