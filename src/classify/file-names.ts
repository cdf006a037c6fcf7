import { foldForms } from "./file-fold.ts";
import { DEEP, type Steps } from "./file-glob.ts";
import { parseSegment, type Segment } from "./file-segment.ts";

/** Where a path is used. */
export interface PathPlace {
  /** Absolute; undefined where nobody said it: relative paths are then in a folder of which nothing is known. */
  readonly cwd?: string;
  /** Absolute. */
  readonly home?: string;
}

/** What a path can be: a list of forms, each with wildcards where it has some; or that nobody can know, and why. */
export type PathNames =
  | { readonly kind: "names"; readonly names: readonly Steps[] }
  /** Only the shell knows it at run time. */
  | { readonly kind: "unknown"; readonly because: string }
  /** No path at all, or one that cannot be followed. */
  | { readonly kind: "invalid"; readonly because: string };

/** Longest path that is looked at, in characters: PATH_MAX of Linux. */
export const MAX_PATH_LENGTH = 4096;
const MAX_STEPS = 256;
/** NAME_MAX of Linux. */
const MAX_NAME_LENGTH = 255;
const UNKNOWN_HOMES = ["/home/*", "/root", "/Users/*"];
/** A folder of which nothing is known but that it is one. */
const UNKNOWN_FOLDER = "/\u0001";
/** Second names of whole trees: volumes of macOS, and what Windows puts before long paths. */
const SECOND_ROOTS = ["/private", "/system/volumes/data", "//?", "//."];

/**
 * All that a path can name, by its words alone: `~`, `$HOME` and `$PWD`, `.` and `..`, doubled slashes, `/proc/self/root` and its
 * kin, second roots, and every form that a file system could take it for. Links are for whoever can look at the disk.
 *
 * @param isGlob whether wildcards in it are the shell's to expand
 */
export function namePath(path: string, { cwd, home }: PathPlace, isGlob: boolean): PathNames {
  if (path === "") return { kind: "invalid", because: "the path is empty" };
  if (path.length > MAX_PATH_LENGTH) {
    return { kind: "invalid", because: `the path has more than ${MAX_PATH_LENGTH} characters` };
  }
  if (path.includes("\0")) return { kind: "invalid", because: "the path holds a NUL" };
  if (path.includes("\ufffd") || !path.isWellFormed()) {
    return { kind: "invalid", because: "the path holds bytes that are not UTF-8" };
  }
  const text = isGlob ? expandKnown(path, cwd) : path;
  // What the shell makes and is no pattern comes from a variable, a command or the input.
  if (isGlob && (/[$`]|<\(|>\(/.test(text) || !/[*?[]/.test(text))) {
    return { kind: "unknown", because: `\`${path.slice(0, 80)}\` is only known at run time` };
  }
  const names: Steps[] = [];
  for (const full of absolutes(text, cwd, home)) {
    for (const form of foldForms(full)) {
      for (const rooted of withSecondRoots(form)) {
        const steps = follow(rooted, cwd, isGlob || hasUnknownHome(full));
        if (typeof steps === "string") return { kind: "invalid", because: steps };
        names.push(steps);
      }
    }
  }
  return { kind: "names", names };
}

function expandKnown(path: string, cwd: string | undefined): string {
  const text = path.replace(/^(?:\$HOME|\$\{HOME\})(?=\/|$)/, "~");
  return cwd === undefined ? text : text.replace(/^(?:\$PWD|\$\{PWD\})(?=\/|$)/, () => cwd);
}

function absolutes(path: string, cwd: string | undefined, home: string | undefined): readonly string[] {
  if (path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path)) return [path.startsWith("/") ? path : `/${path}`];
  const user = /^~([^/]*)/.exec(path);
  if (user !== null) {
    const rest = path.slice(user[0].length);
    const homes =
      user[1] === "" ? (home === undefined ? UNKNOWN_HOMES : [home]) : [`/home/${user[1]}`, `/Users/${user[1]}`];
    // A file can be called `~` as well.
    return [...homes.map((folder) => folder + rest), `${cwd ?? UNKNOWN_FOLDER}/${path}`];
  }
  return [`${cwd ?? UNKNOWN_FOLDER}/${path}`];
}

function hasUnknownHome(path: string): boolean {
  return path.startsWith("/home/*") || path.startsWith("/Users/*");
}

function withSecondRoots(path: string): readonly string[] {
  const root = SECOND_ROOTS.find((second) => path.startsWith(`${second}/`));
  return root === undefined ? [path] : [path, path.slice(root.length)];
}

/** Step by step, `..` taken back, and back to the beginning wherever `/proc` leads there. */
function follow(path: string, cwd: string | undefined, isGlob: boolean): Steps | string {
  let kept: string[] = [];
  const given = path.split("/");
  if (given.length > MAX_STEPS) return `the path has more than ${MAX_STEPS} segments`;
  const queue = [...given];
  let restarts = 0;
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (kept.at(-1) === "\u0001") return "the path leads out of a folder that nobody named";
      kept.pop();
      continue;
    }
    if (isGlob && name.length > MAX_NAME_LENGTH)
      return `a name in the path has more than ${MAX_NAME_LENGTH} characters`;
    kept.push(name);
    const link = procLink(kept);
    if (link === undefined) continue;
    restarts += 1;
    if (restarts > 16) return "the path goes in circles";
    if (link === "fd") return "the path leads through a process's open files";
    if (link === "cwd" && cwd === undefined) return "the path leads through a folder that nobody named";
    kept = [];
    if (link === "cwd") queue.unshift(...(cwd ?? "").toLowerCase().split("/"));
  }
  return kept.map((name): Segment | typeof DEEP =>
    isGlob ? (name === "**" ? DEEP : parseSegment(name)) : { text: name },
  );
}

/** What the last step is a link to, where it is one of `/proc/<process>/`. */
function procLink(steps: readonly string[]): "root" | "cwd" | "fd" | undefined {
  if (steps[0] !== "proc" || steps.length < 3) return undefined;
  const rest = steps[2] === "task" ? steps.slice(4) : steps.slice(2);
  if (rest.length !== 1) return undefined;
  const [last = ""] = rest;
  if (last === "root" || last === "cwd") return last;
  if (last === "fd" || last === "map_files") return "fd";
  // `/proc/self/r??t`: a wildcard that can be one of them.
  return /[*?[]/.test(last) ? "fd" : undefined;
}
