import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import type { Arguments } from "../arguments.ts";
import type { CommandContext, ExitCode } from "../command.ts";
import { diffLines, withContext } from "../line-diff.ts";
import type { HookAdapter } from "./adapter.ts";
import { withHooks, withoutHooks } from "./configuration.ts";

const MAX_CONFIGURATION_BYTES = 4 * 2 ** 20;
const CONTEXT_LINES = 3;

/** Puts the hooks in or takes them out: the difference first, then, with `--yes`, the file. Exit 1 where it was only shown. */
export async function changeConfiguration(
  { terminal }: CommandContext,
  args: Arguments,
  adapter: HookAdapter,
  change: "install" | "uninstall",
): Promise<ExitCode> {
  const project = args.option("project");
  const path = join(project === undefined ? homedir() : resolve(project), ...adapter.configFile);
  const before = readConfiguration(path);
  const command = hookCommand(adapter, args);
  const after = change === "install" ? withHooks(before.value, adapter, command) : withoutHooks(before.value, adapter);
  const isSame = JSON.stringify(after) === JSON.stringify(before.value);
  const text = isSame ? before.text : formatLike(before.text, after);
  const difference = withContext(diffLines(before.text, text), CONTEXT_LINES);
  const isWritten = !isSame && args.has("yes");
  if (isWritten) replaceFile(path, text);
  if (args.has("json")) {
    await terminal.printJson({ path, changed: !isSame, written: isWritten, difference });
  } else if (isSame) {
    await terminal.print(`${path} needs no change`);
  } else {
    await terminal.print(path);
    for (const line of difference) await terminal.print(line);
    await terminal.note(isWritten ? "written" : "nothing was written: `--yes` writes it");
  }
  return isSame || isWritten ? 0 : 1;
}

interface Configuration {
  readonly text: string;
  readonly value: JsonObject;
}

/** A file that is not there is an empty configuration. Throws `invalid_argument` for one that is not JSON: it is left as it is. */
function readConfiguration(path: string): Configuration {
  if (!existsSync(path)) return { text: "", value: {} };
  if (statSync(path).size > MAX_CONFIGURATION_BYTES) throw unusable(path, "it is too large");
  const text = readFileSync(path, "utf8");
  if (text.trim() === "") return { text, value: {} };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unusable(path, messageOf(cause));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unusable(path, "it is no object");
  return { text, value: value as JsonObject };
}

function unusable(path: string, why: string): WritError {
  return new WritError("invalid_argument", `\`${path}\` is not the agent's configuration: ${why}`);
}

/** With the indentation of the file as it was; a file of which nothing is left is empty braces. */
function formatLike(before: string, value: JsonObject): string {
  const indent = /^\{\r?\n([ \t]+)"/.exec(before)?.[1] ?? "  ";
  const text = JSON.stringify(value, null, indent);
  return before === "" || before.endsWith("\n") ? `${text}\n` : text;
}

/** Whole or not at all, with the mode that it had; a link stays one, and what it points to changes. */
function replaceFile(path: string, text: string): void {
  const target = existsSync(path) ? realpathSync(path) : path;
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  const mode = existsSync(target) ? statSync(target).mode & 0o777 : 0o600;
  const fresh = `${target}.writ-${process.pid}`;
  try {
    writeFileSync(fresh, text, { flag: "wx", mode });
    chmodSync(fresh, mode);
    renameSync(fresh, target);
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw new WritError("invalid_argument", `\`${path}\` cannot be written: ${messageOf(cause)}`, { cause });
  }
}

/** What the agent runs: this very program, by its whole path. */
export function hookCommand(adapter: HookAdapter, args: Arguments): string {
  const program = basename(process.execPath).startsWith("writ") ? process.execPath : "writ";
  const keyFile = args.option("key-file");
  const agent = args.option("agent");
  const wait = args.option("wait");
  return [
    quote(program),
    "hook",
    adapter.name,
    ...(keyFile === undefined ? [] : ["--key-file", quote(resolve(keyFile))]),
    ...(agent === undefined ? [] : ["--agent", quote(agent)]),
    ...(wait === undefined ? [] : ["--wait", wait]),
  ].join(" ");
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
