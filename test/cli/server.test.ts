import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeShared, sharedData } from "#test/support/shared-data.ts";
import { isCleanError, jsonLines, type Outcome, type RunOptions, spawnWrit, temporaryFolder, writ } from "./support.ts";

const POLICY = `@id("read") permit(principal, action in Action::"tier:read", resource);
@id("danger") permit(principal, action in Action::"tier:danger", resource);
@id("no-secrets") forbid(principal, action in Action::"/github/secrets", resource);
`;
const SECRET = "ghp_0123456789abcdefABCDEF0123456789abcd";

let folder: ReturnType<typeof temporaryFolder>;
let data: string;
let env: Record<string, string>;
let server: ReturnType<typeof spawnWrit>;
let address: string;
let keyFile: string;

beforeAll(async () => {
  folder = temporaryFolder();
  data = join(folder.path, "data");
  keyFile = join(folder.path, "agent.key");
  env = { WRIT_DATA: data, WRIT_LISTEN: "127.0.0.1:0" };
  server = spawnWrit(["serve", "--json"], { env });
  const line = await firstLine(server.stdout);
  address = (JSON.parse(line) as { address: string }).address;
});

afterAll(async () => {
  if (server.exitCode === null) server.kill("SIGKILL");
  await server.exited;
  folder.remove();
});

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const reader = stream.getReader();
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`it ended early: ${text}`);
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return text.slice(0, text.indexOf("\n"));
}

const run = (words: readonly string[], options: RunOptions = {}) =>
  writ(words, { ...options, env: { ...env, ...options.env } });

/** Runs a command that is to succeed, and gives what it answered. */
async function answer(words: readonly string[], options: RunOptions = {}): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run([...words, "--json"], options);
  expect([words, code, stderr]).toEqual([words, 0, ""]);
  return jsonLines(stdout)[0] ?? {};
}

/** The approval that a decision waits for. */
function approvalOf({ stdout }: Outcome): string {
  const decision = jsonLines(stdout)[0] as { readonly approval: { readonly id: string } };
  return decision.approval.id;
}

describe("beside a running server", () => {
  test("the first start made keys and says so in its log", async () => {
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(existsSync(join(data, "keys", "seal.key"))).toBe(true);
  });

  test("tenants are made, disabled and enabled", async () => {
    await answer(["tenant", "create", "acme"]);
    expect(await answer(["tenant", "disable", "acme"])).toMatchObject({ name: "acme", status: "disabled" });
    expect(await answer(["tenant", "enable", "acme"])).toMatchObject({ status: "active" });
    const { stdout } = await run(["tenant", "list"]);
    expect(stdout).toMatch(/^NAME +ID +STATUS/);
    expect(stdout).toMatch(/^acme +ten_/m);
    expect(stdout).toMatch(/^default +ten_/m);
  });

  test("an agent gets a key that is shown once, alone on standard output", async () => {
    expect(await answer(["agent", "create", "helper", "--group", "bots"])).toMatchObject({ groups: ["bots"] });
    expect(await answer(["agent", "group", "helper", "bots", "night"])).toMatchObject({ groups: ["bots", "night"] });
    const created = await run(["key", "create", "helper", "--expires", "30d", "--source", "127.0.0.0/8"]);
    expect(created.code).toBe(0);
    expect(created.stdout).toMatch(/^writ_agent_\S+\n$/);
    expect(created.stderr).toContain("shown once");
    writeFileSync(keyFile, created.stdout, { mode: 0o600 });
    const second = await answer(["key", "create", "helper", "--env", "test"]);
    expect(second).toMatchObject({ environment: "test", key: expect.stringMatching(/^writ_agent_/) });
    expect(await answer(["key", "revoke", String(second["id"])])).toMatchObject({ revoked_at: expect.any(String) });
    const listed = await run(["key", "list", "--json"]);
    expect(listed.stdout).not.toContain("writ_agent_");
    expect(jsonLines(listed.stdout)).toHaveLength(2);
  });

  test("what belongs to one tenant is not another's", async () => {
    expect(jsonLines((await run(["agent", "list", "--tenant", "acme", "--json"])).stdout)).toEqual([]);
    const foreign = await run(["agent", "show", "helper", "--tenant", "acme"]);
    const absent = await run(["agent", "show", "nobody", "--tenant", "acme"]);
    expect(isCleanError(foreign)).toBe(true);
    expect(foreign).toEqual(absent);
  });

  test("a connection's secret comes from standard input or a file, and is shown by nobody", async () => {
    const words = ["connection", "create", "gh", "--connector", "github", "--url", "https://api.github.com"];
    const created = await run([...words, "--auth", "bearer", "--json"], { stdin: `${SECRET}\n` });
    expect([created.code, created.stderr]).toEqual([0, ""]);
    const file = join(folder.path, "secret");
    writeFileSync(file, "another-secret-value");
    await answer(["connection", "rotate", "gh", "--secret-file", file]);
    const shown = await run(["connection", "show", "gh", "--json"]);
    expect(jsonLines(shown.stdout)[0]).toMatchObject({ secret_version: 2, auth: { kind: "bearer" } });
    for (const text of [created.stdout, shown.stdout]) expect(text).not.toMatch(new RegExp(`${SECRET}|another-secret`));
    expect(isCleanError(await run([...words.with(2, "gh2"), "--auth", "bearer"], { stdin: "" }))).toBe(true);
    const noName = await run([...words.with(2, "gh2"), "--auth", "header"], { stdin: SECRET });
    expect(noName.stderr).toContain("--header NAME");
  });

  test("policies are put, compared and rolled back", async () => {
    const file = join(folder.path, "policy.cedar");
    writeFileSync(file, POLICY);
    expect(await answer(["policy", "put", file, "--message", "first"])).toMatchObject({ version: 1, active: true });
    expect((await run(["policy", "diff", file])).code).toBe(0);
    writeFileSync(file, `${POLICY}forbid(principal, action, resource);\n`);
    const diff = await run(["policy", "diff", file]);
    expect([diff.code, diff.stdout]).toEqual([1, expect.stringContaining("+ forbid(principal, action, resource);")]);
    expect(await answer(["policy", "put", file])).toMatchObject({ version: 2 });
    expect(await answer(["policy", "rollback", "1"])).toMatchObject({ version: 1, active: true });
    expect((await run(["policy", "show"])).stdout).toBe(POLICY);
    expect((await run(["policy", "versions"])).stdout).toMatch(/^2 +false.*\n1 +true/m);
    const bad = await run(["policy", "put", "-"], { stdin: "permit(;" });
    expect(bad.code).toBe(2);
    expect(bad.stderr).toMatch(/^-:1:8: unexpected token .+\nwrit: nothing was saved\nhint: .+\n$/);
  });

  test("an agent is allowed, denied, and held until somebody says yes", async () => {
    const ask = (method: string, path: string, ...more: readonly string[]) =>
      run(["authorize", "--connection", "gh", "--method", method, "--path", path, "--key-file", keyFile, ...more]);
    const allowed = await ask("GET", "/repos/acme/app", "--json");
    expect(allowed.code).toBe(0);
    const decision = jsonLines(allowed.stdout)[0] ?? {};
    expect(decision).toMatchObject({ decision: "allow", tier: "read", writ: expect.any(String) });
    expect((await answer(["revoke", String(decision["writ_cid"])]))["cid"]).toBe(decision["writ_cid"]);

    const denied = await ask("POST", "/repos/acme/app/issues");
    expect([denied.code, denied.stdout]).toEqual([1, ""]);
    expect(denied.stderr).toContain("no_permit");

    const held = await ask("DELETE", "/repos/acme/app", "--json");
    expect(held.code).toBe(1);
    const approval = approvalOf(held);
    expect((await run(["approvals"])).stdout).toContain(approval);
    const shown = await run(["approvals", "show", approval]);
    expect(shown.stdout).toMatch(/^call\.method +DELETE$/m);
    expect(shown.stdout).toMatch(/^agent_name +helper$/m);
    const waiting = ask("DELETE", "/repos/acme/app", "--wait", "30s");
    await Bun.sleep(200);
    expect(await answer(["approve", approval, "--comment", "fine"])).toMatchObject({ state: "approved" });
    const released = await waiting;
    expect([released.code, released.stdout.trim() === ""]).toEqual([0, false]);
    const again = await run(["approve", approval]);
    expect(isCleanError(again)).toBe(true);

    const second = approvalOf(await ask("DELETE", "/repos/acme/other", "--json"));
    expect(await answer(["approve", second, "--deny"])).toMatchObject({ state: "denied" });
  });

  test("a decision needs an agent's key, and the key must be one", async () => {
    const words = ["authorize", "--command", "/http/x/get", "--resource", "Http::Resource=x"];
    expect((await run(words)).stderr).toContain("its key is missing");
    const file = join(folder.path, "no.key");
    writeFileSync(file, "hello");
    expect(isCleanError(await run([...words, "--key-file", file]))).toBe(true);
  });

  test("a token speaks over the network, in its own tenant", async () => {
    const created = await run(["token", "create", "--kind", "admin", "--tenant", "acme"]);
    const remote = { WRIT_URL: address, WRIT_TOKEN: created.stdout.trim() };
    expect((await run(["agent", "create", "far"], { env: remote })).code).toBe(0);
    const listed = await run(["agent", "list", "--json", "--tenant", "acme"]);
    expect(jsonLines(listed.stdout).map(({ name }) => name)).toEqual(["far"]);
    const crossing = await run(["agent", "list", "--tenant", "default"], { env: remote });
    expect(crossing.stderr).toContain("`--tenant` is for the instance operator");
    const beyond = await run(["tenant", "list"], { env: remote });
    expect([isCleanError(beyond), beyond.stderr.includes("operator")]).toEqual([true, true]);
    const token = jsonLines((await run(["token", "list", "--json", "--tenant", "acme"])).stdout)[0];
    await answer(["token", "revoke", String(token?.["id"]), "--tenant", "acme"]);
    expect(isCleanError(await run(["agent", "list"], { env: remote }))).toBe(true);
  });

  test("nobody answers: one line says where", async () => {
    const outcome = await run(["agent", "list"], {
      env: { WRIT_URL: "http://127.0.0.1:1", WRIT_TOKEN: readFileSync(keyFile, "utf8").trim() },
    });
    expect([isCleanError(outcome), outcome.stderr.includes("http://127.0.0.1:1")]).toEqual([true, true]);
  });

  test("the chain is listed, exported and verified; a changed byte is found", async () => {
    const listed = await run(["audit", "list", "--limit", "5", "--json"]);
    const seqs = jsonLines(listed.stdout).map(({ seq }) => Number(seq));
    expect(seqs).toEqual(Array.from({ length: 5 }, (_, index) => (seqs[0] ?? 0) - index));
    expect(await answer(["audit", "show", "1"])).toMatchObject({ seq: 1, type: "tenant.created" });
    expect((await run(["audit", "list", "--tenant", "instance"])).code).toBe(0);

    const bundle = join(folder.path, "bundle.jsonl");
    expect((await run(["audit", "export", "--out", bundle])).code).toBe(0);
    expect(isCleanError(await run(["audit", "export", "--out", bundle]))).toBe(true);
    const key = jsonLines((await run(["keys", "list", "--json"])).stdout)[0]?.["public_key"];
    const verified = await run(["verify", bundle, data, "--key", String(key)]);
    expect([verified.code, verified.stderr]).toEqual([0, ""]);
    expect(verified.stdout).toMatch(/^ {2}pinned +yes$/m);
    const piped = await run(["verify", "-", "--key", String(key)], { stdin: readFileSync(bundle) });
    expect([piped.code, piped.stdout.startsWith("verified")]).toEqual([0, true]);
    const foreign = await run(["verify", bundle, "--key", "0".repeat(16)]);
    expect(foreign.code).toBe(1);

    const text = readFileSync(bundle, "utf8");
    writeFileSync(bundle, text.replace("helper", "h3lper").replace('"agent.created"', '"agent.creatad"'));
    const tampered = await run(["verify", bundle]);
    expect(tampered.code).toBe(1);
    expect(tampered.stdout).toMatch(/^NOT VERIFIED/);
    expect(tampered.stdout).toMatch(/fails {2}event \d+: /);
  });

  test("keys are rotated while it runs", async () => {
    for (const purpose of ["seal", "ucan", "master"]) {
      expect(await answer(["keys", "rotate", purpose])).toMatchObject({ purpose });
    }
    expect(jsonLines((await run(["keys", "list", "--json"])).stdout)).toHaveLength(2);
    expect(isCleanError(await run(["keys", "rotate", "door"]))).toBe(true);
    expect((await run(["verify", data])).code).toBe(0);
  });

  test("the doctor finds it well", async () => {
    const { code, stdout } = await run(["doctor", "--json"]);
    expect(code).toBe(0);
    const states = new Map(jsonLines(stdout).map(({ what, state }) => [what, state]));
    expect([states.get("server"), states.get("chain"), states.get("clock")]).toEqual(["ok", "ok", "ok"]);
  });

  test("the doctor does not ask for keys that only the running server is shown", async () => {
    const link = join(folder.path, "link");
    symlinkSync(data, link);
    renameSync(join(data, "keys"), join(folder.path, "keys-elsewhere"));
    try {
      const { code, stdout } = await writ(["doctor"], { env: { ...env, WRIT_DATA: link } });
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^warn {2}keys .*the server that runs has them$/m)]);
    } finally {
      renameSync(join(folder.path, "keys-elsewhere"), join(data, "keys"));
    }
  });

  describeShared("hostile names", () => {
    test("as names, ids, types and secrets end cleanly", async () => {
      const names = (JSON.parse(readFileSync(sharedData("text/blns.json"), "utf8")) as string[]).filter(
        (name) => name !== "" && !name.includes("\0"),
      );
      for (const name of names.filter((_, index) => index % 200 === 0)) {
        const outcomes = await Promise.all([
          run(["agent", "create", "--", name]),
          run(["agent", "show", "--", name]),
          run(["audit", "list", `--type=${name}`]),
          run(["tenant", "disable", "--", name]),
        ]);
        for (const outcome of outcomes) {
          expect([name, isCleanError(outcome) || outcome.code === 0]).toEqual([name, true]);
        }
      }
    }, 60_000);
  });

  test("a second server on the folder is refused; the first goes on", async () => {
    const second = await run(["serve"]);
    expect(isCleanError(second)).toBe(true);
    expect(second.stderr).toContain("another process holds this data folder");
    expect((await run(["agent", "list"])).code).toBe(0);
  });

  test("it stops when it is told, and leaves a chain that verifies", async () => {
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(existsSync(join(data, "writ.sock"))).toBe(false);
    const log = jsonLines(await new Response(server.stderr).text());
    expect(log.map(({ message }) => message)).toContain("stopping");
    expect(JSON.stringify(log)).toContain("seal.key");
    expect(JSON.stringify(log)).not.toMatch(/writ_agent_[0-9a-z]/);
    expect((await run(["verify", data])).code).toBe(0);
  });
});

describe("with no server running", () => {
  test("a command does the work itself, and its work is there afterwards", async () => {
    expect(await answer(["agent", "create", "offline"])).toMatchObject({ name: "offline" });
    expect((await run(["agent", "show", "offline"])).code).toBe(0);
    expect(existsSync(join(data, "writ.sock"))).toBe(false);
  });

  test("several at once wait for each other", async () => {
    const outcomes = await Promise.all(["a1", "a2", "a3"].map((name) => run(["agent", "create", name])));
    expect(outcomes.map(({ code, stderr }) => [code, stderr])).toEqual(outcomes.map(() => [0, ""]));
    expect((await run(["verify", data])).code).toBe(0);
  });

  test("a folder that somebody holds in silence is left alone", async () => {
    const lock = new Database(join(data, "lock.db"));
    lock.run("BEGIN EXCLUSIVE");
    const outcome = await run(["agent", "create", "never"]);
    lock.run("ROLLBACK");
    lock.close();
    expect(isCleanError(outcome)).toBe(true);
    expect(outcome.stderr).toContain("does not answer on its socket");
  }, 20_000);

  test("a clock that is behind stops what changes anything, until the operator accepts it", async () => {
    const db = new Database(join(data, "writ.db"));
    db.run("UPDATE heads SET at = at + 3600000");
    expect((await run(["doctor"])).stdout).toMatch(/^fail {2}clock {9}\d+ s behind the newest event/m);
    const refused = await run(["agent", "create", "late"]);
    expect([isCleanError(refused), refused.stderr.includes("writ doctor --accept-clock")]).toEqual([true, true]);
    expect(await answer(["doctor", "--accept-clock"])).toEqual({ accepted_at: expect.any(String) });
    await answer(["agent", "create", "late"]);
    expect((await run(["doctor"])).stdout).toMatch(/^warn {2}clock {9}behind .* accepted by the operator$/m);
    db.close();
  });

  test("the doctor and the verifier find a changed event", async () => {
    const db = new Database(join(data, "writ.db"));
    db.run("UPDATE events SET bytes = replace(bytes, 'agent.created', 'agent.creatad') WHERE type = 'agent.created'");
    db.close();
    const doctor = await run(["doctor"]);
    expect([doctor.code, doctor.stdout]).toEqual([
      1,
      expect.stringMatching(/^fail {2}chain +tenant `default`: event \d+/m),
    ]);
    expect((await run(["verify", data])).code).toBe(1);
  });
});
