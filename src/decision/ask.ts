import type { JsonObject } from "#src/base/canonical-json.ts";
import type { RunId } from "#src/base/ids.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import type { AskedTool } from "./asked-tool.ts";

/** The bytes that a call carries. They are read only where they matter: for a digest, never to decide. */
export interface CallBody {
  /**
   * SHA-256 of the whole body, lower-case hex. Reads it into memory first where it still streams; throws
   * `body_too_large_to_approve` beyond the bound. The same bytes are what is sent afterwards.
   */
  hash(): Promise<string>;
  /** The bytes that {@link hash} read. */
  bytes(): Promise<Uint8Array>;
}

/** A call as the agent states or makes it. */
export interface AskedCall {
  /** Id or name. */
  readonly connection: string;
  readonly method: string;
  /** Raw, from the first `/`. */
  readonly path: string;
  /** Raw, without `?`; empty for none. */
  readonly query: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: CallBody;
}

/** A command on a resource, as the agent states it. */
export interface StatedTarget {
  readonly command: string;
  readonly resource: { readonly type: string; readonly id: string; readonly attributes?: JsonObject };
}

/** One request for a decision, by whichever edge it came in. */
export interface Ask {
  readonly principal: AgentPrincipal;
  /** At least one of `stated`, `call` and `tool` is there. With the first two, what is stated must be what the call does. */
  readonly stated?: StatedTarget;
  readonly call?: AskedCall;
  /** A call of one of the agent's own tools; it stands alone. */
  readonly tool?: AskedTool;
  /** What the agent says of the circumstances; policies see it under `context.claimed`. */
  readonly claimed: JsonObject;
  readonly run?: RunId;
  /** Whether an allow mints a writ, and how long it is to be good; left out: the call follows at once. */
  readonly mint?: { readonly ttlSeconds: number };
}
