import { type Dirent, lstatSync, type Stats } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { messageOf } from "#src/base/errors.ts";

/** A path as it stands in a command line or in a tool's input. */
export interface WrittenPath {
  readonly path: string;
  /** Whether it is the very name; otherwise wildcards in it are a shell's. */
  readonly resolved: boolean;
}

/** What the disk knows a path as; an error where it cannot be told, which is a no. */
export type FoundNames =
  | { readonly kind: "names"; readonly names: readonly string[] }
  | { readonly kind: "error"; readonly because: string };

/** Finds all names that a path has on this machine's disk. */
export interface PathResolver {
  find(written: WrittenPath): Promise<FoundNames>;
}

/** Where paths are relative to. */
export interface ResolverPlace {
  /** Absolute. */
  readonly cwd: string;
  /** Absolute. */
  readonly home: string;
}

const MAX_FOUND = 500;
const MAX_GUARDED = 3000;
const NOT_THERE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR"]);
/** Where a second name of a guarded file would lead: folders and files below a home, and beside the work. */
const GUARDED_AT_HOME = [
  ".ssh .gnupg .aws .azure .kube .config/gcloud .config/gh .docker .claude .codex .gemini .password-store .config/writ",
  ".netrc .npmrc .pypirc .pgpass .my.cnf .git-credentials .vault-token .env .claude.json .config/github-copilot",
].flatMap((line) => line.split(" "));

/**
 * Makes a resolver: `~` and wildcards are expanded, links followed to their end, of what is not there yet the folders above,
 * and of a file with several hard links those names that lie where credentials do.
 */
export function createPathResolver({ cwd, home }: ResolverPlace): PathResolver {
  let guarded: Promise<ReadonlyMap<string, string>> | undefined;

  const find = async ({ path, resolved }: WrittenPath): Promise<FoundNames> => {
    const text = path.replace(/^(?:~|\$HOME|\$\{HOME\})(?=\/|$)/, home);
    if (path.includes("\0")) return { kind: "error", because: "the path holds a NUL" };
    if (!resolved && /[$`]/.test(text)) return { kind: "error", because: "the path is only known at run time" };
    // Not taken back by its words: behind a link, `..` leads elsewhere.
    const full = isAbsolute(text) ? text : `${cwd}/${text}`;
    const plain = resolved || !/[*?[]/.test(text) ? [full] : await expand(full);
    if (plain.length > MAX_FOUND) return { kind: "error", because: `the pattern finds more than ${MAX_FOUND} files` };
    const names = new Set<string>();
    for (const name of plain) {
      names.add(resolve(name));
      names.add(await followToEnd(name));
      const twin = await twinOf(name);
      if (twin !== undefined) names.add(twin);
    }
    return { kind: "names", names: [...names] };
  };

  /** The guarded file that is the same file under another name. */
  const twinOf = async (name: string): Promise<string | undefined> => {
    const found = await statOf(name);
    if (found === undefined || !found.isFile() || found.nlink < 2) return undefined;
    guarded ??= guardedFiles(cwd, home);
    return (await guarded).get(identity(found));
  };

  return {
    find: async (written) => {
      try {
        return await find(written);
      } catch (error) {
        return { kind: "error", because: `\`${written.path.slice(0, 100)}\` cannot be followed: ${messageOf(error)}` };
      }
    },
  };
}

/** Names that a pattern finds; none where it finds none: a shell then takes it as it stands, which finds nothing either. */
async function expand(pattern: string): Promise<readonly string[]> {
  const steps = pattern.split("/");
  const first = steps.findIndex((step) => /[*?[]/.test(step));
  const folder = steps.slice(0, first).join("/") || "/";
  const found: string[] = [pattern];
  const scan = new Bun.Glob(steps.slice(first).join("/")).scan({ cwd: folder, onlyFiles: false, dot: false });
  try {
    for await (const name of scan) {
      found.push(`${folder}/${name}`);
      if (found.length > MAX_FOUND) break;
    }
  } catch (error) {
    if (!isNotThere(error)) throw error;
  }
  return found;
}

/** Where links lead; of what is not there, the folders above it. */
async function followToEnd(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isNotThere(error) || dirname(path) === path || basename(path) === "..") throw error;
    // A link that leads nowhere would make the file where it points.
    if (await isLink(path)) throw error;
    return join(await followToEnd(dirname(path)), basename(path));
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (isNotThere(error)) return false;
    throw error;
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** By device and inode. What cannot be read is nobody's to link to. */
async function guardedFiles(cwd: string, home: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const place of GUARDED_AT_HOME) await addFiles(files, join(home, place), 2);
  for (let folder = cwd; ; folder = dirname(folder)) {
    for (const entry of await entriesOf(folder)) {
      if (entry.name.startsWith(".env") || entry.name === ".writ") await addFiles(files, join(folder, entry.name), 1);
    }
    if (folder === home || folder === dirname(folder)) return files;
  }
}

async function addFiles(files: Map<string, string>, path: string, depth: number): Promise<void> {
  if (files.size >= MAX_GUARDED) return;
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (found.isFile()) files.set(identity(found), path);
  else if (found.isDirectory() && depth > 0) {
    for (const entry of await entriesOf(path)) await addFiles(files, join(path, entry.name), depth - 1);
  }
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

function identity({ dev, ino }: Stats): string {
  return `${dev} ${ino}`;
}

function isNotThere(error: unknown): boolean {
  return NOT_THERE.has((error as { readonly code?: string }).code ?? "");
}
