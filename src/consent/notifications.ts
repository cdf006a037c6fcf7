import type { Recorder } from "#src/audit/recorder.ts";
import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type Json } from "#src/base/canonical-json.ts";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import { type ChannelId, type IdSource, isId, newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { parseName } from "#src/base/names.ts";
import type { Dialer } from "#src/io/dial.ts";
import { httpRequest } from "#src/io/fetch.ts";
import { readApproval } from "#src/store/approvals.ts";
import { readEmergency } from "#src/store/emergencies.ts";
import {
  type ChannelKind,
  type ChannelRow,
  type DeliveryRow,
  deleteChannel,
  deleteDelivery,
  insertChannel,
  postponeDelivery,
  readBacklog,
  readChannelByName,
  readChannels,
  readDueDeliveries,
  setChannelStatus,
} from "#src/store/notifications.ts";
import type { Reader } from "#src/store/reader.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import { type ChannelSettings, checkSettings, destinationOf } from "./notify-channel.ts";
import { sendMail } from "./notify-mail.ts";
import { type Notice, noticeRequest } from "./notify-message.ts";

/** Where people are told that something waits for them. */
export interface Channel {
  readonly name: string;
  readonly kind: ChannelKind;
  /** Without anything secret. */
  readonly destination: string;
  readonly status: ChannelRow["status"];
  readonly createdAt: number;
  /** What it has not delivered yet. */
  readonly waiting: number;
  readonly lastError: string | null;
}

/** What came of a test. */
export type DeliveryResult = { readonly ok: true } | { readonly ok: false; readonly error: string };

/** Telling people. It links to what waits and decides nothing; it never stands in the way of a decision. */
export interface Notifications {
  list(tenant: TenantId): Promise<Channel[]>;
  /** Throws `invalid_argument`, `name_taken`. */
  create(tenant: TenantId, actor: SubjectId, name: string, settings: ChannelSettings): Promise<Channel>;
  setStatus(tenant: TenantId, actor: SubjectId, name: string, status: ChannelRow["status"]): Promise<Channel>;
  remove(tenant: TenantId, actor: SubjectId, name: string): Promise<void>;
  /** Tells a test now, and what came of it. */
  test(tenant: TenantId, actor: SubjectId, name: string): Promise<DeliveryResult>;
  /** Delivers what is due, a bounded number at once, each channel by itself; what fails is tried again later. */
  deliverDue(tenant: TenantId): Promise<void>;
  /** Ends what is being delivered. */
  stop(): Promise<void>;
}

/** What {@link createNotifications} needs. */
export interface NotificationsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly dialer: Dialer;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly publicUrl: string;
}

const MAX_CHANNELS = 50;
const MAX_AT_ONCE = 100;
const MAX_REMEMBERED = 50_000;
/** After each failure, in milliseconds; after the last it is given up. */
const BACKOFF_MS: readonly number[] = [10_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 7_200_000];
const LIMITS = {
  connectMs: 5000,
  headersMs: 10_000,
  idleMs: 5000,
  totalMs: 15_000,
  maxResponseBytes: 64 * 1024,
  maxHeaderBytes: 32 * 1024,
} as const;

/** Makes the service of notifications. */
export function createNotifications(dependencies: NotificationsDependencies): Notifications {
  const { recorder, reader, keys, dialer, ids, clock, publicUrl } = dependencies;
  const ending = new AbortController();
  const running = new Map<string, Promise<void>>();
  /** Attempts that were made, by delivery: their bookkeeping may not be in the table yet when it is read again. */
  const attempted = new Map<string, number>();

  const find = async (tenant: TenantId, name: string): Promise<ChannelRow> => {
    const row = await readChannelByName(reader, tenant, name);
    if (row === undefined) throw new WritError("not_found");
    return row;
  };

  const open = async (tenant: TenantId, row: ChannelRow): Promise<ChannelSettings> => {
    const value = { dataKeyId: row.dataKeyId, sealed: row.sealedSettings };
    return JSON.parse(fromUtf8(await keys.openValue(tenant, bindingOf(row.channelId), 1, value))) as ChannelSettings;
  };

  const render = async (tenant: TenantId, row: ChannelRow): Promise<Channel> => {
    const backlog = (await readBacklog(reader, tenant)).find(({ channelId }) => channelId === row.channelId);
    return {
      name: row.name,
      kind: row.kind,
      destination: destinationOf(await open(tenant, row)),
      status: row.status,
      createdAt: row.createdAt,
      waiting: backlog?.waiting ?? 0,
      lastError: backlog?.lastError ?? null,
    };
  };

  const send = async (settings: ChannelSettings, notice: Notice): Promise<void> => {
    if (settings.kind === "email") return sendMail(dialer, settings, notice, ending.signal);
    const request = noticeRequest(settings, notice, Math.floor(clock.now() / 1000));
    const { status, body } = await httpRequest(dialer, {
      ...request,
      method: "POST",
      headers: [["user-agent", "writ"], ["accept-encoding", "identity"], ...request.headers],
      signal: ending.signal,
      limits: LIMITS,
    });
    await body.cancel();
    if (status < 200 || status > 299) throw new WritError("upstream_failed", `it answered with the status ${status}`);
  };

  /** What there is to tell; undefined where it is over. */
  const noticeOf = async (tenant: TenantId, delivery: DeliveryRow): Promise<Notice | undefined> => {
    const { about, occasion } = delivery;
    const id = `${about}.${occasion}`;
    if (isId("approval", about)) {
      const row = await readApproval(reader, tenant, about);
      if (row?.state !== "pending" || row.expiresAt <= clock.now()) return undefined;
      const title = occasion === "escalated" ? "An approval has waited for too long" : "An approval is asked for";
      const text = `${row.command} (${row.tier}), until ${toRfc3339(row.expiresAt)}`;
      return { id, occasion, title, text, url: `${publicUrl}/approvals/${about}`, about };
    }
    const row = isId("emergency", about) ? await readEmergency(reader, tenant, about) : undefined;
    if (row === undefined || row.state === "reviewed") return undefined;
    const title = occasion === "review_due" ? "An emergency grant has to be reviewed" : "An emergency grant was opened";
    const text = `below ${row.command}, until ${toRfc3339(row.expiresAt)}, used ${row.used} times`;
    return { id, occasion, title, text, url: `${publicUrl}/emergency`, about };
  };

  const isFresh = (tenant: TenantId, delivery: DeliveryRow): boolean =>
    (attempted.get(keyOf(tenant, delivery)) ?? -1) < delivery.attempts;

  const deliver = async (tenant: TenantId, row: ChannelRow, delivery: DeliveryRow): Promise<void> => {
    if (attempted.size >= MAX_REMEMBERED) attempted.clear();
    attempted.set(keyOf(tenant, delivery), delivery.attempts);
    const notice = row.status === "active" ? await noticeOf(tenant, delivery) : undefined;
    if (notice === undefined) return recorder.touch([deleteDelivery(tenant, delivery)]);
    try {
      await send(await open(tenant, row), notice);
      recorder.touch([deleteDelivery(tenant, delivery)]);
    } catch (error) {
      if (ending.signal.aborted) return;
      await putOff(tenant, row, delivery, messageOf(error).slice(0, 300));
    }
  };

  const putOff = async (tenant: TenantId, row: ChannelRow, delivery: DeliveryRow, error: string): Promise<void> => {
    const wait = BACKOFF_MS[delivery.attempts];
    if (wait !== undefined) return recorder.touch([postponeDelivery(tenant, delivery, clock.now() + wait, error)]);
    await recorder.record({
      tenant,
      type: "notification.failed",
      actor: "system",
      statements: [deleteDelivery(tenant, delivery)],
      data: { channel: row.channelId, about: delivery.about, occasion: delivery.occasion, attempts: delivery.attempts },
    });
  };

  const deliverOver = async (tenant: TenantId, row: ChannelRow, due: readonly DeliveryRow[]): Promise<void> => {
    for (const delivery of due) {
      if (ending.signal.aborted) return;
      await deliver(tenant, row, delivery);
    }
  };

  return {
    list: async (tenant) => Promise.all((await readChannels(reader, tenant)).map((row) => render(tenant, row))),
    create: async (tenant, actor, given, settings) => {
      const name = parseName(given, "name");
      const checked = checkSettings(settings);
      if ((await readChannelByName(reader, tenant, name)) !== undefined) throw new WritError("name_taken");
      if ((await readChannels(reader, tenant)).length >= MAX_CHANNELS) {
        throw new WritError("invalid_argument", `at most ${MAX_CHANNELS} channels`);
      }
      const channelId = newId("channel", ids);
      const plain = utf8(canonicalize(checked as unknown as Json));
      const { dataKeyId, sealed } = await keys.sealValue(tenant, bindingOf(channelId), 1, plain);
      const row: ChannelRow = {
        channelId,
        name,
        kind: checked.kind,
        sealedSettings: sealed,
        dataKeyId,
        status: "active",
        createdAt: clock.now(),
      };
      await recorder.record({
        tenant,
        type: "notification.channel_created",
        actor,
        statements: [insertChannel(tenant, row)],
        data: { channel: channelId, name, channel_kind: checked.kind },
      });
      return render(tenant, row);
    },
    setStatus: async (tenant, actor, name, status) => {
      const row = await find(tenant, name);
      if (row.status !== status) {
        await recorder.record({
          tenant,
          type: status === "active" ? "notification.channel_enabled" : "notification.channel_disabled",
          actor,
          statements: [setChannelStatus(tenant, row.channelId, row.status, status)],
          data: { channel: row.channelId },
        });
      }
      return render(tenant, await find(tenant, name));
    },
    remove: async (tenant, actor, name) => {
      const { channelId } = await find(tenant, name);
      await recorder.record({
        tenant,
        type: "notification.channel_removed",
        actor,
        statements: deleteChannel(tenant, channelId),
        data: { channel: channelId },
      });
    },
    test: async (tenant, actor, name) => {
      const row = await find(tenant, name);
      await recorder.record({ tenant, type: "notification.tested", actor, data: { channel: row.channelId } });
      const id = newId("event", ids);
      const title = "Writ can reach you here";
      const text = "This is a test: nothing waits for you.";
      try {
        await send(await open(tenant, row), { id, occasion: "test", title, text, url: publicUrl, about: id });
        return { ok: true };
      } catch (error) {
        if (!isWritError(error)) throw error;
        return { ok: false, error: error.message };
      }
    },
    deliverDue: async (tenant) => {
      const due = await readDueDeliveries(reader, tenant, clock.now(), MAX_AT_ONCE);
      if (due.length === 0) return;
      const started: Promise<void>[] = [];
      for (const row of await readChannels(reader, tenant)) {
        const key = `${tenant} ${row.channelId}`;
        const own = due.filter((delivery) => delivery.channelId === row.channelId && isFresh(tenant, delivery));
        // A channel that hangs holds up no other, and is not asked again meanwhile.
        if (own.length === 0 || running.has(key)) continue;
        const run = deliverOver(tenant, row, own).finally(() => running.delete(key));
        running.set(key, run);
        started.push(run);
      }
      await Promise.all(started);
    },
    stop: async () => {
      ending.abort();
      await Promise.allSettled(running.values());
    },
  };
}

function keyOf(tenant: TenantId, { channelId, about, occasion }: DeliveryRow): string {
  return `${tenant} ${channelId} ${about} ${occasion}`;
}

function bindingOf(channel: ChannelId): string {
  return `channel ${channel}`;
}
