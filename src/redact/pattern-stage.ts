import { utf8 } from "#src/base/bytes.ts";
import { type Anchor, nextAnchor } from "./anchors.ts";
import { matchAssignment } from "./assignment.ts";
import { compileClass } from "./expression.ts";
import { type CompiledPattern, MAX_LOOK_BEHIND, type PatternSet } from "./pattern-set.ts";
import { FAIL, type MatchState, MORE, newMatchState, runProgram } from "./program.ts";
import { type Findings, isEscapeLetter, type Stage } from "./stage.ts";

const ALNUM = compileClass("[A-Za-z0-9]");
const WORD = compileClass("[A-Za-z0-9_-]");
const HEX = compileClass("[0-9A-Fa-f]");
const KEY = compileClass("[A-Za-z0-9_.-]");
const GAP = compileClass("[ \\t\"'`\\\\)\\]]");
const OPERATOR = compileClass("[=:,]");
/** How far an operator may stand from its anchor, for an assigned pattern; further than any such pattern reaches. */
const MAX_KEY_REST = 64;
const BACKSLASH = 0x5c;
const PERCENT = 0x25;
/** What is kept of the bytes already given out: a pattern may look at them. */
const CONTEXT_BYTES = MAX_LOOK_BEHIND + 8;
const EMPTY = Buffer.alloc(0);

/**
 * Replaces what the patterns match.
 *
 * At the end of a push these bytes wait: what may be the beginning of an anchor; from an anchor on, what may still
 * become a match, at most `maxHold` bytes; and a trailing word of at most {@link MAX_LOOK_BEHIND} characters, which
 * may belong to an anchor that comes behind it. No anchor contains a line break, and no pattern except that of a
 * private key block and of a few fixed sentences reaches over an empty line: an event of an event stream leaves at once.
 */
export class PatternStage implements Stage {
  readonly #set: PatternSet;
  readonly #maxHold: number;
  readonly #findings: Findings;
  readonly #match: MatchState;
  readonly #replacements = new Map<string, Uint8Array>();
  /** What is in memory: bytes already given out (a little more than {@link MAX_LOOK_BEHIND}), then the waiting ones. Positions are within. */
  #bytes: Buffer = EMPTY;
  /** The first byte not yet given out. */
  #emitted = 0;
  /** The first position at which no anchor has been looked for. */
  #at = 0;
  /** The beginning of the match that waits for more, or infinity. */
  #pending = Number.POSITIVE_INFINITY;

  constructor(set: PatternSet, maxHold: number, findings: Findings) {
    this.#set = set;
    this.#maxHold = maxHold;
    this.#findings = findings;
    this.#match = newMatchState(set.program, EMPTY);
  }

  push(chunk: Uint8Array): Uint8Array[] {
    if (chunk.length === 0) return [];
    this.#append(chunk);
    const output: Uint8Array[] = [];
    this.#scan(false, output);
    this.#emitTo(Math.min(this.#pending, this.#wordStart(this.#at)), output);
    return output;
  }

  finish(): Uint8Array[] {
    const output: Uint8Array[] = [];
    this.#scan(true, output);
    this.#emitTo(this.#bytes.length, output);
    return output;
  }

  #append(chunk: Uint8Array): void {
    const dropped = Math.max(0, this.#emitted - CONTEXT_BYTES);
    const kept = this.#bytes.subarray(dropped);
    const joined = Buffer.allocUnsafeSlow(kept.length + chunk.length);
    joined.set(kept);
    joined.set(chunk, kept.length);
    this.#bytes = joined;
    this.#match.bytes = joined;
    this.#emitted -= dropped;
    this.#at -= dropped;
    if (dropped > 0) this.#forget(dropped);
  }

  /** Moves the run memories along with the bytes. */
  #forget(dropped: number): void {
    const { runStarts, runEnds } = this.#match;
    for (let slot = 0; slot < runEnds.length; slot += 1) {
      runStarts[slot] = Math.max(0, (runStarts[slot] as number) - dropped);
      runEnds[slot] = Math.max(0, (runEnds[slot] as number) - dropped);
    }
  }

  /** Looks at every position where an anchor begins; stops at one where that, or a match, depends on what follows. */
  #scan(final: boolean, output: Uint8Array[]): void {
    const { index } = this.#set;
    const bytes = this.#bytes;
    const pairs = new Uint16Array(bytes.buffer, 0, bytes.length >> 1);
    this.#pending = Number.POSITIVE_INFINITY;
    let at = this.#at;
    while (true) {
      at = nextAnchor(index, bytes, pairs, at);
      this.#at = at;
      if (at === bytes.length) return;
      const outcome = this.#tryAnchors(at, final);
      if (outcome === MORE) return;
      if (outcome === FAIL) at += 1;
      else {
        this.#replace(outcome, output);
        at = this.#emitted;
      }
    }
  }

  /** The pattern that matches at an anchor beginning at `start`, by index, or {@link FAIL} or {@link MORE}. */
  #tryAnchors(start: number, final: boolean): number {
    const { classOf, next, width, ends } = this.#set.index;
    const bytes = this.#bytes;
    const length = bytes.length;
    let node = 0;
    for (let position = start; position < length; ) {
      node = next[node * width + (classOf[bytes[position] as number] as number)] as number;
      if (node === 0) return FAIL;
      position += 1;
      const anchors = ends[node];
      if (anchors === undefined) continue;
      const outcome = this.#tryPatterns(anchors, start, position, final);
      if (outcome !== FAIL) return outcome;
    }
    return final ? FAIL : MORE;
  }

  /** The same for the anchors that stand from `start` to `end`. */
  #tryPatterns(anchors: readonly Anchor[], start: number, end: number, final: boolean): number {
    const following = end < this.#bytes.length ? this.#byte(end) : -1;
    let assigned: boolean | undefined;
    for (let i = 0; i < anchors.length; i += 1) {
      const { owner, follow } = anchors[i] as Anchor;
      if (following >= 0 && follow[following] === 0) continue;
      const pattern = this.#set.patterns[owner] as CompiledPattern;
      if (pattern.assigned) {
        assigned ??= this.#mayBeAssigned(end);
        if (!assigned) continue;
      }
      const outcome = this.#tryPattern(pattern, start, final);
      if (outcome === FAIL) continue;
      const decided = outcome === MORE ? MORE : this.#moreSpecific(owner, final);
      if (decided === MORE) this.#pending = this.#startOf(pattern, start);
      return decided;
    }
    return FAIL;
  }

  #tryPattern(pattern: CompiledPattern, anchor: number, final: boolean): number {
    const start = this.#startOf(pattern, anchor);
    if (start < this.#emitted) return FAIL;
    const match = this.#match;
    const end = this.#bytes.length;
    match.limit = Math.min(end, anchor + this.#maxHold);
    match.final = final || match.limit < end || match.limit === anchor + this.#maxHold;
    match.captureStart = -1;
    match.judgedEnd = -1;
    const { entry, assignment } = pattern;
    const key = runProgram(this.#set.program, match, entry, anchor);
    const matched = key < 0 || assignment === undefined ? key : matchAssignment(match, key, assignment);
    if (matched < 0) return matched;
    if (match.captureStart < 0) {
      match.captureStart = start;
      match.captureEnd = matched;
    }
    if (match.captureEnd <= match.captureStart) return FAIL;
    const judged = match.judgedEnd < 0 ? match.captureEnd : match.judgedEnd;
    return pattern.accepts === undefined || pattern.accepts(this.#bytes, match.captureStart, judged) ? matched : FAIL;
  }

  /** Whether an operator follows the key that goes on at `at`, as far as can be seen. */
  #mayBeAssigned(at: number): boolean {
    const bytes = this.#bytes;
    let position = at;
    const limit = Math.min(bytes.length, at + MAX_KEY_REST);
    while (position < limit && KEY[bytes[position] as number] === 1) position += 1;
    while (position < limit && GAP[bytes[position] as number] === 1) position += 1;
    return position === limit || OPERATOR[bytes[position] as number] === 1;
  }

  /** Where the match would begin, or a position before all that is held when what stands before the anchor rules it out. */
  #startOf(pattern: CompiledPattern, anchor: number): number {
    const { behind } = pattern;
    let start = anchor;
    if (behind !== undefined) {
      const lowest = Math.max(0, anchor - behind.most);
      while (start > lowest && behind.table[this.#byte(start - 1)] === 1) start -= 1;
      if (anchor - start < behind.least) return -1;
    }
    return pattern.left === "any" || this.#isBoundary(start) ? start : -1;
  }

  /** Whether a token can begin at `position`: what stands before is no letter or digit, or ends an escape. */
  #isBoundary(position: number): boolean {
    if (position === 0 || ALNUM[this.#byte(position - 1)] === 0) return true;
    if (position < 2) return false;
    if (this.#byte(position - 2) === BACKSLASH) return isEscapeLetter(this.#byte(position - 1));
    if (HEX[this.#byte(position - 1)] === 0 || HEX[this.#byte(position - 2)] === 0) return false;
    if (position < 3) return false;
    if (this.#byte(position - 3) === PERCENT) return true;
    return position >= 6 && this.#byte(position - 6) === BACKSLASH && this.#byte(position - 5) === 0x75;
  }

  /** A secret known by its surroundings may have a format of its own: then that pattern is the better name. */
  #moreSpecific(owner: number, final: boolean): number {
    const { index, patterns } = this.#set;
    if (!(patterns[owner] as CompiledPattern).contextual) return owner;
    const match = this.#match;
    const { captureStart, captureEnd } = match;
    const { classOf, next, width, ends } = index;
    let found = owner;
    let node = 0;
    for (let at = captureStart; at < captureEnd && found === owner; at += 1) {
      node = next[node * width + (classOf[this.#byte(at)] as number)] as number;
      if (node === 0) break;
      for (const { owner: other } of ends[node] ?? []) {
        const candidate = patterns[other] as CompiledPattern;
        if (candidate.contextual || found !== owner) continue;
        const outcome = this.#tryPattern(candidate, captureStart, final);
        if (outcome === MORE) return MORE;
        if (outcome !== FAIL && match.captureStart === captureStart) found = other;
      }
    }
    const end = found === owner ? captureEnd : Math.max(captureEnd, match.captureEnd);
    match.captureStart = captureStart;
    match.captureEnd = end;
    return found;
  }

  #replace(owner: number, output: Uint8Array[]): void {
    const { id } = this.#set.patterns[owner] as CompiledPattern;
    const { captureStart, captureEnd } = this.#match;
    const escaped = captureStart > 0 && this.#byte(captureStart - 1) === BACKSLASH;
    this.#emitTo(captureStart + (escaped && isEscapeLetter(this.#byte(captureStart)) ? 1 : 0), output);
    let replacement = this.#replacements.get(id);
    if (replacement === undefined) {
      replacement = utf8(`[redacted:${id}]`);
      this.#replacements.set(id, replacement);
    }
    output.push(replacement);
    this.#findings.add(id);
    let end = captureEnd;
    while (this.#byte(end - 1) === BACKSLASH) end -= 1;
    this.#emitted = end;
  }

  /** Where the word that ends before `end` begins, or as far back as a secret may reach. */
  #wordStart(end: number): number {
    const lowest = Math.max(this.#emitted, end - MAX_LOOK_BEHIND);
    let start = end;
    while (start > lowest && WORD[this.#byte(start - 1)] === 1) start -= 1;
    return start;
  }

  #byte(position: number): number {
    return this.#bytes[position] as number;
  }

  #emitTo(position: number, output: Uint8Array[]): void {
    if (position <= this.#emitted) return;
    output.push(this.#bytes.subarray(this.#emitted, position));
    this.#emitted = position;
  }
}
