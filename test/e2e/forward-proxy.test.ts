import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAddress } from "#src/config/address-range.ts";
import { type CertificateHost, createCertificateKey, issueAuthority, issueServer } from "#src/crypto/certificate.ts";
import { cleanUp, freshFolder, type Outcome, runProgram } from "#test/support/binary.ts";
import { createInstance } from "#test/support/instance.ts";

const SECRET = "upstream-credential-of-this-test";
const LOCAL: CertificateHost = { kind: "name", name: "localhost" };
const isCi = process.env["CI"] !== undefined;
const name = `writ-${process.pid}`;
const [outer, inner] = [`wo${process.pid}`.slice(0, 15), `wi${process.pid}`.slice(0, 15)];
const address = `10.231.${process.pid % 250}.1`;
const peer = `10.231.${process.pid % 250}.2`;

const ip = (...words: readonly string[]): boolean => Bun.spawnSync(["ip", ...words]).exitCode === 0;
const made =
  Bun.which("ip") !== null &&
  ip("netns", "add", name) &&
  ip("link", "add", outer, "type", "veth", "peer", "name", inner) &&
  ip("link", "set", inner, "netns", name) &&
  ip("addr", "add", `${address}/30`, "dev", outer) &&
  ip("link", "set", outer, "up") &&
  ip("netns", "exec", name, "ip", "addr", "add", `${peer}/30`, "dev", inner) &&
  ip("netns", "exec", name, "ip", "link", "set", inner, "up");
// Where this user may make no network namespaces, which root may, there are no two machines to speak to each other.
const skip = !isCi && !made;

let upstream: ReturnType<typeof Bun.serve> | undefined;
let curl: (...words: readonly string[]) => Promise<Outcome>;
let proxy = "";
let origin = "";

beforeAll(async () => {
  if (skip) return;
  const validity = { from: Date.now() - 1000, to: Date.now() + 3_600_000 };
  const [authority, own] = [createCertificateKey(), createCertificateKey()];
  const here: CertificateHost = { kind: "address", bytes: parseAddress(address) ?? new Uint8Array(4) };
  upstream = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key: own.pem, cert: issueServer(authority, "test", own, LOCAL, validity) },
    fetch: (request) => Response.json({ hasCredential: request.headers.get("authorization") === `Bearer ${SECRET}` }),
  });
  origin = `https://localhost:${upstream.port}`;
  const folder = freshFolder("netns");
  const file = (path: string, text: string): string => {
    writeFileSync(join(folder, path), text, { mode: 0o600 });
    return join(folder, path);
  };
  const ca = file("ca.pem", issueAuthority(authority, "test", [LOCAL, here], validity));
  const instance = createInstance({
    WRIT_UPSTREAM_CA: ca,
    WRIT_FORWARD_LISTEN: `${address}:0`,
    WRIT_TLS_CERT: file("proxy.pem", issueServer(authority, "test", own, here, validity)),
    WRIT_TLS_KEY: file("proxy.key", own.pem),
  });
  await instance.ask(["init"]);
  await instance.start();
  await instance.ask(["agent", "create", "bot"]);
  const key = String((await instance.ask(["key", "create", "bot"]))["key"]);
  await instance.ask(
    ["connection", "create", "up", "--url", origin, "--connector", "http", "--auth", "bearer"],
    SECRET,
  );
  await instance.ask(["policy", "put", file("p.cedar", "permit(principal, action, resource);")]);
  const answer = await fetch("http://localhost/v1/forward-proxy", {
    unix: join(instance.dataFolder, "writ.sock"),
    headers: { authorization: `Bearer ${key}` },
  });
  const { scheme, port, authority: pem } = (await answer.json()) as Readonly<Record<string, string>>;
  expect(scheme).toBe("https");
  proxy = `https://agent:${key}@${address}:${port}`;
  const trust = ["--proxy-cacert", ca, "--cacert", file("authority.pem", String(pem))];
  curl = (...words) =>
    runProgram(["ip", "netns", "exec", name, "curl", "-sS", "-m", "20", ...trust, ...words], {
      cwd: "/",
      env: { PATH: process.env["PATH"] ?? "" },
    });
}, 60_000);

afterAll(async () => {
  await cleanUp();
  await upstream?.stop(true);
  if (Bun.which("ip") === null) return;
  ip("netns", "del", name);
  ip("link", "del", outer);
});

test.skipIf(skip)(
  "from another network namespace the upstream is reached through the proxy, over TLS, and in no other way",
  async () => {
    expect(JSON.parse((await curl("--proxy", proxy, `${origin}/x`)).stdout)).toEqual({ hasCredential: true });
    expect((await curl(`${origin}/x`)).code).toBe(7);
    expect((await curl("--proxy", proxy.replace("https:", "http:"), `${origin}/x`)).code).not.toBe(0);
    expect((await curl("--proxy", proxy.replace(/writ_agent_\w+/, "nothing"), `${origin}/x`)).stderr).toContain("407");
  },
);
