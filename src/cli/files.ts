import { homedir } from "node:os";
import { resolve } from "node:path";
import {
  compileFileRules,
  FILE_ACCESSES,
  FILE_LEVELS,
  type FileGate,
  type FileRule,
  type FileVerdict,
  joinGates,
} from "#src/classify/file-rules.ts";
import { createPathResolver } from "#src/io/path-names.ts";
import { type Column, listOf, printList, printThing, textOf } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer, Api } from "./client.ts";
import type { CommandGroup, ExitCode } from "./command.ts";
import { readProjectRules } from "./files-ground.ts";
import type { Option } from "./option.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const AGENT: Option = { name: "agent", value: "AGENT", help: "with the rules of this agent, by name or id" };
const CWD: Option = { name: "cwd", value: "FOLDER", help: "where the path is used; here unless given" };
const MODES = ["read", "write", "delete"] as const;
type Mode = (typeof MODES)[number];
const COLUMNS: readonly Column[] = [
  ["LEVEL", "level"],
  ["ACCESS", "access"],
  ["GLOB", "glob"],
  ["AGENT", "agent"],
  ["ID", "id"],
];

/** Files that agents may touch: rules by glob, of which the strictest wins. */
export const files: CommandGroup = {
  commands: [
    tenantCommand(
      {
        name: "check",
        summary: "say whether an agent may touch a file, and which rule decides; exit 1 where it may not",
        positionals: [{ name: "PATH" }],
        options: [
          { name: "mode", value: "MODE", choices: MODES, help: "what is done to it; `read` unless given" },
          AGENT,
          CWD,
        ],
      },
      async (api, terminal, args) => {
        const mode = (args.option("mode") ?? "read") as Mode;
        const { verdict, names } = await judge(await loadGate(api, args), args, mode);
        if (args.has("json")) await terminal.printJson(render(args.at("PATH"), mode, verdict, names));
        else await printVerdict(terminal, mode, verdict, names);
        return verdict.kind === "open" ? 0 : 1;
      },
    ),
    tenantCommand(
      {
        name: "why",
        summary: "say what an agent may do to a file, and which rules decide",
        positionals: [{ name: "PATH" }],
        options: [AGENT, CWD],
      },
      async (api, terminal, args) => {
        const gate = await loadGate(api, args);
        for (const mode of MODES) {
          const { verdict, names } = await judge(gate, args, mode);
          if (args.has("json")) await terminal.printJson(render(args.at("PATH"), mode, verdict, names));
          else await printVerdict(terminal, mode, verdict, names);
        }
        return 0;
      },
    ),
    tenantCommand(
      {
        name: "rule",
        summary: "add, list or remove rules",
        positionals: [{ name: "ACTION" }, { name: "WHAT", optional: true, many: true }],
        options: [AGENT],
        notes: [
          "ACTION is `list`, `add ACCESS GLOB` or `remove RULE`. ACCESS is noAccess, readOnly or readWrite: a rule can only",
          "take away. GLOB: `*` within a name, `**` for folders; `/…` is absolute, `~/…` in any home, anything else at any",
          "depth. `list` shows what holds, the highest level first; what comes with Writ stays.",
        ],
      },
      runRule,
    ),
  ],
};

async function runRule(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const [first, second, ...more] = args.allAt("WHAT");
  const action = args.at("ACTION");
  if (action === "list" && first === undefined) {
    return printList(terminal, args, await loadRules(api, args), COLUMNS, "no rules");
  }
  if (action === "add" && first !== undefined && second !== undefined && more.length === 0) {
    const agent = args.option("agent");
    const rule = { access: first, glob: second, ...(agent === undefined ? {} : { agent }) };
    return printThing(terminal, args, await api.post("/v1/admin/file-rules", rule));
  }
  if (action === "remove" && first !== undefined && second === undefined) {
    return printThing(terminal, args, await api.delete(apiPath(["admin", "file-rules", first])));
  }
  throw new UsageError("ACTION is `list`, `add ACCESS GLOB` or `remove RULE`");
}

async function loadRules(api: Api, args: Arguments): Promise<readonly Answer[]> {
  const agent = args.option("agent");
  return listOf(await api.get("/v1/admin/file-rules", agent === undefined ? {} : { agent }), "rules");
}

/** The server's rules and this folder's. */
async function loadGate(api: Api, args: Arguments): Promise<FileGate> {
  const project = await readProjectRules(folderOf(args));
  const gates = [compileFileRules((await loadRules(api, args)).flatMap(parseRule))];
  if (project !== undefined) gates.push(compileFileRules(project.rules, { base: project.folder }));
  return joinGates(gates);
}

/** A rule that this program does not know closes nothing that it could know of: the server would say so itself. */
function parseRule(rule: Answer): readonly FileRule[] {
  const level = FILE_LEVELS.find((name) => name === textOf(rule, "level"));
  const access = FILE_ACCESSES.find((name) => name === textOf(rule, "access"));
  if (level === undefined || access === undefined) return [];
  const except = Array.isArray(rule["except"]) ? rule["except"].map(String) : [];
  return [{ level, access, glob: textOf(rule, "glob"), except }];
}

function folderOf(args: Arguments): string {
  return resolve(args.option("cwd") ?? ".");
}

async function judge(
  gate: FileGate,
  args: Arguments,
  mode: Mode,
): Promise<{ readonly verdict: FileVerdict; readonly names: readonly string[] }> {
  const [path, cwd, home] = [args.at("PATH"), folderOf(args), homedir()];
  const resolved = !/[*?[]/.test(path);
  const found = await createPathResolver({ cwd, home }).find({ path, resolved });
  if (found.kind === "error") return { verdict: { kind: "invalid", because: found.because }, names: [] };
  const { names } = found;
  return { verdict: gate.judge({ path, mode, resolved, foundNames: names }, { cwd, home }), names };
}

function render(path: string, mode: Mode, verdict: FileVerdict, names: readonly string[]): object {
  const { kind } = verdict;
  const rule = "rule" in verdict ? verdict.rule : undefined;
  const because = "because" in verdict ? verdict.because : undefined;
  return {
    path,
    mode,
    allowed: kind === "open",
    ...(because === undefined ? {} : { because }),
    ...(rule === undefined ? {} : { rule: { level: rule.level, glob: rule.glob, access: rule.access } }),
    names,
  };
}

async function printVerdict(
  terminal: Terminal,
  mode: Mode,
  verdict: FileVerdict,
  names: readonly string[],
): Promise<void> {
  const isOpen = verdict.kind === "open";
  const rule = "rule" in verdict ? verdict.rule : undefined;
  const why =
    "because" in verdict
      ? verdict.because
      : rule === undefined
        ? "no rule is about it"
        : `the ${rule.level} rule \`${rule.glob}\` leaves it open`;
  await terminal.printMarked(isOpen ? "good" : "bad", isOpen ? "open" : "closed", `  ${mode}: ${why}`);
  if (names.length > 1) await terminal.note(`  also known as ${names.slice(1, 6).join(", ")}`);
}
