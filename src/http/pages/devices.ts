import { isWritError } from "#src/base/errors.ts";
import { type DevicesModel, devicesBody, devicesPage } from "#views/devices.ts";
import { EMPTY_FORM } from "#views/form.ts";
import { notice } from "#views/parts.ts";
import type { Route } from "../route.ts";
import { object, optional, text } from "../shape.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import { namesOf } from "./frame.ts";
import { type AdminRoutes, action, page } from "./page.ts";

const MAX_DEVICES = 200;
const MAX_AGENTS = 50;

/** Machines that act for agents: confirmed by their code, and revoked. */
export function devicePages(admin: AdminRoutes): readonly Route[] {
  const confirm = admin("POST /v1/admin/devices/pairings/{code}/confirmation");
  const revoke = admin("POST /v1/admin/devices/{device}/revocation");
  return [
    page({
      path: "/devices",
      section: "/devices",
      summary: "Show paired machines, and the one that waits with a code, as a page",
      permission: "devices.read",
      query: object({ code: optional(text({ min: 0, max: 40 })) }),
      draw: async (context, { code = "" }) => ({ title: "Devices", body: devicesPage(await modelWith(context, code)) }),
    }),
    action({
      path: "/devices/pairings/{code}/confirmation",
      summary: "Confirm the machine that shows a code, from the page of devices",
      by: [confirm],
      perform: async (ask, form) => {
        const name = form.text("name");
        return ask(confirm, { agents: [...form.all("agents")], ...(name === undefined ? {} : { name }) });
      },
      drawsFailure: true,
      draw: async (context, outcome) => {
        if (!outcome.ok) {
          const model = await modelWith(context, context.exchange.param("code"));
          return devicesBody({ ...model, form: failedForm(outcome) });
        }
        const name = String(outcome.result["name"]);
        const said = notice("ok", `${name} is paired`, "It collects its token by itself, with proof of its key.");
        return devicesBody({ ...(await modelOf(context)), said });
      },
    }),
    action({
      path: "/devices/{device}/revocation",
      summary: "Revoke a machine, from the page of devices",
      by: [revoke],
      perform: (ask) => ask(revoke),
      draw: async (context) => devicesBody(await modelOf(context)),
      said: "The machine is revoked.",
    }),
  ];
}

async function modelOf(context: PageContext): Promise<DevicesModel> {
  const { exchange, tenant, may, now } = context;
  const { devices, agents, people } = exchange.services;
  const list = await devices.list(tenant, { limit: MAX_DEVICES });
  const names = new Map(await namesOf(context, []));
  if (may("people.read")) {
    for (const person of new Set(list.flatMap((device) => device.person ?? []))) {
      names.set(person, (await people.show(tenant, person)).name);
    }
  }
  const known = may("devices.write") ? await agents.list(tenant, { limit: MAX_AGENTS }) : [];
  return {
    // Those that are good first.
    devices: [...list].sort((a, b) => Number(a.revokedAt !== null) - Number(b.revokedAt !== null)),
    names,
    agents: known.filter(({ status }) => status === "active"),
    mayWrite: may("devices.write"),
    code: "",
    pairing: undefined,
    form: EMPTY_FORM,
    said: undefined,
    now,
  };
}

/** With the machine that waits with a code, where there is one. */
async function modelWith(context: PageContext, code: string): Promise<DevicesModel> {
  const model = await modelOf(context);
  if (code === "" || !model.mayWrite) return model;
  try {
    return { ...model, code, pairing: context.exchange.services.devices.look(code, context.subject) };
  } catch (error) {
    if (!isWritError(error, "not_found") && !isWritError(error, "rate_limited")) throw error;
    const isGone = error.code === "not_found";
    const said = isGone ? "No machine waits with this code. It is good for ten minutes, once." : `${error.message}.`;
    return { ...model, code, form: { values: {}, error: said } };
  }
}
