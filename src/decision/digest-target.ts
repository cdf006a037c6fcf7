import type { AgentId, TenantId } from "#src/base/ids.ts";
import type { CallBody } from "./ask.ts";
import { digestCall } from "./call-digest.ts";
import type { Target } from "./target.ts";

/** Whose call it is, and the bytes that it carries. */
export interface DigestParts {
  readonly tenant: TenantId;
  readonly agent: AgentId;
  readonly target: Target;
  /** Undefined where no call was given. */
  readonly body: CallBody | undefined;
}

/**
 * The digest of exactly this call (`call`), which reads its body, or of command and resource over the connection where one
 * is known (`resource`, or where no call was given).
 */
export async function digestTarget(parts: DigestParts, bind: "call" | "resource"): Promise<string> {
  const { tenant, agent, body } = parts;
  const { call, command, resource } = parts.target;
  const known = parts.target.connection;
  const connection = known === undefined ? null : { id: known.id, origin: known.origin + known.basePath };
  const { tool } = parts.target;
  if (bind === "call" && tool !== undefined) {
    return digestCall({ tenant, agent, connection, call: null, command, resource, tool: tool.digest });
  }
  if (bind === "resource" || call === undefined || body === undefined) {
    return digestCall({ tenant, agent, connection, call: null, command, resource });
  }
  return digestCall({
    tenant,
    agent,
    connection,
    call: {
      method: call.method,
      path: call.path,
      query: call.query,
      headers: call.headers,
      bodyHash: await body.hash(),
    },
    command,
    resource,
  });
}
