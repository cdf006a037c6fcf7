import { afterAll, beforeAll, expect, test } from "bun:test";
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
    stdout: "replayed: 1; changed: 0; same outcome for other reasons: 0; failed: 0; erased: 0\n",
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
  expect([isCleanError(broken), broken.stdout]).toEqual([true, ""]);
  expect(isCleanError(await run(["replay", "--against", "-", "--version", "1"]))).toBe(true);
  expect(isCleanError(await run(["replay", "--since", "yesterday"]))).toBe(true);
});
