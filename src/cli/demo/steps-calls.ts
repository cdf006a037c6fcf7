import { listOf, textOf } from "../answer.ts";
import type { AgentAnswer } from "./agent.ts";
import type { Facts, Step } from "./story.ts";
import type { World } from "./world.ts";

const ISSUE = { title: "It does not build on Tuesdays" };
const DEPLOYMENT = { ref: "main" };
const OTHER_DEPLOYMENT = { ref: "not-reviewed" };
const ISSUES = "/repos/acme/app/issues";
const DISPATCHES = "/repos/acme/app/actions/workflows/deploy.yml/dispatches";

/** What an agent does, and what it does not get to do. */
export const CALL_STEPS: readonly Step<World>[] = [
  {
    name: "allow",
    story: "allow: the agent asks, gets a writ for this one call, and makes it with a credential that it never sees",
    expected: { decision: "allow", tier: "write", single_use: true, upstream_answered: 201, credential_seen: false },
    run: async (world) => {
      const { json } = await world.ask({
        method: "POST",
        path: "/v1/authorize",
        body: {
          command: "/github/issues/create",
          resource: { type: "GitHub::Repository", id: "acme/app" },
          call: callOf("POST", ISSUES, ISSUE),
        },
      });
      const writ = textOf(json, "writ");
      if (writ !== "") world.keep("writ", writ);
      const called = await world.ask({
        method: "POST",
        path: `/v1/proxy/github${ISSUES}`,
        body: ISSUE,
        credential: world.find("writ"),
      });
      return {
        decision: textOf(json, "decision"),
        tier: textOf(json, "tier"),
        single_use: textOf(json, "single_use"),
        upstream_answered: called.status,
        credential_seen: world.agent.everythingSeen().includes(world.upstream.token),
      };
    },
  },
  {
    name: "writ_reuse",
    story: "the same writ again: it was for one call, and is used",
    expected: { status: 403, code: "writ_used", calls_upstream: 1 },
    run: async (world) => {
      const credential = world.find("writ");
      const again = await world.ask({
        method: "POST",
        path: `/v1/proxy/github${ISSUES}`,
        body: ISSUE,
        credential,
      });
      return { ...problemFacts(again), calls_upstream: callsUpstream(world, "POST", ISSUES) };
    },
  },
  {
    name: "writ_elsewhere",
    story: "a writ to read serves until it expires, for what it was given for and for nothing else",
    expected: { first: 200, again: 200, elsewhere: 403, code: "writ_mismatch" },
    run: async (world) => {
      const { json } = await world.ask({
        method: "POST",
        path: "/v1/authorize",
        body: { call: callOf("GET", ISSUES), ttl_seconds: 30 },
      });
      const read = (path: string): Promise<AgentAnswer> =>
        world.ask({ method: "GET", path: `/v1/proxy/github${path}`, credential: textOf(json, "writ") });
      const first = await read(ISSUES);
      const again = await read(ISSUES);
      const elsewhere = await read(`${ISSUES}/7`);
      return {
        first: first.status,
        again: again.status,
        elsewhere: elsewhere.status,
        code: textOf(elsewhere.json, "code"),
      };
    },
  },
  {
    name: "lie",
    story: "the agent says acme/docs and means acme/app: what counts is what the call touches",
    expected: { status: 422, code: "call_mismatch" },
    run: async (world) => {
      const answer = await world.ask({
        method: "POST",
        path: "/v1/authorize",
        body: {
          command: "/github/issues/create",
          resource: { type: "GitHub::Repository", id: "acme/docs", attributes: { visibility: "public" } },
          call: callOf("POST", ISSUES, ISSUE),
        },
      });
      return problemFacts(answer);
    },
  },
  {
    name: "deny",
    story: "deny: a policy forbids to delete a repository, and the answer names it",
    expected: {
      decision: "deny",
      reason: "forbidden_by_policy",
      policy: "demo.never-delete",
      status: 403,
      calls_upstream: 0,
    },
    run: async (world) => {
      const { json } = await world.ask({
        method: "POST",
        path: "/v1/authorize",
        body: { call: callOf("DELETE", "/repos/acme/app") },
      });
      const { status } = await world.ask({ method: "DELETE", path: "/v1/proxy/github/repos/ACME/App" });
      return {
        decision: textOf(json, "decision"),
        reason: firstReason(json, "code"),
        policy: firstReason(json, "policy"),
        status,
        calls_upstream: callsUpstream(world, "DELETE", "/repos/acme/app"),
      };
    },
  },
  {
    name: "step_up",
    story: "step-up: to deploy is dangerous, so the call waits for a person",
    expected: { status: 403, code: "step_up_required", approval: "pending", calls_upstream: 0 },
    run: async (world) => {
      const answer = await deploy(world, DEPLOYMENT);
      const id = textOf(answer.json, "approval.id");
      if (id !== "") world.keep("approval", id);
      const shown = await world.ask({ method: "GET", path: `/v1/approvals/${world.find("approval")}` });
      return {
        ...problemFacts(answer),
        approval: textOf(shown.json, "state"),
        calls_upstream: callsUpstream(world, "POST", DISPATCHES),
      };
    },
  },
  {
    name: "approve",
    story: "the operator reads what would be sent, to the byte, and approves",
    expected: { shown: '{"ref":"main"}', state: "approved", uses: 1 },
    run: async (world) => {
      const path = `/v1/admin/approvals/${world.find("approval")}`;
      const details = await world.operate((api) => api.get(path));
      const approved = await world.operate((api) => api.post(`${path}/approval`, {}));
      return {
        shown: shownBody(details),
        state: textOf(approved, "state"),
        uses: textOf(approved, "remaining"),
      };
    },
  },
  {
    name: "changed_body",
    story: "the agent sends another body instead: that call was not approved, and waits",
    expected: { status: 403, code: "step_up_required", calls_upstream: 0 },
    run: async (world) => {
      const answer = await deploy(world, OTHER_DEPLOYMENT);
      return { ...problemFacts(answer), calls_upstream: callsUpstream(world, "POST", DISPATCHES) };
    },
  },
  {
    name: "approved_call",
    story: "the approved call goes through, exactly as it was shown",
    expected: { status: 204, calls_upstream: 1, body_upstream: '{"ref":"main"}' },
    run: async (world) => {
      const { status } = await deploy(world, DEPLOYMENT);
      return {
        status,
        calls_upstream: callsUpstream(world, "POST", DISPATCHES),
        body_upstream: world.upstream.calls.findLast(({ path }) => path === DISPATCHES)?.body ?? "",
      };
    },
  },
  {
    name: "approved_once",
    story: "and once: the same call again waits for a new word",
    expected: { status: 403, code: "step_up_required", calls_upstream: 1 },
    run: async (world) => {
      const answer = await deploy(world, DEPLOYMENT);
      return { ...problemFacts(answer), calls_upstream: callsUpstream(world, "POST", DISPATCHES) };
    },
  },
  {
    name: "redaction",
    story: "redaction: an answer that leaks a token, and Writ's own credential twice, arrives without them",
    expected: { status: 200, redactions: 3, token_seen: false, credential_seen: false, rest: "It does not build" },
    run: async (world) => {
      const answer = await world.ask({ method: "GET", path: `/v1/proxy/github${ISSUES}/7` });
      const { leakedSecret, token } = world.upstream;
      const encoded = Buffer.from(token).toString("base64");
      return {
        status: answer.status,
        redactions: answer.header("writ-redactions") ?? "not stated",
        token_seen: answer.text.includes(leakedSecret),
        credential_seen: answer.text.includes(token) || answer.text.includes(encoded),
        rest: textOf(answer.json, "title"),
      };
    },
  },
  {
    name: "key_revoked",
    story: "the operator revokes the agent's key: the very next request is refused",
    expected: { before: 200, status: 401, code: "unauthenticated" },
    run: async (world) => {
      const request = { method: "GET", path: `/v1/proxy/github${ISSUES}` };
      const before = await world.ask(request);
      await world.operate((api) => api.post(`/v1/admin/keys/${world.find("agentKeyId")}/revocation`));
      return { before: before.status, ...problemFacts(await world.ask(request)) };
    },
  },
];

function callOf(method: string, path: string, body?: unknown): Readonly<Record<string, unknown>> {
  return {
    connection: "github",
    method,
    path,
    ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  };
}

function deploy(world: World, body: unknown): Promise<AgentAnswer> {
  return world.ask({ method: "POST", path: `/v1/proxy/github${DISPATCHES}`, body });
}

function problemFacts({ status, json }: AgentAnswer): Facts {
  return { status, code: textOf(json, "code") };
}

function firstReason(json: AgentAnswer["json"], member: string): string {
  return textOf(listOf(json, "reasons")[0] ?? {}, member);
}

function callsUpstream(world: World, method: string, path: string): number {
  return world.upstream.calls.filter((call) => call.method === method && call.path === path).length;
}

function shownBody(details: Readonly<Record<string, unknown>>): string {
  return textOf(details, "details.body") || Buffer.from(textOf(details, "details.body_base64"), "base64").toString();
}
