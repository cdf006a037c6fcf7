import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { EventView } from "#src/audit/event-view.ts";
import type { Outcome } from "#src/decision/outcome.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { codeOf } from "#test/support/scenario.ts";
import { PERMIT_ALL, type TestCall, type TestTenant } from "#test/support/tenant.ts";

/**
 * The decision matrix: tier × what the policies say × where the approval stands × whether a writ is minted. What comes out is
 * `test/golden/decisions.json`; to accept a change that is meant, delete the file and run this test.
 */
const GOLDEN = join(import.meta.dir, "../golden/decisions.json");

const TIERS: Readonly<Record<string, string>> = { read: "GET", write: "POST", danger: "DELETE" };

const POLICIES: Readonly<Record<string, string>> = {
  none: "",
  "no permit": `@id("elsewhere") permit (principal, action == Action::"/npm-registry/other/get", resource);`,
  permit: PERMIT_ALL,
  "permit, ask for each": `${PERMIT_ALL}
@id("ask") forbid (principal, action, resource) unless { context.writ.cosigned };`,
  "permit, ask for the resource": `${PERMIT_ALL}
@id("ask") @bind("resource") forbid (principal, action, resource) unless { context.writ.cosigned };`,
  "permit once cosigned": `@id("with") permit (principal, action, resource) when { context.writ.cosigned };`,
  forbid: `${PERMIT_ALL} @id("never") forbid (principal, action, resource);`,
  "forbid that errs": `${PERMIT_ALL} @id("errs") forbid (principal, action, resource) when { 9007199254740992 * 2048 == 0 };`,
};

const APPROVALS = ["absent", "pending", "approved", "denied", "expired", "used"] as const;

interface Row {
  readonly decision: string;
  readonly reasons: readonly string[];
  readonly event: string | null;
  readonly writ: "none" | "one use" | "many uses";
  readonly statements: readonly string[];
}

let instance: TestInstance;
beforeAll(async () => {
  instance = await startInstance();
});
afterAll(() => instance.stop());

test("the decision matrix is what it was", async () => {
  const matrix: Record<string, Row> = {};
  let made = 0;
  for (const [policyName, source] of Object.entries(POLICIES)) {
    for (const [tier, method] of Object.entries(TIERS)) {
      for (const approval of APPROVALS) {
        for (const mint of [true, false]) {
          made += 1;
          const tenant = await instance.tenant(`m${made}`);
          const row = await decideOnce(tenant, source, { method, path: "/a" }, approval, mint);
          if (row !== undefined) matrix[`${tier} | ${policyName} | ${approval} | ${mint ? "mint" : "call"}`] = row;
        }
      }
    }
  }
  expect(Object.keys(matrix).length).toBeGreaterThan(100);
  if (!(await Bun.file(GOLDEN).exists())) await Bun.write(GOLDEN, `${format(matrix)}\n`);
  expect(format(matrix)).toBe((await Bun.file(GOLDEN).text()).trimEnd());
}, 30_000);

/** One cell; undefined where the approval cannot come to stand so, since none is asked for. */
async function decideOnce(
  tenant: TestTenant,
  source: string,
  call: TestCall,
  approval: (typeof APPROVALS)[number],
  mint: boolean,
): Promise<Row | undefined> {
  const { services, clock, hooks } = instance;
  await tenant.connection({ url: "http://127.0.0.1:9" });
  if (source !== "") await tenant.policies(source);
  const agent = await tenant.agent();
  const ask = (minting: boolean): Promise<Outcome> =>
    minting
      ? tenant.authorize(agent, "api", call)
      : services.decider.decide({ principal: agent.principal, call: asked(call), claimed: {} });
  if (approval !== "absent") {
    const first = await ask(mint);
    if (first.decision !== "step_up") return undefined;
    if (approval === "approved" || approval === "used") await tenant.answer(first.approval.id);
    if (approval === "denied") await tenant.answer(first.approval.id, "denied");
    if (approval === "used") await ask(mint);
    if (approval === "expired") clock.advance(15 * 60_000);
  }
  const before = (await instance.events(tenant)).length;
  const statements: string[] = [];
  hooks.beforeSubmit = async (unit) => {
    if (unit.event.type.startsWith("decision.")) statements.push(...unit.statements.map(({ sql }) => headOf(sql)));
  };
  const outcome = await ask(mint).catch((error: unknown) => codeOf(error));
  hooks.beforeSubmit = undefined;
  const written = (await instance.events(tenant)).slice(before);
  return typeof outcome === "string"
    ? { decision: `error ${outcome}`, reasons: [], event: eventOf(written), writ: "none", statements }
    : {
        decision: outcome.decision,
        reasons: reasonsOf(outcome),
        event: eventOf(written),
        writ: writOf(outcome),
        statements,
      };
}

function asked(call: TestCall) {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  const body = { bytes: async () => new Uint8Array(0), hash: async () => empty };
  return { connection: "api", method: call.method ?? "GET", path: call.path, query: "", headers: [], body };
}

const reasonsOf = ({ reasons }: Outcome): string[] =>
  reasons.map(({ code, policy }) => (policy === undefined ? code : `${code}(${policy})`));
const eventOf = (events: readonly EventView[]): string | null =>
  events.length === 0 ? null : events.map(({ type }) => type).join(", ");
const headOf = (sql: string): string => sql.trim().split(/\s+/).slice(0, 3).join(" ");

function writOf(outcome: Outcome): Row["writ"] {
  if (outcome.decision !== "allow" || outcome.writ === undefined) return "none";
  return outcome.writ.singleUse ? "one use" : "many uses";
}

function format(matrix: Readonly<Record<string, Row>>): string {
  const lines = Object.entries(matrix).map(([cell, row]) => `  ${JSON.stringify(cell)}: ${JSON.stringify(row)}`);
  return `{\n${lines.join(",\n")}\n}`;
}
