import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { HookAdapter } from "../hook/adapter.ts";
import { claude } from "../hook/claude.ts";
import { withHooks } from "../hook/configuration.ts";
import { gemini } from "../hook/gemini.ts";
import type { Variables } from "./environment.ts";

/** A coding agent that is known by its program's name. */
interface KnownProgram {
  readonly adapter: HookAdapter | undefined;
  /** Says what makes the program read one more file of settings, without a change to the user's own. */
  readonly settings?: (file: string) => { readonly words?: readonly string[]; readonly env?: Variables };
}

const PROGRAMS: ReadonlyMap<string, KnownProgram> = new Map<string, KnownProgram>([
  ["claude", { adapter: claude, settings: (file) => ({ words: ["--settings", file] }) }],
  ["gemini", { adapter: gemini, settings: (file) => ({ env: { GEMINI_CLI_SYSTEM_SETTINGS_PATH: file } }) }],
  ["codex", { adapter: undefined }],
  ["opencode", { adapter: undefined }],
  ["cursor-agent", { adapter: undefined }],
]);

const VERSION_MS = 5000;

/** How a program is started with hooks in place. */
export interface HookedProgram {
  readonly words: readonly string[];
  readonly env: Variables;
  /** Whether the agent asks before each tool by its own settings. */
  readonly isHooked: boolean;
}

/** The command line with Writ's hooks where the program is an agent that has some; as it is for any other. */
export function withHooksInPlace(
  words: readonly string[],
  hookProgram: string,
  folder: string,
  seen: string,
): HookedProgram {
  const [program = "", ...rest] = words;
  const { adapter, settings } = PROGRAMS.get(basename(program)) ?? {};
  if (adapter === undefined || settings === undefined) return { words, env: {}, isHooked: false };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const name = "agent-settings.json";
  const hooks = withHooks({}, adapter, `${hookProgram} hook ${adapter.name}`);
  writeFileSync(join(folder, name), JSON.stringify(hooks), { mode: 0o600 });
  const { words: extra = [], env = {} } = settings(join(seen, name));
  return { words: [program, ...extra, ...rest], env, isHooked: true };
}

/** The version that a known agent's program says it has; nothing else of it is asked, and nothing it keeps is opened. */
export async function versionOf(words: readonly string[], env: Variables): Promise<string | undefined> {
  const [program = ""] = words;
  if (!PROGRAMS.has(basename(program))) return undefined;
  try {
    const child = Bun.spawn([program, "--version"], {
      env: { ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      timeout: VERSION_MS,
      killSignal: "SIGKILL",
    });
    const text = await new Response(child.stdout).text();
    return (await child.exited) === 0
      ? /\d+(?:\.\d+)+[\w.-]*/.exec(text.slice(0, 1000))?.[0]?.slice(0, 100)
      : undefined;
  } catch {
    return undefined;
  }
}
