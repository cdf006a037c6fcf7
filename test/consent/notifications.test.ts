import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { type ChannelSettings, checkSettings } from "#src/consent/notify-channel.ts";
import { noticeRequest } from "#src/consent/notify-message.ts";
import { newWebhookSecret } from "#src/crypto/webhook-signature.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { PERMIT_ALL, type TestAgent, type TestTenant } from "#test/support/tenant.ts";
import { enrolOwner } from "./people-support.ts";

let instance: TestInstance;
let tenant: TestTenant;
let agent: TestAgent;
let count = 0;
const received: { path: string; headers: Headers; body: string }[] = [];
let answer: (request: Request) => Response | Promise<Response> = () => new Response("ok");
let receiver: ReturnType<typeof Bun.serve>;

beforeAll(async () => {
  instance = await startInstance();
  receiver = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 60,
    fetch: async (request) => {
      const url = new URL(request.url);
      received.push({ path: url.pathname + url.search, headers: request.headers, body: await request.text() });
      return answer(request);
    },
  });
});
afterAll(async () => {
  await instance.services.notifications.stop();
  await receiver.stop(true);
  await instance.stop();
});
beforeEach(async () => {
  count += 1;
  tenant = await instance.tenant(`n${count}`);
  await tenant.connection({ url: "http://127.0.0.1:9" });
  await tenant.policies(PERMIT_ALL);
  agent = await tenant.agent();
  received.length = 0;
  answer = () => new Response("ok");
});

const url = (path = "/hook?a=b"): string => `http://127.0.0.1:${receiver.port}${path}`;
const SECRET = newWebhookSecret(new Uint8Array(32).fill(7));
const notifications = () => instance.services.notifications;
const add = (name: string, settings: ChannelSettings) =>
  notifications().create(tenant.id, instance.services.instance.operator, name, settings);
const deliver = () => notifications().deliverDue(tenant.id);
/** What the only channel has not delivered, once bookkeeping is done. */
async function backlog(): Promise<number | undefined> {
  for (let i = 0; i < 50; i += 1) {
    const [channel] = await notifications().list(tenant.id);
    if (channel?.waiting === 0) return 0;
    await Bun.sleep(10);
  }
  return (await notifications().list(tenant.id))[0]?.waiting;
}
async function ask(body = "x"): Promise<string> {
  const outcome = await tenant.call(agent, "api", { method: "DELETE", path: "/a", body });
  if (outcome.kind !== "decided" || outcome.outcome.decision !== "step_up") throw new Error("no step-up");
  return outcome.outcome.approval.id;
}

describe("a notice", () => {
  test("goes to a webhook, signed, with a link and nothing of the call", async () => {
    await add("hook", { kind: "webhook", url: url(), secret: SECRET });
    const id = await ask("the body of the call");
    await deliver();
    const [first, ...others] = received;
    expect(others).toEqual([]);
    expect(first?.path).toBe("/hook?a=b");
    const body = JSON.parse(first?.body ?? "");
    expect(body).toEqual({
      type: "writ.asked",
      about: id,
      title: "An approval is asked for",
      text: expect.stringContaining("/http/api/delete (danger)"),
      url: `http://localhost:8620/approvals/${id}`,
    });
    const [messageId, time] = [first?.headers.get("webhook-id"), first?.headers.get("webhook-timestamp")];
    const signed = createHmac("sha256", Buffer.from(SECRET, "base64url")).update(`${messageId}.${time}.${first?.body}`);
    expect(first?.headers.get("webhook-signature")).toBe(`v1,${signed.digest("base64")}`);
    await deliver();
    expect(received).toHaveLength(1);
  });

  test("goes to Slack, Telegram and ntfy in their own words", async () => {
    await add("slack", { kind: "slack", url: url("/services/T/B/x") });
    await add("telegram", { kind: "telegram", url: url(""), token: "123456:AAAAAAAAAAAAAAAAAAAAAAAA", chat: "-100" });
    await add("ntfy", { kind: "ntfy", url: url("/topic"), token: "tk_x" });
    const id = await ask();
    await deliver();
    const byPath = new Map(received.map((request) => [request.path, request]));
    expect(JSON.parse(byPath.get("/services/T/B/x")?.body ?? "").text).toContain(`/approvals/${id}`);
    const telegram = JSON.parse(byPath.get("/bot123456:AAAAAAAAAAAAAAAAAAAAAAAA/sendMessage")?.body ?? "{}");
    expect(telegram).toMatchObject({ chat_id: "-100", link_preview_options: { is_disabled: true } });
    const ntfy = byPath.get("/topic");
    expect(ntfy?.headers.get("click")).toBe(`http://localhost:8620/approvals/${id}`);
    expect(ntfy?.headers.get("authorization")).toBe("Bearer tk_x");
  });

  test("cannot be read as Slack's markup", () => {
    const notice = {
      id: "x",
      occasion: "test",
      title: "<!channel>",
      text: "a & b",
      url: "http://l",
      about: "x",
    } as const;
    const { body } = noticeRequest({ kind: "slack", url: "http://s/x" }, notice, 0);
    expect(JSON.parse(new TextDecoder().decode(body)).text).toBe("&lt;!channel&gt;\na &amp; b\nhttp://l");
  });

  test("of what is over is not told", async () => {
    await add("hook", { kind: "webhook", url: url(), secret: SECRET });
    await instance.services.approvals.revoke(tenant.id, instance.services.instance.operator, await ask());
    await deliver();
    expect(received).toEqual([]);
    expect(await backlog()).toBe(0);
  });

  test("of an emergency goes out when it opens and when its review is due", async () => {
    const owner = await enrolOwner(instance, tenant);
    await add("hook", { kind: "webhook", url: url(), secret: SECRET });
    const { emergencies } = instance.services;
    const asked = { agent: "builder", command: "/", reason: "the site is down", seconds: 600 };
    const { options } = await emergencies.openingChallenge(tenant.id, owner.id, asked);
    const { id } = await emergencies.open(tenant.id, owner.id, owner.authenticator.get(options));
    await deliver();
    await emergencies.close(tenant.id, owner.subject, id);
    await deliver();
    const told = received.map(({ body }) => JSON.parse(body));
    expect(told.map(({ type, about }) => [type, about])).toEqual([
      ["writ.emergency_opened", id],
      ["writ.review_due", id],
    ]);
    expect(JSON.stringify(told)).not.toContain("the site is down");
  });

  test("is written with the request that it tells of, and survives a failure to deliver it", async () => {
    await add("hook", { kind: "webhook", url: url(), secret: SECRET });
    answer = () => new Response("no", { status: 500 });
    await ask();
    await deliver();
    await Bun.sleep(50);
    expect(await notifications().list(tenant.id)).toMatchObject([
      { waiting: 1, lastError: "it answered with the status 500" },
    ]);
    await deliver();
    expect(received).toHaveLength(1);
    answer = () => new Response("ok");
    instance.clock.advance(10_000);
    await deliver();
    await Bun.sleep(30);
    expect(received).toHaveLength(2);
    expect(received[0]?.headers.get("webhook-id")).toBe(received[1]?.headers.get("webhook-id") ?? "");
    expect(await backlog()).toBe(0);
  });

  test("that nobody takes is given up in the end, with an event", async () => {
    await add("hook", { kind: "webhook", url: url(), secret: SECRET });
    answer = () => new Response("no", { status: 500 });
    await ask();
    for (let i = 0; i < 100 && received.length < 8; i += 1) {
      await deliver();
      const sql = "UPDATE notification_deliveries SET due_at = 0 WHERE tenant_id = ?";
      instance.services.recorder.touch([{ sql, params: [tenant.id] }]);
      await Bun.sleep(25);
    }
    expect(received).toHaveLength(8);
    const failed = (await instance.events(tenant)).filter(({ type }) => type === "notification.failed");
    expect(failed.map(({ data }) => data["attempts"])).toEqual([7]);
    expect(await backlog()).toBe(0);
  });
});

describe("an endpoint that misbehaves", () => {
  test("holds up neither a decision nor other channels, and is not asked again while it hangs", async () => {
    const hanging = createServer(() => undefined);
    const port = await listen(hanging);
    try {
      await add("hanging", { kind: "webhook", url: `http://127.0.0.1:${port}/`, secret: SECRET });
      await add("good", { kind: "webhook", url: url(), secret: SECRET });
      const began = performance.now();
      await ask();
      expect(performance.now() - began).toBeLessThan(2000);
      const delivering = deliver();
      for (let i = 0; i < 100 && received.length === 0; i += 1) await Bun.sleep(10);
      expect(received).toHaveLength(1);
      await deliver();
      await ask("second");
      await deliver();
      expect(received).toHaveLength(2);
      hanging.close();
      for (const socket of sockets) socket.destroy();
      await delivering;
    } finally {
      hanging.close();
    }
  });

  test("that redirects inward, or answers garbage, has its answer thrown away", async () => {
    await add("hook", { kind: "webhook", url: url(), secret: SECRET });
    answer = () => new Response(null, { status: 302, headers: { location: "http://169.254.169.254/latest" } });
    await ask();
    await deliver();
    await Bun.sleep(30);
    expect((await notifications().list(tenant.id))[0]?.lastError).toBe("it answered with the status 302");
    expect(received).toHaveLength(1);
    const garbage = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end("\u0000\u0001garbage\r\n\r\n".repeat(1000));
    });
    const port = await listen(garbage);
    await add("garbage", { kind: "webhook", url: `http://127.0.0.1:${port}/`, secret: SECRET });
    const actor = instance.services.instance.operator;
    expect(await notifications().test(tenant.id, actor, "garbage")).toMatchObject({ ok: false });
    garbage.close();
  });

  test("inside, where nobody granted the range, is not reached", async () => {
    await add("inward", { kind: "webhook", url: "http://169.254.169.254/latest", secret: SECRET });
    await add("mail", { ...MAIL, host: "10.0.0.1", port: 25 });
    const actor = instance.services.instance.operator;
    for (const name of ["inward", "mail"]) {
      const result = await notifications().test(tenant.id, actor, name);
      expect(result.ok).toBe(false);
    }
  });
});

const MAIL = {
  kind: "email",
  host: "127.0.0.1",
  port: 0,
  security: "none",
  from: "writ@example.org",
  to: ["ann@example.org", "bob@example.org"],
} as const;

describe("mail", () => {
  test("is sent by SMTP to each recipient, after signing in where asked to", async () => {
    const sink = await startSink();
    await add("mail", { ...MAIL, port: sink.port, user: "writ", password: "hunter2hunter2" });
    const id = await ask();
    await deliver();
    const dialogue = sink.lines.join("\n");
    expect(dialogue).toContain(`AUTH PLAIN ${Buffer.from("\0writ\0hunter2hunter2").toString("base64")}`);
    expect(dialogue).toContain("MAIL FROM:<writ@example.org>");
    expect(dialogue).toContain("RCPT TO:<ann@example.org>");
    expect(dialogue).toContain("RCPT TO:<bob@example.org>");
    expect(dialogue).toContain("Subject: An approval is asked for");
    expect(dialogue.replaceAll("=\n", "")).toContain(`/approvals/${id}`);
    sink.server.close();
  });

  test("that the server refuses is tried again later; one that must be secure says nothing in the open", async () => {
    const sink = await startSink("550 5.7.1 no");
    await add("mail", { ...MAIL, port: sink.port });
    await add("secure", { ...MAIL, port: sink.port, security: "starttls", user: "writ", password: "hunter2hunter2" });
    const actor = instance.services.instance.operator;
    expect(await notifications().test(tenant.id, actor, "mail")).toMatchObject({ ok: false });
    sink.lines.length = 0;
    expect(await notifications().test(tenant.id, actor, "secure")).toMatchObject({ ok: false });
    expect(sink.lines.join("\n")).not.toMatch(/AUTH|MAIL/);
    sink.server.close();
  });
});

describe("channels", () => {
  test("are a tenant's own, show nothing secret, and can be turned off and removed", async () => {
    await add("hook", { kind: "webhook", url: url("/secret-path"), secret: SECRET });
    const actor = instance.services.instance.operator;
    expect(await rejection(add("hook", { kind: "slack", url: url() }))).toBe("name_taken");
    const shown = JSON.stringify(await notifications().list(tenant.id));
    expect(shown).not.toContain("secret-path");
    expect(shown).not.toContain(SECRET);
    const other = await instance.tenant(`nother${count}`);
    expect(await notifications().list(other.id)).toEqual([]);
    expect(await rejection(notifications().test(other.id, actor, "hook"))).toBe("not_found");
    expect(await rejection(notifications().remove(other.id, actor, "hook"))).toBe("not_found");
    await notifications().setStatus(tenant.id, actor, "hook", "disabled");
    await ask();
    await deliver();
    expect(received).toEqual([]);
    await notifications().remove(tenant.id, actor, "hook");
    expect(await notifications().list(tenant.id)).toEqual([]);
  });

  test("are refused where they could not work", () => {
    const wrong: readonly ChannelSettings[] = [
      { kind: "webhook", url: "ftp://x/", secret: SECRET },
      { kind: "webhook", url: "https://user:pass@x/", secret: SECRET },
      { kind: "webhook", url: "https://x/", secret: "AAAA" },
      { kind: "slack", url: "nothing" },
      { kind: "telegram", url: "https://x/", token: "../../x", chat: "1" },
      { ...MAIL, port: 25, from: "a@b>\r\nRCPT TO:<c@d" },
      { ...MAIL, port: 25, to: [] },
      { ...MAIL, port: 25, host: "a b" },
      { ...MAIL, port: 70_000 },
    ];
    for (const settings of wrong) expect(() => checkSettings(settings)).toThrow();
  });
});

const sockets = new Set<Socket>();

function listen(server: Server): Promise<number> {
  server.on("connection", (socket) => {
    socket.on("error", () => undefined);
    sockets.add(socket);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
}

/** A mail server that takes everything, or answers `MAIL` as told to, and remembers what was said. */
async function startSink(toMail = "250 ok"): Promise<{ server: Server; port: number; lines: string[] }> {
  const lines: string[] = [];
  const server = createServer((socket) => {
    let isData = false;
    let rest = "";
    socket.write("220 sink\r\n");
    socket.on("data", (chunk) => {
      rest += chunk.toString();
      const whole = rest.split("\r\n");
      rest = whole.pop() ?? "";
      for (const line of whole) {
        lines.push(line);
        if (isData) {
          if (line !== ".") continue;
          isData = false;
          socket.write("250 taken\r\n");
        } else if (line.startsWith("EHLO")) socket.write("250-sink\r\n250 AUTH PLAIN\r\n");
        else if (line === "STARTTLS") socket.write("502 not here\r\n");
        else if (line.startsWith("AUTH")) socket.write("235 ok\r\n");
        else if (line.startsWith("MAIL")) socket.write(`${toMail}\r\n`);
        else if (line === "DATA") {
          isData = true;
          socket.write("354 go on\r\n");
        } else if (line === "QUIT") socket.end("221 bye\r\n");
        else socket.write("250 ok\r\n");
      }
    });
  });
  return { server, port: await listen(server), lines };
}
