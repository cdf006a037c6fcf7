import { unlistedCommand } from "./derive.ts";
import type { LintCode, LintFinding } from "./lint-finding.ts";
import { findLoweredTiers } from "./lint-floor.ts";
import { CALL_METHODS, defaultTier, isCommand, type Route, type RouteTable, TIERS } from "./table.ts";
import { parsePattern, parseTemplate, patternParameters, templateParameters } from "./template.ts";

/**
 * Every fault of `table`, in the order of its routes; an empty list is a clean table. With `shipped`, the table that
 * comes with Writ for the same API, it also finds (`tier_lowered`) every method and path that `table` treats as less
 * harmful than `shipped` does, its defaults and refusals included.
 */
export function lintRouteTable(table: RouteTable, shipped?: RouteTable): LintFinding[] {
  const findings: LintFinding[] = [];
  const known = new Set<string>();
  const tierOf = new Map<string, string>();
  for (const method of CALL_METHODS) {
    const nowhere = { connectionId: "connection", connectionName: "connection" };
    tierOf.set(unlistedCommand(table, nowhere, method), defaultTier(method));
  }
  const seen = seenPatterns(table);
  table.routes.forEach((route, index) => {
    const add = (code: LintCode, message: string) => findings.push({ code, place: `routes[${index}]`, message });
    const parameters = lintRoute(route, table, add);
    if (parameters === undefined) return;
    for (const name of [...parameters, ...(route.query ?? []), ...Object.keys(route.attributes ?? {})]) known.add(name);
    lintShadow(route, seen, add);
    const other = tierOf.get(route.command);
    if (other !== undefined && other !== route.tier) {
      add("command_tier_conflict", `\`${route.command}\` is \`${route.tier}\` here and \`${other}\` elsewhere`);
    }
    tierOf.set(route.command, route.tier);
  });
  findings.push(...lintNames(table, known));
  if (shipped !== undefined && !findings.some(({ code }) => code === "malformed_route" || code === "unknown_tier")) {
    findings.push(...findLoweredTiers(table, shipped));
  }
  return findings;
}

/** Checks one route alone and returns its path parameters, or undefined when its templates do not parse. */
function lintRoute(
  route: Route,
  table: RouteTable,
  add: (code: LintCode, message: string) => void,
): string[] | undefined {
  if (!isCommand(route.command) || !route.command.startsWith(`/${table.id}/`)) {
    add("malformed_command", `\`${route.command}\` is no command below \`/${table.id}/\``);
  }
  if (!TIERS.includes(route.tier)) add("unknown_tier", `\`${route.tier}\` is none of ${TIERS.join(", ")}`);
  let parameters: string[];
  let inId: string[];
  let inAttributes: string[];
  try {
    parameters = patternParameters(parsePattern(route.path, "path"));
    inId = templateParameters(parseTemplate(route.resource.id, "resource.id"));
    inAttributes = Object.values(route.attributes ?? {}).flatMap((text) =>
      templateParameters(parseTemplate(text, "attributes")),
    );
  } catch (error) {
    add("malformed_route", error instanceof Error ? error.message : "malformed");
    return undefined;
  }
  const query = route.query ?? [];
  for (const name of parameters) {
    if (!inId.includes(name) && !inAttributes.includes(name)) add("unused_parameter", `\`{${name}}\` is used nowhere`);
    if (query.includes(name)) add("name_clash", `\`${name}\` is a path and a query parameter`);
  }
  for (const name of query) {
    if (!inAttributes.includes(name)) add("unused_parameter", `the query parameter \`${name}\` is used nowhere`);
  }
  for (const name of inId) {
    if (!parameters.includes(name))
      add("unknown_parameter", `the resource id uses \`{${name}}\`, which the path lacks`);
  }
  for (const name of inAttributes) {
    if (!parameters.includes(name) && !query.includes(name))
      add("unknown_parameter", `an attribute uses \`{${name}}\`, which is not there`);
  }
  if (parameters.length > 0 && inId.length === 0) {
    add("resource_without_parameter", "the path has parameters and the resource id has none");
  }
  return parameters;
}

function seenPatterns(table: RouteTable): Map<string, string> {
  const seen = new Map<string, string>();
  const blocked: readonly [string, string][] = [
    ...(table.refused ?? []).map(({ path }): [string, string] => [path, "a refused path"]),
    ...(table.aliases ?? []).map(({ path }): [string, string] => [path, "an alias"]),
    ...(table.bodyRouted ?? []).flatMap((entry): [string, string][] =>
      "path" in entry ? [[entry.path, "a body-routed path"]] : [],
    ),
  ];
  for (const [path, what] of blocked) seen.set(`* ${shapeOf(path)}`, what);
  return seen;
}

/** A route is never reached where an earlier one, or an answer for every method, has the same pattern but for names. */
function lintShadow(route: Route, seen: Map<string, string>, add: (code: LintCode, message: string) => void): void {
  const shape = shapeOf(route.path);
  const key = `${route.method} ${shape}`;
  const other = seen.get(`* ${shape}`) ?? seen.get(key);
  if (other !== undefined)
    add("shadowed_route", `\`${route.method} ${route.path}\` is never reached: ${other} comes first`);
  else seen.set(key, `\`${route.method} ${route.path}\``);
}

function shapeOf(path: string): string {
  return path.replace(/\{(\+?)[^{}]*\}/g, "{$1}");
}

function lintNames(table: RouteTable, known: ReadonlySet<string>): LintFinding[] {
  const findings: LintFinding[] = [];
  const check = (code: LintCode, place: string, names: readonly string[]) => {
    for (const name of names) {
      if (!known.has(name)) findings.push({ code, place, message: `\`${name}\` is no parameter of any route` });
    }
  };
  check("case_fold_unknown_parameter", "caseFold", table.caseFold ?? []);
  check("encoded_slash_unknown_parameter", "encodedSlash", table.encodedSlash ?? []);
  check("form_unknown_parameter", "forms", Object.keys(table.forms ?? {}));
  check(
    "personal_unknown_name",
    "personal",
    (table.personal ?? []).filter((name) => name !== "query"),
  );
  table.routes.forEach((route, index) => {
    check(
      "personal_unknown_name",
      `routes[${index}].personal`,
      (route.personal ?? []).filter((name) => name !== "query"),
    );
  });
  return findings;
}
