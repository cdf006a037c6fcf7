import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createCertificateKey, issueAuthority, issueServer } from "#src/crypto/certificate.ts";
import {
  cleanUp,
  freshFolder,
  type Outcome,
  type RunningServer,
  runProgram,
  writBinary,
} from "#test/support/binary.ts";
import { createInstance, type Instance } from "#test/support/instance.ts";

const SECRET = "upstream-credential-of-this-test";
const HOST = { kind: "name", name: "localhost" } as const;
const COMMIT = "1f4c9d2b7a6e5f3c8b0d9e1a2c3f4b5d6e7f8091";
const isCi = process.env["CI"] !== undefined;
const has = (...programs: readonly string[]): boolean => programs.every((program) => Bun.which(program) !== null);
const canContain =
  has("bwrap") && Bun.spawnSync(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]).exitCode === 0;

/** What the upstream was asked. */
const seen: { readonly path: string; readonly authorization: string | null }[] = [];
let upstream: ReturnType<typeof Bun.serve>;
let origin = "";
let instance: Instance;
let server: RunningServer;
let key = "";
let proxy = "";
let authorityFile = "";
let binFolder = "";

beforeAll(async () => {
  const validity = { from: Date.now() - 1000, to: Date.now() + 3_600_000 };
  const [authority, own] = [createCertificateKey(), createCertificateKey()];
  upstream = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key: own.pem, cert: issueServer(authority, "test", own, HOST, validity) },
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      seen.push({ path: pathname, authorization: request.headers.get("authorization") });
      if (pathname === "/repo.git/info/refs") return new Response(`${COMMIT}\trefs/heads/main\n`);
      if (pathname === "/left") {
        return Response.json({
          name: "left",
          "dist-tags": { latest: "1.2.3" },
          versions: { "1.2.3": { name: "left", version: "1.2.3" } },
        });
      }
      return Response.json({ path: pathname, echoed: request.headers.get("authorization") });
    },
  });
  origin = `https://localhost:${upstream.port}`;
  const ca = join(freshFolder("ca"), "ca.pem");
  writeFileSync(ca, issueAuthority(authority, "test", [HOST], validity));
  instance = createInstance({ WRIT_UPSTREAM_CA: ca, WRIT_FORWARD_LISTEN: "127.0.0.1:0" });
  await instance.ask(["init"]);
  server = await instance.start();
  await instance.ask(["agent", "create", "bot"]);
  key = String((await instance.ask(["key", "create", "bot"]))["key"]);
  const connection = ["connection", "create", "up", "--url", origin, "--connector", "http", "--auth", "bearer"];
  await instance.ask(connection, SECRET);
  const policy = join(instance.folder, "p.cedar");
  writeFileSync(policy, "permit(principal, action, resource);");
  await instance.ask(["policy", "put", policy]);
  const answer = await fetch(`${server.address}/v1/forward-proxy`, { headers: { authorization: `Bearer ${key}` } });
  const { port, authority: pem } = (await answer.json()) as { readonly port: number; readonly authority: string };
  proxy = `http://agent:${key}@127.0.0.1:${port}`;
  authorityFile = join(instance.folder, "authority.pem");
  writeFileSync(authorityFile, pem);
  binFolder = join(instance.folder, "bin");
  mkdirSync(binFolder);
  writeFileSync(join(binFolder, "writ"), `#!/bin/sh\nexec ${await writBinary()} "$@"\n`, { mode: 0o755 });
}, 60_000);

afterAll(async () => {
  await cleanUp();
  await upstream.stop(true);
});

const curl = (...words: readonly string[]): Promise<Outcome> =>
  runProgram(["curl", "-sS", "-m", "20", "--cacert", authorityFile, ...words], { cwd: "/" });

describe("unmodified clients through the forward proxy", () => {
  test.skipIf(!isCi && !has("curl"))("curl: the credential is put in, and is not in the answer", async () => {
    const { code, stdout } = await curl("--proxy", proxy, `${origin}/a/b?c=d`);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ path: "/a/b" });
    expect(stdout).not.toContain(SECRET);
    expect(seen.at(-1)).toEqual({ path: "/a/b", authorization: `Bearer ${SECRET}` });
  });

  test.skipIf(!isCi && !has("git"))("git", async () => {
    const env = { PATH: process.env["PATH"] ?? "", HTTPS_PROXY: proxy, GIT_SSL_CAINFO: authorityFile, HOME: "/" };
    const { stdout, stderr } = await runProgram(["git", "ls-remote", `${origin}/repo.git`], { cwd: "/", env });
    expect(stdout + stderr).toContain(`${COMMIT}\trefs/heads/main`);
    expect(seen.at(-1)?.authorization).toBe(`Bearer ${SECRET}`);
  });

  test.skipIf(!isCi && !has("npm"))(
    "npm",
    async () => {
      const cwd = freshFolder("npm");
      const env = { PATH: process.env["PATH"] ?? "", HTTPS_PROXY: proxy, npm_config_cafile: authorityFile, HOME: cwd };
      const words = ["npm", "view", "left", "version", "--registry", origin, "--cache", join(cwd, "cache")];
      const { stdout, stderr } = await runProgram(words, { cwd, env });
      expect(stdout + stderr).toContain("1.2.3");
      expect(seen).toContainEqual({ path: "/left", authorization: `Bearer ${SECRET}` });
    },
    60_000,
  );
});

describe("the forward proxy refuses", () => {
  const asked = async (...words: readonly string[]): Promise<string> =>
    (await curl("-o", "/dev/null", ...words)).stderr;

  test.skipIf(!isCi && !has("curl"))("without a key, with a false one, and for another kind of token", async () => {
    const count = seen.length;
    const bare = proxy.replace(/\/\/.*@/, "//");
    const admin = String((await instance.ask(["token", "create", "--kind", "admin"]))["token"]);
    for (const via of [bare, proxy.replace(key, "wrong"), proxy.replace(key, `${key.slice(0, -1)}x`)]) {
      expect(await asked("--proxy", via, `${origin}/x`)).toContain("407");
    }
    expect(await asked("--proxy", proxy.replace(key, admin), `${origin}/x`)).toMatch(/40[37]/);
    expect(seen).toHaveLength(count);
  });

  test.skipIf(!isCi && !has("curl"))("hosts without a connection, Writ itself, other ports, plain http", async () => {
    const own = server.address.replace("http:", "https:");
    for (const url of ["https://example.com/", own, "https://localhost:1/", "https://169.254.169.254/"]) {
      expect(await asked("--proxy", proxy, url)).toContain("403");
    }
    const plain = await curl("--proxy", proxy, "-o", "/dev/null", "-w", "%{http_code}", "http://example.com/");
    expect(plain.stdout).toBe("400");
  });

  test.skipIf(!isCi && !has("curl"))("a route of Writ's own behind a connection's host", async () => {
    const { stdout } = await curl("--proxy", proxy, `${origin}/v1/admin/agents`);
    // It is the upstream that is asked: nothing of Writ's is there.
    expect(JSON.parse(stdout)).toMatchObject({ path: "/v1/admin/agents" });
  });

  test("a connection to the inner listener that came by no tunnel", async () => {
    // The server's own listeners: sockets that it holds.
    const held = new Set(
      readdirSync(`/proc/${server.pid}/fd`).flatMap((fd) => {
        const target = readlinkSync(`/proc/${server.pid}/fd/${fd}`);
        return /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? [];
      }),
    );
    const ports = readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state, , , , , , inode]) => state === "0A" && local !== undefined && held.has(inode ?? ""))
      .map(([, local]) => Number.parseInt(local?.split(":")[1] ?? "0", 16));
    const answers = await Promise.all(
      ports.map(
        async (port) =>
          (await curl("-k", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", `https://127.0.0.1:${port}/x`)).stdout,
      ),
    );
    expect(answers).toContain("403");
  });
});

const SCRIPT = `#!/bin/bash
echo "key=$WRIT_TOKEN other=$MY_SECRET_TOKEN"
hook() {
  printf '{"hook_event_name":"%s","session_id":"s1","cwd":"%s","tool_name":"Bash","tool_input":{"command":"%s"},"tool_use_id":"%s","tool_response":{"stdout":"ok"}}' "$1" "$PWD" "$2" "$3" | writ hook claude
}
hook PreToolUse "ls -la" t1; hook PostToolUse "ls -la" t1
hook PreToolUse "cat README.md" t2; hook PostToolUse "cat README.md" t2
hook PreToolUse "cat .env" t3
curl -sS -m 20 ${"$"}UPSTREAM/from-run
cat .env innocent 2>&1
ls ${"$"}DATA 2>&1 | head -1
echo changed > README.md
exit 7
`;

describe("writ run", () => {
  let project = "";
  const start = async (...words: readonly string[]): Promise<Outcome> => {
    const env = {
      ...{ WRIT_URL: server.address, WRIT_TOKEN: key, WRIT_DATA: instance.dataFolder, MY_SECRET_TOKEN: "abc" },
      ...{ PATH: `${binFolder}:/usr/bin:/bin`, UPSTREAM: origin, DATA: instance.dataFolder },
    };
    return runProgram([await writBinary(), "run", ...words], { cwd: project, env });
  };
  const runOf = async ({ stderr }: Outcome): Promise<Record<string, unknown>> =>
    instance.ask(["runs", "show", /run_[0-9a-z]+/.exec(stderr)?.[0] ?? "none"]);

  beforeAll(() => {
    project = freshFolder("project");
    writeFileSync(join(project, "agent.sh"), SCRIPT);
    chmodSync(join(project, "agent.sh"), 0o755);
    writeFileSync(join(project, ".env"), "PASSWORD=of-the-project");
    writeFileSync(join(project, "README.md"), "read me");
    linkSync(join(project, ".env"), join(project, "innocent"));
  });

  test("does not start where the program could read Writ's own data", async () => {
    const outcome = await start("--", "./agent.sh");
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain("--unsafe-same-user");
    expect(outcome.stdout).toBe("");
  });

  test.skipIf(!isCi && !has("curl"))(
    "observed: a run with a receipt for each tool and each call",
    async () => {
      const outcome = await start(
        "--unsafe-same-user",
        "--work-item",
        "a test",
        "--auth-lane",
        "none",
        "--",
        "./agent.sh",
      );
      expect(outcome.code).toBe(7);
      expect(outcome.stdout).toContain("key=[redacted:known-value] other=\n");
      expect(outcome.stderr).toContain("`MY_SECRET_TOKEN` is not passed on");
      expect(outcome.stdout).toContain('"path":"/from-run"');
      const run = await runOf(outcome);
      expect(run).toMatchObject({ state: "failed", level: "observed", work_item: "a test" });
      expect(run["route"]).toMatchObject({ cli: "agent.sh", auth_lane: "none" });
      const steps = JSON.stringify(run["steps"]);
      expect(steps.match(/"tool":"Bash"/g)).toHaveLength(2);
      expect(steps).toContain("/http/up/get");
      expect(steps).toContain('"deny"');
      expect(outcome.stdout).toContain('"permissionDecision":"deny"');
    },
    60_000,
  );

  test.skipIf(!isCi && !canContain)(
    "contained: the same, with nothing but Writ to reach and no closed file to read",
    async () => {
      const outcome = await start("--level", "contained", "--", "./agent.sh");
      expect(outcome.stderr).not.toContain("hint:");
      expect(outcome.code).toBe(7);
      expect(outcome.stdout).toContain('"path":"/from-run"');
      expect(outcome.stdout).not.toContain("of-the-project");
      expect(outcome.stdout).toContain("No such file or directory");
      const run = await runOf(outcome);
      expect(run).toMatchObject({ level: "contained", receipts: 2 });
      expect(JSON.stringify(run["steps"])).toContain("/http/up/get");
      const script =
        "curl -s -m 3 -o /dev/null http://127.0.0.1:$PORT/ && echo reached; exec 3<>/dev/tcp/127.0.0.1/$PORT && echo reached";
      writeFileSync(join(project, "out.sh"), script.replaceAll("$PORT", new URL(server.address).port));
      const direct = await start("--level", "contained", "--", "bash", "out.sh");
      expect(direct.stdout).not.toContain("reached");
      expect(direct.code).toBe(1);
    },
    60_000,
  );

  test("passes signals on, and the run is cancelled", async () => {
    const env = { WRIT_URL: server.address, WRIT_TOKEN: key, PATH: "/usr/bin:/bin" };
    const words = [await writBinary(), "run", "--unsafe-same-user", "--", "bash", "-c", "echo ready; exec sleep 60"];
    const child = Bun.spawn(words, { cwd: project, env, stdout: "pipe", stderr: "pipe" });
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGTERM");
    expect(await child.exited).toBe(143);
    const stderr = await new Response(child.stderr).text();
    expect(await runOf({ code: 143, stdout: "", stderr })).toMatchObject({ state: "cancelled" });
  }, 30_000);

  test("says so where there is no such program", async () => {
    const outcome = await start("--unsafe-same-user", "--", "no-such-program-here");
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain("no-such-program-here");
    expect(await runOf(outcome)).toMatchObject({ state: "failed" });
  });
});

describe("writ hook", () => {
  const PAYLOAD = {
    ...{ session_id: "s2", cwd: dirname(import.meta.dir), hook_event_name: "PreToolUse" },
    ...{ tool_name: "Bash", tool_input: { command: "ls" }, tool_use_id: "t1" },
  };
  const ask = async (input: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome> => {
    const whole = { WRIT_URL: server.address, WRIT_TOKEN: key, PATH: "/usr/bin:/bin", ...env };
    return runProgram([await writBinary(), "hook", "claude"], { cwd: "/", env: whole, input });
  };

  test("blocks what is truncated, huge, another agent's, or says a thing twice", async () => {
    const text = JSON.stringify(PAYLOAD);
    const twice = `${text.slice(0, -1)},"tool_input":{"command":"rm -rf /"}}`;
    const other = JSON.stringify({ ...PAYLOAD, hook_event_name: "BeforeTool" });
    const huge = JSON.stringify({ ...PAYLOAD, tool_input: { command: "x".repeat(9 * 2 ** 20) } });
    for (const input of [text.slice(0, -5), twice, other, huge, "", "[]", "null"]) {
      const outcome = await ask(input);
      expect(outcome.code).toBe(2);
      expect(outcome.stdout).toBe("");
    }
  }, 30_000);

  test("denies without a server, with a key that is not good, and in another's run", async () => {
    const text = JSON.stringify(PAYLOAD);
    const nowhere = await ask(text, { WRIT_URL: "http://127.0.0.1:1" });
    expect(nowhere.stdout).toContain('"permissionDecision":"deny"');
    await instance.ask(["agent", "create", "other"]);
    const otherKey = String((await instance.ask(["key", "create", "other"]))["key"]);
    const opened = await fetch(`${server.address}/v1/runs`, {
      method: "POST",
      headers: { authorization: `Bearer ${otherKey}`, "content-type": "application/json" },
      body: "{}",
    });
    const { id } = (await opened.json()) as { readonly id: string };
    const outcome = await ask(text, { WRIT_RUN: id });
    expect(outcome.stdout).toContain('"permissionDecision":"deny"');
    expect((await ask(text, { WRIT_TOKEN: otherKey, WRIT_RUN: id })).stdout).toContain('"permissionDecision":"allow"');
  });

  test("is installed after its difference was shown, and taken out again", async () => {
    const home = freshFolder("home");
    const file = join(home, ".claude/settings.json");
    mkdirSync(dirname(file));
    const before = '{\n    "model": "m",\n    "hooks": {\n        "Stop": []\n    }\n}\n';
    writeFileSync(file, before);
    const run = async (...words: readonly string[]): Promise<Outcome> =>
      runProgram([await writBinary(), "hook", ...words], { cwd: home, env: { HOME: home, PATH: "/usr/bin:/bin" } });
    const shown = await run("install", "claude", "--project", home);
    expect(shown.code).toBe(1);
    expect(shown.stdout).toContain("hook claude");
    expect(readFileSync(file, "utf8")).toBe(before);
    expect((await run("install", "claude", "--project", home, "--yes")).code).toBe(0);
    expect(readFileSync(file, "utf8")).toContain("PreToolUse");
    expect((await run("uninstall", "claude", "--project", home, "--yes")).code).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(before);
  });
});
