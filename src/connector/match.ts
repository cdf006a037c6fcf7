import type { Capture, CompiledRoute, CompiledTable, Leaf, TrieNode } from "./compiled.ts";
import { type PathRefusal, type PathSegment, type ReadPath, refusePath } from "./path.ts";
import type { BodyRouted, CallMethod, ParameterForm, RouteMethod } from "./table.ts";

/** What a table says about a method and path. */
export type Match =
  | { readonly kind: "route"; readonly route: CompiledRoute; readonly segments: readonly PathSegment[] }
  | { readonly kind: "body_routed"; readonly entry: BodyRouted }
  | { readonly kind: "blocked"; readonly reason: string }
  | { readonly kind: "unlisted" }
  | PathRefusal;

/**
 * Finds the most special pattern that fits: segment by segment from the left, literal text before a prefix, a prefix before
 * a bare parameter, a bare parameter before `{+rest}`. A branch that leads nowhere is left again, so a general route still
 * catches what a special one beside it does not; every node of the trie is visited at most once.
 *
 * A refused or body-routed path answers for every method. A `%2f` is matched only by a parameter that may hold one; one
 * that `{+rest}` caught is read as the `/` that the upstream takes it for and matched again, so that encoding a slash never
 * steps around a more special route.
 */
export function matchPath(compiled: CompiledTable, method: CallMethod, path: ReadPath): Match {
  const search = { method: method === "HEAD" ? "GET" : method, segments: path.segments, slashed: path.hasEncodedSlash };
  const match = visit(search, compiled.root, 0) ?? bodyRoutedSegment(compiled, path.segments);
  if (!path.hasEncodedSlash) return match ?? { kind: "unlisted" };
  if (match === undefined || match.kind === "body_routed") return refusePath("encoded_slash");
  const last = match.kind === "route" ? match.route.captures.at(-1) : undefined;
  return last?.rest === true ? matchExpanded(compiled, search, last.index) : match;
}

interface Search {
  readonly method: string;
  readonly segments: readonly PathSegment[];
  readonly slashed: boolean;
}

function matchExpanded(compiled: CompiledTable, search: Search, from: number): Match {
  const segments = search.segments.flatMap((segment, index) =>
    segment.slash && index >= from ? segment.text.split("/").map((text) => ({ text, slash: false })) : [segment],
  );
  return visit({ ...search, segments }, compiled.root, 0) ?? refusePath("encoded_slash");
}

function bodyRoutedSegment(compiled: CompiledTable, segments: readonly PathSegment[]): Match | undefined {
  if (compiled.bodyRoutedSegments.size === 0) return undefined;
  const last = segments.at(-1);
  const entry = last === undefined ? undefined : compiled.bodyRoutedSegments.get(last.text.toLowerCase());
  return entry === undefined ? undefined : { kind: "body_routed", entry };
}

function visit(search: Search, node: TrieNode, depth: number): Match | undefined {
  const segment = search.segments[depth];
  if (segment === undefined) return node.leaf === undefined ? undefined : takeLeaf(search, node.leaf);
  const literal = node.literals.get(segment.text);
  if (literal !== undefined) {
    const match = visit(search, literal, depth + 1);
    if (match !== undefined) return match;
  } else if (node.folded.size > 0) {
    const lower = segment.text.toLowerCase();
    if (lower !== segment.text && node.folded.has(lower)) return refusePath("case_variant");
  }
  for (const { prefix, node: child } of node.prefixed) {
    if (segment.text.length === prefix.length || !segment.text.startsWith(prefix)) continue;
    const match = visit(search, child, depth + 1);
    if (match !== undefined) return match;
  }
  if (node.parameter !== undefined) {
    const match = visit(search, node.parameter, depth + 1);
    if (match !== undefined) return match;
  }
  return node.rest === undefined ? undefined : takeLeaf(search, node.rest);
}

function takeLeaf(search: Search, leaf: Leaf): Match | undefined {
  if (leaf.refusal !== undefined) return { kind: "blocked", reason: leaf.refusal };
  if (leaf.bodyRouted !== undefined) return { kind: "body_routed", entry: leaf.bodyRouted };
  const route = leaf.routes.get(search.method as RouteMethod);
  if (route === undefined || (search.slashed && !slashesAllowed(route, search.segments))) return undefined;
  for (const capture of route.captures) {
    if (capture.form === undefined || capture.rest) continue;
    const verdict = checkForm(capture.form, captureValue(capture, search.segments));
    if (verdict === "other") return undefined;
    if (verdict === "refused") return refusePath("parameter_form");
  }
  return { kind: "route", route, segments: search.segments };
}

function slashesAllowed(route: CompiledRoute, segments: readonly PathSegment[]): boolean {
  return segments.every(
    (segment, index) =>
      !segment.slash ||
      route.captures.some(
        (capture) => capture.encodedSlash && (capture.rest ? index >= capture.index : index === capture.index),
      ),
  );
}

/** The decoded text that `capture` reads from `segments`; a rest is joined with `/`. */
export function captureValue(capture: Capture, segments: readonly PathSegment[]): string {
  if (capture.rest) {
    let value = segments[capture.index]?.text ?? "";
    for (let i = capture.index + 1; i < segments.length; i += 1) value += `/${segments[i]?.text ?? ""}`;
    return value;
  }
  const text = segments[capture.index]?.text ?? "";
  return capture.prefixLength === 0 ? text : text.slice(capture.prefixLength);
}

const NUMBER = /^(?:0|[1-9][0-9]{0,18})$/;
const NAME = /^[A-Za-z0-9._-]{1,100}$/;
const GIT_SUFFIX = /\.git$/i;
const PACKAGE_PART = /^(?!-$)[A-Za-z0-9~!*'()-][A-Za-z0-9._~!*'()-]{0,213}$/;

function checkForm(form: ParameterForm, value: string): "fits" | "other" | "refused" {
  if (hasForm(form, value)) return "fits";
  return form === "number" && /^[A-Za-z]/.test(value) ? "other" : "refused";
}

/** Whether `value` has the form. */
export function hasForm(form: ParameterForm, value: string): boolean {
  switch (form) {
    case "number":
      return NUMBER.test(value);
    case "name":
      return NAME.test(value) && !GIT_SUFFIX.test(value);
    case "package_part":
      return PACKAGE_PART.test(value);
    case "package": {
      const [scope, name, ...more] = value.startsWith("@") ? value.slice(1).split("/") : ["scope", value];
      return more.length === 0 && PACKAGE_PART.test(scope ?? "") && PACKAGE_PART.test(name ?? "");
    }
  }
}
