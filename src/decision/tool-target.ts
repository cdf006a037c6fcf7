import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { CLASSIFIER_VERSION } from "#src/classify/classify-shell.ts";
import { lexicalPath } from "#src/classify/lexical-path.ts";
import { filesOfLine } from "#src/classify/line-files.ts";
import { commandName, isSensitivePath } from "#src/classify/paths.ts";
import { type FileAccess, higherTier } from "#src/classify/tier.ts";
import { readToolUse, type ToolUse } from "#src/classify/tool-use.ts";
import { actionGroups, type Tier } from "#src/connector/table.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { AskedTool, TargetTool, ToolGround, ToolTarget } from "./asked-tool.ts";
import { isToolName, TOOL_TYPE, toolCommandOf } from "./tool-command.ts";

const MAX_LINE_CHARACTERS = 65_536;
const MAX_SHOWN = 4000;
/** Files that an event names; the line names all of them. */
const MAX_RECORDED = 50;

/** What a tool's call is for. Throws `invalid_argument` for a name or folder that is none and for a line that is too long. */
export async function resolveTool(ground: ToolGround, tenant: TenantId, asked: AskedTool): Promise<ToolTarget> {
  const { name, input, cwd, home } = asked;
  if (!isToolName(name)) throw new WritError("invalid_argument", "`tool.name` is no name of a tool");
  for (const folder of [cwd, home, asked.projectBase]) {
    if (folder !== undefined && !isAbsolute(folder)) {
      throw new WritError("invalid_argument", "`tool.cwd`, `tool.home` and `tool.project.folder` are absolute");
    }
  }
  return resolveUse(ground, tenant, asked, readToolUse(name, input));
}

/** A command on a resource, as it is stated. */
interface StatedCommand {
  readonly command: string;
  readonly resource: { readonly type: string; readonly id: string };
}

/** The same for a command of a host that is stated by itself; undefined for any other. */
export function statedUse({ command, resource }: StatedCommand): ToolUse | undefined {
  if (command === "/shell/exec" && resource.type === "Shell::Command") return { kind: "shell", line: resource.id };
  const mode = FILE_MODES.get(command);
  if (mode === undefined || resource.type !== "File::Path") return undefined;
  return { kind: "files", files: [{ path: resource.id, mode, isPattern: false }] };
}

/** A command of a host as {@link statedUse} reads it. */
export function resolveStatedUse(
  ground: ToolGround,
  tenant: TenantId,
  stated: StatedCommand,
  use: ToolUse,
): Promise<ToolTarget> {
  const asked = { name: stated.command, input: {}, foundNames: new Map(), projectRules: [] };
  return resolveUse(ground, tenant, asked, use);
}

const FILE_MODES = new Map([
  ["/file/read", "read"],
  ["/file/write", "write"],
  ["/file/delete", "delete"],
] as const) as ReadonlyMap<string, "read" | "write" | "delete">;

function resolveUse(ground: ToolGround, tenant: TenantId, asked: AskedTool, use: ToolUse): Promise<ToolTarget> {
  switch (use.kind) {
    case "shell":
      return resolveShell(ground, tenant, asked, use.line);
    case "files":
      return resolveFiles(ground, tenant, asked, use.files);
    case "other":
    case "malformed":
      return resolveOther(ground, tenant, asked, use.kind === "malformed" ? use.because : undefined);
  }
}

async function resolveShell(ground: ToolGround, tenant: TenantId, asked: AskedTool, line: string): Promise<ToolTarget> {
  if (line.length > MAX_LINE_CHARACTERS) {
    throw new WritError("invalid_argument", `a command line has at most ${MAX_LINE_CHARACTERS} characters`);
  }
  const { cwd, host } = asked;
  const found = (await ground.loadClassifier()).classify(line);
  const { files, unknown } = filesOfLine(found);
  const listed = found.files.slice(0, MAX_RECORDED);
  const [shown = "", ...paths] = await ground.scrubber.scrub(tenant, [line, ...listed.map(({ path }) => path)]);
  const programs = [...new Set(found.commands.map(({ name }) => programName(name)))];
  const [program] = programs;
  return {
    ...hostTarget("/shell/exec", found.tier),
    resource: { type: "Shell::Command", id: shown },
    attributes: {
      ...(programs.length === 1 && program !== undefined && program !== UNKNOWN_PROGRAM ? { program } : {}),
      ...(cwd === undefined ? {} : { cwd }),
      ...(host === undefined ? {} : { host }),
    },
    tool: {
      ...governed(asked, files),
      programs,
      unknown,
      digest: digestOf({ line, cwd: cwd ?? null, host: host ?? null }),
      classifier: { version: CLASSIFIER_VERSION, reasons: [...new Set(found.reasons.map(({ code }) => code))] },
      recorded: listed.map(({ mode }, place) => ({ path: paths[place] ?? "", mode })),
      shown: "",
    },
  };
}

async function resolveFiles(
  ground: ToolGround,
  tenant: TenantId,
  asked: AskedTool,
  files: Extract<ToolUse, { kind: "files" }>["files"],
): Promise<ToolTarget> {
  const [first] = files;
  const changed = files.filter(({ mode }) => mode !== "read");
  if (first === undefined || changed.length > 1) {
    return resolveOther(ground, tenant, asked, "it changes several files at once: ask for each of them");
  }
  const { path, mode } = changed[0] ?? first;
  const full = lexicalPath(path, asked.cwd, asked.home);
  const tier: Tier =
    mode === "delete" ? "danger" : mode === "read" ? "read" : isSensitivePath(full) ? "danger" : "write";
  const [shown = "", input = ""] = await ground.scrubber.scrub(tenant, [full, canonicalize(asked.input)]);
  const accesses = files.map((file): FileAccess => ({ path: file.path, mode: file.mode, resolved: !file.isPattern }));
  return {
    ...hostTarget(`/file/${mode}`, tier),
    resource: { type: "File::Path", id: shown },
    attributes: { path: shown, name: shown.slice(shown.lastIndexOf("/") + 1) },
    parents: foldersAbove(shown).map((id) => ({ type: "File::Path", id })),
    tool: {
      ...governed(asked, accesses),
      ...exactly(asked, full),
      recorded: [{ path: shown, mode }],
      shown: mode === "read" ? "" : input.slice(0, MAX_SHOWN),
    },
  };
}

const UNKNOWN_PROGRAM = "?";

/** By what a policy names it: a path to a program of its own is no program that anybody knows. */
function programName(name: string): string {
  const known = commandName(name);
  return known !== undefined && /^[A-Za-z0-9_.+-]{1,40}$/.test(known) ? known : UNKNOWN_PROGRAM;
}

/** A tool of which only its name is known: what it may do is for the matrix to say. */
async function resolveOther(
  ground: ToolGround,
  tenant: TenantId,
  asked: AskedTool,
  malformed: string | undefined,
): Promise<ToolTarget> {
  // A command of a host that is stated by itself is what it says it is.
  const command = asked.name.startsWith("/") ? asked.name : toolCommandOf(asked.name);
  if (command === undefined) throw new WritError("invalid_argument", "`tool.name` is no name of a tool");
  const [input = ""] = await ground.scrubber.scrub(tenant, [canonicalize(asked.input)]);
  return {
    ...hostTarget(command, "danger"),
    resource: { type: TOOL_TYPE, id: asked.name },
    personalId: false,
    attributes: {},
    tool: {
      ...governed(asked, []),
      ...exactly(asked, asked.name),
      malformed,
      recorded: [],
      shown: input.slice(0, MAX_SHOWN),
      isOpaque: true,
    },
  };
}

function hostTarget(command: string, tier: Tier): Pick<ToolTarget, "command" | "groups" | "tier" | "personalId"> {
  return { command, groups: actionGroups(command, tier), tier, personalId: true };
}

function governed(asked: AskedTool, files: readonly FileAccess[]): Omit<TargetTool, "digest" | "shown" | "recorded"> {
  const { name, cwd, home, foundNames, projectRules, projectBase } = asked;
  return {
    name,
    place: { ...(cwd === undefined ? {} : { cwd }), ...(home === undefined ? {} : { home }) },
    files,
    foundNames,
    projectRules,
    projectBase,
    programs: [],
    malformed: undefined,
    unknown: undefined,
    classifier: undefined,
    isOpaque: false,
  };
}

function exactly({ name, input, host }: AskedTool, full: string): Pick<TargetTool, "digest"> {
  return { digest: digestOf({ name, input, path: full, host: host ?? null }) };
}

function digestOf(value: JsonObject): string {
  return sha256Hex(`writ.tool.v1\n${canonicalize(value)}`);
}

function foldersAbove(path: string): readonly string[] {
  const folders: string[] = [];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) folders.push(path.slice(0, at));
  return path.startsWith("/") ? [...folders, "/"] : folders;
}

function isAbsolute(path: string): boolean {
  return /^(?:\/|[A-Za-z]:[\\/])/.test(path) && !path.includes("\0");
}

/** The target with a tier that is at least this, and governed by matrix and gates. */
export function withGovernance<
  Ruled extends Pick<ToolTarget, "command" | "groups" | "tier"> & { readonly tool?: TargetTool },
>(target: Ruled, tier: Tier | undefined): Ruled {
  // Of a tool that says nothing of itself the matrix alone can say what it does.
  const own = target.tool?.isOpaque === true && tier !== undefined ? tier : higherTier(target.tier, tier ?? "read");
  const groups = [...actionGroups(target.command, own), ...target.groups.filter((group) => !group.startsWith("tier:"))];
  return { ...target, tier: own, groups: [...new Set([...groups, GOVERNED_GROUP])] };
}

/** The group of actions that built-in policies about tools are for. */
export const GOVERNED_GROUP = "governed";
