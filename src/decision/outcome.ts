import type { ApprovalId, DecisionId } from "#src/base/ids.ts";
import type { Tier } from "#src/connector/table.ts";
import type { LimitReport } from "#src/runs/tool-governor.ts";
import type { Reason } from "./reasons.ts";
import type { Target } from "./target.ts";

/** Where the decision stands in the chain. */
export interface EventPlace {
  readonly seq: number;
  readonly hash: string;
}

interface Decided {
  readonly decisionId: DecisionId;
  readonly tier: Tier;
  readonly reasons: readonly Reason[];
  readonly target: Target;
  readonly event: EventPlace;
  /** What limits of the tool matrix have left, this call counted where it is allowed. */
  readonly limits: readonly LimitReport[];
  /** The tenant's authority epoch right after the commit. */
  readonly epoch: number;
}

/** The token that an allow gives. */
export interface MintedWrit {
  /** Base64url of the UCAN delegation. */
  readonly token: string;
  readonly cid: string;
  /** Milliseconds. */
  readonly expiresAt: number;
  readonly singleUse: boolean;
}

/** What `decide` answers: durable before anyone sees it. */
export type Outcome =
  | (Decided & {
      readonly decision: "allow";
      readonly writ?: MintedWrit;
      readonly approval?: ApprovalId;
      readonly cosigner?: string;
    })
  | (Decided & { readonly decision: "deny" })
  | (Decided & {
      readonly decision: "step_up";
      readonly approval: { readonly id: ApprovalId; readonly expiresAt: number };
    });
