import { type Column, listAll, printList, printThing, textOf } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer, Api } from "./client.ts";
import type { CommandGroup } from "./command.ts";
import { readText } from "./input.ts";
import { diffLines, withContext } from "./line-diff.ts";
import type { Option } from "./option.ts";
import { build } from "./policy-build.ts";
import { bundle } from "./policy-bundle.ts";
import { check } from "./policy-check.ts";
import { explain } from "./policy-explain.ts";
import { fmt } from "./policy-format.ts";
import { replay } from "./policy-replay.ts";
import { schema } from "./policy-schema.ts";
import { shadow } from "./policy-shadow.ts";
import { orTellProblems } from "./policy-source.ts";
import { template } from "./policy-template.ts";
import { test } from "./policy-test.ts";
import { UsageError } from "./usage-error.ts";

const FILE = [{ name: "FILE" }] as const;
const COLUMNS: readonly Column[] = [
  ["VERSION", "version"],
  ["ACTIVE", "active"],
  ["CREATED", "created_at"],
  ["BY", "author"],
  ["POLICIES", "policies"],
  ["SCHEMA", "schema_version"],
  ["MESSAGE", "message"],
];
const EXPECT: Option = {
  name: "expect",
  value: "VERSION",
  help: "the version that must be deciding, so that two authors do not undo each other; 0 for none",
};
const CONTEXT_LINES = 3;
const FILE_NOTE = "FILE is Cedar; `-` is standard input.";

/** Policies: versions that never change, one of them deciding. */
export const policy: CommandGroup = {
  listedBy: "writ policy versions",
  commands: [
    check,
    test,
    schema,
    build,
    fmt,
    template,
    explain,
    replay,
    shadow,
    bundle,
    tenantCommand(
      {
        name: "put",
        summary: "make a new version and let it decide",
        positionals: FILE,
        options: [
          { name: "message", value: "TEXT", help: "what changed" },
          { name: "draft", help: "store it and let nothing be decided by it: `policy activate` does" },
          EXPECT,
        ],
        notes: [FILE_NOTE, "It is validated strictly against the tenant's schema: `writ policy schema show --whole`."],
      },
      async (api, terminal, args) => {
        const source = await readText(terminal, args.at("FILE"));
        const message = args.option("message") ?? "";
        const body = { source, message, activate: !args.has("draft"), ...expected(args) };
        const saved = await orTellProblems(
          terminal,
          args.at("FILE"),
          api.put("/v1/admin/policies", body),
          "nothing was saved",
        );
        return saved === undefined ? 2 : printThing(terminal, args, saved);
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
    tenantCommand({ name: "versions", summary: "the versions, newest first" }, (api, terminal, args) =>
      printList(
        terminal,
        args,
        listAll(api, "/v1/admin/policies/versions", "versions"),
        COLUMNS,
        "no policies: all is denied",
      ),
    ),
    tenantCommand(
      {
        name: "activate",
        summary: "let a draft, or any version, decide",
        positionals: [{ name: "VERSION" }],
        options: [EXPECT],
      },
      async (api, terminal, args) => {
        const path = apiPath(["admin", "policies", "versions", readNumber(args), "activation"]);
        return printThing(terminal, args, await api.post(path, expected(args)));
      },
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
      {
        name: "rollback",
        summary: "let an older version decide again, under the schema that it was validated against",
        positionals: [{ name: "VERSION" }],
        options: [EXPECT],
      },
      async (api, terminal, args) => {
        const body = { version: Number(readNumber(args)), ...expected(args) };
        return printThing(terminal, args, await api.post("/v1/admin/policies/rollback", body));
      },
    ),
  ],
};

function readNumber(args: Arguments): string {
  const version = args.at("VERSION");
  if (parseVersion(version) === undefined) throw new UsageError("VERSION is a number: `writ policy versions`");
  return version;
}

function expected(args: Arguments): Answer {
  const version = args.count("expect", { min: 0, max: Number.MAX_SAFE_INTEGER });
  return version === undefined ? {} : { expected_version: version };
}

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
