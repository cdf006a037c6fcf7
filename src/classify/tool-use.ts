import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import type { FileMode } from "./tier.ts";

/** What a call of an agent's own tool does, as far as its name and its input say. */
export type ToolUse =
  | { readonly kind: "shell"; readonly line: string }
  | { readonly kind: "files"; readonly files: readonly UsedFile[] }
  /** Neither: what it does is what the tool matrix says of its name. */
  | { readonly kind: "other" }
  /** Its input is not what such a tool takes. */
  | { readonly kind: "malformed"; readonly because: string };

/** A file that a tool touches. */
export interface UsedFile {
  readonly path: string;
  readonly mode: Exclude<FileMode, "execute">;
  /** Whether wildcards in it are the tool's to expand. */
  readonly isPattern: boolean;
}

interface KnownTool {
  readonly kind: "shell" | "read" | "write" | "edit" | "find" | "patch";
  /** Members of the input that hold the line, or the path; the first that is there counts. */
  readonly members: readonly string[];
}

const PATHS = ["file_path", "path", "absolute_path", "filePath", "notebook_path", "filename", "target_file"] as const;
const LINES = ["command", "cmd", "script"] as const;

/**
 * The tools of coding agents by name: Claude Code, Codex CLI, Gemini CLI, opencode, Cursor. A shell is judged by its line, a
 * tool for files by the gates.
 */
const KNOWN_TOOLS: ReadonlyMap<string, KnownTool> = new Map(
  Object.entries({
    Bash: { kind: "shell", members: LINES },
    bash: { kind: "shell", members: LINES },
    Shell: { kind: "shell", members: LINES },
    shell: { kind: "shell", members: LINES },
    local_shell: { kind: "shell", members: LINES },
    shell_command: { kind: "shell", members: LINES },
    exec_command: { kind: "shell", members: LINES },
    run_shell_command: { kind: "shell", members: LINES },
    run_terminal_cmd: { kind: "shell", members: LINES },
    Read: { kind: "read", members: PATHS },
    read: { kind: "read", members: PATHS },
    read_file: { kind: "read", members: PATHS },
    NotebookRead: { kind: "read", members: PATHS },
    LS: { kind: "read", members: PATHS },
    list: { kind: "find", members: PATHS },
    list_directory: { kind: "find", members: PATHS },
    list_dir: { kind: "find", members: PATHS },
    Glob: { kind: "find", members: PATHS },
    glob: { kind: "find", members: PATHS },
    Grep: { kind: "find", members: PATHS },
    grep: { kind: "find", members: PATHS },
    search_file_content: { kind: "find", members: PATHS },
    Write: { kind: "write", members: PATHS },
    write: { kind: "write", members: PATHS },
    write_file: { kind: "write", members: PATHS },
    Edit: { kind: "edit", members: PATHS },
    edit: { kind: "edit", members: PATHS },
    MultiEdit: { kind: "edit", members: PATHS },
    NotebookEdit: { kind: "edit", members: PATHS },
    replace: { kind: "edit", members: PATHS },
    apply_patch: { kind: "patch", members: ["input", "patch", "command"] },
  } satisfies Record<string, KnownTool>),
);

/** Names of the tools that need no line in the matrix. */
export function isKnownTool(name: string): boolean {
  return KNOWN_TOOLS.has(name);
}

/** Most files that one call of a tool touches. */
const MAX_FILES = 200;

/** What a tool's call does. Total: any name and any input have an answer. */
export function readToolUse(name: string, input: JsonObject): ToolUse {
  const tool = KNOWN_TOOLS.get(name);
  if (tool === undefined) return { kind: "other" };
  const member = tool.members.find((key) => Object.hasOwn(input, key));
  const value = member === undefined ? undefined : input[member];
  switch (tool.kind) {
    case "shell":
      return readShell(name, value);
    case "patch":
      return readPatch(name, value);
    case "find": {
      // Without a path it looks below the folder that it runs in.
      const use = readPaths(name, value ?? ".", "read");
      if (use.kind !== "files") return use;
      const patterns = patternOf(name, input).map(
        (path): UsedFile => ({ path, mode: "read", isPattern: /[*?[]/.test(path) }),
      );
      return { kind: "files", files: [...use.files, ...patterns] };
    }
    case "read":
      return readPaths(name, value, "read");
    case "write":
    case "edit":
      return readPaths(name, value, "write");
  }
}

/** A line as text, or, as some agents give it, an argument vector. */
function readShell(name: string, value: Json | undefined): ToolUse {
  if (typeof value === "string") return { kind: "shell", line: value };
  if (Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string")) {
    return { kind: "shell", line: value.map((word) => quoteWord(String(word))).join(" ") };
  }
  return { kind: "malformed", because: `\`${name}\` takes a command line` };
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function readPaths(name: string, path: Json | undefined, mode: UsedFile["mode"]): ToolUse {
  if (typeof path !== "string" || path === "") return { kind: "malformed", because: `\`${name}\` takes a path` };
  return { kind: "files", files: [{ path, mode, isPattern: false }] };
}

/** The pattern of names where it leads somewhere itself, or to what begins with a dot. */
function patternOf(name: string, { pattern, glob }: JsonObject): readonly string[] {
  const names = /^glob$/i.test(name) ? pattern : glob;
  return typeof names === "string" && /^[~/.]/.test(names) ? [names] : [];
}

const PATCH_LINE = /^\*\*\* (Add|Update|Delete) File: (.+)$|^\*\*\* Move to: (.+)$/gm;

/** The files that a patch in the form of Codex's `apply_patch` names. */
function readPatch(name: string, value: Json | undefined): ToolUse {
  const text = Array.isArray(value) ? value.filter((part) => typeof part === "string").join("\n") : value;
  if (typeof text !== "string") return { kind: "malformed", because: `\`${name}\` takes a patch` };
  const files: UsedFile[] = [];
  for (const [, verb, path, target] of text.matchAll(PATCH_LINE)) {
    files.push({ path: (path ?? target ?? "").trim(), mode: verb === "Delete" ? "delete" : "write", isPattern: false });
    if (files.length > MAX_FILES)
      return { kind: "malformed", because: `\`${name}\` touches more than ${MAX_FILES} files` };
  }
  return files.length === 0 ? { kind: "malformed", because: `\`${name}\` names no file` } : { kind: "files", files };
}
