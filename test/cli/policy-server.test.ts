import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Edge, type Household, settle, startEdge } from "#test/http/support.ts";
import { isCleanError, jsonLines, writ } from "./support.ts";

let edge: Edge;
let home: Household;
let decision: string;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
  const body = { command: "/github/issues/list", resource: { type: "GitHub::Repository", id: "acme/app" } };
  decision = (await edge.ask("POST", "/v1/authorize", { token: home.key, body })).json.decision_id;
});
afterAll(() => edge.stop());

const run = (words: readonly string[], stdin = "") =>
  writ(["policy", ...words], { env: { WRIT_DATA: edge.folder }, stdin });

const ASK = ["--agent", "helper", "--command", "/github/issues/list", "--resource"];

test("explain says why, of a recorded decision and of one that might be asked for", async () => {
  const recorded = await run(["explain", decision]);
  expect([recorded.code, recorded.stderr]).toEqual([0, ""]);
  expect(recorded.stdout).toMatch(
    /^allow {2}\/github\/issues\/list {2}\(policies version 1, .+Z\)\n- it is allowed: `all`/,
  );
  for (const resource of ["GitHub::Repository/acme/app", "GitHub::Repository=acme/app"]) {
    const asked = await run(["explain", ...ASK, resource, "--context", "a=b", "--json"]);
    expect(jsonLines(asked.stdout)).toEqual([
      expect.objectContaining({ decision: "allow", agent: home.agent, version: 1 }),
    ]);
  }
});

test.each([
  [[], "`--agent` is missing"],
  [["--agent", "helper", "--command", "/x"], "`--resource` is missing"],
  [[...ASK, "nothing"], "`--resource` has two parts"],
  [["dec_x", "--agent", "helper"], "`--agent` is not of a recorded decision"],
  [["--active", ...ASK, "A/b"], "`--active` is of a recorded decision"],
])("explain %j is refused", async (words, complaint) => {
  const outcome = await run(["explain", ...words]);
  expect([isCleanError(outcome), outcome.stdout, outcome.stderr]).toEqual([
    true,
    "",
    expect.stringContaining(complaint),
  ]);
});

test("replay exits 1 where a draft changes an outcome, and 0 where nothing changes", async () => {
  const audit = await run(["replay"]);
  expect(audit).toEqual({
    code: 0,
    stdout: "replayed: 1; changed: 0; same outcome for other reasons: 0; failed: 0; erased: 0; not asked: 0\n",
    stderr: "",
  });
  const changed = await run(["replay", "--against", "-", "--since", "7d"], "");
  expect(changed.code).toBe(1);
  expect(changed.stdout).toMatch(/^COUNT +FROM +TO +COMMAND/);
  expect(changed.stdout).toMatch(/^1 +allow +deny +\/github\/issues\/list +all +dec_/m);
  const other = '@id("other") permit (principal, action, resource);';
  const same = await run(["replay", "--against", "-", "--json"], other);
  expect([same.code, jsonLines(same.stdout)[0]]).toEqual([0, expect.objectContaining({ same_outcome: 1, changed: 0 })]);
  expect((await run(["replay", "--version", "1"])).code).toBe(0);
});

test("replay refuses a draft that does not compile, and two sets of policies at once", async () => {
  const broken = await run(["replay", "--against", "-"], "permit(;");
  expect([broken.code, broken.stdout]).toEqual([2, ""]);
  expect(broken.stderr).toMatch(/^-:1:8: .+\nwrit: nothing was replayed\nhint: .+\n$/);
  expect(isCleanError(await run(["replay", "--against", "-", "--version", "1"]))).toBe(true);
  expect(isCleanError(await run(["replay", "--since", "yesterday"]))).toBe(true);
});

test("test runs a file under the server's own schema where that is asked", async () => {
  const policies = join(edge.folder, "tried.cedar");
  writeFileSync(policies, '@id("gets") permit (principal, action == Action::"/http/api/get", resource);');
  const file = (decision: string) =>
    JSON.stringify({
      tests: [
        {
          name: "helper gets",
          ask: { agent: "helper", command: "/http/api/get", resource: { type: "Http::Endpoint", id: "/things/1" } },
          expect: { decision },
        },
      ],
    });
  const words = ["test", "-", "--policies", policies, "--server"];
  const passed = await run(words, file("allow"));
  expect([passed.code, passed.stderr]).toEqual([0, ""]);
  expect(passed.stdout).toContain("passed: 1; failed: 0; policies that determined something: 1/1");
  const failed = await run([...words, "--json"], file("deny"));
  expect([failed.code, jsonLines(failed.stdout)[0]]).toEqual([1, expect.objectContaining({ ok: false, failed: 1 })]);
  const wrong = await run(words, '{"tests": [{"name": "x"}]}');
  expect([isCleanError(wrong), wrong.stderr]).toEqual([true, expect.stringContaining("the tests: line 1")]);
  expect(isCleanError(await run([...words, "--connection", "api"], file("allow")))).toBe(true);
});

test("a draft is stored, compared, activated and rolled back; the schema comes in versions", async () => {
  const draft =
    '@id("draft") permit (principal, action, resource) when { context has claimed && context.claimed has team };\n';
  expect((await run(["put", "-", "--draft"], draft)).stderr).toContain("can never apply");
  expect((await run(["check", "-", "--server"], draft)).code).toBe(1);
  const put = await run(
    ["schema", "put", "-", "--message", "teams", "--expect", "0"],
    "type Claimed = { team?: String };\n",
  );
  expect([put.code, put.stderr]).toEqual([0, ""]);
  expect((await run(["schema", "put", "-", "--expect", "0"], "")).stderr).toContain("schema version 1 holds now");
  expect((await run(["schema", "show"])).stdout).toBe("type Claimed = { team?: String };\n");
  expect((await run(["schema", "show", "--whole"])).stdout).toContain('"/http/api/get"');
  expect((await run(["schema", "versions"])).stdout).toMatch(/^1 +true/m);
  expect((await run(["check", "-", "--server", "--json"], draft)).code).toBe(0);
  const saved = jsonLines((await run(["put", "-", "--draft", "--json"], draft)).stdout)[0] as { version: number };
  const number = String(saved.version);
  expect((await run(["show"])).stdout).not.toContain("draft");
  const diff = await run(["diff", number]);
  expect([diff.code, diff.stdout]).toEqual([1, expect.stringContaining("draft")]);
  const stale = await run(["activate", number, "--expect", "999"]);
  expect([stale.code, stale.stderr]).toEqual([2, expect.stringContaining("policy version 1 decides now")]);
  expect((await run(["activate", number, "--expect", "1"])).code).toBe(0);
  expect((await run(["versions"])).stdout).toMatch(new RegExp(`^${number} +true`, "m"));
  expect((await run(["rollback", "1"])).code).toBe(0);
  expect((await run(["schema", "show"])).stdout).toBe("");
});

test("policies become forms and policies again", async () => {
  const source = '// why\n@id("a") permit (principal, action, resource) when { context.writ.tier == "read" };\n';
  const forms = await run(["build", "form", "-"], source);
  const [line] = jsonLines(forms.stdout) as { form: { effect: string } }[];
  expect([forms.code, line?.form.effect]).toEqual([0, "allow"]);
  const back = await run(["build", "text", "-"], forms.stdout);
  expect([back.code, back.stdout]).toEqual([0, source]);
  for (const [words, stdin] of [
    [["build", "text", "-"], "{}"],
    [["build", "form", "-"], "permit ("],
    [["build", "else", "-"], ""],
  ] as const) {
    expect(isCleanError(await run(words, stdin))).toBe(true);
  }
});

test("explain says why an enforcement point was answered so", async () => {
  const answer = await edge.ask("POST", "/access/v1/evaluation", {
    token: home.pdp,
    body: { subject: { type: "agent", id: "helper" }, action: { name: "view" }, resource: { type: "doc", id: "1" } },
  });
  const explained = await run(["explain", String(answer.headers.get("writ-decision-id"))]);
  expect([explained.code, explained.stdout]).toEqual([0, expect.stringContaining("allow  view")]);
});
