import { plainPath } from "./paths.ts";

/** A path as it would be written from the root, by its words alone; as it is where nobody said what it is relative to. */
export function lexicalPath(path: string, cwd: string | undefined, home: string | undefined): string {
  const text = home !== undefined && /^~(?=\/|$)/.test(path) ? home + path.slice(1) : path;
  if (text.startsWith("/") || /^[A-Za-z]:[\\/]/.test(text) || text.startsWith("~")) return plainPath(text);
  return cwd === undefined ? plainPath(text) : plainPath(`${cwd}/${text}`);
}
