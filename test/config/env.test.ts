import { describe, expect, test } from "bun:test";
import { isWritError } from "#src/base/errors.ts";
import { readEnvironment, removeProxyVariables } from "#src/config/env.ts";
import { SETTINGS } from "#src/config/settings.ts";

function messageFrom(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isWritError(error, "config_invalid")) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("readEnvironment", () => {
  test("takes its own variables, and systemd's, and nothing else", () => {
    const raw = readEnvironment({
      PATH: "/bin",
      WRIT_LISTEN: "127.0.0.1:1",
      NOTIFY_SOCKET: "/run/notify",
      CREDENTIALS_DIRECTORY: "/run/credentials/writ",
    });
    expect([...raw.settings]).toEqual([["WRIT_LISTEN", "127.0.0.1:1"]]);
    expect(raw.notifySocket).toBe("/run/notify");
    expect(raw.credentialsDirectory).toBe("/run/credentials/writ");
  });

  test("counts an empty variable as unset", () => {
    const raw = readEnvironment({ WRIT_PROXY: "", NOTIFY_SOCKET: "", WRIT_LOG: undefined });
    expect(raw.settings.size).toBe(0);
    expect(raw.notifySocket).toBeUndefined();
  });

  test("refuses an unknown name, suggests the near one, and keeps the value to itself", () => {
    const message = messageFrom(() => readEnvironment({ WRIT_TRUST_PROXXY: "hunter2" }));
    expect(message).toBe("`WRIT_TRUST_PROXXY` is not a setting, did you mean `WRIT_TRUST_PROXY`");
    expect(messageFrom(() => readEnvironment({ WRIT_LISTNE: "" }))).toContain("did you mean `WRIT_LISTEN`");
    expect(messageFrom(() => readEnvironment({ WRIT_SOMETHING_ELSE: "x" }))).not.toContain("did you mean");
    expect(messageFrom(() => readEnvironment({ [`WRIT_${"x".repeat(100_000)}`]: "" })).length).toBeLessThan(200);
    expect(messageFrom(() => readEnvironment({ WRIT_: "" }))).toContain("is not a setting");
  });

  test("takes every variable of the table", () => {
    const env = Object.fromEntries(SETTINGS.map((setting) => [setting.name, "x"]));
    expect(readEnvironment(env).settings.size).toBe(SETTINGS.length);
  });
});

describe("removeProxyVariables", () => {
  test("deletes them in every case and leaves the rest", () => {
    const env: Record<string, string | undefined> = {
      HTTP_PROXY: "a",
      https_proxy: "b",
      All_Proxy: "c",
      no_proxy: "d",
      WRIT_PROXY: "http://proxy:1",
      PROXY: "e",
    };
    expect([...removeProxyVariables(env)].sort()).toEqual(["All_Proxy", "HTTP_PROXY", "https_proxy", "no_proxy"]);
    expect(env).toEqual({ WRIT_PROXY: "http://proxy:1", PROXY: "e" });
  });

  test.each([
    ["with", "removeProxyVariables();", 200],
    ["without", "", 599],
  ])("%s it, fetch in a process started with a dead proxy gives %p %p", async (_name, call, expected) => {
    const script = `
      import { removeProxyVariables } from "#src/config/env.ts";
      ${call}
      void removeProxyVariables;
      const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("direct") });
      const status = await fetch("http://127.0.0.1:" + server.port).then((answer) => answer.status, () => 599);
      console.log(status);
      process.exit(0);`;
    const dead = "http://127.0.0.1:9";
    const child = Bun.spawn([process.execPath, "-e", script], {
      cwd: `${import.meta.dir}/../..`,
      env: { PATH: process.env["PATH"], HTTP_PROXY: dead, http_proxy: dead },
      stdout: "pipe",
      stderr: "inherit",
    });
    expect(Number(await new Response(child.stdout).text())).toBe(Number(expected));
  });
});
