import { type EmergencyModel, emergencyBody, emergencyPage } from "#views/emergency.ts";
import { EMPTY_FORM } from "#views/form.ts";
import type { Route } from "../route.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import { namesOf } from "./frame.ts";
import { type AdminRoutes, action, fragment, page } from "./page.ts";

const MAX_NAMES = 500;
const MAX_GRANTS = 50;

/** The kill switch and emergency grants. */
export function emergencyPages(admin: AdminRoutes): readonly Route[] {
  const stop = admin("POST /v1/admin/stop");
  const lift = admin("POST /v1/admin/stop/lifting");
  const close = admin("POST /v1/admin/break-glass/{emergency}/closure");
  return [
    page({
      path: "/emergency",
      section: "/emergency",
      summary: "Show what is stopped and which emergency grants there are, as a page",
      permission: "approvals.read",
      draw: async (context) => ({ title: "Emergency", body: emergencyPage(await modelOf(context)) }),
    }),
    fragment({
      path: "/emergency/body",
      summary: "Draw what is stopped and which emergency grants there are",
      permission: "approvals.read",
      draw: async (context) => emergencyBody(await modelOf(context)),
    }),
    action({
      path: "/emergency/stop",
      summary: "Stop an agent, a connection or the tenant, from the page for emergencies",
      by: [stop],
      perform: (ask, form) => {
        const [target = "", name] = (form.text("what") ?? "").split(" ");
        const reason = form.text("reason");
        return ask(stop, {
          target,
          ...(name === undefined ? {} : { name }),
          ...(reason === undefined ? {} : { reason }),
        });
      },
      drawsFailure: true,
      draw: async (context, outcome) =>
        emergencyBody({ ...(await modelOf(context)), ...(outcome.ok ? {} : { form: failedForm(outcome) }) }),
      said: "Stopped.",
    }),
    action({
      path: "/emergency/lifting",
      summary: "Let what was stopped go on, from the page for emergencies",
      by: [lift],
      perform: (ask, form) => {
        const target = form.text("target") ?? "";
        return ask(lift, { target, ...(target === "tenant" ? {} : { name: form.text("name") ?? "" }) });
      },
      draw: async (context) => emergencyBody(await modelOf(context)),
      said: "It goes on.",
    }),
    action({
      path: "/emergency/grants/{emergency}/closure",
      summary: "Close an emergency grant, from the page for emergencies",
      by: [close],
      perform: (ask) => ask(close),
      draw: async (context) => emergencyBody(await modelOf(context)),
      said: "Closed.",
    }),
  ];
}

async function modelOf(context: PageContext): Promise<EmergencyModel> {
  const { exchange, tenant, may, now } = context;
  const { stops, emergencies, agents, connections } = exchange.services;
  const [stopped, grants, someAgents, someConnections] = await Promise.all([
    stops.list(tenant),
    emergencies.list(tenant, MAX_GRANTS),
    agents.list(tenant, { limit: MAX_NAMES }),
    connections.list(tenant, { limit: MAX_NAMES }),
  ]);
  const subjects = [
    ...stopped.map(({ by }) => by),
    ...grants.flatMap(({ openedBy, reviewedBy }) => [openedBy, ...(reviewedBy === null ? [] : [reviewedBy])]),
  ];
  return {
    stops: stopped,
    emergencies: grants,
    agents: someAgents.map(({ name }) => name),
    connections: someConnections.map(({ name }) => name),
    names: await namesOf(context, subjects),
    mayStop: may("stop.write"),
    mayOpen: may("emergency.open"),
    mayReview: may("emergency.review"),
    mayClose: may("approvals.revoke"),
    now,
    form: EMPTY_FORM,
  };
}
