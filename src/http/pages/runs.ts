import { isWritError } from "#src/base/errors.ts";
import type { Run } from "#src/runs/run.ts";
import { RUN_STATES, type RunModel, runBody, runPage, runsPage, runTitle } from "#views/runs.ts";
import type { Route } from "../route.ts";
import { choice, object, optional, text } from "../shape.ts";
import type { PageContext } from "./context.ts";
import { namesOf } from "./frame.ts";
import { type AdminRoutes, action, page } from "./page.ts";

const PAGE_RUNS = 50;
const PAGE_STEPS = 100;

/** Runs, and each as a timeline. */
export function runPages(admin: AdminRoutes): readonly Route[] {
  const acts = [
    ["pause", "Pause a run, from its page", "Paused."],
    ["resumption", "Let a paused run go on, from its page", "It goes on."],
    ["cancellation", "End a run for good, from its page", "Cancelled."],
  ] as const;
  return [
    page({
      path: "/runs",
      section: "/runs",
      summary: "Show runs, newest first, as a page",
      permission: "runs.read",
      query: object({ state: optional(choice(RUN_STATES)), before: optional(text({ max: 100 })) }),
      draw: async (context, { state, before }) => {
        const { exchange, tenant, now } = context;
        const runs = await exchange.services.runs.list(tenant, {
          limit: PAGE_RUNS,
          ...(state === undefined ? {} : { state }),
          ...(before === undefined ? {} : { before }),
        });
        const next = runs.length < PAGE_RUNS ? undefined : runs.at(-1)?.id;
        return { title: "Runs", body: runsPage({ runs, state, next, names: await namesIn(context, runs), now }) };
      },
    }),
    page({
      path: "/runs/{run}",
      section: "/runs",
      summary: "Show a run as a timeline, as a page",
      permission: "runs.read",
      query: object({ after: optional(text({ max: 26 })) }),
      draw: async (context, { after }) => {
        const model = await modelOf(context, after);
        return { title: runTitle(model.run), body: runPage(model) };
      },
    }),
    ...acts.map(([name, summary, said]) => {
      const target = admin(`POST /v1/admin/runs/{run}/${name}`);
      return action({
        path: `/runs/{run}/${name}`,
        summary,
        by: [target],
        perform: (ask) => ask(target),
        draw: async (context) => runBody(await modelOf(context, undefined)),
        said,
      });
    }),
  ];
}

async function modelOf(context: PageContext, after: string | undefined): Promise<RunModel> {
  const { exchange, tenant, may, now } = context;
  const part = { limit: PAGE_STEPS, ...(after === undefined ? {} : { after }) };
  const { run, children, entries, next } = await exchange.services.timelines.show(tenant, exchange.param("run"), part);
  const approvers = entries.flatMap(({ decision }) => decision?.approvedBy ?? []);
  return {
    run,
    children,
    steps: entries,
    next,
    after,
    names: await namesIn(context, [run, ...children], approvers),
    mayStop: may("stop.write"),
    now,
  };
}

/** What those in runs are called, as far as whoever asks may know. */
async function namesIn(
  context: PageContext,
  runs: readonly Run[],
  subjects: readonly string[] = [],
): Promise<ReadonlyMap<string, string>> {
  const { exchange, tenant, may } = context;
  const { devices, people } = exchange.services;
  const names = new Map(await namesOf(context, subjects));
  const put = async (id: string | null, find: () => Promise<string>): Promise<void> => {
    if (id === null || names.has(id)) return;
    try {
      names.set(id, await find());
    } catch (error) {
      if (!isWritError(error, "not_found")) throw error;
    }
  };
  for (const { device, person } of runs) {
    if (may("devices.read")) await put(device, async () => (await devices.show(tenant, device ?? "")).device.name);
    if (may("people.read")) await put(person, async () => (await people.show(tenant, person ?? "")).name);
  }
  return names;
}
