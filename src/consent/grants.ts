import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { ApprovalTerms } from "#src/policy/approval-terms.ts";
import type { ApprovalRow, ApprovalScope } from "#src/store/approvals.ts";

/** What an approver gives, before it is signed. */
export interface GrantChoice {
  /** How many uses; left out with `seconds`: any number, and one without. */
  readonly uses?: number;
  /** For how long from now on; left out: as long as the request would have waited. */
  readonly seconds?: number;
  /** Left out: as it was asked for. */
  readonly scope?: ApprovalScope;
}

/** What was given: part of what the approver signs. */
export interface Grant {
  readonly scope: ApprovalScope;
  /** What a use must match; hex. */
  readonly digest: string;
  /** Null any number until it expires. */
  readonly uses: number | null;
}

/** A grant and until when it holds, in milliseconds. */
export interface BoundedGrant {
  readonly grant: Grant;
  readonly expiresAt: number;
}

type Asked = Pick<ApprovalRow, "boundTo" | "callDigest" | "resourceDigest" | "expiresAt">;

/**
 * The grant that a choice is, within what the policies leave to the approver. Times are whole seconds, as the cosigner's
 * token has them. Throws `grant_refused`.
 */
export function chooseGrant(choice: GrantChoice, asked: Asked, terms: ApprovalTerms, now: number): BoundedGrant {
  const scope = choice.scope ?? asked.boundTo;
  const uses = choice.uses ?? (choice.seconds === undefined ? 1 : null);
  const lifetime = choice.seconds ?? null;
  const complaint = whyNot({ scope, uses, seconds: lifetime }, asked.boundTo, terms);
  if (complaint !== undefined) throw new WritError("grant_refused", complaint);
  const until = lifetime === null ? asked.expiresAt : now + lifetime * 1000;
  return {
    grant: { scope, digest: scope === "call" ? asked.callDigest : asked.resourceDigest, uses },
    expiresAt: Math.floor(until / 1000) * 1000,
  };
}

/** What was granted, and by how many. */
export type GrantedRow = Pick<
  ApprovalRow,
  "granted" | "grantDigest" | "callDigest" | "votes" | "terms" | "decidedAt" | "expiresAt" | "requestedAt"
>;

/** Whether what was granted is still what the policies of now would let a person grant. */
export function isStillGranted(row: GrantedRow, boundTo: ApprovalScope, terms: ApprovalTerms): boolean {
  if (row.granted === null) return false;
  const { scope, uses } = readGranted(row.granted).grant;
  const given = JSON.parse(row.terms) as ApprovalTerms;
  const from = row.decidedAt ?? row.requestedAt;
  const seconds = uses === null || uses > terms.grants.uses ? Math.floor((row.expiresAt - from) / 1000) : null;
  const groups = new Set(given.approvers.map((list) => list.join()));
  return (
    row.votes >= terms.quorum &&
    terms.approvers.every((list) => groups.has(list.join())) &&
    (given.comment || !terms.comment) &&
    whyNot({ scope, uses, seconds }, boundTo, terms) === undefined
  );
}

/** A grant as it stands in what is signed and in events. */
export function grantJson({ scope, digest, uses }: Grant): JsonObject {
  return { scope, digest, uses };
}

/** A grant as its row keeps it. */
export function grantedText({ grant, expiresAt }: BoundedGrant): string {
  return canonicalize({ grant: grantJson(grant), expiresAt });
}

/** The inverse of {@link grantedText}. */
export function readGranted(text: string): BoundedGrant {
  return JSON.parse(text) as BoundedGrant;
}

function whyNot(
  { scope, uses, seconds }: { scope: ApprovalScope; uses: number | null; seconds: number | null },
  boundTo: ApprovalScope,
  { grants }: ApprovalTerms,
): string | undefined {
  if (uses !== null && !(Number.isSafeInteger(uses) && uses >= 1)) return "a grant has one use or more";
  if (seconds !== null && !(Number.isSafeInteger(seconds) && seconds >= 1)) return "a grant holds for a second or more";
  if (scope === "resource" && boundTo === "call" && !grants.resource) {
    return "the policies leave no grant for a whole resource";
  }
  if (scope === "call" && boundTo === "resource") return "no call is known: the grant can be for the resource alone";
  if (seconds !== null && (grants.seconds === null || seconds > grants.seconds)) {
    return grants.seconds === null
      ? "the policies leave no grant for a time"
      : `the policies leave a grant ${grants.seconds} s`;
  }
  if (uses === null && seconds === null) return "a grant without a number of uses has a time";
  if (uses !== null && seconds === null && uses > grants.uses) return `the policies leave a grant ${grants.uses} uses`;
  return undefined;
}
