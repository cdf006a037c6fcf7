import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Answered, type Edge, type Household, settle, startEdge } from "#test/http/support.ts";

let calls = 0;
const upstream = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) => {
    calls += 1;
    if (!request.url.endsWith("/slow")) return new Response("fine");
    return new Response(
      new ReadableStream({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode("the beginning, which is passed on\n".repeat(100))),
      }),
    );
  },
});

let edge: Edge;
let home: Household;
let other: Household;
let second: string;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge, "default", upstream.url.origin);
  other = await settle(edge, "acme");
  await edge.operate("POST", "/v1/admin/agents", { body: { name: "second" } });
  second = (await edge.operate("POST", "/v1/admin/keys", { body: { agent: "second" } })).json.key;
});
afterAll(async () => {
  await edge.stop();
  await upstream.stop(true);
});

const ask = (method: string, path: string, body?: unknown, token = home.key): Promise<Answered> =>
  edge.ask(method, path, { token, ...(body === undefined ? {} : { body }) });
const admin = (method: string, path: string, token = home.admin): Promise<Answered> =>
  edge.ask(method, `/v1/admin/runs${path}`, { token });
const open = async (body: object = {}, token = home.key): Promise<string> => {
  const answer = await ask("POST", "/v1/runs", body, token);
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.json.id;
};
const call = (run: string, path = "/x", token = home.key): Promise<Answered> =>
  edge.ask("GET", `/v1/proxy/api${path}`, { token, headers: { "writ-run": run } });
const end = (run: string, state = "completed"): Promise<Answered> => ask("POST", `/v1/runs/${run}/end`, { state });

describe("a run", () => {
  test("is opened, bound to its agent, and ends once", async () => {
    const { json } = await ask("POST", "/v1/runs", {
      work_item: "fix the build",
      level: "observed",
      route: { auth_lane: "subscription", cli: "claude", version: "2.1" },
    });
    expect(json).toMatchObject({
      state: "active",
      agent: home.agent,
      device: null,
      parent: null,
      root: json.id,
      level: "observed",
      work_item: "fix the build",
      route: { auth_lane: "subscription", cli: "claude", version: "2.1" },
      calls: 0,
    });
    expect((await ask("GET", `/v1/runs/${json.id}`)).json).toEqual(json);
    const ended = await end(json.id, "failed");
    expect([ended.status, ended.json.state]).toEqual([200, "failed"]);
    const again = await end(json.id);
    expect([again.status, again.json.code]).toEqual([409, "run_ended"]);
  });

  test("waits while it is pending", async () => {
    const run = await open({ pending: true });
    expect((await call(run)).json.code).toBe("run_not_active");
    expect((await ask("POST", `/v1/runs/${run}/start`)).json.state).toBe("active");
    expect((await call(run)).status).toBe(200);
    expect((await ask("POST", `/v1/runs/${run}/start`)).status).toBe(200);
  });

  test("is a fact in decisions, and nobody else's", async () => {
    const run = await open();
    const outcome = await ask("POST", "/v1/authorize", {
      command: "/http/api/get",
      resource: { type: "Http::Endpoint", id: "x" },
      run,
    });
    expect(outcome.json.decision).toBe("allow");
    const event = await edge.ask("GET", `/v1/audit/events/${outcome.json.event.seq}`, { token: home.admin });
    expect(event.json.data).toMatchObject({ run, context: { run: { id: run, calls: 0 } } });
    for (const [token, code] of [
      [second, "not_found"],
      [other.key, "not_found"],
    ] as const) {
      expect((await call(run, "/x", token)).json.code).toBe(code);
      expect((await ask("GET", `/v1/runs/${run}`, undefined, token)).json.code).toBe(code);
      expect((await ask("POST", `/v1/runs/${run}/end`, { state: "completed" }, token)).json.code).toBe(code);
      const receipt = { tool: "Bash", duration_ms: 1, success: true };
      expect((await ask("POST", `/v1/runs/${run}/receipts`, receipt, token)).json.code).toBe(code);
      expect((await ask("POST", "/v1/runs", { parent: run }, token)).json.code).toBe(code);
    }
    expect((await admin("GET", `/${run}`, other.admin)).json.code).toBe("not_found");
    expect((await admin("POST", `/${run}/cancellation`, other.admin)).json.code).toBe("not_found");
    expect((await admin("GET", "", other.admin)).json.runs).toEqual([]);
    expect((await call("run_00000000000000000000000000")).json.code).toBe("not_found");
    expect((await call("nonsense")).json.code).toBe("not_found");
  });

  test("is over for everything after its end", async () => {
    const run = await open();
    const { json } = await ask("POST", "/v1/authorize", {
      call: { connection: "api", method: "GET", path: "/late" },
      run,
    });
    await end(run);
    expect((await call(run)).json.code).toBe("run_ended");
    expect((await ask("POST", "/v1/runs", { parent: run })).json.code).toBe("run_ended");
    const receipt = { tool: "Bash", duration_ms: 1, success: true };
    expect((await ask("POST", `/v1/runs/${run}/receipts`, receipt)).json.code).toBe("run_ended");
    expect((await ask("POST", `/v1/runs/${run}/start`)).json.code).toBe("run_ended");
    expect((await admin("POST", `/${run}/pause`)).json.code).toBe("run_ended");
    // A writ of it, too.
    const before = calls;
    expect((await edge.ask("GET", "/v1/proxy/api/late", { token: json.writ })).json.code).toBe("writ_revoked");
    expect(calls).toBe(before);
  });

  test("is what a writ that was granted in it is good in", async () => {
    const [run, another] = [await open(), await open()];
    const asked = { call: { connection: "api", method: "GET", path: "/w" }, run };
    const { writ } = (await ask("POST", "/v1/authorize", asked)).json;
    const use = (headers: Record<string, string>) => edge.ask("GET", "/v1/proxy/api/w", { token: writ, headers });
    expect((await use({ "writ-run": another })).json.code).toBe("writ_mismatch");
    expect((await use({ "writ-run": run })).text).toBe("fine");
    expect((await use({})).text).toBe("fine");
    const { json } = await edge.ask("GET", "/v1/audit/events?type=writ.used&limit=1", { token: home.admin });
    expect(json.events[0].data.run).toBe(run);
    await admin("POST", `/${run}/pause`);
    expect((await use({})).json.code).toBe("writ_revoked");
    await admin("POST", `/${run}/resumption`);
    expect((await use({})).text).toBe("fine");
  });

  test("is what policies may ask for, at the decision and at the use", async () => {
    const source = `@id("in-a-run") permit (principal, action, resource) when { context.writ has run && context.writ.run has calls && context.writ.run.calls < 2 };`;
    const put = await edge.operate("PUT", "/v1/admin/policies", {
      body: { source },
      headers: { "writ-tenant": "acme" },
    });
    expect(put.json.active).toBe(true);
    const decide = async (run?: string) => {
      const stated = { command: "/http/api/get", resource: { type: "Http::Endpoint", id: "/x" } };
      const body = { ...stated, ...(run === undefined ? {} : { run }) };
      return (await ask("POST", "/v1/authorize", body, other.key)).json;
    };
    expect((await decide()).decision).toBe("deny");
    const run = await open({}, other.key);
    const { writ, decision } = await decide(run);
    expect(decision).toBe("allow");
    // Decided again with the run in it: allowed, and nobody is there to take the call.
    expect((await edge.ask("GET", "/v1/proxy/api/x", { token: writ })).json.code).toBe("upstream_failed");
    expect((await decide(run)).decision).toBe("allow");
    expect((await decide(run)).decision).toBe("deny");
    expect((await edge.ask("GET", "/v1/proxy/api/x", { token: writ })).json.code).toBe("writ_mismatch");
  });

  test("ends once for two who end it at the same time", async () => {
    for (let round = 0; round < 5; round += 1) {
      const run = await open();
      const codes = (await Promise.all([end(run), end(run, "failed"), admin("POST", `/${run}/cancellation`)])).map(
        ({ status }) => status,
      );
      expect(codes.toSorted()).toEqual([200, 409, 409]);
      const events = await edge.ask("GET", "/v1/audit/events?type=run.ended&limit=500", { token: home.admin });
      expect(events.json.events.filter((event: { data: { run: string } }) => event.data.run === run)).toHaveLength(1);
    }
  });

  test("that ends or pauses cuts its streams, and no others", async () => {
    for (const stopping of ["end", "pause", "cancellation"]) {
      const run = await open();
      const stream = async (headers: Record<string, string>) => {
        const response = await fetch(`${edge.url}/v1/proxy/api/slow`, {
          headers: { authorization: `Bearer ${home.key}`, ...headers },
        });
        const reader = response.body?.getReader();
        await reader?.read();
        return reader;
      };
      const cut = await stream({ "writ-run": run });
      const kept = await stream({});
      const stopped = stopping === "end" ? await end(run) : await admin("POST", `/${run}/${stopping}`);
      expect(stopped.status).toBe(200);
      // A stream that was cut ends or fails; either way there is nothing more.
      const rest = await cut?.read().catch(() => ({ done: true }));
      expect(rest?.done).toBe(true);
      const race = await Promise.race([kept?.read().catch(() => "cut"), Bun.sleep(100).then(() => "running")]);
      expect(race).toBe("running");
      await kept?.cancel();
    }
  });
});

describe("runs below a run", () => {
  test("carry their parent and share its limits", async () => {
    const top = await open({ limits: { max_calls: 3, until: new Date(Date.now() + 60_000).toISOString() } });
    const below = await ask("POST", "/v1/runs", { parent: top, limits: { max_calls: 2 } });
    expect(below.json).toMatchObject({ parent: top, root: top, limits: { max_calls: 2 } });
    expect(below.json.limits.until).not.toBeNull();
    const child = below.json.id;
    expect((await call(child)).status).toBe(200);
    expect((await call(child)).status).toBe(200);
    const spent = await call(child);
    expect([spent.status, spent.json.reasons[0].code]).toEqual([403, "limit_reached"]);
    expect(spent.json.reasons[0].message).toContain(child);
    // The parent has one left, which a sibling takes.
    const sibling = await open({ parent: top });
    expect((await call(sibling)).status).toBe(200);
    expect((await call(top)).json.reasons[0].message).toContain(top);
    expect((await call(sibling)).json.reasons[0].message).toContain(top);
    const { json } = await admin("GET", `/${top}`);
    expect([json.calls, json.children.map(({ calls }: { calls: number }) => calls).toSorted()]).toEqual([3, [1, 2]]);
  });

  test("never go over a limit that many spend at once", async () => {
    const top = await open({ limits: { max_calls: 4 } });
    const runs = [top, await open({ parent: top }), await open({ parent: top })];
    const answers = await Promise.all(Array.from({ length: 12 }, (_, at) => call(runs[at % 3] ?? top)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(4);
    expect((await ask("GET", `/v1/runs/${top}`)).json.calls).toBe(4);
  });

  test("are held to what calls may cost together", async () => {
    const top = await open({ limits: { max_cost: 2 } });
    expect((await call(top)).status).toBe(200);
    expect((await call(await open({ parent: top }))).status).toBe(200);
    expect((await call(top)).json.reasons[0].message).toContain("may cost 2");
  });

  test("say what is left, and a denial costs nothing", async () => {
    const run = await open({ limits: { max_calls: 5 } });
    const asked = { call: { connection: "api", method: "GET", path: "/a" }, run };
    const { json } = await ask("POST", "/v1/authorize", asked);
    expect(json.limits).toContainEqual({ scope: "run", limit: 5, used: 1, remaining: 4 });
    const step = await ask("POST", "/v1/authorize", {
      call: { connection: "api", method: "DELETE", path: "/a" },
      run,
    });
    expect(step.json.decision).toBe("step_up");
    expect((await ask("GET", `/v1/runs/${run}`)).json.calls).toBe(1);
  });

  test("grant nothing from the time on that the run was until", async () => {
    const until = new Date(Date.now() + 300).toISOString();
    const run = await open({ limits: { until } });
    await Bun.sleep(350);
    expect((await call(run)).json.reasons[0].code).toBe("limit_reached");
    expect((await ask("POST", "/v1/runs", { limits: { until } })).json.code).toBe("invalid_argument");
    const child = await open({ limits: { until: new Date(Date.now() + 200).toISOString() } });
    const stream = await fetch(`${edge.url}/v1/proxy/api/slow`, {
      headers: { authorization: `Bearer ${home.key}`, "writ-run": child },
    });
    const reader = stream.body?.getReader();
    await reader?.read();
    await Bun.sleep(250);
    const { tenantId } = await edge.app.services.tenants.show("default");
    expect(await edge.app.services.runs.endOverdue(tenantId)).toBe(2);
    expect((await reader?.read().catch(() => ({ done: true })))?.done).toBe(true);
    expect((await ask("GET", `/v1/runs/${run}`)).json.state).toBe("cancelled");
  });

  test("stop with it", async () => {
    const top = await open();
    const child = await open({ parent: top });
    const grandchild = await open({ parent: child });
    expect((await admin("POST", `/${top}/pause`)).json.state).toBe("paused");
    expect((await call(grandchild)).json.code).toBe("run_not_active");
    expect((await ask("POST", "/v1/runs", { parent: child })).json.code).toBe("run_not_active");
    expect((await admin("POST", `/${top}/resumption`)).json.state).toBe("active");
    expect((await call(grandchild)).status).toBe(200);
    await end(child, "failed");
    expect((await ask("GET", `/v1/runs/${grandchild}`)).json.state).toBe("cancelled");
    expect((await ask("GET", `/v1/runs/${top}`)).json.state).toBe("active");
  });

  test("stand in no circle, and not too deep", async () => {
    // A parent is named when a run is made, before it has an id of its own: nothing changes it later.
    const top = await open();
    expect((await edge.ask("PUT", `/v1/runs/${top}`, { token: home.key, body: { parent: top } })).status).toBe(405);
    let run = top;
    for (let depth = 1; depth < 8; depth += 1) run = await open({ parent: run });
    expect((await ask("POST", "/v1/runs", { parent: run })).json.code).toBe("invalid_argument");
  });
});
