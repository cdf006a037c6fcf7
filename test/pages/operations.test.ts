import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writ } from "#test/cli/support.ts";
import { type Edge, type Household, settle, startEdge } from "#test/http/support.ts";
import { createMachine } from "#test/support/device.ts";
import { type Browser, enrolOwner, enrolPerson } from "#test/support/signed-in.ts";

const HOSTILE = `<img src=x onerror="alert(1)">`;

/** Runs ahead from the start on: proofs of devices are taken from three seconds after it. */
let skew = 0;
const clock = { now: () => Date.now() + skew };

let edge: Edge;
let home: Household;
let owner: Browser;
let member: Browser;
let auditor: Browser;

beforeAll(async () => {
  edge = await startEdge({}, { clock });
  skew = 3000;
  home = await settle(edge);
  await settle(edge, "other");
  owner = await enrolOwner(edge);
  member = await enrolPerson(edge, owner, "Mem Ber", ["member"]);
  auditor = await enrolPerson(edge, owner, "Audi Tor", ["auditor"]);
});
afterAll(() => edge.stop());

const post = (browser: Browser, path: string, fields: Readonly<Record<string, string>> = {}) =>
  browser.ask("POST", path, {
    body: new URLSearchParams(fields).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded", "hx-request": "true" },
  });

describe("an approval's page", () => {
  test("shows what the agent says as its word, purpose first, and marks what it hides in it", async () => {
    const purpose = `weekly ${HOSTILE} report\u202e`;
    const asked = await edge.ask("POST", "/v1/authorize", {
      token: home.key,
      body: {
        call: { connection: "api", method: "DELETE", path: "/things/1" },
        context: { purpose, ticket: "OPS-17" },
      },
    });
    expect(asked.json.decision).toBe("step_up");
    const { text } = await owner.ask("GET", `/approvals/${asked.json.approval.id}`);
    const claims = text.slice(text.indexOf("What the agent says"), text.indexOf("Why you are asked"));
    expect(claims).toContain("its word, not checked");
    expect(claims.indexOf("weekly &lt;img")).toBeGreaterThan(0);
    expect(claims.indexOf("weekly &lt;img")).toBeLessThan(claims.indexOf("OPS-17"));
    expect(text).not.toContain("<img");
    expect(text).not.toContain("\u202e");
    expect(text).toContain("Asked a person before");
  });
});

describe("events", () => {
  test("are followed by the newest page alone, and the list says where it stands", async () => {
    const list = (await owner.ask("GET", "/events?type=key")).text;
    const [, follows, newest] = /data-follows="([^"]+)" data-newest="(\d+)"/.exec(list) ?? [];
    expect(follows).toBe("/events/list?type=key");
    expect(Number(newest)).toBeGreaterThan(1);
    expect((await owner.ask("GET", "/events?before=5")).text).not.toContain("data-follows");
    expect((await owner.ask("GET", "/events?until=2020-01-01T00:00")).text).not.toContain("data-follows");
  });

  test("are proven by the newest checkpoint, and the proof is a bundle to take away", async () => {
    expect((await owner.ask("GET", "/events/2")).text).toContain("No checkpoint covers it yet");
    const first = await post(owner, "/checkpoints");
    expect([first.status, first.text.includes("The signed note")]).toEqual([200, true]);
    await post(owner, "/agents", { name: "later" });
    const second = await post(owner, "/checkpoints");
    const newest = Math.max(
      ...[...second.text.matchAll(/data-label="Events"><div>(\d+)/g)].map(([, size]) => Number(size)),
    );
    const { text } = await owner.ask("GET", "/events/2");
    expect(text).toContain(`in the tree of ${newest} events`);
    const proof = await owner.ask("GET", "/events/export?seq=2");
    expect(proof.status).toBe(200);
    const events = proof.text.split("\n").filter((line) => line.includes('"kind":"event"'));
    expect(events).toHaveLength(1);
    const file = join(edge.folder, "proof.jsonl");
    writeFileSync(file, proof.text);
    expect((await writ(["verify", file])).code).toBe(0);
    writeFileSync(
      file,
      proof.text.replace(/"hash":"[0-9a-f]/, (start) => `${start.slice(0, -1)}${start.endsWith("0") ? "1" : "0"}`),
    );
    expect((await writ(["verify", file])).code).not.toBe(0);
    expect((await member.ask("GET", "/checkpoints")).status).toBe(403);
  });
});

describe("policy tests", () => {
  const SOURCE = '@id("reads") permit (principal, action in Action::"tier:read", resource);';
  const ask = { agent: "helper", command: "/github/issues/list", resource: { type: "GitHub::Repository", id: "a/b" } };
  const file = (decision: string) =>
    JSON.stringify({ tests: [{ name: `says ${HOSTILE}`, ask, expect: { decision } }] }, undefined, 2);

  test("run against a draft and say what failed, why, and what they covered", async () => {
    const passed = await post(owner, "/policies/tests", { against: "draft", source: SOURCE, tests: file("allow") });
    expect([passed.status, passed.text.includes("All 1 came out as expected")]).toEqual([200, true]);
    expect(passed.text).toContain("1 of 1");
    const failed = await post(owner, "/policies/tests", { against: "draft", source: SOURCE, tests: file("deny") });
    expect(failed.text).toContain("1 of 1 came out differently");
    expect(failed.text).toMatch(/class="sub">[^<]*deny/);
    expect(failed.text).not.toContain("<img");
  });

  test("run against the version that decides, as the interface and the command line's engine do", async () => {
    const body = { tests: file("allow"), source: SOURCE };
    const { json, status } = await edge.ask("POST", "/v1/admin/policies/tests", { token: home.admin, body });
    expect([status, json.passed, json.failed]).toEqual([200, 1, 0]);
    expect(json.coverage).toEqual([{ policy: "reads", matched: 1, determined: 1, clauses: [] }]);
    const active = (await edge.ask("GET", "/v1/admin/policies/active", { token: home.admin })).json.version;
    const page = await post(owner, "/policies/tests", { against: String(active), source: "", tests: file("allow") });
    expect(page.text).toContain("Outcome</h2>");
    const none = await edge.ask("POST", "/v1/admin/policies/tests", {
      token: home.admin,
      body: { tests: file("deny"), version: 4711 },
    });
    expect(none.status).toBe(404);
  });

  test("say where a file or a draft is wrong, and keep what was typed", async () => {
    const typed = '{"tests": [{"name": "x", "aks": {}, "expect": {"decision": "allow"}}]}';
    const file1 = await post(owner, "/policies/tests", { against: "draft", source: SOURCE, tests: typed });
    expect([file1.status, file1.headers.get("writ-fragment")]).toEqual([400, "form"]);
    expect(file1.text).toContain("The tests cannot be used");
    expect(file1.text).toContain("&quot;aks&quot;");
    const draft = await post(owner, "/policies/tests", { against: "draft", source: "permit (", tests: file("allow") });
    expect(draft.status).toBe(422);
    expect(draft.text).toContain("The policies cannot be used");
    const broken = await post(owner, "/policies/tests", { against: "draft", source: SOURCE, tests: "{" });
    expect(broken.text).toContain("line 1");
  });

  test("are for whoever may read policies", async () => {
    expect((await auditor.ask("GET", "/policies/tests")).status).toBe(200);
    expect(
      (await post(auditor, "/policies/tests", { against: "draft", source: SOURCE, tests: file("allow") })).status,
    ).toBe(200);
    expect(
      (await post(member, "/policies/tests", { against: "draft", source: SOURCE, tests: file("allow") })).status,
    ).toBe(403);
  });
});

describe("runs", () => {
  const open = async (token: string, body: object) =>
    String((await edge.ask("POST", "/v1/runs", { token, body })).json.id);

  test("are shown as a timeline with who, where and what, and held from their page", async () => {
    const run = await open(home.key, { work_item: HOSTILE, level: "observed", route: { cli: "coder", version: "1" } });
    const child = await open(home.key, { parent: run });
    await edge.ask("POST", "/v1/authorize", {
      token: home.key,
      body: { command: "/github/issues/list", resource: { type: "GitHub::Repository", id: "a/b" }, run },
    });
    const receipt = { tool: "Read", tier: "read", inputs: { path: HOSTILE }, duration_ms: 42, success: true };
    expect((await edge.ask("POST", `/v1/runs/${run}/receipts`, { token: home.key, body: receipt })).status).toBe(201);
    const list = await owner.ask("GET", "/runs");
    expect(list.text).toContain(`/runs/${run}`);
    const { text } = await owner.ask("GET", `/runs/${run}`);
    expect(text).toContain("coder 1");
    expect(text).toContain("42 ms");
    expect(text).toContain(`/runs/${child}`);
    expect(text + list.text).not.toContain("<img");
    const paused = await post(owner, `/runs/${run}/pause`);
    expect([paused.status, paused.text.includes(">paused<")]).toEqual([200, true]);
    expect((await owner.ask("GET", "/runs?state=paused")).text).toContain(run);
    expect((await owner.ask("GET", "/runs?state=failed")).text).not.toContain(run);
    expect((await post(owner, `/runs/${run}/resumption`)).text).toContain(">active<");
    expect((await post(owner, `/runs/${run}/cancellation`)).text).toContain(">cancelled<");
    const late = await post(owner, `/runs/${run}/pause`);
    expect([late.status, late.headers.get("writ-error")]).toEqual([409, "run_ended"]);
  });

  test("of another tenant are as absent, and a member sees none", async () => {
    const { json } = await edge.operate("POST", "/v1/admin/keys", {
      headers: { "writ-tenant": "other" },
      body: { agent: "helper" },
    });
    const foreign = await open(String(json.key), { work_item: "theirs" });
    expect((await owner.ask("GET", `/runs/${foreign}`)).status).toBe(404);
    expect((await post(owner, `/runs/${foreign}/cancellation`)).status).toBe(404);
    expect((await owner.ask("GET", "/runs")).text).not.toContain(foreign);
    expect((await member.ask("GET", "/runs")).status).toBe(403);
    expect((await post(auditor, `/runs/${foreign}/pause`)).status).toBe(403);
  });
});

describe("devices", () => {
  test("are confirmed by their code with the passkey, act for the agents that were ticked, and are revoked", async () => {
    const machine = createMachine(edge, clock.now);
    const code = String((await machine.request("laptop")).json.code);
    const shown = await owner.ask("GET", `/devices?code=${code}`);
    expect(shown.text).toContain("Is this your machine?");
    const agent = String((await edge.ask("GET", "/v1/admin/agents/helper", { token: home.admin })).json.id);
    const address = `/devices/pairings/${code}/confirmation`;
    const proof = owner.proof;
    owner.proof = undefined;
    expect((await post(owner, address, { name: "laptop", agents: agent })).headers.get("writ-error")).toBe(
      "reauthentication_required",
    );
    owner.proof = proof;
    const none = await post(owner, address, { name: "laptop" });
    expect([none.status, none.text.includes("Is this your machine?")]).toEqual([400, true]);
    const paired = await post(owner, address, { name: "laptop", agents: agent });
    expect([paired.status, paired.text.includes("laptop is paired")]).toEqual([200, true]);
    const collected = await machine.collect(code);
    expect(collected.json).toMatchObject({ state: "confirmed" });
    const seen = await machine.ask("GET", "/v1/device");
    expect([seen.status, seen.text]).toEqual([200, expect.any(String)]);
    const [, id = ""] = /\/devices\/(dev_[a-z0-9]+)\/revocation/.exec(paired.text) ?? [];
    expect((await post(owner, `/devices/${id}/revocation`)).text).toContain(">revoked<");
    expect((await machine.ask("GET", "/v1/device")).status).toBe(401);
  });

  test("whose code nobody waits with are not shown, and who may not pair is not told", async () => {
    expect((await owner.ask("GET", "/devices?code=AAAA-AAAA")).text).toContain("No machine waits with this code");
    expect((await createMachine(edge).request(HOSTILE)).json.code).toBe("invalid_argument");
    const other = String((await createMachine(edge).request("desk")).json.code);
    const page = await auditor.ask("GET", `/devices?code=${other}`);
    expect([page.status, page.text.includes("desk")]).toEqual([200, false]);
  });
});

describe("tools and files", () => {
  test("get lines, budgets and rules, and lose them", async () => {
    const line = {
      tool: "WebFetch",
      tier: "danger",
      max_calls_per_run: "3",
      approval: "above_calls",
      approval_above: "2",
    };
    const set = await post(owner, "/tools/line", line);
    expect([set.status, set.text.includes("beyond 2 calls")]).toEqual([200, true]);
    const { json } = await edge.ask("GET", "/v1/admin/tools", { token: home.admin });
    expect(json.tools).toEqual([
      { tool: "WebFetch", tier: "danger", max_calls_per_run: 3, approval: { when: "above_calls", calls: 2 } },
    ]);
    const wrong = await post(owner, "/tools/line", { tool: HOSTILE });
    expect([wrong.status, wrong.headers.get("writ-fragment"), wrong.text.includes("<img")]).toEqual([
      400,
      "form",
      false,
    ]);
    expect((await post(owner, "/tools/budgets", { day: "900" })).text).toContain('value="900"');
    expect((await post(owner, "/tools/removal", { tool: "WebFetch" })).text).toContain("No line yet");
    const added = await post(owner, "/tools/files", { glob: "~/.secret/**", access: "noAccess" });
    const [, rule = ""] = /\/tools\/files\/([a-z0-9_]+)\/removal/.exec(added.text) ?? [];
    expect(added.text).toContain("~/.secret/**");
    expect((await post(owner, `/tools/files/${rule}/removal`)).text).not.toContain("~/.secret/**");
    expect((await auditor.ask("GET", "/tools")).text).not.toContain("Set a line");
    expect((await post(auditor, "/tools/line", line)).status).toBe(403);
  });
});

describe("the first day", () => {
  test("says what to do next, in order, and ticks it off", async () => {
    const fresh = await startEdge();
    try {
      const first = await enrolOwner(fresh);
      const done = async () => {
        const { text } = await first.ask("GET", "/");
        return [...text.matchAll(/<li class="(done|open)"><span class="dot">.*?step-title">([^<]+)/g)].map(
          ([, state, title]) => `${state} ${title}`,
        );
      };
      expect(await done()).toEqual([
        "done Enrol a passkey",
        "open Add an agent",
        "open Give it a key",
        "open Add a connection",
        "open Write a policy",
        "open Make the first call",
      ]);
      await fresh.operate("POST", "/v1/admin/agents", { body: { name: "helper" } });
      const key = String((await fresh.operate("POST", "/v1/admin/keys", { body: { agent: "helper" } })).json.key);
      expect((await done()).filter((step) => step.startsWith("done"))).toHaveLength(3);
      await fresh.operate("POST", "/v1/admin/connections", {
        body: {
          name: "api",
          connector: "http",
          url: "http://127.0.0.1:9",
          credential: { kind: "bearer", value: "upstream-secret-0123456789" },
        },
      });
      await fresh.operate("PUT", "/v1/admin/policies", { body: { source: "permit (principal, action, resource);" } });
      expect((await done()).filter((step) => step.startsWith("open"))).toEqual(["open Make the first call"]);
      await fresh.ask("POST", "/v1/authorize", {
        token: key,
        body: { call: { connection: "api", method: "GET", path: "/" } },
      });
      expect(await done()).toEqual([]);
    } finally {
      await fresh.stop();
    }
  });
});
