import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseConfig } from "#src/config/config.ts";
import { databasePath } from "#src/store/database.ts";
import { listOf, textOf } from "../answer.ts";
import { makeDataFolder } from "../init.ts";
import type { Step } from "./story.ts";
import type { World } from "./world.ts";

/** What the agent may do: read and write issues of one repository, deploy it with a person's word, never delete it. */
const POLICY = `@id("demo.issues")
permit (
  principal,
  action in Action::"/github/issues",
  resource == GitHub::Repository::"acme/app"
);

@id("demo.deploy")
permit (
  principal,
  action == Action::"/github/actions/dispatch-workflow",
  resource == GitHub::Repository::"acme/app"
);

@id("demo.never-delete")
forbid (
  principal,
  action == Action::"/github/repositories/delete",
  resource
);
`;

/** From an empty folder to an instance with an agent, a connection and a policy. */
export const SETUP_STEPS: readonly Step<World>[] = [
  {
    name: "init",
    story: "init makes three keys, readable by their owner alone, and keeps them outside the database",
    expected: { keys: 3, mode: "600", beside_them: "no database" },
    run: async (world) => {
      const { paths, keys } = await makeDataFolder(world);
      world.keep("sealKey", keys.find(({ purpose }) => purpose === "seal")?.id ?? "");
      const files = paths.filter((path) => path.endsWith(".key"));
      const modes = files.map((path) => (statSync(absolute(world, path)).mode & 0o777).toString(8));
      return {
        keys: files.length,
        mode: [...new Set(modes)].join(" "),
        beside_them: existsSync(databasePath(world.dataFolder)) ? "a database" : "no database",
      };
    },
  },
  {
    name: "serve",
    story: "writ serves on loopback; the operator has a socket in the data folder that nobody else may open",
    expected: { health: 200, socket_mode: "600" },
    run: async (world) => {
      const startApp = await world.loadApp();
      const { raw, log } = world;
      const app = await startApp({ config: parseConfig(raw), raw, log, listen: "tcp" });
      world.keep("app", app);
      const { status } = await world.agent.ask(app.address, { method: "GET", path: "/healthz" });
      return { health: status, socket_mode: (statSync(app.socketPath).mode & 0o777).toString(8) };
    },
  },
  {
    name: "connection",
    story: "a connection holds the upstream's credential, sealed: no file of the data folder has it in plain",
    expected: { test: "ok", upstream_status: 200, shown: false, stored_in_plain: false },
    run: async (world) => {
      const { origin, token } = world.upstream;
      const made = await world.operate((api) =>
        api.post("/v1/admin/connections", {
          name: "github",
          connector: "github",
          url: origin,
          credential: { kind: "bearer", value: token },
          settings: { test_path: "/repos/acme/app/issues" },
        }),
      );
      const tested = await world.operate((api) => api.post("/v1/admin/connections/github/test"));
      return {
        test: tested["ok"] === true ? "ok" : "refused",
        upstream_status: textOf(tested, "status"),
        shown: JSON.stringify([made, tested]).includes(token),
        stored_in_plain: world.storesInPlain(token),
      };
    },
  },
  {
    name: "agent",
    story: "an agent gets a key of Writ's own; Writ keeps only its hash",
    expected: { key: "writ_agent_", stored_in_plain: false },
    run: async (world) => {
      await world.operate((api) => api.post("/v1/admin/agents", { name: "helper" }));
      const issued = await world.operate((api) => api.post("/v1/admin/keys", { agent: "helper" }));
      const key = textOf(issued, "key");
      if (key !== "") world.keep("agentKey", key);
      world.keep("agentKeyId", textOf(issued, "id"));
      const secret = key.slice(key.lastIndexOf("_") + 1);
      return { key: key.slice(0, "writ_agent_".length), stored_in_plain: world.storesInPlain(secret) };
    },
  },
  {
    name: "no_way_around",
    story: "the upstream itself takes no such key: there is no way around Writ",
    expected: { status: 401 },
    run: async (world) => {
      const credential = world.find("agentKey");
      const { status } = await world.agent.ask(world.upstream.origin, {
        method: "GET",
        path: "/repos/acme/app/issues",
        credential,
      });
      return { status };
    },
  },
  {
    name: "deny_by_default",
    story: "without a policy the answer is no",
    expected: { status: 403, code: "decision_denied", reason: "no_policies" },
    run: async (world) => {
      const { status, json } = await world.ask({ method: "GET", path: "/v1/proxy/github/repos/acme/app/issues" });
      return { status, code: textOf(json, "code"), reason: textOf(listOf(json, "reasons")[0] ?? {}, "code") };
    },
  },
  {
    name: "policy",
    story: "a policy lets agents work on issues of acme/app, deploy it, and never delete it",
    expected: { version: 1 },
    run: async (world) => {
      const put = await world.operate((api) =>
        api.put("/v1/admin/policies", { source: POLICY, message: "what the helper may do" }),
      );
      return { version: textOf(put, "version") };
    },
  },
];

function absolute(world: World, path: string): string {
  return path.startsWith("/") ? path : join(world.dataFolder, path);
}
