import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { type Edge, startEdge } from "#test/http/support.ts";
import { type Browser, enrolOwner } from "#test/support/signed-in.ts";
import { median, print } from "./harness.ts";

/** Events in the database: `make soak` and the long form have a million. */
const EVENTS = Number(process.env["EVENTS"] ?? (process.env["SOAK"] === undefined ? 50_000 : 1_000_000));
const BATCH = 1024;
const ROUNDS = 15;
/** What pages and searches may take, in milliseconds. */
const PAGE_LIMIT = 20;
const SEARCH_LIMIT = 100;

const TIERS = ["read", "write", "danger"] as const;

/** A decision's event, as large as those of calls through the proxy. */
function decision(index: number, agents: readonly { readonly id: string; readonly subject: SubjectId }[]) {
  const agent = agents[index % agents.length] as (typeof agents)[number];
  const [type, outcome, reason] =
    index % 10 === 0
      ? (["decision.denied", "deny", "no_permit"] as const)
      : index % 97 === 0
        ? (["decision.step_up", "step_up", "cosigner_needed"] as const)
        : (["decision.allowed", "allow", "permitted"] as const);
  return {
    type,
    actor: agent.subject,
    data: {
      decision: outcome,
      agent: agent.id,
      command: `/github/issues/${index % 7}`,
      tier: TIERS[index % 3] as string,
      reasons: [reason],
      policies: outcome === "allow" ? ["reads"] : [],
      resource_type: "GitHub::Repository",
      resource: `acme/app-${index % 1000}`,
      entities: { ref: `sha256:${"0".repeat(64)}` },
      context: {
        environment: "live",
        limits: {},
        tier: TIERS[index % 3] as string,
        time: { __extn: { fn: "datetime", arg: "2026-11-21T03:57:12.156Z" } },
      },
      versions: { cedar: "4.13.0", connector: "github@1", policies: 1, schema: 1, schema_extension: 0, writ: "0.1.0" },
      padding: "x".repeat(300),
    },
  };
}

async function fill(edge: Edge, tenant: TenantId): Promise<void> {
  const { agents, recorder } = edge.app.services;
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      agents.create(tenant, edge.app.services.instance.operator, { name: `agent-${index}` }),
    ),
  );
  const began = performance.now();
  for (let done = 0; done < EVENTS; done += BATCH) {
    await Promise.all(
      Array.from({ length: Math.min(BATCH, EVENTS - done) }, (_, index) =>
        recorder.record({ tenant, ...decision(done + index, made) }),
      ),
    );
  }
  print("pages: events recorded", EVENTS / ((performance.now() - began) / 1000), "events/s");
}

async function time(browser: Browser, path: string): Promise<number> {
  const began = performance.now();
  const { status, text } = await browser.ask("GET", path);
  if (status !== 200) throw new Error(`${path}: ${status} ${text.slice(0, 200)}`);
  return performance.now() - began;
}

async function measure(browser: Browser, name: string, path: string, limit: number): Promise<void> {
  await time(browser, path);
  const taken: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) taken.push(await time(browser, path));
  print(`pages: ${name}`, median(taken), "ms", { name: "limit", value: limit });
}

const edge = await startEdge({ WRIT_TENANT_QUOTA: "100GiB", WRIT_LOG: "error" });
try {
  const owner = await enrolOwner(edge);
  const { tenantId } = await edge.app.services.tenants.show("default");
  await fill(edge, tenantId);
  const cold = performance.now();
  await time(owner, "/");
  print("pages: overview, first after a start", performance.now() - cold, "ms", { name: "limit", value: PAGE_LIMIT });
  while (!(await edge.app.services.overviews.figures(tenantId, 30)).isComplete) await Bun.sleep(20);
  print("pages: overview, all counted after", performance.now() - cold, "ms");
  for (const path of [
    "/",
    "/approvals",
    "/agents",
    "/agents/agent-3",
    "/connections",
    "/policies",
    "/people",
    "/account",
    "/settings",
    `/events/${EVENTS - 500}`,
  ]) {
    await measure(owner, `page ${path.replace(/\d+$/, "N")}`, path, PAGE_LIMIT);
  }
  const middle = new Date(Date.now() - 1000).toISOString().slice(0, 19);
  for (const [name, query] of [
    ["newest", ""],
    ["one type", "type=decision.denied"],
    ["a rare type", "type=passkey"],
    ["a type that there is not", "type=nothing.like.it"],
    ["one agent", "agent=agent-3"],
    ["one agent and type", "agent=agent-3&type=decision.step_up"],
    ["one agent and a type of others", "agent=agent-3&type=key"],
    ["a time", `until=${middle}&type=decision.step_up`],
    ["deep in the past", `before=${Math.floor(EVENTS / 2)}`],
  ] as const) {
    await measure(owner, `events, ${name}`, `/events/list?${query}`, SEARCH_LIMIT);
  }
} finally {
  await edge.stop();
}
