import { isWritError } from "#src/base/errors.ts";
import { commandCovers, isCommand } from "./command.ts";
import { type Delegation, parseDelegation } from "./delegation.ts";
import { type Invocation, MAX_PROOFS, parseInvocation } from "./invocation.ts";
import type { Ipld } from "./ipld.ts";
import { satisfiesPolicies } from "./policy.ts";

/** Why a chain is refused. */
export type ChainRefusalCode = "writ_invalid" | "writ_expired" | "writ_revoked" | "writ_mismatch";

/** A chain does not grant what was asked. */
export interface ChainRefusal {
  readonly ok: false;
  readonly code: ChainRefusalCode;
  readonly message: string;
}

/** A chain grants what was asked. */
export interface ChainGrant {
  readonly ok: true;
  /** Whose resources: the issuer of the root, who needs no proof. */
  readonly subject: string;
  /** Who holds the authority at the end of the chain. */
  readonly holder: string;
  /** The command that was asked for. */
  readonly command: string;
  /** The delegations, the root first. Empty when the holder is the subject. */
  readonly proofs: readonly Delegation[];
  /** From when all links hold, seconds since 1970; undefined without a bound. */
  readonly notBefore: number | undefined;
  /** Until when all links hold, seconds since 1970, inclusive; null without a bound. */
  readonly expiresAt: number | null;
}

/** An invocation whose chain grants it. */
export interface InvocationGrant extends ChainGrant {
  readonly invocation: Invocation;
  /** Who is to do it: `aud`, or the subject without one. */
  readonly executor: string;
}

/** What every verification needs to know of the world. */
export interface ChainContext {
  /** Seconds since 1970. */
  readonly now: number;
  /** Whether the token of this CID is revoked; asked of every link and of the invocation. Must not throw. */
  isRevoked(cid: string): boolean;
}

/** What is asked of a chain of delegations. */
export interface DelegationChainRequest extends ChainContext {
  /** The encoded delegations, the root first; 1 to {@link MAX_PROOFS}. */
  readonly proofs: readonly Uint8Array[];
  /** Whose resources: the root must be issued by and about this DID. */
  readonly subject: string;
  /** Who the last delegation must be for; undefined accepts anyone (a bearer). */
  readonly holder?: string | undefined;
  readonly command: string;
  /** What all policies are evaluated over. */
  readonly args: Ipld;
}

/** What is asked of an invocation. */
export interface InvocationRequest extends ChainContext {
  readonly invocation: Uint8Array;
  /** The encoded delegations that its `prf` names, in any order, none besides. */
  readonly proofs: readonly Uint8Array[];
  /** Who executes: the invocation's `aud`, or its subject without one, must be this DID. */
  readonly executor: string;
}

/**
 * Whether a chain of delegations grants `command` with `args` to its last audience: a writ presented as a bearer token, or
 * the first half of {@link verifyInvocation}.
 *
 * Each link is signed by its issuer, who is the audience of the link before it; the root's issuer is the subject; a later
 * `sub` is the same or null (a powerline, never a root); each command is covered by the one before it; every link holds at
 * `now`, none is revoked, and every policy is satisfied. (UCAN delegation specification, "Token Validation".) Never throws.
 */
export function verifyDelegationChain(request: DelegationChainRequest): ChainGrant | ChainRefusal {
  return refusing(() => {
    checkCount(request.proofs);
    return checkLinks(request.proofs.map(parseDelegation), request);
  });
}

/** The same for delegations that were decoded, and their signatures checked, before. */
export function verifyDelegations(
  links: readonly Delegation[],
  request: Omit<DelegationChainRequest, "proofs">,
): ChainGrant | ChainRefusal {
  return refusing(() => {
    checkCount(links);
    return checkLinks(links, request);
  });
}

/**
 * Whether an invocation is signed, for this executor, in time, and granted by its proof chain, which `prf` lists from the
 * root to the delegation whose audience is the invoker (UCAN invocation specification, "Proofs"); the reverse order is
 * refused. A subject that invokes on itself needs no proof. Never throws.
 */
export function verifyInvocation(request: InvocationRequest): InvocationGrant | ChainRefusal {
  return refusing(() => {
    checkCount(request.proofs);
    const invocation = parseInvocation(request.invocation);
    const executor = invocation.audience ?? invocation.subject;
    if (executor !== request.executor) refuse("writ_mismatch", "the invocation is for another executor");
    checkLink(invocation, request);
    const chain = checkChain(
      arrangeProofs(invocation, request.proofs),
      {
        now: request.now,
        isRevoked: (cid) => request.isRevoked(cid),
        subject: invocation.subject,
        command: invocation.command,
        args: invocation.args,
      },
      invocation.issuer,
    );
    return { ...chain, ...narrow(chain, invocation), invocation, executor };
  });
}

function checkLinks(links: readonly Delegation[], request: Omit<DelegationChainRequest, "proofs">): ChainGrant {
  if (links.length === 0) refuse("writ_invalid", "there is no proof");
  return checkChain(links, request, request.holder);
}

type Asked = ChainContext & Pick<DelegationChainRequest, "subject" | "command" | "args">;

function checkChain(proofs: readonly Delegation[], asked: Asked, holder: string | undefined): ChainGrant {
  if (!isCommand(asked.command)) refuse("writ_invalid", "the command is malformed");
  let principal = asked.subject;
  let granted = "/";
  let bounds: Bounds = { notBefore: undefined, expiresAt: null };
  for (const [index, proof] of proofs.entries()) {
    checkLink(proof, asked);
    if (proof.issuer !== principal)
      refuse("writ_mismatch", "a link is not issued by the audience of the one before it");
    if (proof.subject !== asked.subject && (index === 0 || proof.subject !== null)) {
      refuse("writ_mismatch", "a link is about another subject");
    }
    if (!commandCovers(granted, proof.command))
      refuse("writ_mismatch", "a link widens the command of the one before it");
    principal = proof.audience;
    granted = proof.command;
    bounds = narrow(bounds, proof);
  }
  if (holder !== undefined && principal !== holder) refuse("writ_mismatch", "the writ was issued to someone else");
  if (!commandCovers(granted, asked.command)) refuse("writ_mismatch", "the writ does not cover this command");
  const policies = proofs.map((proof) => proof.policy);
  if (!satisfiesPolicies(policies, asked.args)) refuse("writ_mismatch", "the writ's policy does not cover this call");
  return { ok: true, subject: asked.subject, holder: principal, command: asked.command, proofs, ...bounds };
}

interface Bounds {
  readonly notBefore: number | undefined;
  readonly expiresAt: number | null;
}

function checkLink(link: Bounds & { readonly cid: string }, context: ChainContext): void {
  if (context.isRevoked(link.cid)) refuse("writ_revoked", "the writ or a link it rests on is revoked");
  // Written so that a time which is not a number is outside every bound.
  if (link.notBefore !== undefined && !(context.now >= link.notBefore))
    refuse("writ_expired", "the writ is not yet valid");
  if (link.expiresAt !== null && !(context.now <= link.expiresAt)) refuse("writ_expired", "the writ has expired");
}

function narrow(outer: Bounds, inner: Bounds): Bounds {
  const starts = [outer.notBefore, inner.notBefore].filter((time) => time !== undefined);
  const ends = [outer.expiresAt, inner.expiresAt].filter((time) => time !== null);
  return {
    notBefore: starts.length === 0 ? undefined : Math.max(...starts),
    expiresAt: ends.length === 0 ? null : Math.min(...ends),
  };
}

function checkCount(proofs: readonly unknown[]): void {
  if (proofs.length > MAX_PROOFS) refuse("writ_invalid", `the writ rests on more than ${MAX_PROOFS} proofs`);
}

function arrangeProofs(invocation: Invocation, encoded: readonly Uint8Array[]): Delegation[] {
  const byCid = new Map<string, Delegation>();
  for (const bytes of encoded) {
    const delegation = parseDelegation(bytes);
    byCid.set(delegation.cid, delegation);
  }
  const arranged = invocation.proofs.map((cid) => byCid.get(cid) ?? refuse("writ_invalid", "a proof is missing"));
  if (new Set(invocation.proofs).size !== encoded.length || arranged.length !== encoded.length) {
    refuse("writ_invalid", "the proofs are not those that the invocation names");
  }
  return arranged;
}

class Refusal extends Error {
  readonly code: ChainRefusalCode;

  constructor(code: ChainRefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

function refuse(code: ChainRefusalCode, message: string): never {
  throw new Refusal(code, message);
}

/** Runs `verify` and makes every way in which it can fail a refusal. */
function refusing<Grant>(verify: () => Grant): Grant | ChainRefusal {
  try {
    return verify();
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, code: error.code, message: error.message };
    if (isWritError(error, "writ_invalid")) return { ok: false, code: "writ_invalid", message: error.message };
    return { ok: false, code: "writ_invalid", message: "the writ could not be verified" };
  }
}
