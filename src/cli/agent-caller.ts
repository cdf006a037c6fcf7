import { parseClientConfig } from "#src/config/config.ts";
import { parseToken } from "#src/crypto/tokens.ts";
import type { Arguments } from "./arguments.ts";
import { type Api, type Caller, connectApi } from "./client.ts";
import type { CommandContext } from "./command.ts";
import { deviceCaller, deviceFile, readIdentity } from "./device-identity.ts";
import { readText } from "./input.ts";
import { UsageError } from "./usage-error.ts";

/** Who asks, on the server that is there; none is started. */
export interface AgentCaller {
  readonly api: Api;
  /** The agent's own key; undefined for a paired machine, which has none. */
  readonly key: string | undefined;
  /** The server's origin; undefined for the operator's socket of this host. */
  readonly url: string | undefined;
  readonly dataFolder: string;
  readonly run: string | undefined;
  /** Tells this caller from others on the same machine. */
  readonly scope: string;
}

/** The agent whose key is given, or that this machine acts for. Throws {@link UsageError} where there is neither. */
export async function openAgentCaller(context: CommandContext, args: Arguments): Promise<AgentCaller> {
  const config = parseClientConfig(context.environment());
  const file = args.option("key-file");
  const key = file === undefined ? config.token : (await readText(context.terminal, file, 4096)).trim();
  const { dataFolder, run } = config;
  if (key !== undefined) {
    const parsed = parseToken(key);
    if (parsed?.kind !== "agent") throw new UsageError("this is no agent's key");
    const { url } = config;
    return {
      api: connectApi(config, { token: key }),
      key,
      url,
      dataFolder,
      run,
      scope: `${url ?? dataFolder}\n${parsed.id}`,
    };
  }
  const identity = readIdentity(deviceFile(config.deviceFile));
  if (identity === undefined) {
    throw new UsageError("nobody says which agent asks", "--key-file FILE, WRIT_URL and WRIT_TOKEN, or `writ pair`");
  }
  const agent = args.option("agent");
  const caller: Caller = deviceCaller(identity, agent ?? onlyAgent(identity.agents));
  const scope = `${identity.url}\n${identity.device}\n${agent ?? ""}`;
  return { api: connectApi(config, caller), key: undefined, url: identity.url, dataFolder, run, scope };
}

function onlyAgent(agents: readonly { readonly id: string }[]): string | undefined {
  return agents.length === 1 ? agents[0]?.id : undefined;
}
