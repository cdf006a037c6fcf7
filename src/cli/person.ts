import { writeFile } from "node:fs/promises";
import { canonicalize } from "#src/base/canonical-json.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import { type Column, listAll, listOf, printList, printThing, textOf } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer, Api } from "./client.ts";
import type { CommandGroup, ExitCode } from "./command.ts";
import type { Terminal } from "./terminal.ts";

const PERSON = [{ name: "PERSON" }] as const;
const COLUMNS: readonly Column[] = [
  ["NAME", "name"],
  ["ID", "id"],
  ["ROLES", "roles"],
  ["STATUS", "status"],
  ["E-MAIL", "email"],
  ["CREATED", "created_at"],
];
const PASSKEY_COLUMNS: readonly Column[] = [
  ["NAME", "name"],
  ["ID", "id"],
  ["BACKED UP", "backed_up"],
  ["CREATED", "created_at"],
  ["LAST USED", "last_used_at"],
];
const SESSION_COLUMNS: readonly Column[] = [
  ["ID", "id"],
  ["PERSON", "person"],
  ["ADDRESS", "address"],
  ["BROWSER", "browser"],
  ["LAST SEEN", "last_seen_at"],
];
const ROLES = ["owner", "admin", "policy_author", "approver", "auditor", "member"];
const EXPORT = "export";

/** People: who may sign in, as what. PERSON is an id, a name or an e-mail. */
export const person: CommandGroup = {
  commands: [
    tenantCommand(
      {
        name: "setup-link",
        summary: "the one-time link for the first owner; ends with the first passkey",
        notes: ["Good for 15 minutes and once. A new link voids the one before."],
      },
      async (api, terminal, args) => printLink(terminal, args, await api.post("/v1/admin/people/setup-link")),
    ),
    tenantCommand(
      {
        name: "invite",
        summary: "let a person in by a one-time link",
        positionals: [{ name: "NAME" }],
        options: [
          { name: "role", value: "ROLE", many: true, required: true, choices: ROLES, help: "what they are" },
          { name: "email", value: "ADDRESS", help: "where they are told of approvals" },
        ],
        notes: [
          "Good for seven days and once. The host invites owners, until one of them has a passkey; from then on people are invited in",
          "the pages, by a person who is signed in.",
        ],
      },
      async (api, terminal, args) => {
        const email = args.option("email");
        const invited = await api.post("/v1/admin/people", {
          name: args.at("NAME"),
          roles: args.list("role"),
          ...(email === undefined ? {} : { email }),
        });
        return printThing(terminal, args, invited);
      },
    ),
    tenantCommand({ name: "list", summary: "all people" }, (api, terminal, args) =>
      printList(terminal, args, listAll(api, "/v1/admin/people", "people"), COLUMNS, "no people"),
    ),
    tenantCommand(
      { name: "show", summary: "one person with their passkeys", positionals: PERSON },
      async (api, terminal, args) => {
        const found = await api.get(personPath(args));
        if (args.has("json")) return printThing(terminal, args, found);
        await printThing(terminal, args, { ...found, passkeys: undefined });
        await terminal.print();
        return printList(terminal, args, listOf(found, "passkeys"), PASSKEY_COLUMNS, "no passkeys");
      },
    ),
    tenantCommand(
      {
        name: "role",
        summary: "say what a person is from now on; they sign in anew",
        positionals: [{ name: "PERSON" }, { name: "ROLE", many: true }],
      },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.put(personPath(args, "roles"), { roles: args.allAt("ROLE") })),
    ),
    tenantCommand(
      { name: "revoke", summary: "keep a person out from now on, for good", positionals: PERSON },
      async (api, terminal, args) => printThing(terminal, args, await api.post(personPath(args, "revocation"))),
    ),
    tenantCommand(
      {
        name: "passkeys",
        summary: "a person's passkeys; `passkeys export`: every one ever enrolled, for auditors",
        positionals: [{ name: "PERSON|export" }],
        options: [{ name: "out", value: "FILE", help: "where to write the export; standard output unless given" }],
        notes: ["`writ verify --approvers FILE` reads the export and checks what people signed, offline."],
      },
      async (api, terminal, args) => {
        const named = args.at("PERSON|export");
        if (named === EXPORT) return exportPasskeys(api, terminal, args);
        const found = await api.get(apiPath(["admin", "people", named]));
        return printList(terminal, args, listOf(found, "passkeys"), PASSKEY_COLUMNS, "no passkeys");
      },
    ),
    tenantCommand({ name: "sessions", summary: "who is signed in" }, async (api, terminal, args) => {
      const answer = await api.get("/v1/admin/sessions");
      return printList(terminal, args, listOf(answer, "sessions"), SESSION_COLUMNS, "nobody is signed in");
    }),
    tenantCommand(
      { name: "sign-out", summary: "end all sessions of a person", positionals: PERSON },
      async (api, terminal, args) => printThing(terminal, args, await api.post(personPath(args, "sign-out"))),
    ),
    tenantCommand(
      {
        name: "recovery-codes",
        summary: "how many recovery codes a person has left",
        positionals: PERSON,
        options: [{ name: "new", help: "make them anew, printed this once; earlier ones are void" }],
        notes: ["Whoever has a passkey makes their own codes in the pages, signed in: the host cannot."],
      },
      async (api, terminal, args) => {
        if (!args.has("new")) {
          const { id, name, recovery_codes } = await api.get(personPath(args));
          return printThing(terminal, args, { id, name, recovery_codes });
        }
        const made = await api.post(personPath(args, "recovery-codes"));
        if (args.has("json")) return printThing(terminal, args, made);
        for (const code of made["codes"] as readonly string[]) await terminal.print(code);
        return 0;
      },
    ),
    tenantCommand(
      {
        name: "link",
        summary: "a new one-time link for somebody who was invited and has not come yet",
        positionals: PERSON,
      },
      async (api, terminal, args) => printLink(terminal, args, await api.post(personPath(args, "link"))),
    ),
    tenantCommand(
      {
        name: "recover",
        summary: "let an owner in again who lost every passkey, where no other owner can do it",
        positionals: PERSON,
        notes: [
          "It is recorded and shown to everybody of the tenant, and for 24 hours nobody approves. Passkeys that are enrolled stay good:",
          "whoever still has one can undo it. With a recovery code it is not needed.",
        ],
      },
      async (api, terminal, args) => printLink(terminal, args, await api.post(personPath(args, "recovery"))),
    ),
  ],
};

function personPath(args: Arguments, ...rest: readonly string[]): string {
  return apiPath(["admin", "people", args.at("PERSON"), ...rest]);
}

async function printLink(terminal: Terminal, args: Arguments, link: Answer): Promise<ExitCode> {
  if (args.has("json")) return printThing(terminal, args, link);
  await terminal.print(textOf(link, "url"));
  await terminal.note(`good once, until ${textOf(link, "expires_at")}`);
  return 0;
}

/** A line each in its RFC 8785 form: what `--json` prints and what an auditor keeps are the same bytes. */
async function exportPasskeys(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const { enrolments } = await api.get("/v1/admin/passkeys");
  const lines = (enrolments as readonly Answer[]).map((enrolment) => `${canonicalize(enrolment)}\n`).join("");
  const out = args.option("out");
  if (out === undefined) {
    await terminal.write(lines);
    return 0;
  }
  try {
    await writeFile(out, lines, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    throw new WritError("invalid_argument", `\`${out}\` cannot be written: ${messageOf(cause)}`, { cause });
  }
  return 0;
}
