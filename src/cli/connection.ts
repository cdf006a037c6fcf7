import { type Column, listAll, objectOf, printList, printThing, textOf } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { CommandGroup } from "./command.ts";
import { readSecret } from "./input.ts";
import type { Option } from "./option.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const CONNECTION = [{ name: "CONNECTION" }] as const;
const COLUMNS: readonly Column[] = [
  ["NAME", "name"],
  ["ID", "id"],
  ["CONNECTOR", "connector"],
  ["URL", "url"],
  ["AUTH", "auth.kind"],
  ["STATUS", "status"],
];
const AUTH_KINDS = ["bearer", "basic", "header", "query", "none"] as const;
const SECRET_FILE: Option = {
  name: "secret-file",
  value: "FILE",
  help: "where the secret is; asked for, or read from standard input, without",
};
const USER: Option = { name: "user", value: "NAME", help: "the user name of `basic`" };
const SECRET_NOTES = ["The secret is never an argument: every process of the machine sees those."];

/** Connections: where agents' calls lead, with the credentials that agents never see. CONNECTION is a name or an id. */
export const connection: CommandGroup = {
  commands: [
    tenantCommand(
      {
        name: "create",
        summary: "make a connection to an upstream",
        positionals: [{ name: "NAME" }],
        options: [
          { name: "connector", value: "ID", required: true, help: "what its routes mean: `writ connector list`" },
          { name: "url", value: "URL", required: true, help: "its address, such as https://api.github.com" },
          { name: "auth", value: "KIND", required: true, choices: AUTH_KINDS, help: "how its credential is presented" },
          { name: "header", value: "NAME", help: "the header of `--auth header`" },
          { name: "query", value: "NAME", help: "the parameter of `--auth query`" },
          USER,
          SECRET_FILE,
          { name: "wait", value: "SECONDS", help: "how long a call that needs a person waits for one; 0 unless given" },
          { name: "test-path", value: "PATH", help: "what `writ connection test` asks for; `/` unless given" },
        ],
        notes: SECRET_NOTES,
      },
      async (api, terminal, args) => {
        const testPath = args.option("test-path");
        const wait = args.option("wait");
        const settings = {
          ...(testPath === undefined ? {} : { test_path: testPath }),
          ...(wait === undefined ? {} : { wait_seconds: Number(wait) }),
        };
        return printThing(
          terminal,
          args,
          await api.post("/v1/admin/connections", {
            name: args.at("NAME"),
            connector: args.option("connector"),
            url: args.option("url"),
            credential: await readCredential(terminal, args, args.option("auth") ?? ""),
            settings,
          }),
        );
      },
    ),
    tenantCommand({ name: "list", summary: "all connections" }, (api, terminal, args) =>
      printList(terminal, args, listAll(api, "/v1/admin/connections", "connections"), COLUMNS, "no connections"),
    ),
    tenantCommand(
      { name: "show", summary: "one connection, without its secret", positionals: CONNECTION },
      async (api, terminal, args) => printThing(terminal, args, await api.get(pathOf(args))),
    ),
    tenantCommand(
      { name: "disable", summary: "refuse every call through it from now on", positionals: CONNECTION },
      async (api, terminal, args) => printThing(terminal, args, await api.post(pathOf(args, "disablement"))),
    ),
    tenantCommand({ name: "enable", summary: "undo `disable`", positionals: CONNECTION }, async (api, terminal, args) =>
      printThing(terminal, args, await api.delete(pathOf(args, "disablement"))),
    ),
    tenantCommand(
      {
        name: "test",
        summary: "call the upstream once with the credential; exit 1 where it refuses",
        positionals: CONNECTION,
      },
      async (api, terminal, args) => {
        const result = await api.post(pathOf(args, "test"));
        await printThing(terminal, args, result);
        return result["ok"] === true ? 0 : 1;
      },
    ),
    tenantCommand(
      {
        name: "rotate",
        summary: "replace the credential; the old one is destroyed",
        positionals: CONNECTION,
        options: [USER, SECRET_FILE],
        notes: SECRET_NOTES,
      },
      async (api, terminal, args) => {
        const auth = objectOf(await api.get(pathOf(args)), "auth");
        const credential = await readCredential(terminal, args, textOf(auth, "kind"), textOf(auth, "name"));
        return printThing(terminal, args, await api.put(pathOf(args, "credential"), credential));
      },
    ),
  ],
};

function pathOf(args: Arguments, ...action: readonly string[]): string {
  return apiPath(["admin", "connections", args.at("CONNECTION"), ...action]);
}

async function readCredential(
  terminal: Terminal,
  args: Arguments,
  kind: string,
  knownName?: string,
): Promise<Record<string, string>> {
  const read = (question: string): Promise<string> => readSecret(terminal, args.option("secret-file"), question);
  switch (kind) {
    case "none":
      return { kind };
    case "basic": {
      const username = args.option("user");
      if (username === undefined) throw new UsageError("`basic` needs a user name: --user NAME");
      return { kind, username, password: await read("password: ") };
    }
    case "header":
    case "query": {
      const name = args.option(kind) ?? knownName;
      if (name === undefined) throw new UsageError(`\`--auth ${kind}\` needs a name: --${kind} NAME`);
      return { kind, name, value: await read("secret: ") };
    }
    default:
      return { kind, value: await read("secret: ") };
  }
}
