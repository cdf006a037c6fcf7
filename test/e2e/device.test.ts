import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromBase64, fromUtf8 } from "#src/base/bytes.ts";
import { cleanUp, freshFolder, runProgram, writBinary } from "#test/support/binary.ts";
import { createInstance } from "#test/support/instance.ts";

const LONG = 60_000;
afterAll(cleanUp, LONG);

describe("the executable as a device", () => {
  test(
    "is paired by a code, acts for its agent, is seen in its run, and is unpaired",
    async () => {
      const instance = createInstance({ WRIT_RATE_SOURCE: "0" });
      await instance.ask(["init"]);
      const server = await instance.start();
      await instance.ask(["agent", "create", "builder"]);
      await instance.ask(["agent", "create", "other"]);
      const policies = join(instance.folder, "all.cedar");
      writeFileSync(policies, '@id("all") permit (principal, action, resource);');
      expect((await instance.run(["policy", "put", policies])).code).toBe(0);

      // Another machine, as far as it can tell: a home of its own, and nothing of the instance.
      const home = freshFolder("machine");
      const machine = async (...args: string[]) =>
        runProgram([await writBinary(), ...args], { cwd: home, env: { HOME: home } });
      const { shown: waiting, ended } = await startPairing(server.address, home);
      const wrong = await instance.run([
        "device",
        "confirm",
        waiting.code,
        "--agent",
        "builder",
        "--fingerprint",
        "00",
      ]);
      expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("another machine")]);
      const confirmed = await instance.ask([
        "device",
        "confirm",
        waiting.code,
        "--agent",
        "builder",
        "--fingerprint",
        waiting.fingerprint,
      ]);
      expect(confirmed).toMatchObject({ name: "laptop", status: "active" });
      const paired = await ended;
      expect([paired.code, paired.stderr]).toEqual([0, expect.stringContaining("paired as laptop, for builder")]);
      const file = join(home, ".config/writ/device.json");
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect((await machine("pair", server.address)).stderr).toContain("is paired already");

      const ask = ["authorize", "--command", "/http/api/get", "--resource", "Http::Endpoint=x"];
      expect(await machine(...ask)).toMatchObject({ code: 0, stderr: expect.stringContaining("allow") });
      expect((await machine(...ask, "--agent", "other")).code).toBe(2);
      // The token alone is nothing.
      const { token } = JSON.parse(readFileSync(file, "utf8"));
      const bare = await runProgram([await writBinary(), ...ask], {
        cwd: home,
        env: { WRIT_URL: server.address, WRIT_TOKEN: token },
      });
      expect([bare.code, bare.stderr]).toEqual([2, expect.stringContaining("no signature of the device")]);
      chmodSync(file, 0o644);
      expect((await machine(...ask)).stderr).toContain("others can read");
      chmodSync(file, 0o600);

      // Uses are written once a second.
      await Bun.sleep(1200);
      const shown = await instance.ask(["device", "show", "laptop"]);
      expect(shown).toMatchObject({ name: "laptop", last_use: { command: "/http/api/get", outcome: "allow" } });
      expect(await machine("unpair", "--json")).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('"server":"revoked"'),
      });
      expect(existsSync(file)).toBe(false);
      expect(await instance.list(["device", "list"])).toMatchObject([{ name: "laptop", status: "revoked" }]);
      expect((await machine("unpair")).code).toBe(1);
      await server.stop();
      expect((await instance.run(["verify", instance.dataFolder])).code).toBe(0);
    },
    LONG,
  );

  test(
    "shows runs as timelines, exports them, and stops them",
    async () => {
      const instance = createInstance({ WRIT_RATE_SOURCE: "0" });
      await instance.ask(["init"]);
      const server = await instance.start();
      await instance.ask(["agent", "create", "builder"]);
      const { key } = await instance.ask(["key", "create", "builder"]);
      const ask = async (path: string, body: unknown) => {
        const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
        const response = await fetch(server.address + path, { method: "POST", headers, body: JSON.stringify(body) });
        return (await response.json()) as { readonly id: string };
      };
      const run = await ask("/v1/runs", { work_item: "ship it", level: "observed", route: { cli: "claude" } });
      await ask(`/v1/runs/${run.id}/receipts`, {
        tool: "Bash",
        tier: "read",
        inputs: { command: "ls" },
        duration_ms: 3,
        success: true,
        route: { auth_lane: "subscription", cli: "claude" },
      });
      expect(await instance.list(["runs", "list", "--state", "active"])).toMatchObject([
        { id: run.id, work_item: "ship it", receipts: 1 },
      ]);
      const text = (await instance.run(["runs", "show", run.id])).stdout;
      for (const part of ["ship it", "Bash", "done in 3 ms", "subscription claude"]) expect(text).toContain(part);
      const out = join(instance.folder, "run.jsonl");
      expect((await instance.run(["runs", "export", run.id, "--format", "in-toto", "--out", out])).code).toBe(0);
      const [line = ""] = readFileSync(out, "utf8").trimEnd().split("\n");
      const statement = JSON.parse(fromUtf8(fromBase64(JSON.parse(line).payload)));
      expect(statement.predicate).toMatchObject({ tool: "Bash", run: { id: run.id, route: { cli: "claude" } } });
      expect(await instance.ask(["runs", "pause", run.id])).toMatchObject({ state: "paused" });
      expect(await instance.ask(["runs", "resume", run.id])).toMatchObject({ state: "active" });
      expect(await instance.ask(["runs", "cancel", run.id])).toMatchObject({ state: "cancelled" });
      expect((await instance.run(["runs", "cancel", run.id])).code).toBe(2);
      await server.stop();
    },
    LONG,
  );
});

/** `writ pair` on the machine: what it shows first, and how it ends. */
async function startPairing(
  address: string,
  home: string,
): Promise<{
  readonly shown: { readonly code: string; readonly fingerprint: string };
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
}> {
  const words = [await writBinary(), "pair", address, "--name", "laptop", "--json", "--wait", "40s"];
  const child = Bun.spawn(words, {
    cwd: home,
    env: { HOME: home },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: LONG,
    killSignal: "SIGKILL",
  });
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended before it showed a code: ${await new Response(child.stderr).text()}`);
    text += new TextDecoder().decode(value);
  }
  const ended = (async () => {
    while (!(await reader.read()).done);
    const stderr = await new Response(child.stderr).text();
    await child.exited;
    return { code: child.exitCode, stderr };
  })();
  return { shown: JSON.parse(text.slice(0, text.indexOf("\n"))), ended };
}
