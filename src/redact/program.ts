/** The pattern cannot match here, whatever follows. */
export const FAIL = -1;
/** Whether the pattern matches depends on bytes that have not arrived yet. */
export const MORE = -2;

/** What a match reads and writes. */
export interface MatchState {
  bytes: Uint8Array;
  /** The first position that may not be read. */
  limit: number;
  /** Whether the input ends at `limit`; otherwise more may arrive. */
  final: boolean;
  captureStart: number;
  captureEnd: number;
  /** Where a first part of the capture ends that shows as well as all of it whether it is a secret; negative for none. */
  judgedEnd: number;
  /** For each run of the program: a stretch that is known to be in the run's class, so that no byte is read twice. */
  readonly runStarts: Int32Array;
  readonly runEnds: Int32Array;
}

/** Expressions, compiled: instructions as numbers, and the classes that they refer to, 256 flags each. */
export interface Program {
  readonly code: Int32Array;
  readonly classes: Uint8Array;
  /** How many run memories a {@link MatchState} needs. */
  readonly slots: number;
}

/** A state for `program` that has matched nothing. */
export function newMatchState(program: Program, bytes: Uint8Array): MatchState {
  return {
    bytes,
    limit: bytes.length,
    final: false,
    captureStart: -1,
    captureEnd: -1,
    judgedEnd: -1,
    runStarts: new Int32Array(program.slots),
    runEnds: new Int32Array(program.slots),
  };
}

/** The part is over. */
export const DONE = 0;
/** `BYTES count class…`: a byte of each class, in order. The classes are given as their first flag. */
export const BYTES = 1;
/** `RUN class least most slot`: as many bytes of the class as there are. */
export const RUN = 2;
/** `CHOICE length count (class offset)…`: the first part that matches, of those whose class has the next byte. */
export const CHOICE = 3;
/** `REPEAT length class least most`, a part: as often as it matches. */
export const REPEAT = 4;
/** `LOOK length`, a part: it must match, and takes nothing. */
export const LOOK = 5;
/** `NOT length`, a part: it must not match. */
export const NOT = 6;
/** `CAPTURE length`, a part: what it takes is the capture. */
export const CAPTURE = 7;

/**
 * Runs the part of `program` that begins at instruction `entry` from position `at` on; gives the position behind the match,
 * {@link FAIL} or {@link MORE}. Lengths and offsets in instructions count from the instruction.
 */
export function runProgram(program: Program, state: MatchState, entry: number, at: number): number {
  const { code, classes } = program;
  let pc = entry;
  let position = at;
  while (true) {
    switch (code[pc]) {
      case BYTES: {
        position = matchBytes(code, classes, state, pc, position);
        if (position < 0) return position;
        pc += 2 + (code[pc + 1] as number);
        break;
      }
      case RUN:
        position = matchRun(code, classes, state, pc, position);
        if (position < 0) return position;
        pc += 5;
        break;
      case CHOICE:
        position = matchChoice(program, state, pc, position);
        if (position < 0) return position;
        pc += code[pc + 1] as number;
        break;
      case REPEAT:
        position = matchRepeat(program, state, pc, position);
        if (position < 0) return position;
        pc += code[pc + 1] as number;
        break;
      case LOOK: {
        const end = runProgram(program, state, pc + 2, position);
        if (end < 0) return end;
        pc += code[pc + 1] as number;
        break;
      }
      case NOT: {
        const end = runProgram(program, state, pc + 2, position);
        if (end !== FAIL) return end === MORE ? MORE : FAIL;
        pc += code[pc + 1] as number;
        break;
      }
      case CAPTURE: {
        const end = runProgram(program, state, pc + 2, position);
        if (end < 0) return end;
        state.captureStart = position;
        state.captureEnd = end;
        position = end;
        pc += code[pc + 1] as number;
        break;
      }
      default:
        return position;
    }
  }
}

function matchBytes(code: Int32Array, classes: Uint8Array, state: MatchState, pc: number, at: number): number {
  const { bytes, limit } = state;
  const count = code[pc + 1] as number;
  const whole = at + count <= limit;
  const stop = whole ? count : limit - at;
  for (let i = 0; i < stop; i += 1)
    if (classes[(code[pc + 2 + i] as number) + (bytes[at + i] as number)] === 0) return FAIL;
  return whole ? at + count : state.final ? FAIL : MORE;
}

function matchRun(code: Int32Array, classes: Uint8Array, state: MatchState, pc: number, at: number): number {
  const { bytes, limit } = state;
  const table = code[pc + 1] as number;
  const least = code[pc + 2] as number;
  if (at < limit && classes[table + (bytes[at] as number)] === 0) return least === 0 ? at : FAIL;
  const most = at + (code[pc + 3] as number);
  const slot = code[pc + 4] as number;
  const stop = Math.min(most, limit);
  let end = state.runEnds[slot] as number;
  if (at > end || at < (state.runStarts[slot] as number)) {
    state.runStarts[slot] = at;
    end = at;
  }
  while (end < stop && classes[table + (bytes[end] as number)] === 1) end += 1;
  state.runEnds[slot] = end;
  if (end > stop) end = stop;
  if (end === limit && end < most && !state.final) return MORE;
  return end - at < least ? FAIL : end;
}

function matchChoice(program: Program, state: MatchState, pc: number, at: number): number {
  const { code, classes } = program;
  const byte = at < state.limit ? (state.bytes[at] as number) : -1;
  const stop = pc + 3 + 2 * (code[pc + 2] as number);
  for (let option = pc + 3; option < stop; option += 2) {
    if (byte >= 0 && classes[(code[option] as number) + byte] === 0) continue;
    const end = runProgram(program, state, pc + (code[option + 1] as number), at);
    if (end !== FAIL) return end;
  }
  return FAIL;
}

function matchRepeat(program: Program, state: MatchState, pc: number, at: number): number {
  const { code, classes } = program;
  const table = code[pc + 2] as number;
  const least = code[pc + 3] as number;
  const most = code[pc + 4] as number;
  let position = at;
  for (let count = 0; count < most; count += 1) {
    const hopeless = position < state.limit && classes[table + (state.bytes[position] as number)] === 0;
    const end = hopeless ? FAIL : runProgram(program, state, pc + 5, position);
    if (end === MORE) return MORE;
    if (end === FAIL || end === position) return count < least ? FAIL : position;
    position = end;
  }
  return position;
}
