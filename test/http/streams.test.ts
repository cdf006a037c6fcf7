import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createMachine } from "#test/support/device.ts";
import { type Edge, startEdge } from "./support.ts";

let edge: Edge;
let admin: string;
beforeAll(async () => {
  edge = await startEdge();
  ({
    json: { token: admin },
  } = await edge.operate("POST", "/v1/admin/tokens", { body: { kind: "admin", name: "automation" } }));
  await edge.operate("POST", "/v1/admin/agents", { body: { name: "builder" } });
});
afterAll(() => edge.stop());

const ask = (method: string, path: string, body?: unknown) =>
  edge.ask(method, path, { token: admin, ...(body === undefined ? {} : { body }) });

describe("streams", () => {
  test("files of the host are the operator's to write", async () => {
    const body = { name: "local", settings: { kind: "file" } };
    expect((await ask("POST", "/v1/admin/streams", body)).json.code).toBe("forbidden");
    expect((await edge.operate("POST", "/v1/admin/streams", { body })).status).toBe(201);
    expect((await edge.operate("DELETE", "/v1/admin/streams/local")).status).toBe(204);
  });

  test("a webhook's secret is shown once, and its path never", async () => {
    const settings = { kind: "webhook", url: "http://127.0.0.1:9/secret-path?token=x" };
    const made = await ask("POST", "/v1/admin/streams", { name: "hook", settings });
    expect(made.json.secret).toStartWith("whsec_");
    const listed = await ask("GET", "/v1/admin/streams");
    expect(listed.text).not.toContain("secret");
    expect(listed.json.streams[0]).toMatchObject({ name: "hook", destination: "http://127.0.0.1:9", status: "active" });
    const events = await ask("GET", "/v1/audit/events?type=stream");
    expect(events.text).not.toContain("secret-path");
    expect((await ask("POST", "/v1/admin/streams/hook/disablement")).json.status).toBe("disabled");
    expect((await ask("DELETE", "/v1/admin/streams/hook/disablement")).json.status).toBe("active");
  });

  test("what is no destination is refused", async () => {
    for (const settings of [
      { kind: "webhook", url: "file:///etc/passwd" },
      { kind: "webhook", url: "http://user@host/" },
      { kind: "syslog", host: "a/b", port: 1, transport: "tcp" },
      { kind: "syslog", host: "h", port: 0, transport: "tcp" },
      { kind: "syslog", host: "h", port: 1, transport: "udp" },
      { kind: "file", path: "/etc/cron.d/x" },
    ]) {
      expect([
        settings,
        (await edge.operate("POST", "/v1/admin/streams", { body: { name: "x", settings } })).status,
      ]).toEqual([settings, 400]);
    }
  });
});

describe("exports", () => {
  test("are files that no page shows", async () => {
    for (const [format, type] of [
      ["html", "text/html"],
      ["csv", "text/csv"],
      ["jsonl", "application/jsonl"],
    ]) {
      const { headers, status } = await ask("GET", `/v1/audit/export?format=${format}&agent=builder`);
      expect(status).toBe(200);
      expect(headers.get("content-type")).toStartWith(type ?? "");
      expect(headers.get("content-disposition")).toStartWith("attachment;");
      expect(headers.get("content-security-policy")).toContain("sandbox");
    }
  });

  test("of what there is not are errors before the first byte", async () => {
    expect((await ask("GET", "/v1/audit/export?format=csv&agent=nobody")).status).toBe(404);
    expect((await ask("GET", "/v1/audit/export?format=csv&run=run_x")).status).toBe(404);
    expect((await ask("GET", "/v1/audit/export?agent=builder&from=1")).status).toBe(400);
    expect((await ask("GET", "/v1/audit/export?format=html&seq=1")).status).toBe(400);
  });
});

describe("subjects", () => {
  test("a token exports one and erases none", async () => {
    const shown = await ask("GET", "/v1/admin/subjects/builder");
    expect(shown.json).toMatchObject({ kind: "agent", status: "active" });
    expect((await ask("GET", "/v1/admin/subjects/builder/export")).text).toContain('"name":"builder"');
    const erasure = await ask("POST", "/v1/admin/subjects/builder/erasure", { confirm: shown.json.subject });
    expect([erasure.status, erasure.json.code]).toEqual([403, "forbidden"]);
  });

  test("a device loses its name too, once it is revoked", async () => {
    const asked = await createMachine(edge, Date.now).request("zelda-laptop");
    const path = `/v1/admin/devices/pairings/${asked.json.code}/confirmation`;
    const { json: device } = await edge.operate("POST", path, { body: { agents: ["builder"] } });
    const { json: shown } = await edge.operate("GET", `/v1/admin/subjects/${device.id}`);
    expect(shown).toMatchObject({ kind: "device", id: device.id });
    const erase = () =>
      edge.operate("POST", `/v1/admin/subjects/${device.id}/erasure`, { body: { confirm: shown.subject } });
    expect((await erase()).json.code).toBe("conflict");
    expect((await edge.operate("GET", `/v1/admin/subjects/${device.id}/export`)).text).toContain("zelda-laptop");
    await edge.operate("POST", `/v1/admin/devices/${device.id}/revocation`);
    expect((await erase()).status).toBe(200);
    expect((await edge.operate("GET", `/v1/admin/devices/${device.id}`)).json.name).toStartWith("erased-");
    expect((await edge.operate("GET", "/v1/audit/events?type=device")).text).not.toContain("zelda");
    expect((await edge.operate("GET", `/v1/admin/subjects/${device.id}/export`)).text).not.toContain("zelda");
  });

  test("one of another tenant answers as one that there is not", async () => {
    const { json } = await ask("GET", "/v1/admin/subjects/builder");
    await edge.operate("POST", "/v1/admin/tenants", { body: { name: "other" } });
    const foreign = await edge.operate("GET", `/v1/admin/subjects/${json.subject}`, {
      headers: { "writ-tenant": "other" },
    });
    const absent = await edge.operate("GET", "/v1/admin/subjects/sub_00000000000000000000000000", {
      headers: { "writ-tenant": "other" },
    });
    expect([foreign.status, foreign.json.code]).toEqual([absent.status, absent.json.code]);
  });
});
