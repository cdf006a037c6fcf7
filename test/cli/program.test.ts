import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "#src/cli/commands.ts";
import { commandHelp, groupHelp } from "#src/cli/help.ts";
import { describeShared, sharedData } from "#test/support/shared-data.ts";
import { isCleanError, jsonLines, temporaryFolder, writ } from "./support.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => folder.remove());

describe("help", () => {
  test("the whole lists every command, and every setting that there is", async () => {
    const { code, stdout, stderr } = await writ(["--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    for (const { name, summary } of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${name} +${summary}$`, "m"));
    expect(stdout).toContain("WRIT_DATA");
  });

  test("every command and every command below it has one, from what it declares", async () => {
    for (const { name, summary, load } of COMMANDS) {
      const loaded = await load();
      if ("run" in loaded) {
        expect(commandHelp(name, summary, loaded)).toContain(`usage: writ ${name}`);
        continue;
      }
      const text = groupHelp(name, summary, loaded);
      for (const command of loaded.commands) {
        expect(text).toContain(command.summary);
        expect(commandHelp(`${name} ${command.name}`, command.summary, command)).toContain("--json");
      }
    }
  });

  test("is reached by `--help`, `-h` and `help`", async () => {
    const [first, ...others] = await Promise.all([
      writ(["key", "create", "--help"]),
      writ(["key", "create", "-h"]),
      writ(["help", "key", "create"]),
    ]);
    expect(first?.code).toBe(0);
    expect(first?.stdout).toStartWith("usage: writ key create AGENT [OPTIONS]\n");
    for (const other of others) expect(other).toEqual(first as typeof other);
  });
});

describe("a command line that is wrong ends with 2 and one line", () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["agnet"], /^writ: there is no command `agnet`\nhint: did you mean `writ agent`\?\n$/],
    [
      ["agent", "craete", "x"],
      /^writ: there is no command `agent craete`\nhint: did you mean `writ agent create`\?\n$/,
    ],
    [["agent"], /^writ: `writ agent` needs a command: create, list/],
    [["serve", "--prot", "1"], /^writ: there is no option `--prot`\n/],
    [["verify"], /^writ: PATH is missing\nhint: `writ verify --help` says what it takes\n$/],
    [["constructor"], /^writ: there is no command `constructor`\n/],
    [["agent", "__proto__"], /^writ: there is no command `agent __proto__`\n/],
  ];
  for (const [words, expected] of cases) {
    test(words.join(" "), async () => {
      const outcome = await writ(words);
      expect(outcome.stderr).toMatch(expected);
      expect(isCleanError(outcome)).toBe(true);
    });
  }

  test("a setting that is none is named, its value is not", async () => {
    const outcome = await writ(["doctor"], { env: { WRIT_TOKNE: "hunter2hunter2" } });
    expect(outcome.stdout).toContain("did you mean `WRIT_TOKEN`");
    expect(outcome.stdout + outcome.stderr).not.toContain("hunter2");
  });
});

describe("init", () => {
  test("makes keys that nobody else reads, once", async () => {
    const data = join(folder.path, "new", "data");
    const first = await writ(["init", "--json"], { env: { WRIT_DATA: data } });
    expect(first.code).toBe(0);
    const [made] = jsonLines(first.stdout);
    expect(readdirSync(join(data, "keys")).sort()).toEqual(["master.key", "seal.key", "ucan.key"]);
    for (const name of readdirSync(join(data, "keys"))) {
      expect(statSync(join(data, "keys", name)).mode & 0o777).toBe(0o600);
      expect(first.stdout).not.toContain(readFileSync(join(data, "keys", name), "utf8").split(" ")[3] ?? "none");
    }
    expect(statSync(data).mode & 0o777).toBe(0o700);
    const before = readFileSync(join(data, "keys", "seal.key"), "utf8");
    const again = await writ(["init", "--json"], { env: { WRIT_DATA: data } });
    const [second] = jsonLines(again.stdout);
    const newLink = { setup_link: expect.stringContaining("/enrol#"), setup_link_expires_at: expect.any(String) };
    expect(second).toEqual({ ...made, made: [], ...newLink });
    expect(second?.["setup_link"]).not.toBe(made?.["setup_link"]);
    expect(readFileSync(join(data, "keys", "seal.key"), "utf8")).toBe(before);
  });

  test("a command does not make an instance where there is none", async () => {
    const data = join(folder.path, "typo");
    const outcome = await writ(["agent", "list"], { env: { WRIT_DATA: data } });
    expect(outcome.stderr).toMatch(/^writ: there is no key for `master`, `ucan`, `seal`\nhint: .*`writ init`/);
    expect(isCleanError(outcome)).toBe(true);
    expect(readdirSync(folder.path)).not.toContain("typo");
  });
});

describe("doctor", () => {
  test("says what others can reach, and fails", async () => {
    const data = join(folder.path, "open");
    const env = { WRIT_DATA: data };
    await writ(["init"], { env });
    expect((await writ(["doctor"], { env })).code).toBe(0);
    chmodSync(join(data, "keys", "seal.key"), 0o644);
    const { code, stdout } = await writ(["doctor", "--json"], { env });
    expect(code).toBe(1);
    const keys = jsonLines(stdout).find(({ what }) => what === "keys");
    expect(keys).toMatchObject({ state: "fail", why: expect.stringContaining("0644") });
    chmodSync(join(data, "keys", "seal.key"), 0o600);
    chmodSync(data, 0o755);
    expect((await writ(["doctor"], { env })).stdout).toMatch(/^fail {2}data folder {3}others can enter it/m);
  });
});

describe("redact", () => {
  test("removes what is secret and says what it was, elsewhere", async () => {
    const token = `ghp_${"a1B2".repeat(9)}`;
    const { code, stdout, stderr } = await writ(["redact", "--json"], { stdin: `token=${token} \u202eok\n` });
    expect(code).toBe(0);
    expect(stdout).not.toContain(token);
    expect(stdout).toEndWith(" ok\n");
    expect(jsonLines(stderr)).toEqual([{ findings: { "github-token": 1, invisible: 1 } }]);
  });

  test("passes what is clean byte for byte, as much as there is", async () => {
    const clean = "the quick brown fox\n".repeat(200_000);
    const { stdout, stderr } = await writ(["redact"], { stdin: clean });
    expect(stdout === clean).toBe(true);
    expect(stderr).toBe("");
  });
});

describe("verify", () => {
  test("what cannot be read is 2, what is no evidence is 1", async () => {
    const bad = join(folder.path, "bad.jsonl");
    writeFileSync(bad, '{"kind":"event"}\n');
    mkdirSync(join(folder.path, "empty"), { recursive: true });
    expect((await writ(["verify", join(folder.path, "nothing")])).code).toBe(2);
    expect((await writ(["verify", join(folder.path, "empty")])).code).toBe(2);
    const outcome = await writ(["verify", bad, "--json"]);
    expect(outcome.code).toBe(1);
    expect(jsonLines(outcome.stdout)[0]).toMatchObject({ ok: false });
  });

  test("`-` is a bundle on standard input", async () => {
    const outcome = await writ(["verify", "-", "--json"], { stdin: '{"kind":"event"}\n' });
    expect([outcome.code, outcome.stderr]).toEqual([1, ""]);
    expect(jsonLines(outcome.stdout)[0]).toMatchObject({ path: "-", kind: "bundle", ok: false });
  });
});

describe("what needs no server", () => {
  test("a connector's table is checked where it is written", async () => {
    const table = {
      id: "shop",
      version: "1",
      routes: [
        {
          method: "GET",
          path: "/items/{item}",
          command: "/shop/items/get",
          resource: { type: "Shop::Item", id: "{item}" },
          tier: "read",
        },
        {
          method: "GET",
          path: "/items/{id}",
          command: "/shop/items/show",
          resource: { type: "Shop::Item", id: "{id}" },
          tier: "read",
        },
      ],
    };
    const wrong = await writ(["connector", "lint", "-", "--json"], { stdin: JSON.stringify(table) });
    expect(wrong.code).toBe(1);
    expect(jsonLines(wrong.stdout)[0]).toMatchObject({ findings: [{ code: "shadowed_route", place: "routes[1]" }] });
    const right = { ...table, routes: table.routes.slice(0, 1) };
    expect((await writ(["connector", "lint", "-"], { stdin: JSON.stringify(right) })).code).toBe(0);
    expect(isCleanError(await writ(["connector", "lint", "-"], { stdin: "{" }))).toBe(true);

    const stdin = JSON.stringify({ ...right, id: "store" });
    const malformed = await writ(["connector", "lint", "-"], { stdin });
    expect(malformed).toEqual({
      code: 1,
      stdout: "routes[0].`command` is malformed (route_table_invalid)\n",
      stderr: "",
    });
    const json = await writ(["connector", "lint", "-", "--json"], { stdin });
    expect([json.code, jsonLines(json.stdout)[0]]).toEqual([
      1,
      { findings: [{ code: "route_table_invalid", place: "", message: "routes[0].`command` is malformed" }] },
    ]);
  });

  test("policies are checked where they are written", async () => {
    const right = await writ(["policy", "check", "-"], { stdin: "permit(principal, action, resource);" });
    expect(right).toEqual({ code: 0, stdout: "nothing wrong; policies: 1\n", stderr: "" });
    const wrong = await writ(["policy", "check", "-"], { stdin: "permit(principal, action, resource);\npermit(;" });
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toMatch(/^-:2:\d+: /);
  });
});

describeShared("hostile names", () => {
  test("as arguments end cleanly, never in a stack", async () => {
    const names = (JSON.parse(readFileSync(sharedData("text/blns.json"), "utf8")) as string[]).filter(
      (name) => !name.includes("\0"),
    );
    expect(names.length).toBeGreaterThan(400);
    const sample = names.filter((_, index) => index % 90 === 0);
    const env = { WRIT_DATA: join(folder.path, "hostile") };
    for (const name of sample) {
      const outcomes = await Promise.all([
        writ([name, name], { env }),
        writ(["agent", "create", "--", name], { env }),
        writ(["verify", "--", name], { env }),
      ]);
      for (const outcome of outcomes) {
        expect([name, isCleanError(outcome) || outcome.stdout.startsWith("usage:")]).toEqual([name, true]);
      }
    }
  }, 60_000);
});
