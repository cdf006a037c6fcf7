/** The longest path and query, in bytes (both are ASCII), and the most segments that are read. */
export const MAX_PATH_BYTES = 4096;
export const MAX_QUERY_BYTES = 8192;
export const MAX_SEGMENTS = 64;

/** Which ambiguous form a path or query has. */
export type PathForm =
  | "absolute_url"
  | "ambiguous_query"
  | "authority"
  | "backslash"
  | "case_variant"
  | "compatibility_character"
  | "control_character"
  | "dot_segment"
  | "double_encoding"
  | "edge_space"
  | "empty_segment"
  | "encoded_slash"
  | "encoded_unreserved"
  | "fragment"
  | "invisible_character"
  | "malformed_encoding"
  | "method_override"
  | "non_ascii"
  | "not_normalized"
  | "not_rooted"
  | "overlong"
  | "parameter_form"
  | "path_parameter"
  | "query_in_path"
  | "trailing_slash"
  | "unsafe_character";

/** A path or query that two readers could read differently. `message` says so in words, quoting none of the input. */
export interface PathRefusal {
  readonly kind: "refused";
  readonly form: PathForm;
  readonly message: string;
}

/** One segment, decoded once. `slash` says that it had a `%2f`, so that `text` holds a `/`. */
export interface PathSegment {
  readonly text: string;
  readonly slash: boolean;
}

/** A path that every reader reads alike. */
export interface ReadPath {
  readonly kind: "read";
  readonly segments: readonly PathSegment[];
  readonly hasEncodedSlash: boolean;
  readonly trailingSlash: boolean;
}

const MESSAGES: Readonly<Record<PathForm, string>> = {
  absolute_url: "the path is an absolute URL",
  ambiguous_query: "a query parameter that decides what is touched is given more than once or in two spellings",
  authority: "the path names a host",
  backslash: "the path has a backslash, raw or encoded",
  case_variant: "the path spells a fixed segment in another case",
  compatibility_character: "the path has a character that some readers turn into a separator",
  control_character: "the path or query has a control character or white space, raw or encoded",
  dot_segment: "the path has a segment of dots",
  double_encoding: "the path is encoded twice",
  edge_space: "a segment of the path begins or ends with a space",
  empty_segment: "the path has an empty segment",
  encoded_slash: "the path has `%2f` where this connector allows none",
  encoded_unreserved: "the path encodes a letter, digit, dot, hyphen, underscore or tilde, which needs no encoding",
  fragment: "the path or query has a raw `#`",
  invisible_character: "the path has an invisible character",
  malformed_encoding: "a percent-encoding is malformed or not well-formed utf-8",
  method_override: "the query has a parameter that overrides the method",
  non_ascii: "the path or query has raw bytes beyond ascii",
  not_normalized: "the path has text that is not in Unicode normalization form C",
  not_rooted: "the path does not begin with `/`",
  overlong: "the path or query is too long or has too many segments",
  parameter_form: "a segment of the path does not have the form that this connector expects there",
  path_parameter: "the path has a `;`, raw or encoded",
  query_in_path: "the path has a raw `?`",
  trailing_slash: "the path ends with a slash",
  unsafe_character: "the path or query has a raw character that URL readers rewrite; percent-encode it",
};

/** The refusal for `form`. */
export function refusePath(form: PathForm): PathRefusal {
  return { kind: "refused", form, message: MESSAGES[form] };
}

// RFC 3986 pchar without `;`, and the slash; what needs no decoding has no `%` either.
const UNENCODED_CHARACTERS = /^[A-Za-z0-9._~!$&'()*+,=:@/-]*$/;
const PLAIN_CHARACTERS = /^[A-Za-z0-9._~!$&'()*+,=:@%/-]*$/;
const ENCODED_UNRESERVED = /%(?:2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aA]|5[fF]|6[1-9a-fA-F]|7[0-9aA]|7[eE])/;
const ENCODED_OCTET = /%[0-9A-Fa-f]{2}/;
const MALFORMED_ENCODING = /%(?![0-9A-Fa-f]{2})/;
const DOTS = /^[. ]+$/;
const INVISIBLE = /[\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this finds
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant
const ASCII = /^[\u0000-\u007f]*$/;

/**
 * Reads a raw path as it will be sent: RFC 3986 section 3.3 `path-absolute`, strictly. Total on any string.
 *
 * Everything that two readers could read differently is refused and the form is named; what is left is split at `/` and
 * each segment decoded once. Stricter than the RFC on purpose: percent-encoded unreserved characters (section 6.2.2.2 lets
 * intermediaries decode them), any `%` sequence left after decoding, segments of dots and spaces, `;`, backslashes, text
 * that is not NFC, and characters whose compatibility form (NFKC) is a separator. `%2f` is reported, not judged.
 */
export function readPath(path: string): ReadPath | PathRefusal {
  if (path.length > MAX_PATH_BYTES) return refusePath("overlong");
  if (path === "/") return { kind: "read", segments: [], hasEncodedSlash: false, trailingSlash: false };
  const plain = path.startsWith("/") && !path.includes("//") && UNENCODED_CHARACTERS.test(path);
  if (!plain) {
    const form = rawForm(path);
    if (form !== undefined) return refusePath(form);
  }
  const trailingSlash = path.endsWith("/");
  const texts = path.slice(1, trailingSlash ? -1 : undefined).split("/");
  if (texts.length > MAX_SEGMENTS) return refusePath("overlong");
  const segments: PathSegment[] = [];
  let hasEncodedSlash = false;
  for (const text of texts) {
    if (text.charCodeAt(0) === 0x2e && DOTS.test(text)) return refusePath("dot_segment");
    if (plain || !text.includes("%")) {
      segments.push({ text, slash: false });
      continue;
    }
    const segment = decodeSegment(text);
    if ("form" in segment) return segment;
    hasEncodedSlash ||= segment.slash;
    segments.push(segment);
  }
  return { kind: "read", segments, hasEncodedSlash, trailingSlash };
}

/** The form of a raw path that is refused before it is split, or undefined. */
function rawForm(path: string): PathForm | undefined {
  if (!ASCII.test(path)) return "non_ascii";
  if (CONTROL.test(path) || path.includes(" ")) return "control_character";
  if (!path.startsWith("/")) {
    if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(path)) return "absolute_url";
    if (path.startsWith("\\")) return "backslash";
    return path.startsWith("@") ? "authority" : "not_rooted";
  }
  if (path.startsWith("//")) return "authority";
  if (path.includes("\\")) return "backslash";
  if (path.includes("#")) return "fragment";
  if (path.includes("?")) return "query_in_path";
  if (path.includes(";")) return "path_parameter";
  if (path.includes("//")) return "empty_segment";
  if (!PLAIN_CHARACTERS.test(path)) return "unsafe_character";
  if (MALFORMED_ENCODING.test(path)) return "malformed_encoding";
  return ENCODED_UNRESERVED.exec(path) === null ? undefined : encodedUnreservedForm(path);
}

function encodedUnreservedForm(path: string): PathForm {
  return /%2e/i.test(path) ? "dot_segment" : "encoded_unreserved";
}

function decodeSegment(raw: string): PathSegment | PathRefusal {
  let text: string;
  try {
    text = decodeURIComponent(raw);
  } catch {
    return refusePath("malformed_encoding");
  }
  const form = decodedForm(text);
  if (form !== undefined) return refusePath(form);
  const slash = text.includes("/");
  if (slash) {
    for (const part of text.split("/")) {
      if (part === "") return refusePath("empty_segment");
      if (DOTS.test(part)) return refusePath("dot_segment");
      if (part.startsWith(" ") || part.endsWith(" ")) return refusePath("edge_space");
    }
  }
  return { text, slash };
}

/**
 * The form for which decoded text is refused in a path, or undefined: what a reader that decodes once more, trims,
 * normalizes or shows the text to a person would take for something else.
 */
export function decodedForm(text: string): PathForm | undefined {
  if (CONTROL.test(text)) return "control_character";
  if (text.includes("\\")) return "backslash";
  if (text.includes(";")) return "path_parameter";
  if (ENCODED_OCTET.test(text)) return "double_encoding";
  if (DOTS.test(text)) return "dot_segment";
  if (text.trim() !== text) return "edge_space";
  if (ASCII.test(text)) return undefined;
  if (INVISIBLE.test(text)) return "invisible_character";
  if (text.normalize("NFC") !== text) return "not_normalized";
  return separators(text.normalize("NFKC")) === separators(text) ? undefined : "compatibility_character";
}

/** The characters of `text` on which some reader splits, joins or climbs. */
function separators(text: string): string {
  return text.replace(/[^/\\.;:%?#@&= ]/g, "");
}
