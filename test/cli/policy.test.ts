import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isCleanError, jsonLines, temporaryFolder, writ } from "./support.ts";

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
afterAll(() => folder.remove());

function put(name: string, text: string): string {
  writeFileSync(at(name), text);
  return at(name);
}

const POLICIES = `@id("readers")
permit (principal in AgentGroup::"readers", action in Action::"tier:read", resource)
when { context.writ.environment == "live" };
@id("never")
forbid (principal == Agent::"mallory", action, resource);
`;
const ASK = {
  agent: "a",
  groups: ["readers"],
  command: "/github/issues/list",
  resource: { type: "GitHub::Repository", id: "acme/app" },
};

function testFile(...tests: readonly object[]): string {
  return JSON.stringify({ defaults: ASK, tests });
}

let policies: string;
beforeAll(() => {
  policies = put("p.cedar", POLICIES);
});

describe("writ policy test", () => {
  const allowed = { name: "reads", ask: {}, expect: { decision: "allow", policies: ["readers"] } };

  test("adds up what all files have seen of each policy", async () => {
    const one = put("one.json", testFile(allowed));
    const two = put(
      "two.json",
      testFile({ name: "not in a test", ask: { environment: "test" }, expect: { decision: "deny" } }),
    );
    const { code, stdout } = await writ(["policy", "test", one, two, "--policies", policies, "--json"]);
    expect(code).toBe(0);
    expect(jsonLines(stdout)).toEqual([
      {
        ok: true,
        passed: 2,
        failed: 0,
        tests: [
          { file: one, line: 1, name: "reads", ok: true, decision: "allow", failures: [] },
          { file: two, line: 1, name: "not in a test", ok: true, decision: "deny", failures: [] },
        ],
        coverage: [
          {
            policy: "readers",
            matched: 2,
            determined: 1,
            clauses: [{ kind: "when", seenTrue: true, seenFalse: true, seenError: false }],
          },
          { policy: "never", matched: 0, determined: 0, clauses: [] },
        ],
        covered: { policies: [1, 2], conditions: [1, 1] },
      },
    ]);
  });

  test("says what came out differently, and which conditions nothing tried; exit 1", async () => {
    const file = put("fails.json", testFile(allowed, { name: "stops", ask: {}, expect: { decision: "deny" } }));
    const { code, stdout, stderr } = await writ(["policy", "test", file, "--policies", policies]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toContain(`failed  ${file}:1: stops\n          expected deny, got allow by \`readers\`\n`);
    expect(stdout).toMatch(/^readers +2 +2 +0\/1 +when 1 never false$/m);
    expect(stdout).toContain("passed: 1; failed: 1; policies that determined something: 1/2; conditions");
  });

  test("takes a command of a named http connection for what its method is", async () => {
    const ask = { ...ASK, command: "/http/crm/get", resource: { type: "Http::Endpoint", id: "/v1" } };
    const file = put("http.json", testFile({ name: "get", ask, expect: { decision: "allow" } }));
    expect((await writ(["policy", "test", file, "--policies", policies])).code).toBe(1);
    expect((await writ(["policy", "test", file, "--policies", policies, "--connection", "crm"])).code).toBe(0);
  });

  test.each([
    [
      "an unknown field",
      '{"tests": [\n {"name": "x", "ask": {"agnt": "a"}, "expect": {"decision": "deny"}}]}',
      /:2:\d+: tests\[0\]\.ask\.agnt: .*`agent`/,
    ],
    ["no JSON", "{", /:1:\d+: /],
    [
      "an ask that Cedar cannot read",
      testFile({ ...allowed, ask: { claimed: { at: { __extn: { fn: "nothing", arg: "" } } } } }),
      /bad\.json: /,
    ],
  ])("refuses %s with exit 2", async (_, text, complaint) => {
    const file = put("bad.json", text);
    const { code, stdout, stderr } = await writ(["policy", "test", file, "--policies", policies]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(complaint);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test("fails a test whose request does not fit the schema, and says why", async () => {
    const misfit = { name: "person", ask: { command: "/github/isues/list" }, expect: { decision: "deny" } };
    const { code, stdout } = await writ([
      "policy",
      "test",
      put("misfit.json", testFile(misfit)),
      "--policies",
      policies,
    ]);
    expect(code).toBe(1);
    expect(stdout).toContain("the request does not fit the schema: the schema has no command `/github/isues/list`");
  });

  test("refuses policies that do not compile with exit 2", async () => {
    const file = put("ok.json", testFile(allowed));
    const { code, stderr } = await writ(["policy", "test", file, "--policies", "-"], { stdin: "permit(;" });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^-:1:\d+: /);
    const twice = await writ(["policy", "test", "-", "--policies", "-"]);
    expect([isCleanError(twice), twice.stderr]).toEqual([true, expect.stringContaining("only one of the files")]);
  });
});

describe("writ policy fmt", () => {
  const UGLY = '// kept\npermit(principal,action,resource)when{context.writ.environment=="live"};';

  test("prints one layout, which it then leaves alone", async () => {
    const first = await writ(["policy", "fmt", "-"], { stdin: UGLY });
    expect(first.code).toBe(0);
    expect(first.stdout).toStartWith("// kept\npermit (");
    expect(await writ(["policy", "fmt", "-"], { stdin: first.stdout })).toEqual(first);
    expect((await writ(["policy", "fmt", "-", "--check"], { stdin: first.stdout })).code).toBe(0);
  });

  test("--check says so and changes nothing; --write changes the file behind a link and keeps its mode", async () => {
    const file = put("ugly.cedar", UGLY);
    chmodSync(file, 0o640);
    symlinkSync(file, at("link.cedar"));
    const checked = await writ(["policy", "fmt", "--check", at("link.cedar")]);
    expect([checked.code, checked.stdout, readFileSync(file, "utf8")]).toEqual([1, "", UGLY]);
    const written = await writ(["policy", "fmt", "--write", at("link.cedar")]);
    expect(written).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(readFileSync(file, "utf8")).toStartWith("// kept\npermit (");
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  test("leaves what does not parse as it is, exit 2", async () => {
    const file = put("broken.cedar", "permit(;");
    const { code, stdout, stderr } = await writ(["policy", "fmt", "--write", file]);
    expect([code, stdout, readFileSync(file, "utf8")]).toEqual([2, "", "permit(;"]);
    expect(stderr).toStartWith(`${file}:1:`);
    for (const words of [
      ["-", "--write"],
      [file, "--write", "--check"],
    ]) {
      expect(isCleanError(await writ(["policy", "fmt", ...words]))).toBe(true);
    }
  });
});

describe("writ policy template", () => {
  test("lists, shows and renders; the template's tests hold for what is rendered", async () => {
    const listed = jsonLines((await writ(["policy", "template", "list", "--json"])).stdout);
    expect(listed.length).toBeGreaterThanOrEqual(25);
    const shown = await writ(["policy", "template", "show", "per-repository"]);
    expect(shown.stdout).toMatch(/^repositories +entities +\["acme\/app","acme\/docs"\]/m);
    const [{ tests = {} } = {}] = jsonLines(
      (await writ(["policy", "template", "show", "per-repository", "--json"])).stdout,
    );
    const rendered = await writ(["policy", "template", "render", "per-repository", "--examples"]);
    expect(rendered.code).toBe(0);
    const words = ["policy", "test", put("t.json", JSON.stringify(tests)), "--policies", "-"];
    expect((await writ(words, { stdin: rendered.stdout })).code).toBe(0);
  });

  test("a slot's value stays within its literal, and a list takes one value at a time", async () => {
    const evil = 'x") == principal };\npermit(principal, action, resource);//';
    const { code, stdout } = await writ([
      ...["policy", "template", "render", "per-repository", "--set", `group=${evil}`, "--id", "mine"],
      ...["--set", "repositories=acme/a", "--set", `repositories=${evil}`],
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain('@id("mine")');
    expect(stdout).toContain('[GitHub::Repository::"acme/a", GitHub::Repository::"x\\")');
    const checked = await writ(["policy", "check", "-", "--json"], { stdin: stdout });
    expect(jsonLines(checked.stdout)).toEqual([expect.objectContaining({ ok: true, policies: 1, problems: [] })]);
    // What looks like more than it is is said to.
    expect(checked.stdout).toContain("not a printable ASCII character");
  });

  test.each([
    [["render", "read-onyl"], "did you mean `read-only`?"],
    [["render", "per-repository", "--set", "group=a"], "the slot `repositories` needs a value"],
    [["render", "read-only", "--set", "grou=a"], "did you mean `group`?"],
    [["render", "read-only", "--set", "group=a", "--set", "group=b"], "takes one value"],
    [["render", "read-only", "--set", "__proto__=a"], "has no slot `__proto__`"],
    [["render"], "NAME is missing"],
    [["list", "--examples"], "is of `render`"],
    [["remove", "read-only"], "ACTION is one of"],
  ])("%j is refused", async (words, complaint) => {
    const outcome = await writ(["policy", "template", ...words]);
    expect([isCleanError(outcome), outcome.stdout, outcome.stderr]).toEqual([
      true,
      "",
      expect.stringContaining(complaint),
    ]);
  });
});

describe("writ policy check", () => {
  const check = (source: string, ...words: readonly string[]) =>
    writ(["policy", "check", "-", ...words], { stdin: source });

  test("refuses what the schema does not know and what can never apply, where it stands", async () => {
    const unknown = 'permit(principal, action == Action::"/github/isues/list", resource);';
    expect((await check(unknown, "--syntax")).code).toBe(0);
    const refused = await check(unknown);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/^-:1:\d+: .*isues/);
    const never =
      'permit(principal, action, resource)\nwhen { context.writ.tier == "read" && context.writ.tier == "write" };';
    expect((await check(never)).code).toBe(1);
  });

  test("knows an http connection by the name it is given", async () => {
    const source = 'permit(principal, action == Action::"/http/crm/get", resource);';
    expect((await check(source)).code).toBe(1);
    expect(await check(source, "--connection", "crm")).toEqual({
      code: 0,
      stdout: "nothing wrong; policies: 1\n",
      stderr: "",
    });
    for (const words of [
      ["--connection", "../x"],
      ["--syntax", "--connection", "crm"],
      ["--syntax", "--server"],
    ]) {
      expect(isCleanError(await check(source, ...words))).toBe(true);
    }
  });
});
