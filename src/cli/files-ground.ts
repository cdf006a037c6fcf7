import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fromUtf8 } from "#src/base/bytes.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { FileRule } from "#src/classify/file-rules.ts";
import { filesOfLine } from "#src/classify/line-files.ts";
import { parseFileRules } from "#src/classify/project-file.ts";
import { readToolUse } from "#src/classify/tool-use.ts";
import { createPathResolver, type WrittenPath } from "#src/io/path-names.ts";

/** A project's own rules. */
export interface ProjectRules {
  /** The folder that holds `.writ`, absolute. */
  readonly folder: string;
  /** The file as it is. */
  readonly text: string;
  readonly rules: readonly FileRule[];
}

const MAX_RULES_BYTES = 64 * 1024;

/** The `.writ/files` of the nearest folder upwards that has one. Throws `invalid_argument` for one that cannot be read or followed. */
export async function readProjectRules(cwd: string): Promise<ProjectRules | undefined> {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const bytes = await readFile(join(folder, ".writ", "files")).catch((error: { readonly code?: string }) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
      throw new WritError("invalid_argument", `the project's rules cannot be read: ${error.code ?? "unknown"}`);
    });
    if (bytes !== undefined) {
      if (bytes.length > MAX_RULES_BYTES) throw new WritError("invalid_argument", "the project's rules are too long");
      const text = fromUtf8(bytes);
      return { folder, text, rules: parseFileRules(text) };
    }
    if (dirname(folder) === folder) return undefined;
  }
}

/** What this machine adds to an ask for a tool: the member `tool` of `POST /v1/authorize`. */
export interface ToolGrounds {
  readonly cwd: string;
  readonly home: string;
  readonly found: readonly { readonly path: string; readonly names: readonly string[] }[];
  readonly project?: { readonly folder: string; readonly rules: string };
}

/** A path of which this machine's disk cannot tell what it is: the tool is not to be used. */
export interface UnfollowedPath {
  readonly unfollowed: string;
}

const MAX_LOOKED_UP = 200;

/**
 * Looks up on this machine's disk every path that a tool's call names, and reads the project's rules. Throws
 * `invalid_argument` where those cannot be read.
 */
export async function groundTool(
  name: string,
  input: JsonObject,
  cwd: string,
  home = homedir(),
): Promise<ToolGrounds | UnfollowedPath> {
  const resolver = createPathResolver({ cwd, home });
  const found: { readonly path: string; readonly names: readonly string[] }[] = [];
  const paths = new Map((await pathsOf(name, input)).map((written) => [written.path, written]));
  for (const written of [...paths.values()].slice(0, MAX_LOOKED_UP)) {
    // What only the shell will know is for a person to look at.
    if (!written.resolved && /[$`]/.test(written.path)) continue;
    const names = await resolver.find(written);
    if (names.kind === "error") return { unfollowed: names.because };
    found.push({ path: written.path, names: names.names });
  }
  const project = await readProjectRules(cwd);
  return {
    cwd,
    home,
    found,
    ...(project === undefined ? {} : { project: { folder: project.folder, rules: project.text } }),
  };
}

async function pathsOf(name: string, input: JsonObject): Promise<readonly WrittenPath[]> {
  const use = readToolUse(name, input);
  if (use.kind === "files") return use.files.map(({ path, isPattern }) => ({ path, resolved: !isPattern }));
  if (use.kind !== "shell") return [];
  // Loaded for lines alone: a hook that is asked about a file starts in half the time without it.
  const { loadShellClassifier } = await import("#src/classify/classify-shell.ts");
  return filesOfLine((await loadShellClassifier()).classify(use.line)).files;
}
