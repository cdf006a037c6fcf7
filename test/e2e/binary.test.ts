import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { connect as connectTls } from "node:tls";
import { createTestAuthority } from "#test/io/certificates.ts";
import {
  cleanUp,
  freePort,
  freshFolder,
  type Outcome,
  runProgram,
  startServer,
  writBinary,
} from "#test/support/binary.ts";
import { createInstance, type Instance, type Printed } from "#test/support/instance.ts";
import { type SlowUpstream, startSlowUpstream } from "#test/support/slow-upstream.ts";

const LONG = 60_000;
const POLICY = "permit (principal, action, resource);\n";

/** The executable, alone in an empty folder: nothing of the project is near. */
let alone: string;

beforeAll(async () => {
  const folder = freshFolder("alone");
  alone = join(folder, "writ");
  copyFileSync(await writBinary(), alone);
}, LONG);

afterAll(cleanUp, LONG);

/** Runs it in its own folder with an empty environment. */
function runAlone(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return runProgram([alone, ...args], { cwd: dirname(alone), env });
}

describe("the executable in an empty folder with an empty environment", () => {
  test("says its version and its help", async () => {
    expect(await runAlone(["--version"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^writ \d+\.\d+\.\d+\n$/),
    });
    const help = await runAlone(["--help"]);
    expect(help.code).toBe(0);
    for (const command of ["serve", "init", "doctor", "demo", "verify", "approve"])
      expect(help.stdout).toContain(command);
    expect(await runAlone(["no-such"])).toMatchObject({ code: 2 });
    expect(readdirSync(dirname(alone))).toEqual(["writ"]);
  });

  test(
    "serves, and makes its keys on the first run",
    async () => {
      const folder = freshFolder("first-run");
      const copy = join(folder, "writ");
      copyFileSync(alone, copy);
      const port = await freePort();
      const server = await startServer({ cwd: folder, env: { WRIT_LISTEN: `127.0.0.1:${port}` } }, copy);
      expect(server.address).toBe(`http://127.0.0.1:${port}`);
      const ready = await fetch(`${server.address}/readyz`);
      expect(ready.status).toBe(200);
      const keys = join(folder, "data/keys");
      expect(readdirSync(keys).toSorted()).toEqual(["master.key", "seal.key", "ucan.key"]);
      for (const name of readdirSync(keys)) expect(statSync(join(keys, name)).mode & 0o777).toBe(0o600);
      for (const name of ["data", "data/keys"]) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
      expect(statSync(join(folder, "data/writ.sock")).mode & 0o777).toBe(0o600);
      expect(server.stderr()).toContain("made keys: keep a copy of them off this machine");
      const database = readFileSync(join(folder, "data/writ.db"));
      for (const name of readdirSync(keys)) {
        const words = readFileSync(join(keys, name), "utf8").split(/\s+/);
        const secret = words.reduce((longest, word) => (word.length > longest.length ? word : longest), "");
        expect(Buffer.from(secret, "base64")).toHaveLength(32);
        expect(database.includes(secret)).toBeFalse();
        expect(database.includes(Buffer.from(secret, "base64"))).toBeFalse();
      }
      expect(await server.stop()).toMatchObject({ code: 0 });
    },
    LONG,
  );

  test(
    "tells the whole story",
    async () => {
      const { code, stdout, stderr } = await runAlone(["demo", "--json"]);
      const steps = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Printed);
      expect(steps.filter(({ ok }) => ok !== true)).toEqual([]);
      expect(steps.length).toBeGreaterThan(15);
      for (const step of steps) expect(Object.keys(step)).toEqual(["step", "expected", "actual", "ok"]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      expect(readdirSync(dirname(alone))).toEqual(["writ"]);

      const kept = join(freshFolder("kept"), "story");
      const told = await runAlone(["demo", "--keep", kept]);
      expect(told.code).toBe(0);
      expect(told.stdout).not.toContain("✗");
      const bundle = join(kept, "bundle.jsonl");
      expect((await runAlone(["verify", kept, bundle])).code).toBe(0);
      expect((await runAlone(["demo", "--keep", kept])).code).toBe(2);
    },
    LONG,
  );

  test("refuses to listen for everyone without TLS, and what it does not know", async () => {
    const open = await runAlone(["serve"], { WRIT_LISTEN: "0.0.0.0:0" });
    expect(open).toMatchObject({ code: 2, stderr: expect.stringContaining("is not loopback") });
    const typo = await runAlone(["serve"], { WRIT_LISTN: "127.0.0.1:0" });
    expect(typo).toMatchObject({ code: 2, stderr: expect.stringContaining("did you mean `WRIT_LISTEN`") });
  });
});

describe("a server", () => {
  let upstream: SlowUpstream;

  beforeAll(() => {
    upstream = startSlowUpstream();
  });

  afterAll(() => upstream.stop());

  async function prepare(env: Readonly<Record<string, string>> = {}): Promise<{ instance: Instance; key: string }> {
    const instance = createInstance(env);
    await instance.ask(["init"]);
    const connection = ["--connector", "http", "--url", upstream.origin, "--auth", "bearer"];
    await instance.ask(["connection", "create", "slow", ...connection], upstream.token);
    await instance.ask(["policy", "put", "-"], POLICY);
    await instance.ask(["agent", "create", "worker"]);
    return { instance, key: String((await instance.ask(["key", "create", "worker"]))["key"]) };
  }

  test(
    "holds its folder: a second one is refused, while commands go through the first",
    async () => {
      const { instance } = await prepare();
      const server = await instance.start();
      const second = await instance.run(["serve"]);
      expect(second).toMatchObject({ code: 2, stderr: expect.stringContaining("another process") });
      expect(await instance.list(["agent", "list"])).toHaveLength(1);
      expect(await server.stop()).toMatchObject({ code: 0 });
      const after = await instance.start();
      expect(await after.stop()).toMatchObject({ code: 0 });
    },
    LONG,
  );

  test(
    "lets a running stream end when it is told to stop, and takes no new request",
    async () => {
      const { instance, key } = await prepare();
      const server = await instance.start();
      const headers = { authorization: `Bearer ${key}` };
      const answer = await fetch(`${server.address}/v1/proxy/slow/stream`, { headers });
      expect(answer.status).toBe(200);
      const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      server.signal("SIGTERM");
      await Bun.sleep(200);
      const late = await fetch(`${server.address}/healthz`, { keepalive: false }).then(
        ({ status }) => status,
        () => "refused",
      );
      expect(late === "refused" || late === 503).toBeTrue();
      upstream.finish();
      const rest: Uint8Array[] = [];
      for (let part = await reader.read(); !part.done; part = await reader.read()) rest.push(part.value);
      expect(Buffer.concat(rest).toString()).toEndWith("the end");
      expect(await server.exited).toMatchObject({ code: 0 });
      expect((await instance.run(["verify", instance.dataFolder])).code).toBe(0);
      const [finished] = await instance.list(["audit", "list", "--type", "call.finished"]);
      expect(finished).toMatchObject({ data: { outcome: "completed" } });
    },
    LONG,
  );

  test(
    "killed in the middle of a call it starts again, settles the call and verifies",
    async () => {
      const { instance, key } = await prepare();
      const server = await instance.start();
      const headers = { authorization: `Bearer ${key}` };
      const answer = await fetch(`${server.address}/v1/proxy/slow/stream`, { headers });
      const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      expect(await server.stop("SIGKILL")).toMatchObject({ code: null });
      await reader.cancel().catch(() => undefined);
      upstream.finish();
      expect((await instance.run(["verify", instance.dataFolder])).code).toBe(0);

      const again = await instance.start();
      const ended = await instance.list(["audit", "list", "--type", "call.finished"]);
      expect(ended).toHaveLength(1);
      expect(ended[0]).toMatchObject({ data: { outcome: "unknown", error: "outcome_unknown" } });
      const works = await fetch(`${again.address}/v1/proxy/slow/plain`, { headers });
      expect(await works.text()).toBe("plain");
      expect(await again.stop()).toMatchObject({ code: 0 });
      expect((await instance.run(["verify", instance.dataFolder])).code).toBe(0);
    },
    LONG,
  );

  test(
    "pays no heed to proxy variables",
    async () => {
      const trap = startSlowUpstream();
      const proxies = {
        HTTP_PROXY: trap.origin,
        http_proxy: trap.origin,
        HTTPS_PROXY: trap.origin,
        ALL_PROXY: trap.origin,
      };
      const { instance, key } = await prepare(proxies);
      const server = await instance.start();
      const answer = await fetch(`${server.address}/v1/proxy/slow/plain`, {
        headers: { authorization: `Bearer ${key}` },
      });
      expect(await answer.text()).toBe("plain");
      expect(trap.requests()).toBe(0);
      await server.stop();
      trap.stop();
    },
    LONG,
  );

  test(
    "verifies folders and bundles, and says no to changed ones",
    async () => {
      const { instance } = await prepare();
      const bundle = join(instance.folder, "bundle.jsonl");
      expect((await instance.run(["audit", "export", "--out", bundle])).code).toBe(0);
      const good = await runAlone(["verify", instance.dataFolder, bundle]);
      expect(good).toMatchObject({ code: 0, stdout: expect.stringContaining("verified") });
      const text = readFileSync(bundle, "utf8");
      expect(text).toContain('"type":"agent.created"');
      writeFileSync(bundle, text.replace('"type":"agent.created"', '"type":"agent.crested"'));
      const bad = await runAlone(["verify", bundle]);
      expect(bad).toMatchObject({ code: 1, stdout: expect.stringMatching(/NOT VERIFIED[\s\S]*event \d+/) });
      expect((await runAlone(["verify", join(instance.folder, "absent")])).code).toBe(2);
    },
    LONG,
  );

  test(
    "speaks TLS 1.3 and nothing older",
    async () => {
      const authority = createTestAuthority();
      const { cert, key } = authority.issue({ dns: "localhost", ip: [127, 0, 0, 1] });
      const folder = freshFolder("tls");
      mkdirSync(join(folder, "tls"), { mode: 0o700 });
      const files = { WRIT_TLS_CERT: join(folder, "tls/cert.pem"), WRIT_TLS_KEY: join(folder, "tls/key.pem") };
      writeFileSync(files.WRIT_TLS_CERT, cert, { mode: 0o600 });
      writeFileSync(files.WRIT_TLS_KEY, key, { mode: 0o600 });
      const instance = createInstance({ ...files, WRIT_PUBLIC_URL: "https://localhost:8620" });
      const server = await instance.start();
      expect(server.address).toStartWith("https://127.0.0.1:");
      const port = Number(new URL(server.address).port);
      expect(await protocolOf(port, authority.ca, {})).toBe("TLSv1.3");
      expect(await protocolOf(port, authority.ca, { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" })).toBe("refused");
      expect(await server.stop()).toMatchObject({ code: 0 });
    },
    LONG,
  );
});

/** The protocol that a client and the server agree on. */
function protocolOf(
  port: number,
  ca: string,
  versions: { readonly minVersion?: "TLSv1.2"; readonly maxVersion?: "TLSv1.2" },
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: "127.0.0.1", port, ca, servername: "localhost", ...versions }, () => {
      resolve(socket.getProtocol() ?? "none");
      socket.destroy();
    });
    socket.on("error", () => resolve("refused"));
  });
}
