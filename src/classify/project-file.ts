import { WritError } from "#src/base/errors.ts";
import { FILE_ACCESSES, type FileRule, requireGlob } from "./file-rules.ts";

/** Most rules of one project. */
const MAX_RULES = 200;

/**
 * The rules of a project's `.writ/files`: one a line, `noAccess GLOB`, `readOnly GLOB` or `readWrite GLOB`; `#` begins a comment.
 * They can only take away: `readWrite` says that nothing is taken here. Throws `invalid_argument`, naming the line.
 */
export function parseFileRules(text: string): readonly FileRule[] {
  const rules: FileRule[] = [];
  for (const [place, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, word = "", glob = ""] = /^(\S+)\s+(.+)$/.exec(line) ?? [];
    const access = FILE_ACCESSES.find((name) => name === word);
    if (access === undefined) {
      throw new WritError("invalid_argument", `line ${place + 1} of the project's rules is not an access and a glob`);
    }
    requireGlob(glob);
    rules.push({ level: "project", glob, access });
    if (rules.length > MAX_RULES)
      throw new WritError("invalid_argument", `a project has at most ${MAX_RULES} file rules`);
  }
  return rules;
}
