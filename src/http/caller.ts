import { WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { type PresentedWrit, parsePresentedWrit } from "#src/decision/writ.ts";
import type { AgentPrincipal, Principal } from "#src/identity/authenticate.ts";
import type { Device, DevicePrincipal } from "#src/identity/devices.ts";
import type { PersonPrincipal } from "#src/identity/sessions.ts";

/** Who a route is for. `writ`: whoever presents one. `anyone`: without a credential. `device`: a paired machine that names no agent; one that does is `agent`. `person`: signed in, with the route's permission. */
export const ROLES = ["anyone", "agent", "device", "writ", "admin", "pdp", "operator", "person"] as const;
/** Who a route is for. */
export type Role = (typeof ROLES)[number];

/** Who asks. */
export type Caller =
  | { readonly kind: "anyone" }
  | ({ readonly kind: "agent"; readonly principal: AgentPrincipal } & SignedBody)
  | ({ readonly kind: "device"; readonly principal: DevicePrincipal; readonly device: Device } & SignedBody)
  | { readonly kind: "token"; readonly principal: Exclude<Principal, AgentPrincipal> }
  | { readonly kind: "writ"; readonly presented: PresentedWrit }
  | { readonly kind: "person"; readonly principal: PersonPrincipal }
  /** Whoever holds the operator's socket; `tenant` is the one that they act in, by its name or id. */
  | { readonly kind: "operator"; readonly subject: SubjectId; readonly tenant: string | undefined };

/** What a device signed of the request's body. */
export interface SignedBody {
  /** SHA-256 that the body must have, 32 bytes; left out for a caller that signs nothing. */
  readonly bodySha256?: Uint8Array;
}

/** Whoever manages a tenant, and the tenant. */
export interface Manager {
  readonly tenant: TenantId;
  readonly subject: SubjectId;
  readonly isOperator: boolean;
}

/** A credential as its header carries it, before anything is known of it. */
export type Presented =
  | { readonly kind: "none" }
  | { readonly kind: "key"; readonly text: string }
  | { readonly kind: "writ"; readonly text: string };

const BEARER = /^Bearer +([^\s,]+)$/i;
const BASIC = /^Basic +([A-Za-z0-9+/=_-]+)$/i;
const KEY_PREFIX = "writ_";

/**
 * The credential in `Authorization` (RFC 9110 section 11.6.2): a bearer token (RFC 6750), or Basic (RFC 7617) with a key as
 * its password and any user name, for clients that know nothing else. A bearer token that is no key is a writ.
 *
 * Throws `unauthenticated` for anything else: what cannot be read is no credential, and is not taken for none either.
 */
export function readCredential(authorization: string | null): Presented {
  if (authorization === null) return { kind: "none" };
  const bearer = BEARER.exec(authorization)?.[1];
  if (bearer !== undefined) return { kind: bearer.startsWith(KEY_PREFIX) ? "key" : "writ", text: bearer };
  const basic = BASIC.exec(authorization)?.[1];
  if (basic === undefined) throw new WritError("unauthenticated");
  const pair = Buffer.from(basic, "base64").toString("latin1");
  const password = pair.slice(pair.indexOf(":") + 1);
  if (!password.startsWith(KEY_PREFIX)) throw new WritError("unauthenticated");
  return { kind: "key", text: password };
}

/** A presented writ with the invocation beside it. Throws `writ_invalid`. */
export function readWrit(text: string, invocation: string | null): Caller {
  return { kind: "writ", presented: parsePresentedWrit(text, invocation ?? undefined) };
}

/** The role that a caller has on any route. */
export function roleOf(caller: Caller): Role | undefined {
  switch (caller.kind) {
    case "token":
      return caller.principal.kind === "admin" || caller.principal.kind === "pdp" ? caller.principal.kind : undefined;
    default:
      return caller.kind;
  }
}
