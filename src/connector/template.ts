import { WritError } from "#src/base/errors.ts";

/** One segment of a path pattern. */
export type PatternSegment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "parameter"; readonly name: string; readonly prefix: string }
  | { readonly kind: "rest"; readonly name: string };

/** A piece of a value template: text, or the parameter whose value stands there. */
export type TemplatePart = { readonly text: string } | { readonly parameter: string };

const PARAMETER_NAME = /^[a-z][A-Za-z0-9_]{0,63}$/;
const SEGMENT = /^([A-Za-z0-9._~!$&'()*+,=:@-]*)(?:\{(\+?)([^{}]*)\})?$/;
const MAX_PATTERN_LENGTH = 512;
const MAX_TEMPLATE_LENGTH = 256;

/** Whether `name` can name a parameter or attribute: a lower-case letter first, so never `__proto__`. */
export function isParameterName(name: string): boolean {
  return PARAMETER_NAME.test(name);
}

/**
 * The segments of a path pattern (see `Route`). Throws `route_table_invalid`, naming `place`, for a pattern that does not
 * begin with `/`, has empty or dot segments, names a parameter twice, or has `{+name}` anywhere but last.
 */
export function parsePattern(pattern: string, place: string): PatternSegment[] {
  const fail = (what: string): never => {
    throw new WritError("route_table_invalid", `${place}: ${what}`);
  };
  if (!pattern.startsWith("/") || pattern.length > MAX_PATTERN_LENGTH)
    fail("a path begins with `/` and is at most 512 long");
  if (pattern === "/") return [];
  const names = new Set<string>();
  const texts = pattern.slice(1).split("/");
  return texts.map((text, index) => {
    const match = SEGMENT.exec(text);
    if (match === null || text === "" || /^\.+$/.test(text))
      return fail(`the segment \`${text.slice(0, 60)}\` is malformed`);
    const [, prefix = "", plus, name] = match;
    if (name === undefined) return { kind: "literal", text };
    if (!isParameterName(name)) fail(`\`${name.slice(0, 60)}\` is no parameter name`);
    if (names.has(name)) fail(`the parameter \`${name}\` stands twice`);
    names.add(name);
    if (plus !== "+") return { kind: "parameter", name, prefix };
    if (prefix !== "" || index !== texts.length - 1) fail(`\`{+${name}}\` is a whole segment and the last one`);
    return { kind: "rest", name };
  });
}

/** The parts of a value template such as `{owner}/{repo}`; throws `route_table_invalid`, naming `place`, when malformed. */
export function parseTemplate(template: string, place: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  if (template.length > MAX_TEMPLATE_LENGTH)
    throw new WritError("route_table_invalid", `${place}: the template is too long`);
  const pieces = template.split(/(\{[^{}]*\})/);
  for (const piece of pieces) {
    if (piece === "") continue;
    if (!/^\{[^{}]*\}$/.test(piece)) {
      if (/[{}]/.test(piece)) throw new WritError("route_table_invalid", `${place}: a brace without its partner`);
      parts.push({ text: piece });
      continue;
    }
    const name = piece.slice(1, -1);
    if (!isParameterName(name))
      throw new WritError("route_table_invalid", `${place}: \`${name}\` is no parameter name`);
    parts.push({ parameter: name });
  }
  return parts;
}

/** The names of the parameters that `segments` capture, in order. */
export function patternParameters(segments: readonly PatternSegment[]): string[] {
  return segments.flatMap((segment) => (segment.kind === "literal" ? [] : [segment.name]));
}

/** The names of the parameters that a template uses, in order. */
export function templateParameters(parts: readonly TemplatePart[]): string[] {
  return parts.flatMap((part) => ("parameter" in part ? [part.parameter] : []));
}
