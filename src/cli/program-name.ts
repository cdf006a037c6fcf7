import { basename, relative } from "node:path";

/**
 * What to type to run this program again from `folder`: its name where the shell finds it, else its path.
 *
 * @param executable absolute; that of the runtime where the program runs from its sources, which then goes by its name
 * @param onPath what the shell finds under the name, or null
 */
export function programName(executable: string, onPath: string | null, folder: string): string {
  if (onPath === executable || !basename(executable).startsWith("writ")) return "writ";
  const path = relative(folder, executable);
  return shellWord(path.startsWith("..") ? executable : `./${path}`);
}

/** Text as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
