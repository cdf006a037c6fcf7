import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import fc from "fast-check";
import { syslogFrame } from "#src/audit/stream-message.ts";
import { sendEvents } from "#src/audit/stream-send.ts";
import type { StreamSettings } from "#src/audit/stream-settings.ts";
import { newWebhookSecret } from "#src/crypto/webhook-signature.ts";
import { createAddressPolicy } from "#src/io/addresses.ts";
import { createDialer } from "#src/io/dial.ts";
import { hashEventHex } from "#src/ledger/event.ts";
import { readEventsAfter } from "#src/store/events.ts";
import { createTestAuthority } from "#test/io/certificates.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import type { TestTenant } from "#test/support/tenant.ts";

let instance: TestInstance;
let tenant: TestTenant;
let count = 0;
let made = 0;
const servers: Server[] = [];

beforeAll(async () => {
  instance = await startInstance();
});
afterAll(async () => {
  await instance.services.streams.stop();
  for (const server of servers) server.close();
  await instance.stop();
});
beforeEach(async () => {
  count += 1;
  tenant = await instance.tenant(`s${count}`);
});

const streams = () => instance.services.streams;
const add = (settings: StreamSettings, start: "beginning" | "now" = "beginning", name = "siem") =>
  streams().add(tenant.id, instance.services.instance.operator, name, settings, start);
const send = () => streams().sendDue(tenant.id);
const show = (name = "siem") => streams().show(tenant.id, name);
const lastSeq = async () => (await instance.events(tenant)).at(-1)?.seq ?? 0;
const makeEvents = async (number: number) => {
  const { agents, instance: own } = instance.services;
  for (let i = 0; i < number; i += 1) {
    made += 1;
    await agents.create(tenant.id, own.operator, { name: `agent-${made}` });
  }
};

interface Message {
  readonly priority: number;
  readonly at: string;
  readonly host: string;
  readonly app: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  readonly event: any;
  readonly hash: string;
}

/** A collector that holds senders to RFC 5424 and to octet counting, strictly. */
function parseFrames(text: string): Message[] {
  const messages: Message[] = [];
  let rest = text;
  while (rest !== "") {
    const [, length = ""] = /^([1-9][0-9]*) /.exec(rest) ?? [];
    if (length === "") throw new Error(`no frame: ${rest.slice(0, 40)}`);
    const from = length.length + 1;
    const message = rest.slice(from, from + Number(length));
    if (Buffer.byteLength(message) !== Number(length)) throw new Error("the frame is cut");
    rest = rest.slice(from + Number(length));
    const match =
      /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([!-~]{1,255}) ([!-~]{1,48}) (-) ([!-~]{1,32}) - ([ -~]*)$/.exec(
        message,
      );
    if (match === null) throw new Error(`no RFC 5424: ${message.slice(0, 120)}`);
    const [, priority, at = "", host = "", app = "", , type = "", body = ""] = match;
    const { event, hash } = JSON.parse(body);
    messages.push({ priority: Number(priority), at, host, app, type, event, hash });
  }
  return messages;
}

interface Collector {
  readonly port: number;
  readonly texts: string[];
  onSocket: ((socket: Socket) => void) | undefined;
}

async function collector(tls?: { key: string; cert: string }): Promise<Collector> {
  const state: { port: number; texts: string[]; onSocket: Collector["onSocket"] } = {
    port: 0,
    texts: [],
    onSocket: undefined,
  };
  const take = (socket: Socket): void => {
    socket.on("error", () => {});
    if (state.onSocket !== undefined) {
      state.onSocket(socket);
      return;
    }
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => {
      state.texts.push(text);
      socket.end();
    });
  };
  const server = tls === undefined ? createServer(take) : (createTlsServer(tls, take) as unknown as Server);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  state.port = (server.address() as { port: number }).port;
  return state;
}
const syslog = ({ port }: Collector): StreamSettings => ({ kind: "syslog", host: "127.0.0.1", port, transport: "tcp" });

describe("syslog", () => {
  test("gives every event once, in order, as RFC 5424 in counted frames, nothing personal in the clear", async () => {
    const to = await collector();
    await makeEvents(3);
    await add(syslog(to));
    await send();
    await makeEvents(2);
    await send();
    const messages = to.texts.flatMap(parseFrames);
    const events = await instance.events(tenant);
    expect(messages.map(({ event }) => event.seq)).toEqual(events.map(({ seq }) => seq));
    expect(messages.map(({ type }) => type)).toEqual(events.map(({ type }) => type.slice(0, 32)));
    expect(messages.every(({ priority, app }) => priority === 110 && app === "writ")).toBe(true);
    const made = messages.find(({ type }) => type === "agent.created");
    expect(made?.event.data.name).toHaveProperty("sealed");
    expect(await show()).toMatchObject({ lagEvents: 0, failures: 0, lastError: null, cursor: await lastSeq() });
  });

  test("keeps many events in order over batches", async () => {
    const to = await collector();
    await makeEvents(1200);
    await add(syslog(to));
    await send();
    const seqs = to.texts.flatMap(parseFrames).map(({ event }) => event.seq);
    expect(to.texts.length).toBeGreaterThan(2);
    expect(seqs).toEqual(Array.from({ length: await lastSeq() }, (_, index) => index + 1));
  }, 20_000);

  test("keeps what was not taken when the collector resets, is away, or closes too early, and says so once", async () => {
    const to = await collector();
    await add(syslog(to), "beginning");
    to.onSocket = (socket) => socket.resetAndDestroy();
    await send();
    expect(await show()).toMatchObject({ failures: 1, cursor: 0 });
    expect((await show()).lastError).not.toBeNull();
    await send();
    expect((await show()).failures).toBe(1);
    instance.clock.advance(3000);
    to.onSocket = (socket) => socket.destroy();
    await send();
    for (let i = 0; i < 50 && (await show()).failures < 2; i += 1) await Bun.sleep(10);
    expect((await show()).failures).toBe(2);
    instance.clock.advance(400_000);
    to.onSocket = undefined;
    await send();
    const outage = (await instance.events(tenant)).filter(({ type }) => type.startsWith("stream."));
    expect(outage.map(({ type }) => type)).toEqual(["stream.added", "stream.failed", "stream.recovered"]);
    await send();
    const seqs = to.texts.flatMap(parseFrames).map(({ event }) => event.seq);
    expect(new Set(seqs).size).toBe(await lastSeq());
  });

  test("that hangs holds up neither decisions nor other streams", async () => {
    const hanging = await collector();
    hanging.onSocket = () => {};
    const well = await collector();
    await add(syslog(hanging), "beginning", "hanging");
    await add(syslog(well), "beginning", "well");
    const sending = send();
    for (let i = 0; i < 200 && (await show("well")).lagEvents > 0; i += 1) await Bun.sleep(10);
    expect((await show("well")).lagEvents).toBe(0);
    await makeEvents(1);
    expect((await show("hanging")).lagEvents).toBe(await lastSeq());
    await send();
    await streams().remove(tenant.id, instance.services.instance.operator, "hanging");
    hanging.onSocket = undefined;
    void sending;
  });

  test("drops whatever a collector says back", async () => {
    const to = await collector();
    to.onSocket = (socket) => {
      let text = "";
      socket.write("\u0000\uffff garbage ".repeat(50_000));
      socket.on("data", (chunk) => {
        text += String(chunk);
      });
      socket.on("end", () => {
        to.texts.push(text);
        socket.end("more of it");
      });
    };
    await add(syslog(to));
    await send();
    expect(await show()).toMatchObject({ lagEvents: 0, failures: 0 });
    expect(parseFrames(to.texts.join("")).length).toBeGreaterThan(0);
  });

  test("over TLS refuses a certificate that nobody vouches for", async () => {
    const to = await collector(createTestAuthority().issue({ ip: [127, 0, 0, 1] }));
    await add({ kind: "syslog", host: "127.0.0.1", port: to.port, transport: "tls" });
    await send();
    expect((await show()).lastError).toContain("certificate");
    expect(to.texts.join("")).toBe("");
  });

  test("over TLS arrives where an authority vouches for the collector", async () => {
    const authority = createTestAuthority();
    const to = await collector(authority.issue({ ip: [127, 0, 0, 1] }));
    const addressPolicy = createAddressPolicy({ grantedRanges: ["127.0.0.0/8"], ownAddresses: [] });
    const dialer = createDialer({ addressPolicy, caCertificates: [authority.ca] });
    const sender = { dialer, hostname: "writ.test", folder: "", now: () => 0, signal: new AbortController().signal };
    const rows = await readEventsAfter(instance.services.reader, tenant.id, 0, 100, 100);
    const settings = { kind: "syslog", host: "127.0.0.1", port: to.port, transport: "tls" } as const;
    await sendEvents(sender, "str_x", settings, rows);
    expect(to.texts.flatMap(parseFrames).map(({ event }) => event.seq)).toEqual(rows.map(({ seq }) => seq));
    to.onSocket = (socket) => socket.destroy();
    expect(await rejection(sendEvents(sender, "str_x", settings, rows))).toBe("upstream_failed");
    dialer.close();
  });

  test("any event fits a frame", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (text, host) => {
        const bytes = JSON.stringify({ text: text.toWellFormed() });
        const hash = hashEventHex(bytes);
        const row = { seq: 1, id: "evt_1", at: 1_767_225_600_000, type: "a".repeat(40), actor: "system", bytes, hash };
        const [message] = parseFrames(syslogFrame(row, host));
        expect(message).toMatchObject({ event: JSON.parse(bytes), hash });
      }),
    );
  });
});

describe("webhook", () => {
  test("is signed, is sent again with the same id, and believes no status but 2xx", async () => {
    const got: { headers: Headers; body: string }[] = [];
    let status = 500;
    const receiver = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        got.push({ headers: request.headers, body: await request.text() });
        return new Response("x".repeat(200_000), { status });
      },
    });
    const secret = newWebhookSecret(new Uint8Array(32).fill(9));
    await makeEvents(1);
    await add({ kind: "webhook", url: `http://127.0.0.1:${receiver.port}/in?x=1`, secret });
    const before = await lastSeq();
    await send();
    expect(await show()).toMatchObject({ failures: 1, cursor: 0 });
    status = 204;
    instance.clock.advance(5000);
    await send();
    expect((await show()).cursor).toBeGreaterThan(before);
    const { headers, body } = got[1]!;
    const signed = `${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.${body}`;
    expect(headers.get("webhook-signature")).toBe(
      `v1,${createHmac("sha256", Buffer.alloc(32, 9)).update(signed).digest("base64")}`,
    );
    const lines = body
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0].event.seq).toBe(1);
    expect(
      lines.every((line) => hashEventHex(body.includes(line.hash) ? canonical(line.event) : "") === line.hash),
    ).toBe(true);
    await receiver.stop(true);
  });
});

describe("file", () => {
  const settings: StreamSettings = { kind: "file", maxBytes: 2 ** 20, keep: 2 };
  const folderOf = async () => join(instance.folder, (await show()).destination, "..");

  test("has whole lines alone, also after a crash in the middle of one, and rotates", async () => {
    await add(settings);
    await send();
    const folder = await folderOf();
    const path = join(folder, "events.jsonl");
    const whole = readFileSync(path, "utf8");
    appendFileSync(path, `{"event":"half of a li`);
    await makeEvents(1);
    await send();
    const text = readFileSync(path, "utf8");
    expect(text.startsWith(whole)).toBe(true);
    expect(
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).event.seq),
    ).toEqual(Array.from({ length: await lastSeq() }, (_, index) => index + 1));
    appendFileSync(path, `${"x".repeat(2 ** 20)}\n`);
    await makeEvents(1);
    await send();
    expect(readdirSync(folder).toSorted()).toEqual(["events.jsonl", "events.jsonl.1"]);
    expect(
      readFileSync(path, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).event.seq),
    ).toEqual([await lastSeq()]);
  });
});

test("a new stream begins now unless it is told otherwise, resumes after a stop, and is its tenant's alone", async () => {
  const to = await collector();
  await makeEvents(2);
  const added = await add(syslog(to), "now");
  expect(added).toMatchObject({ status: "active", lagEvents: 1 });
  const actor = instance.services.instance.operator;
  await streams().setStatus(tenant.id, actor, "siem", "disabled");
  await makeEvents(1);
  await send();
  expect(to.texts).toEqual([]);
  await streams().setStatus(tenant.id, actor, "siem", "active");
  await send();
  expect(to.texts.flatMap(parseFrames).map(({ type }) => type)).toContain("stream.disabled");
  const other = await instance.tenant(`other${count}`);
  expect(await rejection(streams().show(other.id, "siem"))).toBe("not_found");
  expect(await rejection(streams().remove(other.id, actor, "siem"))).toBe("not_found");
  expect(await rejection(add(syslog(to)))).toBe("name_taken");
});

test("where it may not go, nothing goes", async () => {
  await add({ kind: "syslog", host: "169.254.169.254", port: 514, transport: "tcp" });
  await send();
  expect((await show()).lastError).toContain("169.254.169.254");
  expect(await rejection(add({ kind: "syslog", host: "a b", port: 514, transport: "tcp" }, "now", "x"))).toBe(
    "invalid_argument",
  );
});

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`)
    .join(",")}}`;
}
