import type { Agent } from "#src/identity/agents.ts";
import type { Connection } from "#src/vault/connections.ts";
import type { Manager } from "../caller.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";

type View<Thing> = (thing: Thing) => Readonly<Record<string, unknown>>;

/** Changes the agent that the path names, and answers with what it is then. */
export async function changeAgent(
  exchange: Exchange,
  view: View<Agent>,
  change: (manager: Manager, agent: Agent) => Promise<void>,
): Promise<Reply> {
  const manager = await exchange.manager();
  const { agents } = exchange.services;
  const agent = await agents.show(manager.tenant, exchange.param("agent"));
  await change(manager, agent);
  return { json: view(await agents.show(manager.tenant, agent.id)) };
}

/** Changes the connection that the path names, and answers with what it is then. */
export async function changeConnection(
  exchange: Exchange,
  view: View<Connection>,
  change: (manager: Manager, connection: Connection) => Promise<void>,
): Promise<Reply> {
  const manager = await exchange.manager();
  const { connections } = exchange.services;
  const connection = await connections.show(manager.tenant, exchange.param("connection"));
  await change(manager, connection);
  return { json: view(await connections.show(manager.tenant, connection.id)) };
}
