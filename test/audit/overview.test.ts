import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { AuditFilter } from "#src/audit/audit.ts";
import type { EventView } from "#src/audit/event-view.ts";
import { OUTCOMES } from "#src/audit/overview.ts";
import type { Agent } from "#src/identity/agents.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import type { TestTenant } from "#test/support/tenant.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TYPES = [
  "decision.allowed",
  "decision.denied",
  "decision.step_up",
  "call.finished",
  "approval.approved",
  "approval.denied",
  "decisionx.made",
] as const;

let instance: TestInstance;
let tenant: TestTenant;
let agents: readonly Agent[];
let all: readonly EventView[];

beforeAll(async () => {
  instance = await startInstance();
  tenant = await instance.tenant();
  const { services, clock } = instance;
  const operator = services.instance.operator;
  agents = await Promise.all(
    ["one", "two", "three"].map((name) => services.agents.create(tenant.id, operator, { name })),
  );
  for (let index = 0; index < 240; index += 1) {
    const agent = agents[index % 3] as Agent;
    const type = TYPES[(index * 5 + Math.floor(index / 7)) % TYPES.length] as string;
    const isOwn = type.startsWith("decision.") || type === "call.finished";
    await services.recorder.record({
      tenant: tenant.id,
      type,
      actor: isOwn ? agent.subject : operator,
      data: {
        agent: agent.id,
        command: `/http/files/${index % 2}`,
        tier: index % 2 === 0 ? "read" : "write",
        reasons: ["no_permit"],
        policies: [],
      },
    });
    clock.advance(HOUR / 4);
  }
  all = [...(await instance.events(tenant))].reverse();
});
afterAll(() => instance.stop());

/** What a search has to find, by looking at everything. */
function naive({ type, actor, agent, since, until }: AuditFilter): readonly number[] {
  const subject = agents.find(({ id }) => id === agent)?.subject;
  return all
    .filter(
      (event) =>
        (type === undefined || event.type === type || event.type.startsWith(`${type}.`)) &&
        (actor === undefined || event.actor === actor) &&
        (agent === undefined || event.actor === subject || event.data["agent"] === agent) &&
        (since === undefined || Date.parse(event.at) >= since) &&
        (until === undefined || Date.parse(event.at) < until),
    )
    .map(({ seq }) => seq);
}

describe("a search", () => {
  test("finds what looking at every event would, page by page, newest first", async () => {
    const start = Date.parse(all.at(-1)?.at ?? "");
    const time = fc.integer({ min: -2, max: 62 }).map((hours) => start + hours * HOUR);
    await fc.assert(
      fc.asyncProperty(
        fc.option(fc.constantFrom("decision", "approval", "nothing", "agent", ...TYPES), { nil: undefined }),
        fc.option(fc.constantFrom(0, 1, 2, 3), { nil: undefined }),
        fc.option(fc.constantFrom(0, 1, 2), { nil: undefined }),
        fc.option(time, { nil: undefined }),
        fc.option(time, { nil: undefined }),
        fc.integer({ min: 1, max: 90 }),
        async (type, actor, agent, since, until, limit) => {
          const filter: AuditFilter = {
            ...(type === undefined ? {} : { type }),
            ...(actor === undefined ? {} : { actor: agents[actor]?.subject ?? instance.services.instance.operator }),
            ...(agent === undefined ? {} : { agent: (agents[agent] as Agent).id }),
            ...(since === undefined ? {} : { since }),
            ...(until === undefined ? {} : { until }),
          };
          const found: number[] = [];
          let before: number | undefined;
          for (;;) {
            const page = await instance.services.audit.list(
              tenant.id,
              filter,
              { limit, ...(before === undefined ? {} : { before }) },
              { openPersonal: false },
            );
            expect(page.events.length).toBeLessThanOrEqual(limit);
            found.push(...page.events.map(({ seq }) => seq));
            if (page.next === undefined) break;
            before = page.next;
          }
          expect(found).toEqual([...naive(filter)]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("the figures of an overview", () => {
  const counted = async (days: number) => {
    const { overviews } = instance.services;
    for (;;) {
      const figures = await overviews.figures(tenant.id, days);
      if (figures.isComplete) return figures;
      await Bun.sleep(5);
    }
  };

  test("are those of the chain, by outcome, tier and reason, for the time that is asked for", async () => {
    for (const days of [1, 2, 30]) {
      const { totals, tiers, buckets, bucketMs, denials } = await counted(days);
      const from = buckets[0]?.at ?? 0;
      const inTime = all.filter(({ at }) => Date.parse(at) >= from);
      const expected = (type: string) => inTime.filter((event) => event.type === type).length;
      expect(totals).toEqual({
        allow: expected("decision.allowed"),
        deny: expected("decision.denied"),
        step_up: expected("decision.step_up"),
      });
      const sum = (counts: Readonly<Record<string, number>>) =>
        OUTCOMES.reduce((total, name) => total + (counts[name] ?? 0), 0);
      expect(buckets.reduce((total, { counts }) => total + sum(counts), 0)).toBe(sum(totals));
      expect([...tiers.values()].reduce((total, counts) => total + sum(counts), 0)).toBe(sum(totals));
      expect(buckets.every(({ at }, index) => index === 0 || at - (buckets[index - 1]?.at ?? 0) === bucketMs)).toBe(
        true,
      );
      expect(denials.length).toBe(6);
      expect(denials.every(({ reason }) => reason === "no_permit")).toBe(true);
    }
  });

  test("go on from where they were, and forget what is too old", async () => {
    const before = await counted(30);
    const { services, clock } = instance;
    const [agent] = agents as readonly [Agent];
    await services.recorder.record({
      tenant: tenant.id,
      type: "decision.denied",
      actor: agent.subject,
      data: { agent: agent.id, tier: "danger", reasons: ["no_permit"] },
    });
    clock.advance(5000);
    await services.overviews.figures(tenant.id, 30);
    await Bun.sleep(50);
    const after = await counted(30);
    expect(after.totals.deny).toBe(before.totals.deny + 1);
    expect(after.tiers.get("danger")).toEqual({ allow: 0, deny: 1, step_up: 0 });
    clock.advance(40 * DAY);
    await services.overviews.figures(tenant.id, 30);
    await Bun.sleep(50);
    expect((await counted(30)).totals).toEqual({ allow: 0, deny: 0, step_up: 0 });
  });

  test("of one tenant say nothing of another", async () => {
    const other = await instance.tenant("other");
    const { totals } = await instance.services.overviews.figures(other.id, 30);
    expect(totals).toEqual({ allow: 0, deny: 0, step_up: 0 });
  });
});
