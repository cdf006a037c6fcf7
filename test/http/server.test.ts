import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { isWritError } from "#src/base/errors.ts";
import { listenPrivately, removeStaleSocket, socketPathOf } from "#src/http/unix-socket.ts";
import { createTestAuthority } from "#test/io/certificates.ts";
import { type Edge, settle, startEdge } from "./support.ts";

let edge: Edge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.stop());

function request(line: string, host: string, more = ""): string {
  return `${line} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`;
}

describe("the host that a request names", () => {
  test("may be the public address or a loopback name", async () => {
    for (const host of [
      `localhost:${edge.port}`,
      `127.0.0.1:${edge.port}`,
      `[::1]:${edge.port}`,
      "localhost:8620",
      "localhost",
    ]) {
      expect(await edge.raw(request("GET /openapi.json", host))).toStartWith("HTTP/1.1 200");
    }
  });

  test("is refused where it is another, whatever the path", async () => {
    for (const host of ["evil.example", `evil.example:${edge.port}`, "", "a@localhost", "x"]) {
      const answer = await edge.raw(request("GET /openapi.json", host));
      expect([host, answer.slice(0, 12)]).toEqual([host, "HTTP/1.1 421"]);
      expect(answer).toContain('"code":"host_unknown"');
    }
    const twice = `localhost:${edge.port}\r\nHost: evil.example`;
    expect(await edge.raw(request("GET /openapi.json", twice))).toStartWith("HTTP/1.1 4");
  });

  test("does not matter to probes, which learn nothing by it", async () => {
    expect(await edge.raw(request("GET /healthz", "10.0.0.7:8620"))).toStartWith("HTTP/1.1 200");
    const ready = await edge.raw(request("GET /readyz", "evil.example"));
    expect(ready).toStartWith("HTTP/1.1 200");
    expect(ready).not.toContain("checks");
    expect(await edge.raw(request("GET /metrics", "evil.example"))).toStartWith("HTTP/1.1 421");
  });
});

describe("what is not there", () => {
  test("is a problem document, and a method that is not there names those that are", async () => {
    for (const path of ["/nope", "/v1", "/v1/proxy", "/v1/agents/", "//x/y", "/v1/authorize/"]) {
      const { status, json, headers } = await edge.ask("GET", path);
      expect([path, status, json.code]).toEqual([path, 404, "not_found"]);
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(json.request_id).toBe(headers.get("writ-request-id"));
    }
    const refused = await edge.ask("PUT", "/v1/authorize");
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "POST"]);
    const disablement = await edge.ask("GET", "/v1/admin/agents/x/disablement");
    expect([disablement.status, disablement.headers.get("allow")]).toEqual([405, "DELETE, POST"]);
    const list = await edge.ask("PATCH", "/v1/admin/agents");
    expect([list.status, list.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    const question = await edge.ask("GET", "/access/v1/evaluation", { headers: { "x-request-id": "asked-by-me" } });
    expect([question.status, question.headers.get("x-request-id")]).toEqual([405, "asked-by-me"]);
  });

  test("a path that does not decode names nothing", async () => {
    const home = await settle(edge, "decode");
    for (const name of ["%ff", "%00", "%zz", "..%2f", "%2e%2e%2fx"]) {
      const answer = await edge.ask("GET", `/v1/admin/agents/${name}`, { token: home.admin });
      expect([name, answer.status]).toEqual([name, 404]);
    }
  });
});

describe("every answer", () => {
  test("has the security headers and nothing that tells the server or opens it to others", async () => {
    for (const [method, path] of [
      ["GET", "/healthz"],
      ["GET", "/nope"],
      ["OPTIONS", "/v1/admin/agents"],
      ["POST", "/v1/authorize"],
      ["GET", "/metrics"],
    ] as const) {
      const { headers } = await edge.ask(method, path, { headers: { origin: "https://evil.example" } });
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("writ-request-id")).toMatch(/^req_[0-9a-f]{16}_[0-9a-z]+$/);
      for (const name of [...headers.keys()]) expect(name).not.toMatch(/^(server|x-powered-by|access-control-|strict)/);
    }
  });

  test("has an id of its own", async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await edge.ask("GET", "/healthz")).headers.get("writ-request-id")),
    );
    expect(new Set(ids).size).toBe(20);
  });

  test("takes the id of a proxy that is trusted, and of nobody else", async () => {
    const headers = { "x-request-id": "from-the-proxy-1" };
    expect((await edge.ask("GET", "/healthz", { headers })).headers.get("writ-request-id")).not.toBe(
      "from-the-proxy-1",
    );
    const behind = await startEdge({ WRIT_TRUST_PROXY: "127.0.0.1" });
    try {
      const idOf = async (id: string) =>
        (await behind.ask("GET", "/healthz", { headers: { "x-request-id": id } })).headers.get("writ-request-id");
      expect(await idOf("from-the-proxy-1")).toBe("from-the-proxy-1");
      for (const bad of ["short", "with space in it", "x".repeat(65)]) expect(await idOf(bad)).not.toBe(bad);
    } finally {
      await behind.stop();
    }
  });
});

describe("the operator's socket", () => {
  test("is nobody else's, and gone after a stop", async () => {
    const other = await startEdge();
    expect(statSync(other.app.socketPath).mode & 0o777).toBe(0o600);
    expect((await other.operate("GET", "/v1/admin/tenants")).status).toBe(200);
    await other.stop();
    expect(existsSync(other.app.socketPath)).toBe(false);
  });

  test("has its mode from the first moment, and the mask is as before", () => {
    const before = process.umask();
    const path = join(edge.folder, "probe.sock");
    const modes = listenPrivately(() => {
      const server = Bun.serve({ unix: path, fetch: () => new Response() });
      const mode = statSync(path).mode & 0o777;
      void server.stop(true);
      return mode;
    });
    expect(modes).toBe(0o600);
    expect(() =>
      listenPrivately(() => {
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(process.umask()).toBe(before);
    rmSync(path, { force: true });
  });

  test("takes the place of one that a former run left, and of nothing else", async () => {
    const folder = mkdtempSync(join(tmpdir(), "writ-sock-"));
    const path = socketPathOf(folder);
    removeStaleSocket(path);
    const server = createServer().listen(path);
    await new Promise((resolve) => server.on("listening", resolve));
    removeStaleSocket(path);
    expect(existsSync(path)).toBe(false);
    server.close();
    writeFileSync(path, "mine");
    expect(() => removeStaleSocket(path)).toThrow("is in the way");
    expect(existsSync(path)).toBe(true);
    rmSync(folder, { recursive: true });
  });

  test("ends where a socket's path does", () => {
    expect(() => socketPathOf(`/${"x".repeat(120)}`)).toThrow("too long");
  });

  test("answers under any host, however short", async () => {
    for (const host of ["a", "x.y", "localhost"]) {
      const answer = await fetch(`http://${host}/v1/admin/tenants`, { unix: edge.app.socketPath });
      expect(answer.status).toBe(200);
    }
  });
});

/** Longer than the runtime lets a connection be idle by itself: 10 s on the socket, 30 by TCP, which is for the soak. */
const PATIENCE_SECONDS = process.env["SOAK"] === undefined ? 12 : 35;

describe("a wait", () => {
  test("is longer than the runtime lets a connection be idle by itself, by TCP and on the socket", async () => {
    const home = await settle(edge, "patient");
    const headers = { "writ-tenant": "patient" };
    const body = { call: { connection: "api", method: "DELETE", path: "/a" } };
    const asked = await edge.ask("POST", "/v1/authorize", { token: home.key, body });
    const path = `/v1/approvals/${asked.json.approval.id}?wait=${PATIENCE_SECONDS}`;
    const answers = await Promise.all([
      edge.ask("GET", path, { token: home.key }),
      edge.operate("GET", path, { headers }),
    ]);
    for (const { status, json } of answers) expect([status, json.state]).toEqual([200, "pending"]);
  }, 60_000);
});

describe("stopping", () => {
  test("lets nobody wait on, ends what runs, and refuses what comes", async () => {
    const other = await startEdge();
    const home = await settle(other);
    const asked = await other.ask("POST", "/v1/authorize", {
      token: home.key,
      body: { call: { connection: "api", method: "DELETE", path: "/a" } },
    });
    const began = performance.now();
    const waiting = other.ask("GET", `/v1/approvals/${asked.json.approval.id}?wait=60`, { token: home.key });
    await Bun.sleep(50);
    const stopped = other.stop();
    expect((await waiting).json.state).toBe("pending");
    await stopped;
    expect(performance.now() - began).toBeLessThan(3000);
    expect(await other.ask("GET", "/healthz").catch(() => "refused")).toBe("refused");
  });

  test("a second listener on an address is told", async () => {
    const error = await startEdge({ WRIT_LISTEN: `127.0.0.1:${edge.port}` }).catch((thrown: unknown) => thrown);
    expect(isWritError(error, "config_invalid")).toBe(true);
  });
});

describe("TLS", () => {
  test("is 1.3 and nothing below, with HSTS", async () => {
    const authority = createTestAuthority();
    const { cert, key } = authority.issue({ dns: "localhost", ip: [127, 0, 0, 1] });
    const folder = mkdtempSync(join(tmpdir(), "writ-tls-"));
    writeFileSync(join(folder, "cert.pem"), cert);
    writeFileSync(join(folder, "key.pem"), key, { mode: 0o600 });
    const secure = await startEdge({
      WRIT_TLS_CERT: join(folder, "cert.pem"),
      WRIT_TLS_KEY: join(folder, "key.pem"),
      WRIT_PUBLIC_URL: "https://ci",
    });
    try {
      const answer = await fetch(`${secure.url}/healthz`, { tls: { ca: authority.ca } });
      expect(answer.headers.get("strict-transport-security")).toBe("max-age=31536000");
      const short = await fetch(`${secure.url}/openapi.json`, { tls: { ca: authority.ca }, headers: { host: "ci" } });
      expect(short.status).toBe(200);
      const handshake = (maxVersion: "TLSv1.2" | "TLSv1.3"): Promise<string> =>
        new Promise((resolve) => {
          const options = { port: secure.port, host: "127.0.0.1", ca: authority.ca, maxVersion };
          const socket = connectTls(options, () => {
            resolve(socket.getProtocol() ?? "none");
            socket.destroy();
          });
          socket.on("error", () => resolve("refused"));
        });
      expect(await handshake("TLSv1.3")).toBe("TLSv1.3");
      expect(await handshake("TLSv1.2")).toBe("refused");
      expect((await secure.operate("GET", "/healthz")).headers.has("strict-transport-security")).toBe(false);
    } finally {
      await secure.stop();
      rmSync(folder, { recursive: true });
    }
  });

  test("a key that every user of the host can read stops the start", async () => {
    const { cert, key } = createTestAuthority().issue({ dns: "localhost", ip: [127, 0, 0, 1] });
    const folder = mkdtempSync(join(tmpdir(), "writ-tls-"));
    writeFileSync(join(folder, "cert.pem"), cert);
    writeFileSync(join(folder, "key.pem"), key);
    chmodSync(join(folder, "key.pem"), 0o644);
    const error = await startEdge({
      WRIT_TLS_CERT: join(folder, "cert.pem"),
      WRIT_TLS_KEY: join(folder, "key.pem"),
    }).catch((thrown: unknown) => thrown);
    rmSync(folder, { recursive: true, force: true });
    expect(error).toMatchObject({ code: "key_material_unsafe" });
  });

  test("a certificate that is not there is told", async () => {
    const error = await startEdge({ WRIT_TLS_CERT: "/nowhere/cert.pem", WRIT_TLS_KEY: "/nowhere/key.pem" }).catch(
      (thrown: unknown) => thrown,
    );
    expect(isWritError(error, "config_invalid")).toBe(true);
  });
});
