import { type Column, listAll, printList, printThing } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";

const AGENT = [{ name: "AGENT" }] as const;
const COLUMNS: readonly Column[] = [
  ["NAME", "name"],
  ["ID", "id"],
  ["STATUS", "status"],
  ["GROUPS", "groups"],
  ["CUSTODY", "custody"],
  ["CREATED", "created_at"],
];

/** Agents: who asks. AGENT is a name or an id. */
export const agent: CommandGroup = {
  commands: [
    tenantCommand(
      {
        name: "create",
        summary: "make an agent",
        positionals: [{ name: "NAME" }],
        options: [
          { name: "group", value: "NAME", many: true, help: "a group that policies name" },
          {
            name: "did",
            value: "DID",
            help: "the agent's own key, `did:key:z6Mk…`; one is made and kept here without",
          },
          { name: "owner", value: "PERSON", help: "the person behind it, by id: they vouch for none of its calls" },
          { name: "require-proof", help: "take a writ only with an invocation that the agent signed; needs --did" },
        ],
      },
      async (api, terminal, args) => {
        const did = args.option("did");
        const owner = args.option("owner");
        return printThing(
          terminal,
          args,
          await api.post("/v1/admin/agents", {
            name: args.at("NAME"),
            groups: args.list("group"),
            ...(did === undefined ? {} : { did }),
            ...(owner === undefined ? {} : { owner }),
            ...(args.has("require-proof") ? { require_proof: true } : {}),
          }),
        );
      },
    ),
    tenantCommand({ name: "list", summary: "all agents" }, (api, terminal, args) =>
      printList(terminal, args, listAll(api, "/v1/admin/agents", "agents"), COLUMNS, "no agents"),
    ),
    tenantCommand({ name: "show", summary: "one agent", positionals: AGENT }, async (api, terminal, args) =>
      printThing(terminal, args, await api.get(apiPath(["admin", "agents", args.at("AGENT")]))),
    ),
    tenantCommand(
      { name: "disable", summary: "refuse everything of an agent from now on", positionals: AGENT },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.post(apiPath(["admin", "agents", args.at("AGENT"), "disablement"]))),
    ),
    tenantCommand({ name: "enable", summary: "undo `disable`", positionals: AGENT }, async (api, terminal, args) =>
      printThing(terminal, args, await api.delete(apiPath(["admin", "agents", args.at("AGENT"), "disablement"]))),
    ),
    tenantCommand(
      {
        name: "owner",
        summary: "say which person is behind an agent, by id; nobody where none is named",
        positionals: [{ name: "AGENT" }, { name: "PERSON", optional: true }],
      },
      async (api, terminal, args) => {
        const path = apiPath(["admin", "agents", args.at("AGENT"), "owner"]);
        const [owner] = args.allAt("PERSON");
        return printThing(terminal, args, await (owner === undefined ? api.delete(path) : api.put(path, { owner })));
      },
    ),
    tenantCommand(
      {
        name: "group",
        summary: "put an agent into exactly these groups; into none where none is named",
        positionals: [{ name: "AGENT" }, { name: "GROUP", optional: true, many: true }],
      },
      async (api, terminal, args) => {
        const path = apiPath(["admin", "agents", args.at("AGENT"), "groups"]);
        return printThing(terminal, args, await api.put(path, { groups: args.allAt("GROUP") }));
      },
    ),
  ],
};
