import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromBase64, fromUtf8, toBase64 } from "#src/base/bytes.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { verifySignature } from "#src/crypto/ed25519.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { preAuthEncoding } from "#src/runs/in-toto.ts";
import { scrubJson } from "#src/runs/scrub-json.ts";
import { type Answered, type Edge, type Household, settle, startEdge } from "#test/http/support.ts";

const upstream = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("fine") });
const SECRET = "upstream-secret-0123456789";
const TOKEN = `ghp_${"a1B2c3D4e5".repeat(3)}abcdef`;

let edge: Edge;
let home: Household;
let other: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge, "default", upstream.url.origin);
  other = await settle(edge, "acme");
});
afterAll(async () => {
  await edge.stop();
  await upstream.stop(true);
});

const ask = (method: string, path: string, body?: unknown, token = home.key): Promise<Answered> =>
  edge.ask(method, path, { token, ...(body === undefined ? {} : { body }) });
const open = async (body: object = {}): Promise<string> => (await ask("POST", "/v1/runs", body)).json.id;
const plain = { tool: "Bash", duration_ms: 5, success: true };
const tell = (run: string, receipt: object): Promise<Answered> =>
  ask("POST", `/v1/runs/${run}/receipts`, { ...plain, ...receipt });
const show = (run: string, query = ""): Promise<Answered> =>
  edge.ask("GET", `/v1/admin/runs/${run}${query}`, { token: home.admin });
/** The bytes of every file of the store, as they are on the disk. */
async function databaseFiles(): Promise<readonly Buffer[]> {
  const files = await Array.fromAsync(new Bun.Glob("writ.db*").scan({ cwd: edge.folder, absolute: true }));
  expect(files.length).toBeGreaterThan(0);
  return Promise.all(files.map(async (file) => Buffer.from(await Bun.file(file).arrayBuffer())));
}

describe("a receipt", () => {
  test("is kept as it was told, and is an event of the same id", async () => {
    const run = await open({ level: "observed" });
    const hash = sha256Hex("made");
    const told = await tell(run, {
      tier: "write",
      inputs: { command: "make", options: [1, true, null, { deep: "x" }] },
      output: { summary: "built", sha256: sha256Hex("out"), bytes: 3 },
      route: { auth_lane: "api_key", cost_lane: "team", cli: "codex", version: "1" },
      artifacts: [{ name: "dist/app", media_type: "application/octet-stream", sha256: hash }],
    });
    expect(told.status).toBe(201);
    expect(told.json).toMatchObject({
      run,
      tool: "Bash",
      tier: "write",
      success: true,
      duration_ms: 5,
      inputs: { command: "make", options: [1, true, null, { deep: "x" }] },
      output: { summary: "built", sha256: sha256Hex("out"), bytes: 3 },
      route: { auth_lane: "api_key", cost_lane: "team", cli: "codex", version: "1" },
      artifacts: [{ name: "dist/app", media_type: "application/octet-stream", sha256: hash }],
    });
    const { json } = await edge.ask("GET", "/v1/audit/events?type=run.receipt", { token: home.admin });
    expect(json.events[0]).toMatchObject({ id: told.json.id, data: { run, artifacts: [hash], level: "observed" } });
    // What people or agents wrote is sealed there.
    for (const file of await databaseFiles()) expect(file.includes("dist/app")).toBe(false);
    expect((await show(run)).json).toMatchObject({ receipts: 1, steps: [{ kind: "receipt", receipt: told.json }] });
  });

  test("holds no secret in any member, nor does anything that is stored", async () => {
    const text = `x ${TOKEN} y ${SECRET} z`;
    const opened = await ask("POST", "/v1/runs", { work_item: text, route: { cli: text, auth_lane: SECRET } });
    const run = opened.json.id;
    const told = await tell(run, {
      tool: `tool ${TOKEN}`,
      inputs: {
        [text]: text,
        [`${TOKEN}1`]: 1,
        list: [[text], { password: "hunter2-but-longer-9sK2", deep: { text } }],
      },
      output: { summary: text },
      error: text,
      route: { auth_lane: text.slice(0, 90), cost_lane: SECRET, cli: TOKEN, version: SECRET },
      artifacts: [{ name: text, media_type: "text/plain", sha256: sha256Hex("a") }],
    });
    expect(told.status).toBe(201);
    const shown = await show(run);
    const events = await edge.ask("GET", "/v1/audit/events?limit=500", { token: home.admin });
    expect(events.text).toContain("run.receipt");
    const statements = await show(run, "/statements");
    const payloads = statements.json.envelopes.map(({ payload }: { payload: string }) => fromUtf8(fromBase64(payload)));
    for (const place of [opened.text, told.text, shown.text, events.text, ...payloads]) {
      expect(place).not.toContain(SECRET);
      expect(place).not.toContain(TOKEN);
      expect(place).not.toContain("hunter2-but-longer");
    }
    for (const bytes of await databaseFiles()) {
      for (const secret of [SECRET, TOKEN, "hunter2-but-longer"]) expect(bytes.includes(secret)).toBe(false);
    }
  });

  test("holds none in what should be a hash, a type or a name of either", async () => {
    const connection = {
      name: "hex",
      connector: "http",
      url: upstream.url.origin,
      credential: { kind: "bearer", value: sha256Hex("the credential") },
    };
    await edge.operate("POST", "/v1/admin/connections", { body: connection });
    const run = await open();
    const value = sha256Hex("the credential");
    const artifact = { name: "a", media_type: "text/plain", sha256: sha256Hex("a") };
    for (const receipt of [
      { output: { sha256: value } },
      { artifacts: [{ ...artifact, sha256: value }] },
      { artifacts: [{ ...artifact, media_type: "no type" }] },
      { artifacts: [{ ...artifact, sha256: "ABC" }] },
      { duration_ms: -1 },
      { inputs: "text" },
      { tool: "" },
      { inputs: { big: "x".repeat(70_000) } },
    ]) {
      const answer = await tell(run, receipt);
      expect([answer.status, answer.json.code, JSON.stringify(receipt).slice(0, 40)]).toEqual([
        400,
        "invalid_argument",
        JSON.stringify(receipt).slice(0, 40),
      ]);
    }
    expect((await tell(run, { artifacts: [{ ...artifact, media_type: value.slice(0, 60) }] })).status).toBe(400);
  });

  test("is of a decision of the same run, once", async () => {
    const run = await open();
    const elsewhere = await open();
    const decide = async (within: string | undefined) => {
      const body = { call: { connection: "api", method: "GET", path: "/a" }, ...(within && { run: within }) };
      return (await ask("POST", "/v1/authorize", body)).json.decision_id as string;
    };
    const decision = await decide(run);
    const told = await tell(run, { decision, tier: "danger" });
    // The decision's tier counts, not what was claimed.
    expect(told.json).toMatchObject({ decision, tier: "read" });
    expect((await tell(run, { decision })).json.code).toBe("conflict");
    for (const wrong of [await decide(elsewhere), await decide(undefined)]) {
      expect((await tell(run, { decision: wrong })).json.code).toBe("invalid_argument");
    }
    expect((await tell(run, { decision: "nonsense" })).json.code).toBe("not_found");
    const raced = await decide(run);
    const answers = await Promise.all([1, 2, 3].map(() => tell(run, { decision: raced })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409]);
  });

  test("names an approval of the same agent alone", async () => {
    const run = await open();
    const step = async (token: string) => {
      const body = { call: { connection: "api", method: "DELETE", path: "/a" } };
      return (await ask("POST", "/v1/authorize", body, token)).json.approval.id as string;
    };
    expect((await tell(run, { approval: await step(home.key) })).status).toBe(201);
    expect((await tell(run, { approval: await step(other.key) })).json.code).toBe("invalid_argument");
  });

  test("is told while the run is paused, and not before it begins", async () => {
    const run = await open({ pending: true });
    expect((await tell(run, {})).json.code).toBe("run_not_active");
    await ask("POST", `/v1/runs/${run}/start`);
    await edge.ask("POST", `/v1/admin/runs/${run}/pause`, { token: home.admin });
    expect((await tell(run, {})).status).toBe(201);
  });
});

describe("erasing an agent", () => {
  test("erases what its runs and receipts say, in the table and in the chain", async () => {
    const agent = await edge.operate("POST", "/v1/admin/agents", { body: { name: "brief" } });
    const { key } = (await edge.operate("POST", "/v1/admin/keys", { body: { agent: "brief" } })).json;
    const opened = await ask("POST", "/v1/runs", { work_item: "a private matter" }, key);
    await ask("POST", `/v1/runs/${opened.json.id}/receipts`, { ...plain, inputs: { note: "a private note" } }, key);
    expect((await show(opened.json.id)).text).toContain("a private note");
    await edge.operate("POST", "/v1/admin/agents/brief/disablement");
    const { subject } = agent.json;
    const erased = await edge.operate("POST", `/v1/admin/subjects/${subject}/erasure`, { body: { confirm: subject } });
    expect(erased.status).toBe(200);
    const shown = await show(opened.json.id);
    expect(shown.json).toMatchObject({ work_item: null, steps: [{ receipt: { erased: true, success: true } }] });
    expect(shown.text).not.toContain("private");
    const statements = await show(opened.json.id, "/statements");
    const payload = JSON.parse(fromUtf8(fromBase64(statements.json.envelopes[0].payload)));
    expect(payload.subject[0].digest.sha256).toBe(payload.predicate.event.hash);
  });
});

describe("a timeline", () => {
  test("has decisions and receipts in order, who approved, and where", async () => {
    const run = await open();
    await edge.ask("GET", "/v1/proxy/api/a", { token: home.key, headers: { "writ-run": run } });
    const body = { call: { connection: "api", method: "DELETE", path: "/gone" }, run };
    const asked = await ask("POST", "/v1/authorize", body);
    const approval = asked.json.approval.id;
    const approved = await edge.operate("POST", `/v1/admin/approvals/${approval}/approval`);
    expect(approved.json.state).toBe("approved");
    const granted = await ask("POST", "/v1/authorize", body);
    await tell(run, { tool: "curl", decision: granted.json.decision_id });
    const { json } = await show(run);
    expect(
      json.steps.map(({ kind, decision }: { kind: string; decision: { outcome: string; tier: string } }) => [
        kind,
        decision.outcome,
        decision.tier,
      ]),
    ).toEqual([
      ["decision", "allow", "read"],
      ["decision", "step_up", "danger"],
      ["decision", "allow", "danger"],
      ["receipt", "allow", "danger"],
    ]);
    const [, , , last] = json.steps;
    expect(last.decision).toMatchObject({ connection: "api", approval, command: "/http/api/delete" });
    expect(last.decision.approved_by).not.toBeNull();
    expect(last.receipt.approval).toBe(approval);
  });

  test("comes in pages that leave nothing out", async () => {
    const run = await open();
    for (let count = 0; count < 7; count += 1) await tell(run, { tool: `t${count}` });
    const tools: string[] = [];
    let after = "";
    for (let page = 0; page < 10; page += 1) {
      const { json } = await show(run, `?limit=3${after}`);
      tools.push(...json.steps.map(({ receipt }: { receipt: { tool: string } }) => receipt.tool));
      if (json.next === undefined) break;
      after = `&after=${json.next}`;
    }
    expect(tools.toSorted()).toEqual(["t0", "t1", "t2", "t3", "t4", "t5", "t6"]);
    expect((await show(run, "?after=..")).json.code).toBe("invalid_argument");
  });
});

describe("in-toto statements", () => {
  test("are signed with the key that seals, over what the receipts say", async () => {
    const run = await open({ work_item: "release", level: "contained" });
    const artifact = { name: "app", media_type: "application/gzip", sha256: sha256Hex("app") };
    await tell(run, { tool: "tar", artifacts: [artifact] });
    await tell(run, { tool: "ls" });
    const { json } = await show(run, "/statements");
    expect(json.envelopes).toHaveLength(2);
    const { seal_keys: keys } = (await edge.operate("GET", "/v1/admin/instance")).json;
    const key = keys.at(-1);
    const statements = json.envelopes.map(
      (envelope: { payloadType: string; payload: string; signatures: { keyid: string; sig: string }[] }) => {
        expect(envelope.payloadType).toBe("application/vnd.in-toto+json");
        const payload = fromBase64(envelope.payload);
        const [signature = { keyid: "", sig: "" }] = envelope.signatures;
        expect(signature.keyid).toBe(key.id);
        const signed = Buffer.concat([
          Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${payload.length} `),
          payload,
        ]);
        expect(toBase64(preAuthEncoding(envelope.payloadType, payload))).toBe(signed.toString("base64"));
        expect(verifySignature(fromBase64(signature.sig), signed, fromBase64(key.public_key))).toBe(true);
        return JSON.parse(fromUtf8(payload));
      },
    );
    expect(statements[0]).toMatchObject({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "app", mediaType: "application/gzip", digest: { sha256: artifact.sha256 } }],
      predicateType: "urn:writ:receipt:v1",
      predicate: { tool: "tar", run: { id: run, agent: home.agent, level: "contained" }, success: true },
    });
    const { event } = statements[1].predicate;
    expect(statements[1].subject).toEqual([
      { name: `event ${statements[1].predicate.receipt}`, digest: { sha256: event.hash } },
    ]);
    const stored = await edge.ask("GET", `/v1/audit/events/${event.seq}`, { token: home.admin });
    expect(stored.json).toMatchObject({ hash: event.hash, type: "run.receipt" });
    expect((await edge.ask("GET", `/v1/admin/runs/${run}/statements`, { token: other.admin })).status).toBe(404);
  });
});

describe("scrubbing", () => {
  const scrubber = {
    scrub: async (_: unknown, texts: readonly string[]) => texts.map((t) => t.replaceAll("k3y", "*")),
  };

  test("takes a text out wherever it stands, and keeps everything else", async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), async (value) => {
        const before = JSON.stringify(value);
        const after = await scrubJson(scrubber, "ten" as never, JSON.parse(before) as JsonObject);
        if (!before.includes("k3y")) expect(JSON.parse(JSON.stringify(after))).toEqual(JSON.parse(before));
      }),
      { numRuns: 100 },
    );
    const place = fc.constantFrom("value", "name", "list", "deep");
    await fc.assert(
      fc.asyncProperty(fc.string(), place, async (around, where) => {
        const text = `${around}k3y${around}`;
        const made = {
          value: { a: text },
          name: { [text]: 1 },
          list: { a: [[text]] },
          deep: { a: { b: { c: text } } },
        };
        const after = await scrubJson(scrubber, "ten" as never, made[where] as JsonObject);
        expect(JSON.stringify(after)).not.toContain("k3y");
      }),
      { numRuns: 100 },
    );
  });

  test("keeps two members whose names become one", async () => {
    const after = await scrubJson(scrubber, "ten" as never, { ak3y: 1, "a*": 2 });
    expect(Object.values(after).toSorted()).toEqual([1, 2]);
  });
});
