/** The threads beside the main one; each is an entry point of the build. */
export type ThreadName = "writer-worker" | "reader-worker";

/**
 * Starts a thread of this folder.
 *
 * In the compiled binary every entry point lies under one root, by its path below `src`; from source it is a sibling file.
 */
export function startThread(name: ThreadName): Worker {
  const compiled = import.meta.url.includes("$bunfs") || import.meta.url.includes("~BUN");
  return new Worker(new URL(compiled ? `./store/${name}.js` : `./${name}.ts`, import.meta.url));
}
