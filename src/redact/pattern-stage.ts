import { WritError } from "#src/base/errors.ts";
import { hasShape } from "./anchor-shape.ts";
import { type Anchor, type AnchorCursor, ENDING, nextAnchor } from "./anchors.ts";
import { matchAssignment } from "./assignment.ts";
import { compileClass } from "./expression.ts";
import { type CompiledPattern, MAX_LOOK_BEHIND, type PatternSet } from "./pattern-set.ts";
import { FAIL, type MatchState, MORE, newMatchState, runProgram } from "./program.ts";
import { ByteSink, type Findings, isEscapeLetter, type Stage } from "./stage.ts";

const ALNUM = compileClass("[A-Za-z0-9]");
const WORD = compileClass("[A-Za-z0-9_-]");
const HEX = compileClass("[0-9A-Fa-f]");
const BACKSLASH = 0x5c;
const PERCENT = 0x25;
/** What is kept of the bytes already given out: a pattern may look at them. */
const CONTEXT_BYTES = MAX_LOOK_BEHIND + 8;
/** The least bound on what waits: longer than any anchor. */
const MIN_HOLD_BYTES = 40;
const NOTHING_PENDING = 0x7fffffff;
const EMPTY = new Uint8Array(0);

/**
 * Replaces what the patterns match.
 *
 * At the end of a push these bytes wait: what may be the beginning of an anchor; from an anchor on, what may still
 * become a match, at most `maxHold` bytes; and a trailing word of at most {@link MAX_LOOK_BEHIND} characters, which
 * may belong to an anchor that comes behind it. No anchor contains a line break, and no pattern except that of a
 * private key block and of a few fixed sentences reaches over an empty line: an event of an event stream leaves at once.
 */
export class PatternStage implements Stage {
  readonly #scan: Scan;

  /** @throws `invalid_argument` when `maxHold` is less than {@link MIN_HOLD_BYTES}. */
  constructor(set: PatternSet, maxHold: number, findings: Findings) {
    if (maxHold < MIN_HOLD_BYTES)
      throw new WritError("invalid_argument", `fewer than ${MIN_HOLD_BYTES} bytes may wait`);
    this.#scan = {
      set,
      maxHold,
      findings,
      match: newMatchState(set.program, EMPTY),
      bytes: EMPTY,
      emitted: 0,
      at: 0,
      pending: NOTHING_PENDING,
      cursor: { row: 0, end: 0 },
      output: new ByteSink(),
      counts: new Int32Array(set.patterns.length),
    };
  }

  push(chunk: Uint8Array): Uint8Array[] {
    if (chunk.length === 0) return [];
    const scan = this.#scan;
    append(scan, chunk);
    scanBytes(scan, false);
    return takeOutput(scan, Math.min(scan.pending, wordStart(scan, scan.at)));
  }

  finish(): Uint8Array[] {
    const scan = this.#scan;
    scanBytes(scan, true);
    return takeOutput(scan, scan.bytes.length);
  }
}

/** What may be given out before `end`: as it came where nothing was replaced in it. */
function takeOutput(scan: Scan, end: number): Uint8Array[] {
  const { output, emitted } = scan;
  if (output.length > 0) {
    emitTo(scan, end);
    scan.counts.forEach((count, owner) => {
      if (count > 0) scan.findings.add((scan.set.patterns[owner] as CompiledPattern).id, count);
    });
    scan.counts.fill(0);
    return [output.take()];
  }
  if (end <= emitted) return [];
  scan.emitted = end;
  return [scan.bytes.subarray(emitted, end)];
}

/** The state of a stage: a plain object, as the functions below are called for every anchor. Positions are within `bytes`. */
interface Scan {
  readonly set: PatternSet;
  readonly maxHold: number;
  readonly findings: Findings;
  readonly match: MatchState;
  /** What is in memory: bytes already given out (a little more than {@link MAX_LOOK_BEHIND}), then the waiting ones. */
  bytes: Uint8Array;
  /** The first byte not yet given out. */
  emitted: number;
  /** The first position at which no anchor has been looked for. */
  at: number;
  /** The beginning of the match that waits for more, or {@link NOTHING_PENDING}. */
  pending: number;
  readonly cursor: AnchorCursor;
  /** What was given out in this push, once something was replaced. */
  readonly output: ByteSink;
  /** By pattern: how often it was replaced in this push. */
  readonly counts: Int32Array;
}

function append(scan: Scan, chunk: Uint8Array): void {
  const dropped = Math.max(0, scan.emitted - CONTEXT_BYTES);
  const kept = scan.bytes.subarray(dropped);
  const joined = new Uint8Array(kept.length + chunk.length);
  joined.set(kept);
  joined.set(chunk, kept.length);
  scan.bytes = joined;
  scan.match.bytes = joined;
  scan.emitted -= dropped;
  scan.at -= dropped;
  if (dropped > 0) forget(scan, dropped);
}

/** Moves the run memories along with the bytes. */
function forget(scan: Scan, dropped: number): void {
  const { runStarts, runEnds } = scan.match;
  for (let slot = 0; slot < runEnds.length; slot += 1) {
    runStarts[slot] = Math.max(0, (runStarts[slot] as number) - dropped);
    runEnds[slot] = Math.max(0, (runEnds[slot] as number) - dropped);
  }
}

/** Looks at every position where an anchor begins; stops at one where that, or a match, depends on what follows. */
function scanBytes(scan: Scan, final: boolean): void {
  const { index } = scan.set;
  const bytes = scan.bytes;
  index.filter.load(bytes);
  scan.pending = NOTHING_PENDING;
  let at = scan.at;
  while (true) {
    at = nextAnchor(index, bytes, at, scan.cursor);
    scan.at = at;
    if (at === bytes.length) return;
    const outcome = tryAnchors(scan, at, final);
    if (outcome === MORE) return;
    if (outcome === FAIL) at += 1;
    else {
      replace(scan, outcome);
      at = scan.emitted;
    }
  }
}

/**
 * The pattern that matches at an anchor beginning at `start`, by index, or {@link FAIL} or {@link MORE}; the shortest such
 * anchor is where the cursor is.
 */
function tryAnchors(scan: Scan, start: number, final: boolean): number {
  const { classOf, next, ends } = scan.set.index;
  const bytes = scan.bytes;
  const length = bytes.length;
  let { row, end: position } = scan.cursor;
  while (true) {
    const ending = next[row + ENDING] as number;
    if (ending !== 0) {
      const outcome = tryPatterns(scan, ends[ending] as readonly Anchor[], start, position, final);
      if (outcome !== FAIL) return outcome;
    }
    if (position >= length) return final ? FAIL : MORE;
    const cell = next[row + (classOf[bytes[position] as number] as number)] as number;
    if (cell === 0) return FAIL;
    row = cell >> 1;
    position += 1;
  }
}

/** The same for the anchors that stand from `start` to `end`. */
function tryPatterns(scan: Scan, anchors: readonly Anchor[], start: number, end: number, final: boolean): number {
  const following = end < scan.bytes.length ? byteAt(scan, end) : -1;
  for (let i = 0; i < anchors.length; i += 1) {
    const anchor = anchors[i] as Anchor;
    if (following >= 0 && anchor.follow[following] === 0) continue;
    const { owner } = anchor;
    const pattern = scan.set.patterns[owner] as CompiledPattern;
    if (!hasShape(pattern.shapes, scan.bytes, end)) continue;
    const outcome = tryPattern(scan, pattern, anchor, start, final);
    if (outcome === FAIL) continue;
    const decided = outcome === MORE ? MORE : moreSpecific(scan, owner, final);
    if (decided === MORE) scan.pending = startOf(scan, pattern, start);
    return decided;
  }
  return FAIL;
}

function tryPattern(scan: Scan, pattern: CompiledPattern, anchor: Anchor, at: number, final: boolean): number {
  const start = startOf(scan, pattern, at);
  if (start < scan.emitted) return FAIL;
  const match = scan.match;
  const end = scan.bytes.length;
  match.limit = Math.min(end, at + scan.maxHold);
  match.final = final || match.limit < end || match.limit === at + scan.maxHold;
  match.captureStart = -1;
  match.judgedEnd = -1;
  const { assignment } = pattern;
  const key = runProgram(scan.set.program, match, anchor.entry, at + anchor.skipped);
  const matched = key < 0 || assignment === undefined ? key : matchAssignment(match, key, assignment);
  if (matched < 0) return matched;
  if (match.captureStart < 0) {
    match.captureStart = start;
    match.captureEnd = matched;
  }
  if (match.captureEnd <= match.captureStart) return FAIL;
  const { accepts } = pattern;
  if (accepts === undefined || accepts(scan.bytes, match.captureStart, match.captureEnd)) return matched;
  return match.judgedEnd >= 0 && accepts(scan.bytes, match.captureStart, match.judgedEnd) ? matched : FAIL;
}

/** Where the match would begin, or a position before all that is held when what stands before the anchor rules it out. */
function startOf(scan: Scan, pattern: CompiledPattern, anchor: number): number {
  const { behind } = pattern;
  let start = anchor;
  if (behind !== undefined) {
    const lowest = Math.max(0, anchor - behind.most);
    while (start > lowest && behind.table[byteAt(scan, start - 1)] === 1) start -= 1;
    if (anchor - start < behind.least) return -1;
  }
  if (pattern.left === "any") return start;
  if (pattern.left === "word") return start > 0 && ALNUM[byteAt(scan, start - 1)] === 1 ? start : -1;
  return isBoundary(scan, start) ? start : -1;
}

/** Whether a token can begin at `position`: what stands before is no letter or digit, or ends an escape. */
function isBoundary(scan: Scan, position: number): boolean {
  if (position === 0 || ALNUM[byteAt(scan, position - 1)] === 0) return true;
  if (position < 2) return false;
  if (byteAt(scan, position - 2) === BACKSLASH) return isEscapeLetter(byteAt(scan, position - 1));
  if (HEX[byteAt(scan, position - 1)] === 0 || HEX[byteAt(scan, position - 2)] === 0) return false;
  if (position < 3) return false;
  if (byteAt(scan, position - 3) === PERCENT) return true;
  return position >= 6 && byteAt(scan, position - 6) === BACKSLASH && byteAt(scan, position - 5) === 0x75;
}

/** A secret known by its surroundings may have a format of its own: then that pattern is the better name. */
function moreSpecific(scan: Scan, owner: number, final: boolean): number {
  const { index, patterns } = scan.set;
  if (!(patterns[owner] as CompiledPattern).contextual) return owner;
  const match = scan.match;
  const { captureStart, captureEnd } = match;
  const { classOf, next, ends } = index;
  let found = owner;
  let row = 0;
  for (let at = captureStart; at < captureEnd && found === owner; at += 1) {
    const cell = next[row + (classOf[byteAt(scan, at)] as number)] as number;
    if (cell === 0) break;
    row = cell >> 1;
    for (const anchor of ends[next[row + ENDING] as number] as readonly Anchor[]) {
      const candidate = patterns[anchor.owner] as CompiledPattern;
      if (candidate.contextual || found !== owner) continue;
      const outcome = tryPattern(scan, candidate, anchor, captureStart, final);
      if (outcome === MORE) return MORE;
      if (outcome !== FAIL && match.captureStart === captureStart) found = anchor.owner;
    }
  }
  const end = found === owner ? captureEnd : Math.max(captureEnd, match.captureEnd);
  match.captureStart = captureStart;
  match.captureEnd = end;
  return found;
}

function replace(scan: Scan, owner: number): void {
  const { replacement } = scan.set.patterns[owner] as CompiledPattern;
  const { captureStart, captureEnd } = scan.match;
  const escaped = captureStart > 0 && byteAt(scan, captureStart - 1) === BACKSLASH;
  emitTo(scan, captureStart + (escaped && isEscapeLetter(byteAt(scan, captureStart)) ? 1 : 0));
  scan.output.add(replacement, 0, replacement.length, scan.bytes.length);
  scan.counts[owner] = (scan.counts[owner] as number) + 1;
  let end = captureEnd;
  while (byteAt(scan, end - 1) === BACKSLASH) end -= 1;
  scan.emitted = end;
}

/** Where the word that ends before `end` begins, or as far back as a secret may reach. */
function wordStart(scan: Scan, end: number): number {
  const lowest = Math.max(scan.emitted, end - MAX_LOOK_BEHIND);
  let start = end;
  while (start > lowest && WORD[byteAt(scan, start - 1)] === 1) start -= 1;
  return start;
}

function byteAt(scan: Scan, position: number): number {
  return scan.bytes[position] as number;
}

function emitTo(scan: Scan, position: number): void {
  if (position <= scan.emitted) return;
  scan.output.add(scan.bytes, scan.emitted, position, scan.bytes.length);
  scan.emitted = position;
}
