import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { isId, type TenantId } from "#src/base/ids.ts";
import { toAgent } from "#src/identity/agents.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import { settingsOf } from "#src/identity/tenants.ts";
import { readAgentByDid } from "#src/store/agents.ts";
import { readTenant } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import { isRunActive } from "#src/store/runs.ts";
import { isStopped } from "#src/store/stops.ts";
import { readToken } from "#src/store/tokens.ts";
import { isRevoked } from "#src/store/writs.ts";
import { verifyDelegations, verifyInvocation } from "#src/ucan/chain.ts";
import { type Delegation, parseDelegation } from "#src/ucan/delegation.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import { decodeTokenText, tokenCid } from "#src/ucan/envelope.ts";
import { MAX_PROOFS, parseInvocation } from "#src/ucan/invocation.ts";
import type { Policy } from "#src/ucan/policy.ts";
import type { Selector } from "#src/ucan/selector.ts";
import type { Keyring } from "#src/vault/keyring.ts";
import type { WritArguments, WritMeta } from "./grant.ts";

/** What a caller presents instead of a key: a writ, delegations below it, and, to prove possession, an invocation. */
export interface PresentedWrit {
  /** Encoded delegations, the writ first. */
  readonly proofs: readonly Uint8Array[];
  readonly invocation?: Uint8Array;
}

/** A writ whose signature, issuer and standing are good. What it covers is not looked at yet. */
export interface OpenedWrit {
  readonly presented: PresentedWrit;
  /** What was presented, decoded and each signature checked: the root first. */
  readonly links: readonly Delegation[];
  readonly root: Delegation;
  readonly meta: WritMeta;
  /** The agent that it was minted for, as of now. */
  readonly principal: AgentPrincipal;
  /** Whether it must come with an invocation that the agent signed. */
  readonly requiresProof: boolean;
  /** The tenant's key that signed it. */
  readonly issuer: string;
  /** The authority epoch that all of this was read under. */
  readonly epoch: number;
  readonly revoked: ReadonlySet<string>;
}

/** Opens and checks writs. */
export interface WritChecker {
  /** Throws `writ_invalid`, `writ_expired`, `writ_revoked`, `stopped`. */
  open(presented: PresentedWrit): Promise<OpenedWrit>;
  /** Whether the writ or anything below it says something of the call itself, so that the call's digest is needed. */
  isPinnedToCall(writ: OpenedWrit): boolean;
  /** Whether the decision that the writ is from was made on exactly one call: what stands below the writ says nothing of it. */
  isDecidedForCall(writ: OpenedWrit): boolean;
  /** Whether the writ and all below it cover this. Throws `writ_invalid`, `writ_expired`, `writ_revoked`, `writ_mismatch`. */
  check(writ: OpenedWrit, command: string, args: WritArguments): void;
}

/** What {@link createWritChecker} needs. */
export interface WritCheckerDependencies {
  readonly reader: Reader;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly epochOf: (tenant: TenantId) => number;
}

/** The separator between a writ and the delegations below it, in a header. */
const SEPARATOR = ".";
const MAX_HEADER_CHARACTERS = 64 * 1024;

/** Reads the header forms. Throws `writ_invalid`. */
export function parsePresentedWrit(bearer: string, invocation: string | undefined): PresentedWrit {
  if (bearer.length > MAX_HEADER_CHARACTERS) throw new WritError("writ_invalid", "too large");
  const proofs = bearer.split(SEPARATOR);
  if (proofs.length > MAX_PROOFS) throw new WritError("writ_invalid", `a chain has at most ${MAX_PROOFS} links`);
  return {
    proofs: proofs.map(decodeTokenText),
    ...(invocation === undefined ? {} : { invocation: decodeTokenText(invocation) }),
  };
}

/** Makes the checker. */
export function createWritChecker({ reader, keyring, clock, epochOf }: WritCheckerDependencies): WritChecker {
  const open = async (presented: PresentedWrit): Promise<OpenedWrit> => {
    const links = presented.proofs.map(parseDelegation);
    const [root] = links;
    if (root === undefined) throw new WritError("writ_invalid");
    const meta = parseMeta(root);
    const epoch = epochOf(meta.tenant);
    // The tenant comes out of the token; that this very tenant's key signed it is what makes it true. Keys are derived for
    // tenants that exist, since anyone can make up names of others.
    const tenant = await readTenant(reader, meta.tenant);
    if (tenant === undefined || !isIssuer(keyring, tenant.tenantId, root.issuer)) {
      throw new WritError("writ_invalid", "the writ was not issued here");
    }
    if (tenant.status !== "active") throw new WritError("writ_revoked", "the tenant is disabled");
    if (meta.cosigner !== undefined && (await isRevoked(reader, meta.tenant, meta.cosigner))) {
      throw new WritError("writ_revoked", "what a person vouched for was taken back");
    }
    if (meta.run !== undefined && !(await isRunActive(reader, meta.tenant, meta.run))) {
      throw new WritError("writ_revoked", "the run that it was granted in is not active");
    }
    const principal = await findPrincipal(reader, meta, root.audience, clock.now());
    if (await isStopped(reader, tenant.tenantId, principal.agent.id, null)) throw new WritError("stopped");
    return {
      presented,
      links,
      root,
      meta,
      principal,
      requiresProof: principal.agent.requireProof || settingsOf(tenant).requireProof,
      issuer: root.issuer,
      epoch,
      revoked: await findRevoked(reader, meta.tenant, links, presented.invocation),
    };
  };

  const check = (writ: OpenedWrit, command: string, args: WritArguments): void => {
    const now = clock.now() / 1000;
    const { presented, links, revoked, requiresProof, issuer } = writ;
    const isRevokedCid = (cid: string): boolean => revoked.has(cid);
    if (presented.invocation === undefined) {
      if (requiresProof) {
        throw new WritError("writ_invalid", "possession of the agent's key must be proven: send an invocation");
      }
      const grant = verifyDelegations(links, {
        subject: issuer,
        command,
        args: { ...args },
        now,
        isRevoked: isRevokedCid,
      });
      if (!grant.ok) throw new WritError(grant.code, grant.message);
      return;
    }
    const grant = verifyInvocation({
      invocation: presented.invocation,
      proofs: presented.proofs,
      executor: issuer,
      now,
      isRevoked: isRevokedCid,
    });
    if (!grant.ok) throw new WritError(grant.code, grant.message);
    requireInvoked(grant.invocation.args, grant.command, command, args);
  };

  return { open, check, isPinnedToCall, isDecidedForCall };
}

function isIssuer(keyring: Keyring, tenant: TenantId, did: string): boolean {
  return keyring.ucanSigners(tenant).some((signer) => didOfSigner(signer) === did);
}

/** A policy that reads the call's digest, wherever in the chain, or an invocation that names one. */
function isPinnedToCall({ presented: { invocation }, links }: OpenedWrit): boolean {
  if (invocation !== undefined && parseInvocation(invocation).args["call"] !== "") return true;
  return links.some(({ policy }) => policy.statements.some(readsCall));
}

function readsCall(statement: Policy["statements"][number]): boolean {
  switch (statement.op) {
    case "and":
    case "or":
      return statement.statements.some(readsCall);
    case "not":
      return readsCall(statement.statement);
    default: {
      const [first] = statement.selector;
      return first?.kind !== "field" || first.key === "call";
    }
  }
}

/** As {@link draftWrit} pins it. */
function isDecidedForCall({ root }: OpenedWrit): boolean {
  return root.policy.statements.some(
    ({ op, ...rest }) =>
      op === "==" && "selector" in rest && rest.selector.length === 1 && isCallField(rest.selector[0]),
  );
}

function isCallField(segment: Selector[number] | undefined): boolean {
  return segment?.kind === "field" && segment.key === "call" && !segment.optional;
}

/** An invocation names what it is for: exactly this call, not one that its chain would also allow. */
function requireInvoked(
  invoked: Readonly<Record<string, unknown>>,
  invokedCommand: string,
  command: string,
  args: WritArguments,
): void {
  const resource = invoked["resource"] as { readonly type?: unknown; readonly id?: unknown } | undefined;
  const same =
    invokedCommand === command &&
    resource?.type === args.resource.type &&
    resource.id === args.resource.id &&
    invoked["connection"] === args.connection &&
    invoked["call"] === args.call;
  if (!same) throw new WritError("writ_mismatch", "the invocation is for another call");
}

function parseMeta(root: Delegation): WritMeta {
  const meta = root.meta as Partial<Record<keyof WritMeta, unknown>> | undefined;
  const valid =
    isId("tenant", meta?.tenant) &&
    isId("decision", meta.decision) &&
    isId("token", meta.key) &&
    (meta.run === undefined || isId("run", meta.run)) &&
    (meta.uses === "one" || meta.uses === "many") &&
    typeof meta.cosigned === "boolean" &&
    (meta.cosigner === undefined || typeof meta.cosigner === "string");
  if (!valid) throw new WritError("writ_invalid", "the writ does not say where it is from");
  return meta as unknown as WritMeta;
}

async function findPrincipal(reader: Reader, meta: WritMeta, did: string, now: number): Promise<AgentPrincipal> {
  const [agentRow, token] = await Promise.all([
    readAgentByDid(reader, meta.tenant, did),
    readToken(reader, meta.tenant, meta.key),
  ]);
  if (agentRow === undefined || token === undefined) throw new WritError("writ_invalid");
  if (agentRow.status !== "active") throw new WritError("writ_revoked", "the agent is disabled");
  if (token.revokedAt !== null) throw new WritError("writ_revoked", "the key that asked for the writ is revoked");
  if (token.expiresAt !== null && token.expiresAt <= now) {
    throw new WritError("writ_expired", "the key that asked for the writ has expired");
  }
  return {
    kind: "agent",
    tenant: meta.tenant,
    subject: agentRow.subjectId,
    token: meta.key,
    environment: token.environment,
    agent: toAgent(agentRow),
  };
}

async function findRevoked(
  reader: Reader,
  tenant: TenantId,
  links: readonly Delegation[],
  invocation: Uint8Array | undefined,
): Promise<ReadonlySet<string>> {
  const cids = [...links.map(({ cid }) => cid), ...(invocation === undefined ? [] : [tokenCid(invocation)])];
  const revoked = await Promise.all(cids.map((cid) => isRevoked(reader, tenant, cid)));
  return new Set(cids.filter((_, i) => revoked[i]));
}
