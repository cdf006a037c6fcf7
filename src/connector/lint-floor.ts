import { compileRouteTable } from "./compiled.ts";
import type { LintFinding } from "./lint-finding.ts";
import { matchPath } from "./match.ts";
import { MAX_SEGMENTS, type ReadPath } from "./path.ts";
import { defaultTier, ROUTE_METHODS, type RouteMethod, type RouteTable, TIERS } from "./table.ts";
import { type PatternSegment, parsePattern } from "./template.ts";

/**
 * Where `table` is laxer than `shipped`.
 *
 * It compares what both answer on witness paths. For every two patterns of the tables that some path matches at once there
 * is a witness that matches both and, its parameters being fresh text, as few other patterns as such a path can; likewise
 * for every pattern alone. A path on which `table` is laxer therefore has a witness on which it is, too.
 */
export function findLoweredTiers(table: RouteTable, shipped: RouteTable): LintFinding[] {
  const findings = new Map<string, LintFinding>();
  const mine = compileRouteTable(table);
  const theirs = compileRouteTable(shipped);
  const places = new Map(table.routes.map((route, index) => [route, `routes[${index}]`]));
  for (const texts of witnessPaths(patternsOf(table), patternsOf(shipped))) {
    const path: ReadPath = {
      kind: "read",
      segments: texts.map((text) => ({ text, slash: false })),
      hasEncodedSlash: false,
      trailingSlash: false,
    };
    for (const method of ROUTE_METHODS) {
      const own = matchPath(mine, method, path);
      const floor = strictness(matchPath(theirs, method, path), method);
      if (strictness(own, method) >= floor) continue;
      const place = (own.kind === "route" ? places.get(own.route.route) : undefined) ?? "routes";
      const key = `${place} ${method} ${floor}`;
      if (findings.has(key) && place !== "routes") continue;
      const message = `\`${method} /${texts.join("/")}\` is at least \`${TIERS[floor] ?? "refused"}\` in the shipped table`;
      findings.set(place === "routes" ? `${key} ${message}` : key, { code: "tier_lowered", place, message });
    }
  }
  return [...findings.values()];
}

/** 0 to 2 by tier, 3 for a refusal. */
function strictness(match: ReturnType<typeof matchPath>, method: RouteMethod): number {
  switch (match.kind) {
    case "route":
      return TIERS.indexOf(match.route.route.tier);
    case "body_routed":
      return match.entry.tier === "refuse" ? TIERS.length : TIERS.indexOf("danger");
    case "unlisted":
      return TIERS.indexOf(defaultTier(method));
    default:
      return TIERS.length;
  }
}

function patternsOf(table: RouteTable): (readonly PatternSegment[])[] {
  const paths = new Set(table.routes.map(({ path }) => path));
  for (const { path } of [...(table.refused ?? []), ...(table.aliases ?? [])]) paths.add(path);
  for (const entry of table.bodyRouted ?? []) paths.add("path" in entry ? entry.path : `/${entry.lastSegment}`);
  return [...paths].map((path) => parsePattern(path, path));
}

/** Fresh values: words and numbers that stand in no table, so that a form which takes only one of them still matches. */
const FRESH = ["zq-witness", "4000000007"] as const;

function witnessPaths(
  left: readonly (readonly PatternSegment[])[],
  right: readonly (readonly PatternSegment[])[],
): string[][] {
  const longest = Math.min(MAX_SEGMENTS, Math.max(0, ...[...left, ...right].map((segments) => segments.length)) + 1);
  const found = new Map<string, string[]>();
  const add = (a: readonly PatternSegment[], b: readonly PatternSegment[]) => {
    for (const length of commonLengths(a, b, longest)) {
      for (const fresh of FRESH) {
        const texts = unify(a, b, length, fresh);
        if (texts !== undefined) found.set(texts.join("/"), texts);
      }
    }
  };
  for (const a of left) for (const b of right) add(a, b);
  for (const a of [...left, ...right]) add(a, a);
  return [...found.values()];
}

function commonLengths(a: readonly PatternSegment[], b: readonly PatternSegment[], longest: number): number[] {
  const shortest = Math.max(a.length, b.length);
  if (!endsInRest(a) || !endsInRest(b)) {
    const exact = endsInRest(a) ? b.length : a.length;
    return exact >= shortest ? [exact] : [];
  }
  return Array.from({ length: Math.max(1, longest - shortest + 1) }, (_, index) => shortest + index);
}

function endsInRest(segments: readonly PatternSegment[]): boolean {
  return segments.at(-1)?.kind === "rest";
}

/** The segments of the most general path of `length` that both patterns match, or undefined when there is none. */
function unify(
  a: readonly PatternSegment[],
  b: readonly PatternSegment[],
  length: number,
  fresh: string,
): string[] | undefined {
  const texts: string[] = [];
  for (let i = 0; i < length; i += 1) {
    const text = unifySegment(segmentAt(a, i), segmentAt(b, i), fresh);
    if (text === undefined) return undefined;
    texts.push(text);
  }
  return texts;
}

function segmentAt(segments: readonly PatternSegment[], index: number): PatternSegment | undefined {
  return segments[index] ?? (endsInRest(segments) ? segments.at(-1) : undefined);
}

function unifySegment(a: PatternSegment | undefined, b: PatternSegment | undefined, fresh: string): string | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.kind === "literal" && b.kind === "literal") return a.text === b.text ? a.text : undefined;
  if (a.kind === "literal") return literalFits(a.text, b) ? a.text : undefined;
  if (b.kind === "literal") return literalFits(b.text, a) ? b.text : undefined;
  const [short, long] = [prefixOf(a), prefixOf(b)].sort((x, y) => x.length - y.length) as [string, string];
  return long.startsWith(short) ? long + fresh : undefined;
}

function prefixOf(segment: PatternSegment): string {
  return segment.kind === "parameter" ? segment.prefix : "";
}

function literalFits(text: string, segment: PatternSegment): boolean {
  const prefix = prefixOf(segment);
  return text.startsWith(prefix) && text.length > prefix.length;
}
