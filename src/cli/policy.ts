import { type Column, listAll, printList, printThing, textOf } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Answer, Api } from "./client.ts";
import type { CommandGroup } from "./command.ts";
import { readText } from "./input.ts";
import { diffLines, withContext } from "./line-diff.ts";
import { check } from "./policy-check.ts";
import { explain } from "./policy-explain.ts";
import { fmt } from "./policy-format.ts";
import { replay } from "./policy-replay.ts";
import { template } from "./policy-template.ts";
import { test } from "./policy-test.ts";
import { UsageError } from "./usage-error.ts";

const FILE = [{ name: "FILE" }] as const;
const COLUMNS: readonly Column[] = [
  ["VERSION", "version"],
  ["ACTIVE", "active"],
  ["CREATED", "created_at"],
  ["SHA-256", "sha256"],
  ["MESSAGE", "message"],
];
const CONTEXT_LINES = 3;
const FILE_NOTE = "FILE is Cedar; `-` is standard input.";

/** Policies: versions that never change, one of them deciding. */
export const policy: CommandGroup = {
  commands: [
    check,
    test,
    fmt,
    template,
    explain,
    replay,
    tenantCommand(
      {
        name: "put",
        summary: "make a new version and let it decide",
        positionals: FILE,
        options: [{ name: "message", value: "TEXT", help: "what changed" }],
        notes: [FILE_NOTE],
      },
      async (api, terminal, args) => {
        const source = await readText(terminal, args.at("FILE"));
        const message = args.option("message") ?? "";
        return printThing(terminal, args, await api.put("/v1/admin/policies", { source, message }));
      },
    ),
    tenantCommand(
      { name: "show", summary: "the deciding version, or another", positionals: [{ name: "VERSION", optional: true }] },
      async (api, terminal, args) => {
        const version = await readVersion(api, args.maybeAt("VERSION"));
        if (args.has("json")) return printThing(terminal, args, version);
        await terminal.write(textOf(version, "source"));
        return 0;
      },
    ),
    tenantCommand({ name: "list", summary: "the versions, newest first" }, (api, terminal, args) =>
      printList(terminal, args, listAll(api, "/v1/admin/policies", "versions"), COLUMNS, "no policies: all is denied"),
    ),
    tenantCommand(
      {
        name: "diff",
        summary: "what differs between two versions; exit 1 where anything does",
        positionals: [{ name: "A" }, { name: "B", optional: true }],
        notes: [
          "A and B are numbers of versions, files, or `-` for standard input. With A alone: from the deciding version to A.",
        ],
      },
      async (api, terminal, args) => {
        const other = args.maybeAt("B");
        const read = (which: string | undefined) => readSource(api, which, (path) => readText(terminal, path));
        const before = await read(other === undefined ? undefined : args.at("A"));
        const lines = diffLines(before, await read(other ?? args.at("A")));
        const isSame = lines.every(({ mark }) => mark === " ");
        if (args.has("json"))
          await terminal.printJson({ same: isSame, lines: lines.filter(({ mark }) => mark !== " ") });
        else for (const line of withContext(lines, CONTEXT_LINES)) await terminal.print(line);
        return isSame ? 0 : 1;
      },
    ),
    tenantCommand(
      { name: "rollback", summary: "let an older version decide again", positionals: [{ name: "VERSION" }] },
      async (api, terminal, args) => {
        const version = parseVersion(args.at("VERSION"));
        if (version === undefined) throw new UsageError("VERSION is a number: `writ policy list`");
        return printThing(terminal, args, await api.post("/v1/admin/policies/rollback", { version }));
      },
    ),
  ],
};

function parseVersion(text: string): number | undefined {
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}

function readVersion(api: Api, version: string | undefined): Promise<Answer> {
  return api.get(apiPath(["admin", "policies", version ?? "active"]));
}

async function readSource(
  api: Api,
  which: string | undefined,
  read: (path: string) => Promise<string>,
): Promise<string> {
  if (which !== undefined && parseVersion(which) === undefined) return read(which);
  return textOf(await readVersion(api, which), "source");
}
