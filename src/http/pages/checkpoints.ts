import { type CheckpointsModel, checkpointsBody, checkpointsPage } from "#views/checkpoints.ts";
import type { Route } from "../route.ts";
import { integerText, object, optional } from "../shape.ts";
import type { PageContext } from "./context.ts";
import { type AdminRoutes, action, page } from "./page.ts";

const SHOWN = 20;

/** Checkpoints, and how what leaves the host stands: the archive and streams. */
export function checkpointPages(admin: AdminRoutes): readonly Route[] {
  const sign = admin("POST /v1/admin/audit/checkpoints");
  return [
    page({
      path: "/checkpoints",
      section: "/events",
      summary: "Show checkpoints, the archive and streams, as a page",
      permission: "audit.read",
      query: object({ before: optional(integerText(1, Number.MAX_SAFE_INTEGER)) }),
      draw: async (context, { before }) => ({
        title: "Checkpoints",
        body: checkpointsPage(await modelOf(context, before)),
      }),
    }),
    action({
      path: "/checkpoints",
      summary: "Sign a checkpoint of all events so far, from its page",
      by: [sign],
      perform: (ask) => ask(sign),
      draw: async (context) => checkpointsBody(await modelOf(context, undefined)),
      said: "Signed.",
    }),
  ];
}

async function modelOf(context: PageContext, before: number | undefined): Promise<CheckpointsModel> {
  const { exchange, tenant, may, now } = context;
  const { checkpoints, archive, streams, overviews } = exchange.services;
  const [list, chain, status, sent] = await Promise.all([
    checkpoints.list(tenant, { limit: SHOWN, ...(before === undefined ? {} : { before }) }),
    overviews.chain(tenant),
    may("archive.read") ? archive.status(tenant) : undefined,
    may("streams.read") ? streams.list(tenant) : undefined,
  ]);
  return {
    checkpoints: list,
    next: list.length < SHOWN ? undefined : list.at(-1)?.size,
    size: chain?.size ?? 0,
    mayMake: may("audit.read"),
    archive: status,
    streams: sent,
    now,
  };
}
