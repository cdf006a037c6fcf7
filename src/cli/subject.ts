import { type Column, listOf, printList, printThing } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Api } from "./client.ts";
import type { CommandGroup } from "./command.ts";
import { writeNewFile } from "./new-file.ts";
import type { Option } from "./option.ts";
import { UsageError } from "./usage-error.ts";

const WHO = [{ name: "ID", optional: true }] as const;
const WHO_OPTIONS: readonly Option[] = [
  { name: "person", value: "PERSON", help: "by id, or by name or e-mail where exactly one has it" },
  { name: "agent", value: "AGENT", help: "by id or name" },
];
const COLUMNS: readonly Column[] = [
  ["SUBJECT", "subject"],
  ["KIND", "kind"],
  ["ID", "id"],
  ["ERASED", "erased_at"],
];

/** People and agents as events name them: all that is known of one, and forgetting one. */
export const subject: CommandGroup = {
  standard: "list",
  commands: [
    tenantCommand({ name: "list", summary: "who was erased" }, async (api, terminal, args) =>
      printList(terminal, args, listOf(await api.get("/v1/admin/subjects"), "subjects"), COLUMNS, "nobody was erased"),
    ),
    tenantCommand(
      {
        name: "show",
        summary: "whom an id stands for: sub_…, per_…, agt_… or dev_…",
        positionals: WHO,
        options: WHO_OPTIONS,
      },
      async (api, terminal, args) => printThing(terminal, args, await api.get(await pathOf(api, args))),
    ),
    tenantCommand(
      {
        name: "export",
        summary: "all that concerns a person or agent, a JSON object a line",
        positionals: WHO,
        options: [
          ...WHO_OPTIONS,
          { name: "out", value: "FILE", help: "where to write it; standard output unless given" },
        ],
        notes: ["What is sealed for somebody else in the same events stays sealed."],
      },
      async (api, terminal, args) => {
        const lines = await api.stream(await pathOf(api, args, "export"));
        const file = args.option("out");
        if (file !== undefined) {
          await writeNewFile(file, lines);
          await terminal.note(`written to ${file}`);
        } else {
          for await (const chunk of lines) await terminal.write(chunk);
        }
        return 0;
      },
    ),
    tenantCommand(
      {
        name: "erase",
        summary: "make all that was sealed for a person or agent unreadable, for good",
        positionals: WHO,
        options: [
          ...WHO_OPTIONS,
          {
            name: "confirm",
            value: "SUBJECT",
            required: true,
            help: "the subject's id, as `writ subject show` says it",
          },
        ],
        notes: [
          "A person or device has to be revoked first, an agent disabled. The chain still verifies, the archive is reached too.",
          "Backups that were made before hold the key until they are deleted.",
        ],
      },
      async (api, terminal, args) => {
        const body = { confirm: args.option("confirm") };
        return printThing(terminal, args, await api.post(await pathOf(api, args, "erasure"), body));
      },
    ),
  ],
};

async function pathOf(api: Api, args: Arguments, ...more: string[]): Promise<string> {
  const named = [args.maybeAt("ID"), args.option("agent"), args.option("person")].filter((name) => name !== undefined);
  const [first] = named;
  if (first === undefined || named.length > 1) throw new UsageError("name one: ID, --person or --agent");
  const person = args.option("person");
  const id = person === undefined ? first : String((await api.get(apiPath(["admin", "people", person])))["id"]);
  return apiPath(["admin", "subjects", id, ...more]);
}
