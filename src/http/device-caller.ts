import type { SignedParts } from "#src/identity/device-proof.ts";
import type { DevicePrincipal, Devices } from "#src/identity/devices.ts";
import type { Caller } from "./caller.ts";
import type { Route } from "./route.ts";
import { signedDigest } from "./signed-body.ts";

/**
 * Who a device's token stands for, once the device proved that it made this very request: the agent that it acts for, or, on
 * routes of devices where it names none, itself.
 *
 * Throws `unauthenticated`, `device_proof_refused`, and what {@link Devices.actFor} throws.
 */
export async function identifyDevice(
  devices: Devices,
  route: Route,
  request: Request,
  principal: DevicePrincipal,
): Promise<Caller> {
  const device = await devices.prove(principal, signedParts(request));
  const bodySha256 = signedDigest(request);
  const named = request.headers.get("writ-agent") ?? undefined;
  if (named === undefined && route.who.includes("device")) return { kind: "device", principal, device, bodySha256 };
  return { kind: "agent", principal: await devices.actFor(principal, device, named), bodySha256 };
}

/** What of a request a device signs. */
export function signedParts(request: Request): SignedParts {
  const { pathname, search } = new URL(request.url);
  return {
    method: request.method,
    path: pathname,
    query: search,
    header: (name) => request.headers.get(name) ?? undefined,
  };
}
