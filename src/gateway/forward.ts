import type { Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import type { DecisionId } from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import { forwardedHeaders } from "#src/decision/call-digest.ts";
import type { Target } from "#src/decision/target.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import type { Dialer } from "#src/io/dial.ts";
import type { CallLimits, HttpResponse } from "#src/io/exchange.ts";
import { httpRequest } from "#src/io/fetch.ts";
import { closeCall } from "#src/store/calls.ts";
import type { Connection, Connections } from "#src/vault/connections.ts";
import type { Injection } from "#src/vault/credential.ts";
import type { ActiveCalls } from "./active-calls.ts";
import type { ProxyBody } from "./call-body.ts";
import { type CleanedBody, cleanBody, cleanWhole, decodedFrom } from "./clean-body.ts";
import type { ProxyAnswer } from "./proxy-call.ts";
import { cleanHeaders, proxyBase } from "./response-headers.ts";
import { createOriginReplacer } from "./rewrite-origin.ts";

/** A call that was granted, recorded and not sent yet. */
export interface GrantedCall {
  readonly principal: AgentPrincipal;
  /** Names the call in the chain; the decision's id, or a writ's use. */
  readonly callId: string;
  readonly decisionId: DecisionId;
  readonly target: Target & { readonly connection: Connection; readonly call: NonNullable<Target["call"]> };
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: ProxyBody;
  readonly bodyLength: number | undefined;
  readonly signal: AbortSignal;
  /** Whether the client speaks to the upstream by the upstream's own address. */
  readonly keepsOrigin: boolean;
  /** The tenant's authority epoch right after the grant was committed. */
  readonly epoch: number;
  /** Whether what it was granted under still stands. */
  readonly stillAllowed: () => Promise<boolean>;
}

/** Makes granted calls: unseals, sends, cleans, records how it ended. */
export interface Forwarder {
  forward(call: GrantedCall): Promise<Extract<ProxyAnswer, { kind: "response" }>>;
}

/** What {@link createForwarder} needs. */
export interface ForwarderDependencies {
  readonly connections: Pick<Connections, "inject">;
  readonly dialer: Dialer;
  readonly recorder: Recorder;
  readonly active: ActiveCalls;
  readonly clock: Clock;
  readonly log: Log;
  readonly publicUrl: string;
  readonly maxResponseBytes: number;
  readonly observe: (observation: CallObservation) => void;
}

/** For the metrics. */
export interface CallObservation {
  readonly status: number | undefined;
  readonly connector: string;
  readonly milliseconds: number;
  readonly findings: ReadonlyMap<string, number>;
  readonly outcome: CallOutcome;
}

/** How a call ended: `unknown` is one that was sent and whose effect nobody knows. */
export type CallOutcome = "completed" | "aborted" | "failed" | "unknown";

const LIMITS: CallLimits = {
  connectMs: 10_000,
  headersMs: 120_000,
  idleMs: 120_000,
  totalMs: 3_600_000,
  maxResponseBytes: 2 ** 30,
  maxHeaderBytes: 64 * 1024,
};
/** Answers up to this size are cleaned before their head is sent, so that the head can say what was redacted. */
const BUFFERED_BYTES = 64 * 1024;
const USER_AGENT = "writ";

/** Makes the forwarder. */
export function createForwarder(dependencies: ForwarderDependencies): Forwarder {
  return { forward: (call) => new Forwarding(dependencies, call).run() };
}

/** One call on its way. */
class Forwarding {
  private readonly deps: ForwarderDependencies;
  private readonly call: GrantedCall;
  private readonly started = performance.now();
  private readonly abort = new AbortController();
  private readonly leave: () => void;
  private readonly onClientGone = (): void => this.abort.abort(this.call.signal.reason);
  private status: number | undefined;
  private ended = false;

  constructor(deps: ForwarderDependencies, call: GrantedCall) {
    this.deps = deps;
    this.call = call;
    this.leave = deps.active.add({
      tenant: call.principal.tenant,
      stillAllowed: call.stillAllowed,
      abort: (reason) => this.abort.abort(reason),
    });
    call.signal.addEventListener("abort", this.onClientGone, { once: true });
    if (call.signal.aborted) this.onClientGone();
  }

  async run(): Promise<Extract<ProxyAnswer, { kind: "response" }>> {
    try {
      await this.requireStanding();
      const injection = await this.deps.connections.inject(this.call.principal.tenant, this.call.target.connection);
      const response = await this.send(injection);
      this.status = response.status;
      return await this.answer(response, injection);
    } catch (error) {
      const answerable = this.toAnswerable(error);
      // Whatever of the answer is still on its way is not wanted any more.
      this.abort.abort(error);
      await this.end(outcomeOf(error), 0, new Map(), error);
      throw answerable;
    }
  }

  /** What was taken back between the commit and the entry among the active calls was told to nobody else. */
  private async requireStanding(): Promise<void> {
    const { principal, epoch, stillAllowed } = this.call;
    if (this.deps.recorder.epochOf(principal.tenant) === epoch) return;
    if (!(await stillAllowed().catch(() => false))) throw new WritError("writ_revoked", "revoked meanwhile");
  }

  private send(injection: Injection): Promise<HttpResponse> {
    const { target, body, bodyLength } = this.call;
    const { connection, call } = target;
    const toSend = body.toSend();
    const { totalMs, maxResponseBytes } = connection.settings;
    return httpRequest(this.deps.dialer, {
      origin: connection.origin,
      method: call.method,
      target: connection.basePath + withQuery(call.target, injection.query),
      headers: this.requestHeaders(injection),
      ...(toSend === undefined ? {} : { body: toSend }),
      ...(toSend instanceof ReadableStream && bodyLength !== undefined ? { bodyLength } : {}),
      signal: this.abort.signal,
      reuseKey: connection.id,
      limits: {
        ...LIMITS,
        totalMs: totalMs ?? LIMITS.totalMs,
        maxResponseBytes: maxResponseBytes ?? this.deps.maxResponseBytes,
      },
    });
  }

  private requestHeaders(injection: Injection): [string, string][] {
    const injected = new Set(injection.headers.map(([name]) => name));
    const forwarded = forwardedHeaders(this.call.headers, this.call.target.connection.settings.forwardHeaders);
    return [
      ["user-agent", USER_AGENT],
      ["accept-encoding", "identity"],
      ...forwarded.filter(([name]) => name !== "user-agent" && !injected.has(name)),
      ...injection.headers.map(([name, value]): [string, string] => [name, value]),
    ];
  }

  private async answer(
    response: HttpResponse,
    injection: Injection,
  ): Promise<Extract<ProxyAnswer, { kind: "response" }>> {
    const { connection } = this.call.target;
    const { keepsOrigin } = this.call;
    const address = { connection, publicUrl: this.deps.publicUrl, path: this.call.target.call.path, keepsOrigin };
    const encoding = encodingOf(response);
    const { headers, redactions } = cleanHeaders(response.headers, address, injection.knownValues);
    const cleaning = {
      body: response.body,
      knownValues: injection.knownValues,
      replacer: this.rewritesOrigin(response)
        ? createOriginReplacer(connection.origin + connection.basePath, proxyBase(address))
        : undefined,
      maxBytes: connection.settings.maxResponseBytes ?? this.deps.maxResponseBytes,
    };
    const answer = { kind: "response", status: response.status, headers, decisionId: this.call.decisionId } as const;
    const length = Number(headerOf(response, "content-length") ?? "NaN");
    if (hasNoBody(this.call.target.call.method, response.status)) {
      await response.body.cancel();
      await this.endAnswered(0, new Map());
      return { ...answer, body: null, redactions };
    }
    if (length <= BUFFERED_BYTES && encoding === undefined) {
      const { bytes, findings } = await cleanWhole(cleaning);
      await this.endAnswered(bytes.length, findings);
      return { ...answer, body: bytes, redactions: sum(findings) + redactions };
    }
    const cleaned = cleanBody({ ...cleaning, encoding });
    const body = encoding === undefined ? cleaned.body : await decodedFrom(cleaned.body);
    return { ...answer, body: this.recordEnd({ ...cleaned, body }), redactions: undefined };
  }

  private rewritesOrigin(response: HttpResponse): boolean {
    const { settings, connector } = this.call.target.connection;
    if (this.call.keepsOrigin) return false;
    const wanted = settings.rewriteOrigin ?? connector === "npm-registry";
    return wanted && /\bjson\b/i.test(headerOf(response, "content-type") ?? "");
  }

  /**
   * The same stream; when it fails or is given up, that is recorded before its reader sees the end, and when it ends as
   * {@link endAnswered} says.
   */
  private recordEnd(cleaned: CleanedBody): ReadableStream<Uint8Array> {
    const reader = cleaned.body.getReader();
    const { signal } = this.abort;
    const endAs = (outcome: CallOutcome, error?: unknown): Promise<void> =>
      this.end(outcome, cleaned.bytes(), cleaned.findings(), error);
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        // A client that does not read would otherwise keep what was cut open.
        signal.addEventListener(
          "abort",
          () => {
            controller.error(this.toAnswerable(signal.reason));
            reader.cancel(signal.reason).catch(() => undefined);
            void endAs("aborted", signal.reason);
          },
          { once: true },
        );
      },
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read();
          if (signal.aborted) return;
          if (!done) return controller.enqueue(value);
          await this.endAnswered(cleaned.bytes(), cleaned.findings());
          if (!signal.aborted) controller.close();
        } catch (error) {
          if (signal.aborted) return;
          await endAs("aborted", error);
          if (!signal.aborted) controller.error(this.toAnswerable(error));
        }
      },
      cancel: async () => {
        const reason = new WritError("upstream_failed", "the client left");
        await reader.cancel(reason).catch(() => undefined);
        await endAs("aborted", reason);
      },
    });
  }

  /**
   * Records that the whole answer is here. A read is answered meanwhile: that the call began is durable, and a receipt
   * that a crash takes is settled as an unknown outcome. What may have changed something is answered after its receipt.
   */
  private async endAnswered(responseBytes: number, findings: ReadonlyMap<string, number>): Promise<void> {
    const ended = this.end("completed", responseBytes, findings);
    if (this.call.target.tier !== "read") await ended;
  }

  /** Records how the call ended, once. A failure to record is logged: the call itself happened. */
  private async end(
    outcome: CallOutcome,
    responseBytes: number,
    findings: ReadonlyMap<string, number>,
    error?: unknown,
  ): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    this.call.signal.removeEventListener("abort", this.onClientGone);
    const { principal, callId, decisionId, body } = this.call;
    const milliseconds = Math.round(performance.now() - this.started);
    const { connector } = this.call.target.connection;
    this.deps.observe({ status: this.status, connector, milliseconds, findings, outcome });
    await this.deps.recorder
      .record({
        tenant: principal.tenant,
        type: "call.finished",
        actor: principal.subject,
        canWait: outcome === "completed" && this.call.target.tier === "read",
        statements: [closeCall(principal.tenant, callId)],
        data: {
          call: callId,
          decision: decisionId,
          outcome,
          status: this.status,
          request_bytes: body.bytesSeen(),
          response_bytes: responseBytes,
          duration_ms: milliseconds,
          redactions: Object.fromEntries(findings),
          error: error === undefined ? undefined : isWritError(error) ? error.code : "internal",
        },
        ignoresClock: true,
      })
      .catch((cause: unknown) => this.deps.log.error("the end of a call was not recorded", cause, { call: callId }));
    this.leave();
  }

  private toAnswerable(error: unknown): unknown {
    const reason = this.abort.signal.reason;
    if (this.abort.signal.aborted && isWritError(reason)) return reason;
    if (isWritError(error) && error.details?.["sent"] === true && !isRepeatable(this.call.target.call.method)) {
      return new WritError("outcome_unknown", `the call was sent, then: ${error.message}`, { cause: error });
    }
    if (isWritError(error)) return error;
    return new WritError("upstream_failed", undefined, { cause: messageOf(error) });
  }
}

/** How a call that failed before its answer ended. */
function outcomeOf(error: unknown): CallOutcome {
  return isWritError(error) && error.details?.["sent"] === true ? "unknown" : "failed";
}

function isRepeatable(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

function hasNoBody(method: string, status: number): boolean {
  return method === "HEAD" || status === 204 || status === 205 || status === 304;
}

function withQuery(target: string, injected: string): string {
  if (injected === "") return target;
  return target.includes("?") ? `${target}&${injected}` : `${target}?${injected}`;
}

/** All that `Content-Encoding` says, in however many fields; undefined where the body is as it is. */
function encodingOf(response: HttpResponse): string | undefined {
  const values = response.headers
    .filter(([field]) => field.toLowerCase() === "content-encoding")
    .flatMap(([, value]) => value.split(","))
    .map((value) => value.trim().toLowerCase())
    .filter((value) => value !== "" && value !== "identity");
  return values.length === 0 ? undefined : values.join(", ");
}

function headerOf(response: HttpResponse, name: string): string | undefined {
  return response.headers.find(([field]) => field.toLowerCase() === name)?.[1];
}

function sum(findings: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of findings.values()) total += count;
  return total;
}
