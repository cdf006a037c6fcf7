import { type PolicyJson, parsePolicyText } from "./cedar.ts";
import type { ShapeParser } from "./shape-parser.ts";

/** A policy's text, apart: what stands before its conditions, and each condition. */
export interface PolicyClauses {
  readonly head: string;
  /** `when { … }` or `unless { … }`. */
  readonly clauses: readonly string[];
}

type Conditions = PolicyJson["conditions"];

/**
 * Parses the conditions of many policies together.
 *
 * A call of Cedar's costs more than what it parses: the conditions of some thirty policies, written as those of one, take
 * a fifth of the time. Its grammar has them one after another, each of them a word and a pair of braces, so each comes back
 * as it would alone; where the count or the kinds are not those that were given, or anything does not parse, nothing is
 * known of them and whoever asks parses the policy's own text.
 */
export class ClauseParser {
  private readonly shapes: ShapeParser;
  private readonly known = new Map<string, Conditions[number]>();

  /** @param shapes parses what stands before the conditions */
  constructor(shapes: ShapeParser) {
    this.shapes = shapes;
  }

  /** Parses what these policies' conditions are, as far as they are not known yet. */
  prepare(texts: readonly string[]): void {
    const unknown = new Set<string>();
    for (const text of texts) {
      for (const clause of splitClauses(text)?.clauses ?? []) if (!this.known.has(clause)) unknown.add(clause);
    }
    const clauses = [...unknown];
    for (let at = 0; at < clauses.length; at += BATCH) this.parseBatch(clauses.slice(at, at + BATCH));
  }

  /** A policy whose conditions were prepared, as Cedar's JSON; undefined where that is not known. */
  parse(text: string): PolicyJson | undefined {
    const split = splitClauses(text);
    if (split === undefined || split.clauses.length === 0) return undefined;
    const conditions: Conditions[number][] = [];
    for (const clause of split.clauses) {
      const condition = this.known.get(clause);
      if (condition === undefined) return undefined;
      conditions.push(condition);
    }
    const head = this.shapes.parse(`${split.head};`);
    return "effect" in head && head.conditions.length === 0 ? { ...head, conditions } : undefined;
  }

  private parseBatch(clauses: readonly string[]): void {
    const json = parsePolicyText(`permit (principal, action, resource)\n${clauses.join("\n")};`);
    if (!("effect" in json) || json.conditions.length !== clauses.length) return;
    const isEachItself = json.conditions.every(({ kind }, place) => clauses[place]?.startsWith(kind) === true);
    if (!isEachItself) return;
    for (const [place, condition] of json.conditions.entries()) this.known.set(clauses[place] ?? "", condition);
  }
}

/** As deep as that many `&&` more, of which the engine survives hundreds. */
const BATCH = 32;
const LONGEST_CLAUSE = 16_384;

// A string, which may span lines; a comment; a word; any other character.
const TOKEN = /"(?:[^"\\]|\\[\s\S])*"|\/\/[^\n\r]*|[_a-zA-Z][_a-zA-Z0-9]*|[\s\S]/y;
const OPENS = /(?:\s|\/\/[^\n\r]*[\n\r])*\{/y;
const IS_BLANK = /^(?:\s|\/\/[^\n\r]*(?:[\n\r]|$))*$/;

/** The parts of one policy; undefined for a text that is not plainly one. */
export function splitClauses(text: string): PolicyClauses | undefined {
  const clauses: string[] = [];
  let head: string | undefined;
  let depth = 0;
  let start = -1;
  for (let at = 0; at < text.length; ) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0] ?? "";
    if (token === "" || token === '"') return undefined;
    if (token === "{" || token === "(" || token === "[") depth += 1;
    else if (token === "}" || token === ")" || token === "]") depth -= 1;
    else if (depth === 0 && start === -1 && (token === "when" || token === "unless") && opensAt(text, at, token)) {
      head ??= text.slice(0, at);
      start = at;
    } else if (depth === 0 && token === ";") {
      return start === -1 && IS_BLANK.test(text.slice(at + 1))
        ? { head: head ?? text.slice(0, at), clauses }
        : undefined;
    } else if (head !== undefined && start === -1 && !IS_BLANK.test(token)) return undefined;
    at += token.length;
    if (depth < 0) return undefined;
    if (start !== -1 && depth === 0 && token === "}") {
      if (at - start > LONGEST_CLAUSE) return undefined;
      clauses.push(text.slice(start, at));
      start = -1;
    }
  }
  return undefined;
}

function opensAt(text: string, at: number, word: string): boolean {
  OPENS.lastIndex = at + word.length;
  return OPENS.test(text);
}
