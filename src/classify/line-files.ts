import type { Classification, CommandSeen, FileAccess } from "./tier.ts";

/** The files of a line, each in every folder that the line may be in when it is touched. */
export interface LineFiles {
  readonly files: readonly FileAccess[];
  /** Why nobody can tell where some of them are. */
  readonly unknown: string | undefined;
}

/** Folders that one line goes into at most. */
const MAX_FOLDERS = 8;
const MAX_FILES = 400;
/** Of one command: no more are kept. */
const MAX_WORDS = 200;
const CHANGERS: ReadonlySet<string> = new Set(["cd", "pushd", "chdir", "popd"]);
const FOLDER_OPTION = /^(?:-C|--directory|--chdir|--cwd|--git-dir|--work-tree|--prefix)(?:=(.*))?$/;

/**
 * What a line's words say of files, relative paths below each folder that it changes to (`cd`, `git -C`, `tar -C`, …), and
 * those folders themselves. Whether a change happens, and in which order, is not followed: any of them may be where it is.
 */
export function filesOfLine({ files: named, commands }: Classification): LineFiles {
  const listed = isListed(commands) ? named.filter((file) => !isFromList(file)) : named;
  const files = distinct([...listed, ...commands.flatMap(patternsOf), ...commands.flatMap(wordFiles)]);
  if (files.length > MAX_FILES)
    return { files: files.slice(0, MAX_FILES), unknown: `names more than ${MAX_FILES} files` };
  if (commands.some(({ name, argv }) => ANY_WORD.has(name) && argv.length >= MAX_WORDS)) {
    return { files, unknown: "the line has too many words" };
  }
  const folders = commands.flatMap(foldersOf);
  const plain = [...new Set(folders)];
  const dark = plain.find((folder) => /[$`]|^-$|^[+-]\d/.test(folder.replace(/^(?:\$HOME|\$\{HOME\})(?=\/|$)/, "~")));
  if (dark !== undefined && files.some(({ path }) => isRelative(path))) {
    return { files, unknown: `the folder \`${dark.slice(0, 80)}\` is only known at run time` };
  }
  const known = plain.filter((folder) => folder !== dark);
  const all = placesOf(known);
  const relative = files.filter(({ path }) => isRelative(path));
  if (known.length > MAX_FOLDERS || relative.length * all.length > MAX_FILES) {
    return { files, unknown: "the line is in too many folders" };
  }
  const entered = known.map((path): FileAccess => ({ path, mode: "read", resolved: !/[*?[$]/.test(path) }));
  const below = all.flatMap((folder) =>
    relative.map(
      (file): FileAccess => ({
        ...file,
        path: `${folder}/${file.path}`,
        resolved: file.resolved && !/[*?[$]/.test(folder),
      }),
    ),
  );
  return { files: [...files, ...entered, ...below], unknown: undefined };
}

function distinct(files: readonly FileAccess[]): readonly FileAccess[] {
  return [...new Map(files.map((file) => [`${file.mode} ${file.resolved} ${file.path}`, file])).values()];
}

/** A name that comes out of a list of files: of `find` itself, or of what is piped into `xargs`. */
function isFromList({ path, resolved }: FileAccess): boolean {
  return !resolved && (path === "…" || path.includes("{}"));
}

const LISTERS: ReadonlySet<string> = new Set(["find", "fd", "git", "rg", "grep"]);
const PASSERS: ReadonlySet<string> = new Set(["sort", "uniq", "head", "tail"]);

/** Whether every list in the line is made by a program that lists files: then nobody but it chose the names. */
function isListed(commands: readonly CommandSeen[]): boolean {
  return commands.every(({ name }, at) => {
    if (name !== "xargs") return true;
    const before = commands.slice(0, at).findLast((command) => !PASSERS.has(command.name));
    return before !== undefined && LISTERS.has(before.name);
  });
}

const NAME_TESTS: ReadonlySet<string> = new Set(["-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename"]);

/** The names that `find` is told to look for are files of the line. */
function patternsOf({ name, argv }: CommandSeen): readonly FileAccess[] {
  if (name !== "find") return [];
  return argv.flatMap((word, at): FileAccess[] => {
    const path = NAME_TESTS.has(word) ? argv[at + 1] : undefined;
    // A bare `*` and an ending say nothing of what is looked for.
    if (path === undefined || /^\*|[$`]/.test(path)) return [];
    return [{ path, mode: "read", resolved: !/[*?[]/.test(path) }];
  });
}

/** Programs whose words the table does not tell apart: any of them may be a file. */
const ANY_WORD: ReadonlySet<string> = new Set(
  "tar openssl split 7z 7za 7zr wget gpg gpg2 ssh sftp docker podman nerdctl cpio age sops kubectl helm git".split(" "),
);
const GIT_READERS: ReadonlySet<string> = new Set(
  "show diff blame annotate cat-file archive log checkout restore".split(" "),
);

function wordFiles({ name, argv }: CommandSeen): readonly FileAccess[] {
  if (!ANY_WORD.has(name) || (name === "git" && !argv.some((word) => GIT_READERS.has(word)))) return [];
  const words = argv.slice(1).flatMap((word) =>
    word
      .replace(/^--?[\w-]+=/, "")
      .replace(/^@/, "")
      .split(/[:,]/),
  );
  return words
    .filter((word) => /^[~./\w][^\s$`{}]*$/.test(word) && /[./~_]/.test(word))
    .map((path): FileAccess => ({ path, mode: "read", resolved: !/[*?[]/.test(path) }));
}

function foldersOf({ name, argv }: CommandSeen): readonly string[] {
  if (CHANGERS.has(name)) {
    const words = argv.slice(1).filter((word) => word === "-" || !/^-[A-Za-z@]/.test(word) || word === "--");
    return [words.filter((word) => word !== "--")[0] ?? "~"];
  }
  const found: string[] = [];
  for (const [at, word] of argv.entries()) {
    const option = FOLDER_OPTION.exec(word);
    const folder = option?.[1] ?? (option === null ? undefined : argv[at + 1]);
    if (folder !== undefined && folder !== "") found.push(folder);
    else if (/^-C./.test(word)) found.push(word.slice(2));
  }
  return found;
}

/** Every folder by itself, and below the ones before it. */
function placesOf(folders: readonly string[]): readonly string[] {
  const places: string[] = [];
  for (const folder of folders) {
    const under = isRelative(folder) ? places.slice(0, MAX_FOLDERS).map((place) => `${place}/${folder}`) : [];
    places.push(folder, ...under);
  }
  return places.slice(0, 4 * MAX_FOLDERS);
}

function isRelative(path: string): boolean {
  return !/^(?:[/~]|\$HOME(?:\/|$)|\$\{HOME\}|[A-Za-z]:[\\/])/.test(path);
}

/** Programs that read whole trees below what they are given. */
const TREE_READERS: ReadonlySet<string> = new Set(
  "grep egrep fgrep rg ag ack cp tar zip 7z rsync scp pax cpio find fd strings xargs cat rclone restic borg git".split(
    " ",
  ),
);
/** Folders that people's credentials lie in, or the system's. */
const HOMES = /^(?:~[^/]*|\/home\/[^/]+|\/Users\/[^/]+|\/root|\/var\/root)$/;
const ABOVE_HOMES = /^(?:\/|\/home|\/Users|\/etc)$/;

/**
 * What stands for all that a program reads below a folder: of somebody's home, and of what is above homes, a file that no
 * rule leaves open unless every rule does. Other trees are not looked into.
 *
 * @param full the folder's path by its words
 * @param programs all that the line runs
 */
export function treeSample(full: string, programs: readonly string[], home: string | undefined): string | undefined {
  if (!programs.some((program) => TREE_READERS.has(program))) return undefined;
  if (full === home || HOMES.test(full)) return `${full}/.ssh/id_rsa`;
  return ABOVE_HOMES.test(full) ? "/etc/shadow" : undefined;
}
