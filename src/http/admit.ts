import { utf8 } from "#src/base/bytes.ts";
import type { ErrorCode } from "#src/base/error-codes.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { equalInConstantTime } from "#src/crypto/hash.ts";
import { parseToken } from "#src/crypto/tokens.ts";
import type { RateRefusal } from "#src/decision/limits.ts";
import { may } from "#src/identity/roles.ts";
import type { PersonPrincipal } from "#src/identity/sessions.ts";
import { readTenant } from "#src/store/instance.ts";
import { readTokenTenant } from "#src/store/tokens.ts";
import type { WritMetrics } from "#src/telemetry/requests.ts";
import { parseDelegation } from "#src/ucan/delegation.ts";
import { type Caller, type Presented, type Role, readCredential, readWrit, roleOf } from "./caller.ts";
import { identifyDevice } from "./device-caller.ts";
import type { Listener } from "./listener.ts";
import type { Route } from "./route.ts";
import type { HttpServices } from "./services.ts";
import type { SessionCookie } from "./session/cookie.ts";
import { checkSameOrigin, isSafeMethod } from "./session/same-origin.ts";

/** What letting a request in needs. */
export interface AdmitGround {
  readonly services: HttpServices;
  readonly metrics: WritMetrics;
  readonly now: () => number;
  /** The public address: where pages are, and what their requests must be from. */
  readonly publicUrl: string;
  readonly cookie: SessionCookie;
}

const ANYONE: Caller = { kind: "anyone" };

/**
 * Who asks, once proven, counted and allowed on this route.
 *
 * On the operator's socket a request without a credential is the operator's; one with a credential is its owner's, as
 * anywhere else. Throws `unauthenticated` and what `Authenticator` throws, `writ_invalid`, `rate_limited`, `forbidden`; for people
 * `csrf_refused` and `reauthentication_required`.
 */
export async function admit(
  ground: AdmitGround,
  route: Route,
  listener: Listener,
  request: Request,
  source: string,
): Promise<Caller> {
  const caller = await identify(ground, route, listener, request, source);
  if (route.isUnlimited !== true && caller.kind !== "operator") limit(ground, caller, source);
  const role = roleOf(caller);
  if (role !== undefined && route.who.includes(role)) {
    if (caller.kind === "person") holdPerson(ground, route, request, caller.principal);
    else if (route.isFromPages === true && !isSafeMethod(request.method)) checkSameOrigin(request, ground.publicUrl);
    return caller;
  }
  throw new WritError(caller.kind === "anyone" ? "unauthenticated" : "forbidden", refusalText(route.who, caller));
}

async function identify(
  ground: AdmitGround,
  route: Route,
  listener: Listener,
  request: Request,
  source: string,
): Promise<Caller> {
  const authorization = request.headers.get("authorization");
  if (authorization === null && listener.kind === "socket") {
    const tenant = request.headers.get("writ-tenant") ?? undefined;
    return { kind: "operator", subject: ground.services.instance.operator, tenant };
  }
  if (authorization === null && route.who.includes("person")) return identifyPerson(ground, request, source);
  // What is for anyone knows no credentials: `/metrics` has one of its own.
  if (authorization === null || route.who.includes("anyone")) return ANYONE;
  let presented: Presented | undefined;
  try {
    presented = readCredential(authorization);
    if (presented.kind === "writ") {
      if (!route.who.includes("writ")) throw new WritError("unauthenticated");
      return readWrit(presented.text, request.headers.get("writ-invocation"));
    }
    if (presented.kind === "none") return ANYONE;
    const principal = await ground.services.authenticator.authenticate(presented.text, source);
    if (principal.kind === "agent") return { kind: "agent", principal };
    if (principal.kind === "device") return await identifyDevice(ground.services.devices, route, request, principal);
    return { kind: "token", principal };
  } catch (error) {
    if (isWritError(error)) {
      await countRefusal(ground, presented, error.code);
      if (route.isUnlimited !== true) limit(ground, ANYONE, source);
    }
    throw error;
  }
}

/** Whoever's session the request's cookie is; nobody for one that is none, or is no more. */
async function identifyPerson({ services, cookie }: AdmitGround, request: Request, source: string): Promise<Caller> {
  const value = cookie.read(request.headers.get("cookie"));
  if (value === undefined) return ANYONE;
  const client = { browser: request.headers.get("user-agent") ?? "", address: source };
  const principal = await services.sessions.authenticate(value, client);
  return principal === undefined ? ANYONE : { kind: "person", principal };
}

/**
 * What a person's request must be besides signed in: their roles have the route's permission; one that changes anything is
 * from a page of Writ and carries its session's token; one that is sensitive carries proof that the passkey was shown again.
 */
function holdPerson(
  { services, publicUrl }: AdmitGround,
  route: Route,
  request: Request,
  principal: PersonPrincipal,
): void {
  const { person, session } = principal;
  if (!isSafeMethod(request.method)) {
    checkSameOrigin(request, publicUrl);
    const token = request.headers.get("writ-csrf") ?? "";
    const isOurs = route.isFromPages === true || equalInConstantTime(utf8(token), utf8(session.csrfToken));
    if (!isOurs) throw new WritError("csrf_refused", "the request lacks its session's token: load the page again");
  }
  if (route.permission !== undefined && !may(person.roles, route.permission)) {
    throw new WritError("forbidden", `your roles do not include \`${route.permission}\``);
  }
  if (route.isSensitive !== true || isSafeMethod(request.method)) return;
  if (services.sessions.isProven(session.id, request.headers.get("writ-reauthentication") ?? "")) return;
  throw new WritError("reauthentication_required");
}

/** Counts the request against its source, agent and tenant, whatever becomes of it. */
function limit({ services, metrics, now }: AdmitGround, caller: Caller, source: string): void {
  const { limiter, tally, instance } = services;
  const principal = "principal" in caller ? caller.principal : undefined;
  const refusal = limiter.take(
    {
      source,
      ...(principal === undefined ? {} : { tenant: principal.tenant }),
      ...(principal?.kind === "agent" ? { agent: principal.agent.id } : {}),
    },
    now(),
  );
  if (refusal === undefined) return;
  metrics.rateLimited.increment(refusal.scope);
  tally.count({
    tenant: principal?.tenant ?? instance.tenant,
    type: "request.rate_limited",
    actor: principal?.subject ?? "system",
    data: { limit: refusal.scope },
  });
  throw rateLimited(refusal);
}

function rateLimited({ scope, retryAfterSeconds }: RateRefusal): WritError {
  return new WritError("rate_limited", `too many requests from this ${scope}: come back in ${retryAfterSeconds} s`, {
    details: { limit: scope, retry_after_seconds: retryAfterSeconds },
  });
}

/** Counts a refused key in the chain of the tenant that it says it is of, where there is such a key; else in the instance's. */
async function countRefusal(
  { services, metrics }: AdmitGround,
  presented: Presented | undefined,
  code: ErrorCode,
): Promise<void> {
  metrics.failedAuthentications.increment();
  const parsed = presented?.kind === "key" ? parseToken(presented.text) : undefined;
  const tenant = parsed === undefined ? undefined : await readTokenTenant(services.reader, parsed.id);
  services.tally.count({
    tenant: tenant ?? services.instance.tenant,
    type: "key.refused",
    actor: "system",
    data: tenant === undefined || parsed === undefined ? { code } : { code, key: parsed.id },
  });
}

/** Counts a refused writ in the chain of the tenant that it says it is of, where there is one; else in the instance's. */
export async function countRefusedWrit(
  { services, metrics }: AdmitGround,
  caller: Extract<Caller, { kind: "writ" }>,
  code: ErrorCode,
): Promise<void> {
  metrics.failedAuthentications.increment();
  const stated = statedTenant(caller);
  const row = stated === undefined ? undefined : await readTenant(services.reader, stated);
  const tenant = row?.tenantId ?? services.instance.tenant;
  services.tally.count({ tenant, type: "writ.refused", actor: "system", data: { code } });
}

function statedTenant({ presented }: Extract<Caller, { kind: "writ" }>): TenantId | undefined {
  try {
    const [root] = presented.proofs;
    const tenant = root === undefined ? undefined : parseDelegation(root).meta?.["tenant"];
    return typeof tenant === "string" ? (tenant as TenantId) : undefined;
  } catch {
    return undefined;
  }
}

const ROLE_WORDS: Readonly<Record<Role, string>> = {
  anyone: "anyone",
  agent: "an agent's key",
  device: "a paired device",
  writ: "a writ",
  admin: "an administrator's token",
  pdp: "an enforcement point's token",
  operator: "the operator's socket on the host",
  person: "a person who is signed in",
};

function refusalText(who: readonly Role[], caller: Caller): string {
  const words = who.map((role) => ROLE_WORDS[role]).join(" or ");
  return caller.kind === "anyone" ? `this needs ${words}` : `this credential may not do that: it needs ${words}`;
}
