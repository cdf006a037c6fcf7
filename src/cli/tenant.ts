import { type Column, listAll, printList, printThing } from "./answer.ts";
import { apiPath, instanceCommand, tenantCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";

const NAME = [{ name: "NAME" }] as const;
const COLUMNS: readonly Column[] = [
  ["NAME", "name"],
  ["ID", "id"],
  ["STATUS", "status"],
  ["POLICY", "policy_version"],
  ["CREATED", "created_at"],
];

/** Tenants: each has its agents, connections, policies and chain to itself. */
export const tenant: CommandGroup = {
  commands: [
    instanceCommand({ name: "create", summary: "make a tenant", positionals: NAME }, async (api, terminal, args) =>
      printThing(terminal, args, await api.post("/v1/admin/tenants", { name: args.at("NAME") })),
    ),
    instanceCommand({ name: "list", summary: "all tenants" }, (api, terminal, args) =>
      printList(terminal, args, listAll(api, "/v1/admin/tenants", "tenants"), COLUMNS, "no tenants"),
    ),
    instanceCommand({ name: "show", summary: "one tenant", positionals: NAME }, async (api, terminal, args) =>
      printThing(terminal, args, await api.get(apiPath(["admin", "tenants", args.at("NAME")]))),
    ),
    instanceCommand(
      { name: "disable", summary: "refuse everything of a tenant from now on", positionals: NAME },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.post(apiPath(["admin", "tenants", args.at("NAME"), "disablement"]))),
    ),
    tenantCommand(
      {
        name: "configure",
        summary: "show or change what holds for all of a tenant's agents",
        options: [
          {
            name: "require-proof",
            value: "YES|NO",
            choices: ["yes", "no"],
            help: "whether a writ, or a key at the proxy, is not enough without proof of the agent's own key",
          },
          {
            name: "explain-to-agents",
            value: "YES|NO",
            choices: ["yes", "no"],
            help: "whether agents may ask why, and see policies and the values that they saw",
          },
        ],
      },
      async (api, terminal, args) => {
        const proof = args.option("require-proof");
        const explain = args.option("explain-to-agents");
        const settings =
          proof === undefined && explain === undefined
            ? await api.get("/v1/admin/settings")
            : await api.put("/v1/admin/settings", {
                ...(proof === undefined ? {} : { require_proof: proof === "yes" }),
                ...(explain === undefined ? {} : { explain_to_agents: explain === "yes" }),
              });
        return printThing(terminal, args, settings);
      },
    ),
    instanceCommand({ name: "enable", summary: "undo `disable`", positionals: NAME }, async (api, terminal, args) =>
      printThing(terminal, args, await api.delete(apiPath(["admin", "tenants", args.at("NAME"), "disablement"]))),
    ),
  ],
};
