import { decodedForm, MAX_QUERY_BYTES, type PathForm, type PathRefusal, refusePath } from "./path.ts";

/** Request headers that make some servers act on another method than the one decided on: never to be forwarded. Lower case. */
export const METHOD_OVERRIDE_HEADERS: readonly string[] = [
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
  "x-method",
  "x-original-method",
  "x-original-url",
  "x-original-uri",
  "x-rewrite-url",
  "x-forwarded-method",
  "x-forwarded-uri",
  "x-forwarded-prefix",
];

/** Query parameters with the same effect: a call that has one is refused. Lower case, compared without case. */
export const METHOD_OVERRIDE_PARAMETERS: readonly string[] = [
  "_method",
  "_httpmethod",
  "http_method",
  "httpmethod",
  "$httpmethod",
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
];

const OVERRIDES: ReadonlySet<string> = new Set(METHOD_OVERRIDE_PARAMETERS);
// RFC 3986 section 3.4 without `'`, which URL readers rewrite, and with the brackets that many clients leave raw.
const QUERY_CHARACTERS = /^[A-Za-z0-9._~!$&()*+,;=:@%/?[\]-]*$/;
const SIMPLE_NAME = /^[a-z_]+$/;
/** What every query with an override, or with a name that must be decoded to tell, has in it. */
const MAY_OVERRIDE = /method|%/i;
const MALFORMED_ENCODING = /%(?![0-9A-Fa-f]{2})/;

/**
 * Checks a raw query (without its `?`; empty for none) that is sent as it is. Returns the refusal, or undefined where it
 * is safe to forward. A leading `?`, a raw `#`, control characters, NUL in any form and method overrides are refused.
 */
export function checkQuery(query: string): PathRefusal | undefined {
  if (query === "") return undefined;
  const form = queryForm(query);
  return form === undefined ? undefined : refusePath(form);
}

function queryForm(query: string): PathForm | undefined {
  if (query.length > MAX_QUERY_BYTES) return "overlong";
  if (!QUERY_CHARACTERS.test(query)) return rawQueryForm(query);
  if (query.startsWith("?")) return "ambiguous_query";
  if (MALFORMED_ENCODING.test(query)) return "malformed_encoding";
  if (query.includes("%00")) return "control_character";
  if (!MAY_OVERRIDE.test(query)) return undefined;
  for (const piece of query.split(/[&;?]/)) {
    const name = decodeText(nameOf(piece));
    if (name === undefined) return "malformed_encoding";
    if (OVERRIDES.has(plainName(name))) return "method_override";
  }
  return undefined;
}

function rawQueryForm(query: string): PathForm {
  for (const character of query) {
    const code = character.codePointAt(0) ?? 0;
    if (code <= 0x20 || code === 0x7f) return "control_character";
    if (code > 0x7f) return "non_ascii";
    if (character === "#") return "fragment";
    if (character === "\\") return "backslash";
  }
  return "unsafe_character";
}

/**
 * The values of the query parameters `names` that `query` has; one that is absent is absent from the map.
 *
 * Refused (`ambiguous_query`) is what servers disagree on: a name that stands twice, in another case, with brackets, a dot
 * or white space about it (`ref[]`, `REF`, ` ref`), a `;` anywhere, and a raw `+` in the value. Expects a query that
 * {@link checkQuery} passed.
 */
export function readQueryParameters(
  query: string,
  names: readonly string[],
): ReadonlyMap<string, string> | PathRefusal {
  const values = new Map<string, string>();
  if (query === "" || names.length === 0) return values;
  if (query.includes(";")) return refusePath("ambiguous_query");
  for (const piece of query.split("&")) {
    const name = decodeText(nameOf(piece));
    if (name === undefined) return refusePath("malformed_encoding");
    const wanted = names.find((candidate) => candidate.toLowerCase() === plainName(name));
    if (wanted === undefined) continue;
    if (name !== wanted || nameOf(piece) !== wanted || values.has(wanted)) return refusePath("ambiguous_query");
    const raw = piece.slice(wanted.length + 1);
    if (raw.includes("+")) return refusePath("ambiguous_query");
    const value = decodeText(raw);
    if (value === undefined) return refusePath("malformed_encoding");
    const form = value === "" ? undefined : decodedForm(value);
    if (form !== undefined && form !== "path_parameter" && form !== "dot_segment") return refusePath(form);
    values.set(wanted, value);
  }
  return values;
}

function nameOf(piece: string): string {
  const end = piece.indexOf("=");
  return end === -1 ? piece : piece.slice(0, end);
}

/** The name that a lenient server would take `name` for. */
function plainName(name: string): string {
  if (SIMPLE_NAME.test(name)) return name;
  return name
    .trim()
    .toLowerCase()
    .replace(/^\?+/, "")
    .replace(/[[.].*$/s, "")
    .trim();
}

function decodeText(raw: string): string | undefined {
  try {
    return raw.includes("%") || raw.includes("+") ? decodeURIComponent(raw.replaceAll("+", " ")) : raw;
  } catch {
    return undefined;
  }
}
