import { toRfc3339 } from "#src/base/clock.ts";
import type { Device, PairingView } from "#src/identity/devices.ts";
import { signedParts } from "../device-caller.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { type Route, route } from "../route.ts";
import { object, text } from "../shape.ts";

/** Pairing, as the machine does it, and what a device may know and do of itself. */
export const DEVICE_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/devices/pairings",
    summary: "Ask for this machine to be paired",
    who: ["anyone"],
    body: object({
      public_key: text({ max: 64, description: "the machine's own Ed25519 key, base64url" }),
      name: text({ max: 63, description: "what the machine calls itself" }),
    }),
    answers: { 201: "The code that a person confirms" },
    handle: (exchange, { public_key: publicKey, name }) => ({
      status: 201,
      json: renderPairing(exchange.services.devices.request({ publicKey, name }, exchange.source)),
    }),
  }),
  route({
    method: "POST",
    path: "/v1/devices/pairings/{code}/token",
    summary: "Ask for the token of a machine that was confirmed, with proof of its key",
    who: ["anyone"],
    answers: { 200: "The token, once a person confirmed; until then only that it waits" },
    errors: ["device_proof_refused"],
    handle: (exchange) => collect(exchange),
  }),
  route({
    method: "GET",
    path: "/v1/device",
    summary: "Show the device that asks",
    who: ["device"],
    answers: { 200: "The device" },
    handle: (exchange) => ({ json: renderDevice(exchange.device().device) }),
  }),
  route({
    method: "DELETE",
    path: "/v1/device",
    summary: "Revoke the device that asks",
    who: ["device"],
    answers: { 200: "The device" },
    handle: async (exchange) => {
      const { device, principal } = exchange.device();
      const { devices } = exchange.services;
      await devices.revoke(principal.tenant, principal.subject, device.id);
      return { json: renderDevice((await devices.show(principal.tenant, device.id)).device) };
    },
  }),
];

async function collect(exchange: Exchange): Promise<Reply> {
  const collected = await exchange.services.devices.collect(exchange.param("code"), signedParts(exchange.request));
  if (collected.state === "waiting") {
    return { json: { state: "waiting", expires_at: toRfc3339(collected.expiresAt) } };
  }
  const { token, device, agents } = collected;
  return {
    json: {
      state: "confirmed",
      token,
      device: renderDevice(device),
      agents: agents.map(({ id, name }) => ({ id, name })),
    },
  };
}

/** A device as JSON. */
export function renderDevice(device: Device): { readonly id: string } & Readonly<Record<string, unknown>> {
  return {
    id: device.id,
    name: device.name,
    status: device.revokedAt === null ? "active" : "revoked",
    fingerprint: device.fingerprint,
    agents: device.agents,
    person: device.person,
    paired_at: toRfc3339(device.pairedAt),
    revoked_at: device.revokedAt === null ? null : toRfc3339(device.revokedAt),
  };
}

/** A machine that waits, as JSON. */
export function renderPairing(pairing: PairingView): Readonly<Record<string, unknown>> {
  return {
    code: pairing.code,
    name: pairing.name,
    fingerprint: pairing.fingerprint,
    source: pairing.source,
    state: pairing.state,
    expires_at: toRfc3339(pairing.expiresAt),
  };
}
