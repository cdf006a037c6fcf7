import type { Clock } from "#src/base/clock.ts";
import { invariant, WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { Config } from "#src/config/config.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import type { PeopleActor } from "#src/identity/people.ts";
import type { Client, PersonPrincipal } from "#src/identity/sessions.ts";
import { DEFAULT_TENANT } from "#src/identity/tenants.ts";
import { type Caller, type Manager, readCredential } from "./caller.ts";
import type { Listener } from "./listener.ts";
import type { HttpServices } from "./services.ts";
import { checkedBody, requireSigned } from "./signed-body.ts";

/** What all requests share. */
export interface ExchangeGround {
  readonly services: HttpServices;
  readonly config: Config;
  readonly clock: Clock;
  /** Fires when the server begins to stop, so that nobody waits on. */
  readonly stopping: AbortSignal;
}

/** How a use of a key is remembered. */
export interface Use {
  readonly command: string | null;
  readonly outcome: string;
}

/** One request on its way through a route. */
export class Exchange {
  readonly services: HttpServices;
  readonly config: Config;
  readonly clock: Clock;
  readonly request: Request;
  readonly caller: Caller;
  /** The address that the request is from. */
  readonly source: string;
  /** What to remember as this key's last use, where the handler knows better than method and route. */
  use: Use | undefined;
  private readonly ground: ExchangeGround;
  private readonly listener: Listener;
  private readonly params: Readonly<Record<string, string>> | undefined;
  private readonly includesInstance: boolean;

  constructor(
    ground: ExchangeGround,
    listener: Listener,
    request: Request,
    params: Readonly<Record<string, string>> | undefined,
    caller: Caller,
    source: string,
    includesInstance: boolean,
  ) {
    this.ground = ground;
    this.services = ground.services;
    this.config = ground.config;
    this.clock = ground.clock;
    this.listener = listener;
    this.request = request;
    this.params = params;
    this.caller = caller;
    this.source = source;
    this.includesInstance = includesInstance;
  }

  /** A parameter of the path, decoded. What does not decode names nothing. */
  param(name: string): string {
    const value = this.params?.[name];
    if (typeof value !== "string" || value === "") throw new WritError("not_found");
    return value;
  }

  /** A header of the request. */
  header(name: string): string | undefined {
    return this.request.headers.get(name) ?? undefined;
  }

  /** The agent that asks. */
  agent(): AgentPrincipal {
    invariant(this.caller.kind === "agent", "the route is for agents");
    return this.caller.principal;
  }

  /**
   * Whoever manages a tenant, and which. An administrator's token and a person have one tenant, the operator names one in
   * `Writ-Tenant`. Throws `not_found`, and `forbidden` for others who name a tenant.
   */
  async manager(): Promise<Manager> {
    const { caller } = this;
    if (caller.kind === "token" || caller.kind === "person") {
      const { tenant, subject } = caller.principal;
      if (this.request.headers.has("writ-tenant")) {
        throw new WritError("forbidden", "`Writ-Tenant` is the instance operator's: others act in their own tenant");
      }
      return { tenant, subject, isOperator: false };
    }
    invariant(caller.kind === "operator", "the route is for those who manage");
    const row = await this.services.tenants.show(caller.tenant ?? DEFAULT_TENANT);
    if (row.kind === "instance" && !this.includesInstance) throw new WritError("not_found");
    return { tenant: row.tenantId, subject: caller.subject, isOperator: true };
  }

  /** The paired machine that asks, for itself. */
  device(): Extract<Caller, { kind: "device" }> {
    invariant(this.caller.kind === "device", "the route is for devices");
    return this.caller;
  }

  /** The body as it arrives; the last piece of one that a device signed comes when all of it is what was signed. */
  body(): ReadableStream<Uint8Array> | null {
    const { caller, request } = this;
    const hasBody =
      Number(request.headers.get("content-length") ?? "0") > 0 || request.headers.has("transfer-encoding");
    const sha256 = caller.kind === "agent" || caller.kind === "device" ? caller.bodySha256 : undefined;
    if (!hasBody || request.body === null) {
      if (sha256 !== undefined) requireSigned(new Uint8Array(), sha256);
      return null;
    }
    return sha256 === undefined ? request.body : checkedBody(request.body, sha256);
  }

  /** The person who asks. */
  person(): PersonPrincipal {
    invariant(this.caller.kind === "person", "the route is for people who are signed in");
    return this.caller.principal;
  }

  /** Whoever manages people: a person as one of them, the operator as the host. */
  async peopleActor(): Promise<{ readonly tenant: TenantId; readonly actor: PeopleActor }> {
    const { tenant, subject } = await this.manager();
    if (this.caller.kind !== "person") return { tenant, actor: { kind: "host", subject } };
    return { tenant, actor: { kind: "person", subject, roles: this.caller.principal.person.roles } };
  }

  /** The browser at the other end, as it describes itself. */
  client(): Client {
    return { browser: this.header("user-agent") ?? "", address: this.source };
  }

  /** The tenant that whoever asks belongs to, or manages. */
  async tenant(): Promise<TenantId> {
    return this.caller.kind === "agent" ? this.caller.principal.tenant : (await this.manager()).tenant;
  }

  /** The operator, whatever tenant they act in. */
  operator(): Extract<Caller, { kind: "operator" }> {
    invariant(this.caller.kind === "operator", "the route is the operator's");
    return this.caller;
  }

  /**
   * Holds whoever asks to what was proven when they came, for those who waited: a key that was revoked or a session that
   * was ended meanwhile gets no answer. Throws what `Authenticator` throws.
   */
  async requireStillProven(): Promise<void> {
    const { caller, services } = this;
    if (caller.kind === "person") {
      if ((await services.sessions.current(caller.principal)) === undefined) throw new WritError("unauthenticated");
      return;
    }
    const presented = readCredential(this.header("authorization") ?? null);
    if (presented.kind === "key") await services.authenticator.authenticate(presented.text, this.source);
  }

  /** Fires when the client is gone or the server begins to stop: for whoever waits. */
  waitSignal(): AbortSignal {
    return AbortSignal.any([this.request.signal, this.ground.stopping]);
  }

  /** Whether the client believes that it speaks to the upstream itself. */
  isForwarded(): boolean {
    return this.listener.isForward === true;
  }

  /** How long the connection may be silent, from now on. */
  allowSilence(seconds: number): void {
    this.listener.allowSilence(this.request, seconds);
  }

  /** Whether the request is from this machine itself, by a way that is not somebody else's. */
  isLocal(): boolean {
    return this.caller.kind === "operator" || this.listener.isLocal(this.request, this.source);
  }
}
