import { foldText } from "./file-fold.ts";
import { parseSegment, type Segment, segmentsMeet } from "./file-segment.ts";

/** Any number of folders. */
export const DEEP = Symbol("deep");

/** A path or a glob, absolute, segment by segment. */
export type Steps = readonly (Segment | typeof DEEP)[];

/** Longest glob of a rule, in characters. */
export const MAX_GLOB_LENGTH = 300;
/** With a home before them they fit the 31 bits of {@link globMeets}. */
const MAX_STEPS = 24;

/** A glob, taken apart. */
export interface Glob {
  readonly steps: Steps;
  /** Whether the last step, any number of folders, is not written: what stands below a path that matches is meant as well. */
  readonly isOpenEnded: boolean;
}

/** Where relative globs and `~` of a rule lead. */
export interface GlobGround {
  /** Folder of the project that the rule comes from; undefined for rules that hold in any folder. */
  readonly base?: string;
}

/** Where people's own folders are, on the systems there are: a rule about `~` is about all of them. */
const HOMES = ["/home/*", "/root", "/Users/*", "/var/root", "/var/home/*", "[A-Z]:/Users/*", "/mnt/?/Users/*"];

/**
 * The paths that a rule's glob is about, all in the folded form of {@link foldText}, or why it is no glob.
 *
 * `*` and `?` stay within a name, `**` as a whole segment is any number of folders. A glob that begins with `/` is absolute,
 * one that begins with `~/` is below anybody's home; any other is below every folder, or below `base`. What stands below a
 * path that matches is meant as well.
 */
export function parseGlob(glob: string, { base }: GlobGround = {}): readonly Glob[] | string {
  if (glob === "" || glob.length > MAX_GLOB_LENGTH) return `a glob has 1 to ${MAX_GLOB_LENGTH} characters`;
  if (!glob.isWellFormed() || /\p{Cc}/u.test(glob)) return "a glob has no control characters";
  const text = glob.replaceAll("\\", "/");
  const segments = text.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) return "a glob does not go up: `..` has no place in it";
  if (segments.length > MAX_STEPS) return `a glob has at most ${MAX_STEPS} segments`;
  if (segments.length === 0) return [toGlob(["**"])];
  if (text === "~" || text.startsWith("~/")) {
    const rest = segments.slice(1);
    return HOMES.map((home) => toGlob([...home.split("/").filter(Boolean), ...rest]));
  }
  if (text.startsWith("/")) return [toGlob(segments)];
  // As in other ignore files: a name alone is one at any depth.
  const isAnchored = base !== undefined && segments.length > 1;
  const before = base === undefined ? [] : base.split("/").filter(Boolean);
  if (before.length + segments.length > MAX_STEPS) return `a glob and its folder have at most ${MAX_STEPS} segments`;
  return [toGlob([...before, ...(isAnchored ? [] : ["**"]), ...segments])];
}

function toGlob(segments: readonly string[]): Glob {
  const steps: (Segment | typeof DEEP)[] = segments.map((segment) =>
    segment === "**" ? DEEP : parseSegment(foldText(segment)),
  );
  if (steps.at(-1) === DEEP) return { steps, isOpenEnded: false };
  return { steps: [...steps, DEEP], isOpenEnded: true };
}

/**
 * Whether some path fits both: a glob, and a path that may have wildcards itself. `**` in the path does not lead through a
 * whole glob and on below it: a pattern for all files of some kind would meet every rule about a single file.
 *
 * @param hidesDots wildcards of the path find no name that begins with a dot
 */
export function globMeets({ steps, isOpenEnded }: Glob, path: Steps, hidesDots: boolean): boolean {
  const end = steps.length;
  // Bit `i`: all steps of the glob before `i` are used up.
  let row = passDeep(steps, 1);
  for (const [place, step] of path.entries()) {
    let next = 0;
    const last = isOpenEnded && place < path.length - 1 ? end - 2 : end;
    for (let at = 0; at <= end; at += 1) {
      if ((row & (1 << at)) === 0) continue;
      const wanted = steps[at];
      if (step === DEEP) next |= reachedBy(steps, at, last, hidesDots);
      else if (wanted === DEEP) next |= 1 << at;
      else if (wanted !== undefined && segmentsMeet(wanted, step, hidesDots)) next |= 1 << (at + 1);
    }
    row = passDeep(steps, next);
    if (row === 0) return false;
  }
  return (row & (1 << end)) !== 0;
}

/** Positions that are reached without a step: `**` may be nothing. */
function passDeep(steps: Steps, row: number): number {
  let passed = row;
  for (const [at, step] of steps.entries()) if (step === DEEP && (passed & (1 << at)) !== 0) passed |= 1 << (at + 1);
  return passed;
}

/** Positions that any number of folders of a path lead to. */
function reachedBy(steps: Steps, at: number, last: number, hidesDots: boolean): number {
  let reached = 1 << at;
  for (let later = at; later < last; later += 1) {
    const step = steps[later];
    if (step === undefined || (hidesDots && step !== DEEP && step.text.startsWith("."))) break;
    reached |= 1 << (later + 1);
  }
  return reached;
}
