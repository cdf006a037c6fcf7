import type { TenantId } from "#src/base/ids.ts";

/** What a statement binds. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** One statement of a unit. */
export interface Statement {
  /** Constant text: every value is a parameter. */
  readonly sql: string;
  readonly params: readonly SqlValue[];
  /** How many rows it must change; another number is a `conflict`. Left out: any. */
  readonly expectRows?: number;
}

/** The part of an event that is known before its place in the chain is. */
export interface EventDraft {
  readonly id: string;
  /** Dotted, general to special: `decision.allowed`, `key.revoked`. */
  readonly type: string;
  /** A subject id, or `system`. */
  readonly actor: string;
  /** RFC 8785 form of the event's `data`; personal values in it are sealed already. */
  readonly dataJson: string;
  /** A token that comes into being with the event. */
  readonly token?: TokenDraft;
}

/**
 * A token that the writer's thread signs: signing costs the main thread more than anything else that a decision needs.
 * Its CID is known with its signature, and stands in the event.
 */
export interface TokenDraft {
  /** One of the keys that the writer was given. */
  readonly keyId: string;
  /** What the signature is over. */
  readonly signedBytes: Uint8Array;
  /** Where in `dataJson` the CID belongs; what stands there now is as long as one. */
  readonly cidAt: number;
}

/** A document that an event refers to by its hash. */
export interface Blob {
  /** Lower-case hex of the SHA-256 of `bytes` in UTF-8. */
  readonly sha256: string;
  readonly bytes: string;
}

/**
 * One write: a value, built beforehand, of statements with the row counts they expect, and the draft of its event.
 *
 * INVARIANT: a unit is applied whole or leaves no trace, its event included; no write exists without an event.
 */
export interface Unit {
  readonly tenant: TenantId;
  readonly statements: readonly Statement[];
  readonly event: EventDraft;
  readonly blobs?: readonly Blob[];
  /** The authority epoch that the unit was computed under; another one now is `stale`. */
  readonly expectEpoch?: number;
  /** Whether the unit changes what decisions rest on. */
  readonly raisesEpoch?: boolean;
  /** Units of agents stop at the tenant's quota; those of operators do not, so that a full tenant can still be governed. */
  readonly countsAgainstQuota?: boolean;
  /** Bytes of events that are the tenant's no more, so that the quota has room for others; negative for what comes back. */
  readonly freesBytes?: number;
  /** Only the operator's acceptance of the clock itself sets it. */
  readonly ignoresClock?: boolean;
}

/** Where a committed unit's event stands. */
export interface Committed {
  readonly kind: "committed";
  readonly seq: number;
  /** Hex. */
  readonly hash: string;
  /** Milliseconds; what the event's `at` says. */
  readonly at: number;
  /** The tenant's authority epoch after the unit. */
  readonly epoch: number;
  /** The signed token, where the event came with a draft of one: base64url, and its CID. */
  readonly token?: { readonly text: string; readonly cid: string };
}

/** Why a unit was not applied. Nothing of it is in the database. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: "conflict" | "stale" | "clock_behind" | "quota" | "unknown_tenant";
  /** The tenant's authority epoch now. */
  readonly epoch: number;
}

/** What became of a unit. */
export type UnitResult = Committed | Refused;

/** A write that leaves no event: bookkeeping whose loss loses no proof (last use of a key, expired rows of indexes). */
export interface Touch {
  readonly touch: true;
  readonly statements: readonly Statement[];
}
