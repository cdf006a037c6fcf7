import {
  actionGroups,
  type BodyRouted,
  type ParameterForm,
  type Route,
  type RouteMethod,
  type RouteTable,
} from "./table.ts";
import { type PatternSegment, parsePattern, parseTemplate, patternParameters, type TemplatePart } from "./template.ts";

/** A parameter of a route and the segment it reads: all of it, what follows its prefix, or it and all that follow it. */
export interface Capture {
  readonly name: string;
  readonly index: number;
  readonly prefixLength: number;
  readonly rest: boolean;
  readonly form: ParameterForm | undefined;
  readonly fold: boolean;
  readonly encodedSlash: boolean;
}

/** A route with everything worked out that does not depend on the call. */
export interface CompiledRoute {
  readonly route: Route;
  /** Method and pattern, as a derivation names its route. */
  readonly label: string;
  readonly captures: readonly Capture[];
  readonly groups: readonly string[];
  readonly id: readonly TemplatePart[];
  readonly attributes: readonly (readonly [name: string, template: readonly TemplatePart[]])[];
  readonly query: readonly string[];
  readonly personal: PersonalNames;
}

/** Which of a route's names are personal: as declared, and whatever is made of a parameter that is. */
export interface PersonalNames {
  readonly parameters: ReadonlySet<string>;
  readonly attributes: ReadonlySet<string>;
  readonly resourceId: boolean;
  readonly query: boolean;
}

/** What stands at the end of a path: routes by method, or one answer for every method. */
export interface Leaf {
  readonly routes: Map<RouteMethod, CompiledRoute>;
  refusal: string | undefined;
  bodyRouted: BodyRouted | undefined;
}

/** A node of the segment trie. Every node has one path from the root, so a search visits each at most once. */
export interface TrieNode {
  readonly literals: Map<string, TrieNode>;
  /** The literals in lower case, to notice one that is spelled in another case. */
  readonly folded: Set<string>;
  /** Children for `prefix{name}`, the longest prefix first. */
  readonly prefixed: { readonly prefix: string; readonly node: TrieNode }[];
  parameter: TrieNode | undefined;
  leaf: Leaf | undefined;
  rest: Leaf | undefined;
}

/** A table ready to be matched. */
export interface CompiledTable {
  readonly table: RouteTable;
  readonly root: TrieNode;
  readonly bodyRoutedSegments: ReadonlyMap<string, BodyRouted>;
  readonly personalQuery: boolean;
}

const memo = new WeakMap<RouteTable, CompiledTable>();

/**
 * The compiled form of `table`, built once for each table value. Where two routes have one method and pattern the first
 * stands (lint reports the second). Throws `route_table_invalid` for a malformed pattern or template.
 */
export function compileRouteTable(table: RouteTable): CompiledTable {
  const known = memo.get(table);
  if (known !== undefined) return known;
  const compiled = buildTable(table);
  memo.set(table, compiled);
  return compiled;
}

function buildTable(table: RouteTable): CompiledTable {
  const root = newNode();
  for (const { path, reason } of [...(table.refused ?? []), ...(table.aliases ?? [])]) {
    leafOf(root, parsePattern(path, `the refused path \`${path}\``)).refusal ??= reason;
  }
  const bodyRoutedSegments = new Map<string, BodyRouted>();
  for (const entry of table.bodyRouted ?? []) {
    if ("lastSegment" in entry) bodyRoutedSegments.set(entry.lastSegment.toLowerCase(), entry);
    else leafOf(root, parsePattern(entry.path, `the body-routed path \`${entry.path}\``)).bodyRouted ??= entry;
  }
  const settings = tableSettings(table);
  table.routes.forEach((route, index) => {
    const segments = parsePattern(route.path, `routes[${index}].path`);
    const { routes } = leafOf(root, segments);
    if (!routes.has(route.method))
      routes.set(route.method, compileRoute(route, segments, settings, `routes[${index}]`));
  });
  return { table, root, bodyRoutedSegments, personalQuery: settings.personal.has("query") };
}

interface TableSettings {
  readonly folded: ReadonlySet<string>;
  readonly slashed: ReadonlySet<string>;
  readonly forms: ReadonlyMap<string, ParameterForm>;
  readonly personal: ReadonlySet<string>;
}

function tableSettings(table: RouteTable): TableSettings {
  return {
    folded: new Set(table.caseFold),
    slashed: new Set(table.encodedSlash),
    forms: new Map(Object.entries(table.forms ?? {})),
    personal: new Set(table.personal),
  };
}

function compileRoute(
  route: Route,
  segments: readonly PatternSegment[],
  settings: TableSettings,
  place: string,
): CompiledRoute {
  const captures: Capture[] = [];
  segments.forEach((segment, index) => {
    if (segment.kind === "literal") return;
    captures.push({
      name: segment.name,
      index,
      prefixLength: segment.kind === "parameter" ? segment.prefix.length : 0,
      rest: segment.kind === "rest",
      form: settings.forms.get(segment.name),
      fold: settings.folded.has(segment.name),
      encodedSlash: settings.slashed.has(segment.name),
    });
  });
  const id = parseTemplate(route.resource.id, `${place}.resource.id`);
  const attributes = Object.entries(route.attributes ?? {}).map(
    ([name, template]) => [name, parseTemplate(template, `${place}.attributes.${name}`)] as const,
  );
  return {
    route,
    label: `${route.method} ${route.path}`,
    captures,
    groups: actionGroups(route.command, route.tier),
    id,
    attributes,
    query: route.query ?? [],
    personal: personalNames(route, segments, id, attributes, settings.personal),
  };
}

function personalNames(
  route: Route,
  segments: readonly PatternSegment[],
  id: readonly TemplatePart[],
  attributes: CompiledRoute["attributes"],
  ofTable: ReadonlySet<string>,
): PersonalNames {
  const declared = new Set([...ofTable, ...(route.personal ?? [])]);
  const names = [...patternParameters(segments), ...(route.query ?? [])];
  const parameters = new Set(names.filter((name) => declared.has(name)));
  const uses = (parts: readonly TemplatePart[]) =>
    parts.some((part) => "parameter" in part && parameters.has(part.parameter));
  return {
    parameters,
    attributes: new Set(attributes.filter(([name, parts]) => declared.has(name) || uses(parts)).map(([name]) => name)),
    resourceId: uses(id),
    query: declared.has("query") || (route.query ?? []).some((name) => parameters.has(name)),
  };
}

function leafOf(root: TrieNode, segments: readonly PatternSegment[]): Leaf {
  let node = root;
  for (const segment of segments) {
    if (segment.kind === "rest") {
      node.rest ??= newLeaf();
      return node.rest;
    }
    node = childOf(node, segment);
  }
  node.leaf ??= newLeaf();
  return node.leaf;
}

function childOf(node: TrieNode, segment: Exclude<PatternSegment, { kind: "rest" }>): TrieNode {
  if (segment.kind === "literal") {
    const known = node.literals.get(segment.text);
    if (known !== undefined) return known;
    const child = newNode();
    node.literals.set(segment.text, child);
    node.folded.add(segment.text.toLowerCase());
    return child;
  }
  if (segment.prefix === "") {
    node.parameter ??= newNode();
    return node.parameter;
  }
  const known = node.prefixed.find((entry) => entry.prefix === segment.prefix);
  if (known !== undefined) return known.node;
  const child = newNode();
  node.prefixed.push({ prefix: segment.prefix, node: child });
  node.prefixed.sort((a, b) => b.prefix.length - a.prefix.length);
  return child;
}

function newNode(): TrieNode {
  return {
    literals: new Map(),
    folded: new Set(),
    prefixed: [],
    parameter: undefined,
    leaf: undefined,
    rest: undefined,
  };
}

function newLeaf(): Leaf {
  return { routes: new Map(), refusal: undefined, bodyRouted: undefined };
}
