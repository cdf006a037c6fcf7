import { Personal, type Recorder } from "#src/audit/recorder.ts";
import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import type { Clock } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { type IdSource, isId, newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { readAgent, readAgentByName } from "#src/store/agents.ts";
import { readConnection, readConnectionByName } from "#src/store/connections.ts";
import { readTenants } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import { deleteStop, insertStop, readStops, type StopOrigin, type StopRow, type StopTarget } from "#src/store/stops.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";

/** What to stop, as it is asked for: agents and connections by name or id. */
export type StopOrder = { readonly kind: "agent" | "connection"; readonly name: string } | { readonly kind: "tenant" };

/** Something that is stopped. */
export interface Stop {
  readonly target: StopTarget;
  readonly origin: StopOrigin;
  readonly by: string;
  readonly at: number;
  readonly reason: string | null;
}

/** The kill switch: nothing is granted, and what runs is cut, until it is let go on. */
export interface Stops {
  /** At once, streams included. What is stopped already stays so. Throws `not_found`. */
  stop(tenant: TenantId, actor: SubjectId, origin: StopOrigin, order: StopOrder, reason?: string): Promise<void>;
  /** Lets it go on, as far as the same side stopped it. Throws `not_found` where it did not. */
  lift(tenant: TenantId, actor: SubjectId, origin: StopOrigin, order: StopOrder): Promise<void>;
  list(tenant: TenantId): Promise<Stop[]>;
  /** All tenants of the instance; returns how many. */
  stopEverything(operator: SubjectId, reason?: string): Promise<number>;
  liftEverything(operator: SubjectId): Promise<number>;
}

/** What {@link createStops} needs. */
export interface StopsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly ids: IdSource;
  readonly clock: Clock;
}

const MAX_REASON_CHARACTERS = 2000;

/** Makes the service of stops. */
export function createStops({ recorder, reader, keys, ids, clock }: StopsDependencies): Stops {
  const find = async (tenant: TenantId, order: StopOrder): Promise<StopTarget> => {
    if (order.kind === "tenant") return "tenant";
    const { kind, name } = order;
    if (kind === "agent") {
      const row = isId("agent", name)
        ? await readAgent(reader, tenant, name)
        : await readAgentByName(reader, tenant, name);
      if (row !== undefined) return row.agentId;
    } else {
      const row = isId("connection", name)
        ? await readConnection(reader, tenant, name)
        : await readConnectionByName(reader, tenant, name);
      if (row !== undefined) return row.connectionId;
    }
    throw new WritError("not_found", `there is no such ${kind}`);
  };

  const insert = async (
    tenant: TenantId,
    actor: SubjectId,
    target: StopTarget,
    origin: StopOrigin,
    reason: string | undefined,
  ): Promise<boolean> => {
    if ((reason ?? "").length > MAX_REASON_CHARACTERS) {
      throw new WritError("invalid_argument", `\`reason\` has more than ${MAX_REASON_CHARACTERS} characters`);
    }
    const sealed =
      reason === undefined ? undefined : await keys.sealValue(tenant, bindingOf(target, origin), 1, utf8(reason));
    const row: StopRow = {
      target,
      origin,
      stoppedBy: actor,
      stoppedAt: clock.now(),
      sealedReason: sealed?.sealed ?? null,
      dataKeyId: sealed?.dataKeyId ?? null,
    };
    // The reason has a key of its own, so that it can be erased; whoever holds the host has none.
    const subject = newId("subject", ids);
    const result = await recorder.tryRecord({
      tenant,
      type: "stop.set",
      actor,
      statements: [insertStop(tenant, row), ...(reason === undefined ? [] : [keys.createSubjectKey(tenant, subject)])],
      data: { target, origin, reason: reason === undefined ? undefined : new Personal(subject, reason) },
      raisesEpoch: true,
      ignoresClock: true,
    });
    if (result.kind === "refused" && result.reason !== "conflict") throw new WritError("store_failed");
    return result.kind === "committed";
  };

  const remove = async (tenant: TenantId, actor: SubjectId, target: StopTarget, origin: StopOrigin): Promise<void> => {
    await recorder
      .record({
        tenant,
        type: "stop.lifted",
        actor,
        statements: [deleteStop(tenant, target, origin)],
        data: { target, origin },
        raisesEpoch: true,
      })
      .catch((error: unknown) => {
        if (isWritError(error, "conflict")) throw new WritError("not_found", "it is not stopped from here");
        throw error;
      });
  };

  const customers = async (): Promise<readonly TenantId[]> =>
    (await readTenants(reader)).filter(({ kind }) => kind === "customer").map(({ tenantId }) => tenantId);

  return {
    stop: async (tenant, actor, origin, order, reason) => {
      await insert(tenant, actor, await find(tenant, order), origin, reason);
    },
    lift: async (tenant, actor, origin, order) => remove(tenant, actor, await find(tenant, order), origin),
    list: async (tenant) =>
      Promise.all(
        (await readStops(reader, tenant)).map(async ({ target, origin, stoppedBy, stoppedAt, ...row }) => {
          const { sealedReason: sealed, dataKeyId } = row;
          const binding = bindingOf(target, origin);
          const reason =
            sealed === null || dataKeyId === null
              ? null
              : fromUtf8(await keys.openValue(tenant, binding, 1, { dataKeyId, sealed }));
          return { target, origin, by: stoppedBy, at: stoppedAt, reason };
        }),
      ),
    stopEverything: async (operator, reason) => {
      const tenants = await customers();
      const stopped = await Promise.all(
        tenants.map((tenant) => insert(tenant, operator, "tenant", "instance", reason)),
      );
      return stopped.filter(Boolean).length;
    },
    liftEverything: async (operator) => {
      let lifted = 0;
      for (const tenant of await customers()) {
        const stops = await readStops(reader, tenant);
        if (!stops.some(({ target, origin }) => target === "tenant" && origin === "instance")) continue;
        await remove(tenant, operator, "tenant", "instance");
        lifted += 1;
      }
      return lifted;
    },
  };
}

function bindingOf(target: StopTarget, origin: StopOrigin): string {
  return `stop ${target} ${origin}`;
}
