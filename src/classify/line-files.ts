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
const CHANGERS: ReadonlySet<string> = new Set(["cd", "pushd", "chdir", "popd"]);
const FOLDER_OPTION = /^(?:-C|--directory|--chdir|--cwd|--git-dir|--work-tree|--prefix)(?:=(.*))?$/;

/**
 * What a line's words say of files, relative paths below each folder that it changes to (`cd`, `git -C`, `tar -C`, …), and
 * those folders themselves. Whether a change happens, and in which order, is not followed: any of them may be where it is.
 */
export function filesOfLine({ files, commands }: Classification): LineFiles {
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
