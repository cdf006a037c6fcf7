import { toRfc3339 } from "#src/base/clock.ts";
import type { PairingActor } from "#src/identity/devices.ts";
import { renderDevice, renderPairing } from "../api/devices.ts";
import type { Exchange } from "../exchange.ts";
import { nextOf, PAGE_QUERY, toPage } from "../page.ts";
import { type Route, route } from "../route.ts";
import { list, object, optional, text } from "../shape.ts";

/** Machines that act for agents. */
export const DEVICE_ADMIN_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/devices",
    summary: "List devices",
    who: ["admin", "operator"],
    query: PAGE_QUERY,
    answers: { 200: "A page of devices, and `next` where more may follow" },
    handle: async (exchange, _body, query) => {
      const { tenant } = await exchange.manager();
      const page = toPage(query);
      const devices = (await exchange.services.devices.list(tenant, page)).map(renderDevice);
      return { json: { devices, ...nextOf(devices, page) } };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/devices/{device}",
    summary: "Show a device by name or id, with its last request",
    who: ["admin", "operator"],
    answers: { 200: "The device" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const { device, lastUse } = await exchange.services.devices.show(tenant, exchange.param("device"));
      return {
        json: {
          ...renderDevice(device),
          last_use:
            lastUse === null
              ? null
              : {
                  at: toRfc3339(lastUse.lastAt),
                  command: lastUse.lastCommand,
                  outcome: lastUse.lastOutcome,
                  source: lastUse.lastSource,
                },
        },
      };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/devices/{device}/revocation",
    summary: "Refuse a device from its next request on, cut its streams and cancel its runs",
    who: ["admin", "operator"],
    answers: { 200: "The device" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const { devices } = exchange.services;
      const { device } = await devices.show(tenant, exchange.param("device"));
      await devices.revoke(tenant, subject, device.id);
      return { json: renderDevice((await devices.show(tenant, device.id)).device) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/devices/pairings/{code}",
    summary: "Show the machine that waits with a code",
    who: ["operator", "person"],
    errors: ["rate_limited"],
    answers: { 200: "The machine" },
    handle: async (exchange) => {
      const { subject } = await exchange.manager();
      return { json: renderPairing(exchange.services.devices.look(exchange.param("code"), subject)) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/devices/pairings/{code}/confirmation",
    summary: "Confirm the machine that shows a code, and say which agents it acts for",
    who: ["operator", "person"],
    body: object({
      agents: list(text({ max: 63, description: "name or id of an agent" }), 50),
      name: optional(text({ max: 63, description: "what to call it, where not as it calls itself" })),
    }),
    errors: ["name_taken", "passkey_required", "rate_limited"],
    answers: { 201: "The device" },
    handle: async (exchange, { agents, name }) => {
      const { tenant } = await exchange.manager();
      const device = await exchange.services.devices.confirm(
        tenant,
        await pairingActor(exchange),
        exchange.param("code"),
        {
          agents,
          ...(name === undefined ? {} : { name }),
        },
      );
      return { status: 201, json: renderDevice(device) };
    },
  }),
];

async function pairingActor(exchange: Exchange): Promise<PairingActor> {
  const { subject } = await exchange.manager();
  if (exchange.caller.kind !== "person") return { kind: "host", subject };
  return { kind: "person", subject, person: exchange.caller.principal.person.id };
}
