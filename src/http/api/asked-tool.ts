import { WritError } from "#src/base/errors.ts";
import { parseFileRules } from "#src/classify/project-file.ts";
import type { AskedTool } from "#src/decision/asked-tool.ts";
import { anyObject, list, object, optional, text, type ValueOf } from "../shape.ts";

const PATH = text({ max: 4096 });
const MAX_FOUND = 500;

/** A call of one of an agent's own tools, as its hook states it. */
export const TOOL = object({
  name: text({ max: 100, description: "as the agent calls it: `Bash`, `Read`, `mcp__server__tool`" }),
  input: anyObject("the tool's input as the agent gave it"),
  cwd: optional(text({ max: 4096, description: "the folder that it runs in, absolute; `input.cwd` unless given" })),
  home: optional(text({ max: 4096, description: "the home of whoever it runs as, absolute" })),
  host: optional(text({ max: 255, description: "the machine that it runs on" })),
  found: optional(
    list(
      object({
        path: text({ max: 4096, description: "a path as it stands in the input or its command line" }),
        names: list(PATH, MAX_FOUND),
      }),
      MAX_FOUND,
    ),
  ),
  project: optional(
    object({
      folder: text({ max: 4096, description: "the project's folder, absolute" }),
      rules: text({ min: 0, max: 64 * 1024, description: "the text of its `.writ/files`" }),
    }),
  ),
});

/** As decisions take it. Throws `invalid_argument` for a project file that is none: nothing is decided by half of it. */
export function toAskedTool({ name, input, cwd, home, host, found, project }: ValueOf<typeof TOOL>): AskedTool {
  const inner = input["cwd"];
  const folder = cwd ?? (typeof inner === "string" ? inner : undefined);
  const foundNames = new Map((found ?? []).map(({ path, names }) => [path, names]));
  if (foundNames.size < (found?.length ?? 0)) throw new WritError("invalid_argument", "`tool.found` has a path twice");
  return {
    name,
    input,
    ...(folder === undefined ? {} : { cwd: folder }),
    ...(home === undefined ? {} : { home }),
    ...(host === undefined ? {} : { host }),
    foundNames,
    projectRules: project === undefined ? [] : parseFileRules(project.rules),
    ...(project === undefined ? {} : { projectBase: project.folder }),
  };
}
