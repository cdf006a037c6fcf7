import type { Recorder } from "#src/audit/recorder.ts";
import { isWritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import type { Dialer } from "#src/io/dial.ts";
import { httpRequest } from "#src/io/fetch.ts";
import type { Connections } from "#src/vault/connections.ts";

/** How a connection's test went. */
export type ConnectionTest =
  | { readonly ok: boolean; readonly status: number }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Asks an upstream whether it takes the connection's credential. */
export interface ConnectionTester {
  /** One GET to the connection's test path; nothing of the answer but its status is kept. `not_found`. */
  test(tenant: TenantId, actor: SubjectId, connection: string): Promise<ConnectionTest>;
}

/** What {@link createConnectionTester} needs. */
export interface ConnectionTesterDependencies {
  readonly connections: Connections;
  readonly dialer: Dialer;
  readonly recorder: Recorder;
}

const LIMITS = {
  connectMs: 5000,
  headersMs: 10_000,
  idleMs: 5000,
  totalMs: 15_000,
  maxResponseBytes: 2 ** 20,
  maxHeaderBytes: 64 * 1024,
} as const;

/** Makes the tester. */
export function createConnectionTester(dependencies: ConnectionTesterDependencies): ConnectionTester {
  const { connections, dialer, recorder } = dependencies;
  return {
    test: async (tenant, actor, idOrName) => {
      const connection = await connections.show(tenant, idOrName);
      // The credential is read for it, so it is recorded before it is done.
      await recorder.record({ tenant, type: "connection.tested", actor, data: { connection: connection.id } });
      const injection = await connections.inject(tenant, connection);
      const path = `${connection.basePath}${connection.settings.testPath ?? "/"}`;
      try {
        const { status, body } = await httpRequest(dialer, {
          origin: connection.origin,
          method: "GET",
          target: injection.query === "" ? path : `${path}${path.includes("?") ? "&" : "?"}${injection.query}`,
          headers: [
            ["user-agent", "writ"],
            ["accept-encoding", "identity"],
            ...injection.headers.map(([name, value]): [string, string] => [name, value]),
          ],
          reuseKey: connection.id,
          limits: LIMITS,
        });
        await body.cancel();
        return { ok: status < 400, status };
      } catch (error) {
        if (!isWritError(error)) throw error;
        return { ok: false, code: error.code, message: error.message };
      }
    },
  };
}
