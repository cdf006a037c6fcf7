import { type CedarProblem, type PolicyJson, parsePolicyText } from "./cedar.ts";

/** Parses policies one after another. */
export interface ShapeParser {
  /** As {@link parsePolicyText}, in the same words. */
  parse(text: string): PolicyJson | readonly CedarProblem[];
}

/**
 * A parser that parses each *shape* once: policies that differ in nothing but the contents of string literals.
 *
 * Parsing costs Cedar some 150 µs a policy, and thousands of policies of one tenant are mostly a few shapes with other
 * names in them. To Cedar's grammar the content of a literal is opaque. That is not taken on trust: a shape's text is
 * parsed with a mark in place of each literal, and is used only where every mark comes back whole, once, as the id of an
 * entity, the value of an annotation or a string value. Where one does not (a pattern, the name of an attribute), and
 * where a literal has an escape or is not plain ASCII, the policy's own text is parsed.
 */
export function createShapeParser(): ShapeParser {
  const shapes = new Map<string, Shape>();
  return {
    parse: (text) => {
      const pieces = splitLiterals(text);
      if (pieces === undefined) return parsePolicyText(text);
      const key = pieces.filter((_, i) => i % 2 === 0).join(LITERAL);
      const shape = shapes.get(key);
      if (shape === undefined) {
        if (shapes.size < MAX_SHAPES) shapes.set(key, { seen: 1, json: undefined });
        return parsePolicyText(text);
      }
      shape.seen += 1;
      // Marking costs a parse of its own: worth it for a shape that comes again and again.
      if (shape.seen === WORTHWHILE) shape.json = parseMarked(pieces);
      return shape.json === undefined ? parsePolicyText(text) : fill(shape.json, pieces);
    },
  };
}

interface Shape {
  seen: number;
  json: PolicyJson | undefined;
}

const MAX_SHAPES = 2000;
const WORTHWHILE = 4;
/** Stands in no text that is split. */
const LITERAL = "\u0000";
const MARK = "\u0001";
/** Plain ASCII; a control character in it is the author's, and not to be taken for a mark. */
const PLAIN = /^[\x20-\x7e\t\r\n]*$/;

/** Text and contents of literals in turn, text first and last; undefined where one is not plain. */
function splitLiterals(text: string): readonly string[] | undefined {
  if (!PLAIN.test(text)) return undefined;
  const pieces: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x2f && text.charCodeAt(at + 1) === 0x2f) {
      at = lineEnd(text, at) - 1;
    } else if (code === 0x22) {
      const end = text.indexOf('"', at + 1);
      const content = end === -1 ? "\\" : text.slice(at + 1, end);
      if (content.includes("\\")) return undefined;
      pieces.push(text.slice(start, at + 1), content);
      start = end;
      at = end;
    }
  }
  return [...pieces, text.slice(start)];
}

/** Cedar ends a comment at either. */
function lineEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x0a || code === 0x0d) return at;
  }
  return text.length;
}

function parseMarked(pieces: readonly string[]): PolicyJson | undefined {
  const json = parsePolicyText(pieces.map((piece, i) => (i % 2 === 0 ? piece : `${MARK}${i}`)).join(""));
  if (!("effect" in json)) return undefined;
  const found: number[] = [];
  const isClean = collectMarks(json, undefined, found);
  const expected = Math.floor(pieces.length / 2);
  return isClean && found.length === expected && new Set(found).size === expected ? json : undefined;
}

/** Whether marks stand nowhere but where a literal's content does, and whole. */
function collectMarks(node: unknown, place: string | undefined, found: number[]): boolean {
  if (typeof node === "string") {
    if (!node.includes(MARK)) return true;
    const mark = node.slice(MARK.length);
    if (place === undefined || !node.startsWith(MARK) || !/^\d+$/.test(mark)) return false;
    found.push(Number(mark));
    return true;
  }
  if (typeof node !== "object" || node === null) return true;
  if (Array.isArray(node)) return node.every((each) => collectMarks(each, undefined, found));
  const isUid = "type" in node && "id" in node;
  return Object.entries(node).every(([name, member]) => {
    if (name.includes(MARK)) return false;
    if (name === "annotations" && place === undefined) return collectAnnotations(member, found);
    const isContent = name === "Value" || (name === "id" && isUid);
    return collectMarks(member, isContent ? name : undefined, found);
  });
}

function collectAnnotations(annotations: unknown, found: number[]): boolean {
  if (typeof annotations !== "object" || annotations === null) return true;
  return Object.values(annotations).every((value) => collectMarks(value, "annotation", found));
}

/** The shape's JSON with the contents in place of their marks. */
function fill(node: PolicyJson, pieces: readonly string[]): PolicyJson {
  return replaceMarks(node, pieces) as PolicyJson;
}

function replaceMarks(node: unknown, pieces: readonly string[]): unknown {
  if (typeof node === "string") {
    return node.startsWith(MARK) ? (pieces[Number(node.slice(MARK.length))] ?? node) : node;
  }
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) return node.map((each) => replaceMarks(each, pieces));
  const filled: Record<string, unknown> = {};
  for (const name of Object.keys(node)) filled[name] = replaceMarks((node as Record<string, unknown>)[name], pieces);
  return filled;
}
