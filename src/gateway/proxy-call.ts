import type { JsonObject } from "#src/base/canonical-json.ts";
import type { DecisionId, RunId } from "#src/base/ids.ts";
import type { Outcome } from "#src/decision/outcome.ts";
import type { PresentedWrit } from "#src/decision/writ.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";

/** Who calls: an agent proven by its key, or whoever presents a writ. */
export type ProxyCaller =
  | { readonly kind: "agent"; readonly principal: AgentPrincipal }
  | { readonly kind: "writ"; readonly presented: PresentedWrit };

/** One call through the proxy, as an edge read it from its client. */
export interface ProxyCall {
  readonly caller: ProxyCaller;
  /** Name or id. */
  readonly connection: string;
  readonly method: string;
  /** Raw, from the first `/` behind the connection's name. */
  readonly path: string;
  /** Raw, without `?`; empty for none. */
  readonly query: string;
  /** As the client sent them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: ReadableStream<Uint8Array> | null;
  /** What `Content-Length` said, where it did. */
  readonly bodyLength?: number;
  readonly run?: RunId;
  readonly claimed: JsonObject;
  /** Whether the client speaks to the upstream by the upstream's own address: then addresses in answers stay as they are. */
  readonly keepsOrigin?: boolean;
  /** How long to wait for a person, in seconds; 0: not at all. */
  readonly waitSeconds: number;
  /** Fires when the client is gone. */
  readonly signal: AbortSignal;
}

/** What a call through the proxy came to. Errors are thrown; a decision that is not an allow is an answer. */
export type ProxyAnswer =
  | {
      readonly kind: "response";
      readonly status: number;
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly body: ReadableStream<Uint8Array> | Uint8Array | null;
      readonly decisionId: DecisionId;
      /** How much was redacted, where the whole answer was cleaned before its head was sent; undefined while it streams. */
      readonly redactions: number | undefined;
    }
  | { readonly kind: "decided"; readonly outcome: Exclude<Outcome, { decision: "allow" }> };

/** Calls to upstreams on behalf of agents. */
export interface Gateway {
  /**
   * Verifies or decides, consumes, unseals, calls, cleans, records.
   *
   * Throws as `decide` does, and `writ_invalid`, `writ_expired`, `writ_revoked`, `writ_used`, `writ_mismatch`,
   * `body_too_large`, `destination_refused`, `upstream_failed`, `upstream_too_large`, `timeout`, `encoding_unreadable`,
   * `outcome_unknown` for a call that was sent and whose end is not known.
   */
  call(call: ProxyCall): Promise<ProxyAnswer>;
  /** Records what a former process left open as ended with an unknown outcome. */
  settleOpenCalls(): Promise<number>;
  /** Waits until calls in progress have ended, at most so long; then cuts them. */
  drain(milliseconds: number): Promise<void>;
}
