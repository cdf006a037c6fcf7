import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { RunId } from "#src/base/ids.ts";
import type { ApprovalTerms } from "#src/policy/approval-terms.ts";
import type { ApprovalRow, ApprovalScope } from "#src/store/approvals.ts";

/** What an approver gives, before it is signed. */
export interface GrantChoice {
  /** How many uses; left out with `seconds`: any number, and one without. */
  readonly uses?: number;
  /** For how long from now on; left out: as long as the request would have waited, or as a run may take. */
  readonly seconds?: number;
  /** Left out: as it was asked for. */
  readonly scope?: ApprovalScope;
  /** For the run that asked and all below it, and for no call outside: any number of uses unless `uses` says how many. */
  readonly run?: boolean;
}

/** What was given: part of what the approver signs. */
export interface Grant {
  readonly scope: ApprovalScope;
  /** What a use must match; hex. */
  readonly digest: string;
  /** Null any number until it expires. */
  readonly uses: number | null;
  /** The run that it is for; left out: in a run or outside of any. */
  readonly run?: RunId;
}

/** A grant and until when it holds, in milliseconds. */
export interface BoundedGrant {
  readonly grant: Grant;
  readonly expiresAt: number;
}

/** The longest that a grant for a run holds, unless the policies leave a longer time: a run that is never ended ends there. */
export const MAX_RUN_SECONDS = 86_400;

/** What was asked for; `run` is the one that it was asked for in. */
export type Asked = Pick<ApprovalRow, "boundTo" | "callDigest" | "resourceDigest" | "expiresAt"> & {
  readonly run: RunId | null;
};

/**
 * The grant that a choice is, within what the policies leave to the approver. Times are whole seconds, as the cosigner's
 * token has them. Throws `grant_refused`.
 */
export function chooseGrant(choice: GrantChoice, asked: Asked, terms: ApprovalTerms, now: number): BoundedGrant {
  const scope = choice.scope ?? asked.boundTo;
  const isForRun = choice.run === true;
  const uses = choice.uses ?? (choice.seconds === undefined && !isForRun ? 1 : null);
  const lifetime = choice.seconds ?? (isForRun ? MAX_RUN_SECONDS : null);
  const complaint = whyNot({ scope, uses, seconds: lifetime, isForRun }, asked.boundTo, terms);
  if (complaint !== undefined) throw new WritError("grant_refused", complaint);
  if (isForRun && asked.run === null) throw new WritError("grant_refused", "it was not asked for in a run");
  const until = lifetime === null ? asked.expiresAt : now + lifetime * 1000;
  return {
    grant: {
      scope,
      digest: scope === "call" ? asked.callDigest : asked.resourceDigest,
      uses,
      ...(isForRun && asked.run !== null ? { run: asked.run } : {}),
    },
    expiresAt: Math.floor(until / 1000) * 1000,
  };
}

/** What was granted, and by how many. */
export type GrantedRow = Pick<
  ApprovalRow,
  "granted" | "grantDigest" | "callDigest" | "votes" | "terms" | "decidedAt" | "expiresAt" | "requestedAt"
>;

/**
 * Whether what was granted is still what the policies of now would let a person grant.
 *
 * @param ttlSeconds how long a request waits: a grant without a time of its own holds no longer
 */
export function isStillGranted(
  row: GrantedRow,
  boundTo: ApprovalScope,
  terms: ApprovalTerms,
  ttlSeconds: number,
): boolean {
  if (row.granted === null) return false;
  const { scope, uses, run } = readGranted(row.granted).grant;
  const given = JSON.parse(row.terms) as ApprovalTerms;
  const from = row.decidedAt ?? row.requestedAt;
  const isForRun = run !== undefined;
  const isTimed = uses === null || uses > terms.grants.uses || row.expiresAt > row.requestedAt + ttlSeconds * 1000;
  const seconds = isTimed || isForRun ? Math.max(1, Math.floor((row.expiresAt - from) / 1000)) : null;
  const groups = new Set(given.approvers.map((list) => list.join()));
  return (
    row.votes >= terms.quorum &&
    terms.approvers.every((list) => groups.has(list.join())) &&
    (given.comment || !terms.comment) &&
    whyNot({ scope, uses, seconds, isForRun }, boundTo, terms) === undefined
  );
}

/** A grant as it stands in what is signed and in events. */
export function grantJson({ scope, digest, uses, run }: Grant): JsonObject {
  return { scope, digest, uses, ...(run === undefined ? {} : { run }) };
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
  {
    scope,
    uses,
    seconds,
    isForRun,
  }: { scope: ApprovalScope; uses: number | null; seconds: number | null; isForRun: boolean },
  boundTo: ApprovalScope,
  { grants }: ApprovalTerms,
): string | undefined {
  if (uses !== null && !(Number.isSafeInteger(uses) && uses >= 1)) return "a grant has one use or more";
  if (seconds !== null && !(Number.isSafeInteger(seconds) && seconds >= 1)) return "a grant holds for a second or more";
  if (scope === "resource" && boundTo === "call" && !grants.resource) {
    return "the policies leave no grant for a whole resource";
  }
  if (scope === "call" && boundTo === "resource") return "no call is known: the grant can be for the resource alone";
  if (isForRun && !grants.run) return "the policies leave no grant for a whole run";
  const longest = isForRun ? Math.max(MAX_RUN_SECONDS, grants.seconds ?? 0) : grants.seconds;
  if (seconds !== null && (longest === null || seconds > longest)) {
    return longest === null ? "the policies leave no grant for a time" : `the policies leave a grant ${longest} s`;
  }
  if (uses === null && seconds === null) return "a grant without a number of uses has a time";
  if (uses !== null && seconds === null && uses > grants.uses) return `the policies leave a grant ${grants.uses} uses`;
  return undefined;
}
