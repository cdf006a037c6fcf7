import { type Change, type EventData, Personal, type Recorder } from "#src/audit/recorder.ts";
import { toBase64Url } from "#src/base/bytes.ts";
import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { type IdSource, type PersonId, parseId, type RunId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import type { People } from "#src/identity/people.ts";
import { readAgent } from "#src/store/agents.ts";
import {
  type ApprovalRow,
  approveApproval,
  countVote,
  deleteVote,
  denyApproval,
  insertVote,
  readApproval,
  readVoters,
} from "#src/store/approvals.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Statement } from "#src/store/unit.ts";
import { type Approval, type ApprovalDetails, termsOf, toApproval } from "./approval.ts";
import { findGoneVoters, requireApprover, requireNotHeld, requireStanding, type Standing } from "./approvers.ts";
import { createChallenges } from "./challenges.ts";
import type { Cosigner } from "./cosigner.ts";
import type { ApprovalFeed } from "./feed.ts";
import { type BoundedGrant, chooseGrant, type GrantChoice, grantedText, grantJson, readGranted } from "./grants.ts";
import type { AssertionOptions, AssertionResponse, Passkeys } from "./passkeys.ts";
import type { Spool } from "./spool.ts";
import type { Waiters } from "./waiters.ts";

/** A person's word. */
export type ApprovalVerdict = "approved" | "denied";

/** What a person is about to sign. */
export interface DecisionChoice {
  readonly verdict: ApprovalVerdict;
  /** Left out: one use of what was asked for. A denial has none. */
  readonly grant?: GrantChoice;
  /** Why; kept in the chain, sealed. */
  readonly comment?: string;
}

/** What the person's authenticator is to sign, and what that means. */
export interface ApprovalChallenge {
  readonly preimage: JsonObject;
  /** For `navigator.credentials.get`. */
  readonly options: AssertionOptions;
}

/** People's decisions on approvals. */
export interface ApprovalDecisions {
  /**
   * Fixes what this person decides, grant included, before there is a challenge. Throws `approval_decided`,
   * `approval_expired`, `forbidden`, `approvals_held`, `self_approval`, `approver_needed`, `comment_required`, `grant_refused`.
   */
  challenge(tenant: TenantId, person: PersonId, approval: string, choice: DecisionChoice): Promise<ApprovalChallenge>;
  /**
   * Takes the signed decision: everything is looked at again as of now, one decision wins a race. Throws what
   * {@link challenge} throws, `challenge_unknown`, and `passkey_refused` for an assertion that does not verify.
   */
  decide(tenant: TenantId, person: PersonId, approval: string, assertion: AssertionResponse): Promise<Approval>;
  /**
   * The word of whoever holds the host, while nobody of the instance has had a passkey: one use of what was asked for.
   * Throws `passkey_required` from then on, and `approver_needed` where the policies ask for more than one person.
   */
  decideOnHost(
    tenant: TenantId,
    actor: SubjectId,
    approval: string,
    choice: Omit<DecisionChoice, "grant">,
  ): Promise<Approval>;
}

/** What {@link createApprovalDecisions} needs. */
export interface ApprovalDecisionsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly people: Pick<People, "hasPasskey">;
  readonly passkeys: Pick<Passkeys, "assertionOptions" | "verifyAssertion">;
  /** What the approver is shown. */
  readonly detailsOf: (tenant: TenantId, approval: string) => Promise<ApprovalDetails>;
  readonly cosigner: Cosigner;
  readonly spool: Spool;
  readonly waiters: Waiters;
  readonly feed: ApprovalFeed;
  readonly ids: IdSource;
  readonly clock: Clock;
}

/** One decision on its way to its commit. */
interface Word {
  readonly actor: SubjectId;
  /** Whose key seals the comment. */
  readonly commentOf: SubjectId;
  readonly person: PersonId | null;
  /** People whose yes does not count any more. */
  readonly gone: readonly string[];
  readonly verdict: ApprovalVerdict;
  /** Null with a denial. */
  readonly given: BoundedGrant | null;
  readonly comment: string | undefined;
  /** Of the event: how it was given. */
  readonly proof: EventData;
  readonly statements: readonly Statement[];
}

const MAX_COMMENT_CHARACTERS = 2000;
/** A state that moves under a decision is looked at again so often before it is given up. */
const MAX_ATTEMPTS = 8;

/** Makes the service of people's decisions. */
export function createApprovalDecisions(dependencies: ApprovalDecisionsDependencies): ApprovalDecisions {
  const { recorder, reader, people, passkeys, detailsOf, cosigner, spool, waiters, feed, ids, clock } = dependencies;
  const challenges = createChallenges<{ approval: string; choice: DecisionChoice; given: BoundedGrant | null }>(
    "approval",
  );

  const findPending = async (tenant: TenantId, approval: string, now: number): Promise<ApprovalRow> => {
    const row = await readApproval(reader, tenant, parseId("approval", approval));
    if (row === undefined) throw new WritError("not_found");
    if (row.state !== "pending") throw new WritError("approval_decided", `it is \`${row.state}\` already`);
    if (row.expiresAt <= now) throw new WritError("approval_expired");
    return row;
  };

  /** Who this person is now, whether they may decide this so, and whose yes from before does not count any more. */
  const checkPerson = async (
    tenant: TenantId,
    person: PersonId,
    row: ApprovalRow,
    { verdict, comment }: DecisionChoice,
    now: number,
  ): Promise<{ readonly standing: Standing; readonly gone: readonly string[] }> => {
    const standing = await requireStanding(reader, tenant, person, "approvals.decide");
    if (verdict === "denied") return { standing, gone: [] };
    await requireNotHeld(reader, tenant, now);
    const [agent, voters, details] = await Promise.all([
      readAgent(reader, tenant, row.agentId),
      readVoters(reader, tenant, row.approvalId),
      detailsOf(tenant, row.approvalId),
    ]);
    const terms = termsOf(row);
    const behind = [...(details.behind ?? []), ...(agent?.owner ? [agent.owner] : [])];
    const asked = { terms, isEscalated: row.escalatedAt !== null, behind, voters };
    requireApprover(standing, asked);
    if (terms.comment && (comment ?? "").trim() === "") throw new WritError("comment_required");
    return { standing, gone: await findGoneVoters(reader, tenant, asked) };
  };

  const runOf = async (tenant: TenantId, row: ApprovalRow): Promise<RunId | null> =>
    (await detailsOf(tenant, row.approvalId)).run ?? null;

  /** The unit of one decision on a row as it was read. */
  const changeOf = (tenant: TenantId, row: ApprovalRow, word: Word, now: number): Change => {
    const { verdict, given, actor, person } = word;
    const about = { approval: row.approvalId, agent: row.agentId, call_digest: row.callDigest, bound_to: row.boundTo };
    const common = {
      ...about,
      command: row.command,
      policy_version: row.policyVersion,
      comment: word.comment === undefined ? undefined : new Personal(word.commentOf, word.comment),
      ...word.proof,
    };
    if (verdict === "denied" || given === null) {
      const statements = [denyApproval(tenant, row.approvalId, { at: now, by: actor }), ...word.statements];
      return {
        tenant,
        type: "approval.denied",
        actor,
        statements,
        data: common,
        raisesEpoch: true,
        ignoresClock: true,
      };
    }
    const granted = grantedText(given);
    const votes = { from: row.votes, to: row.votes - word.gone.length + 1 };
    const grant = { grant: grantJson(given.grant), expires_at: toRfc3339(given.expiresAt), votes: votes.to };
    const vote = [
      ...word.gone.map((voter) => deleteVote(tenant, row.approvalId, voter)),
      ...(person === null ? [] : [insertVote(tenant, row.approvalId, person, now)]),
    ];
    if (votes.to < termsOf(row).quorum) {
      const counted = countVote(tenant, row.approvalId, votes, granted, now);
      const statements = [counted, ...vote, ...word.statements];
      return { tenant, type: "approval.vouched", actor, statements, data: { ...common, ...grant } };
    }
    const vouched = { kind: "approval", approval: row.approvalId, command: row.command, grant: given.grant } as const;
    const token = cosigner.mint(tenant, vouched, given.expiresAt);
    const stored = {
      granted,
      digest: given.grant.digest,
      remaining: given.grant.uses,
      expiresAt: given.expiresAt,
      cosigner: token.bytes,
      cosignerCid: token.cid,
    };
    const decision = { at: now, by: actor, votes, grant: stored };
    return {
      tenant,
      type: "approval.approved",
      actor,
      statements: [approveApproval(tenant, row.approvalId, decision), ...vote, ...word.statements],
      data: { ...common, ...grant, cosigner: token.cid },
      raisesEpoch: true,
    };
  };

  /** Commits a decision; what it rests on is read again where it moved. */
  const commit = async (
    tenant: TenantId,
    approval: string,
    wordOn: (row: ApprovalRow, now: number) => Promise<Word>,
  ): Promise<Approval> => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const now = clock.now();
      const expectEpoch = recorder.epochOf(tenant);
      const row = await findPending(tenant, approval, now);
      const change = changeOf(tenant, row, await wordOn(row, now), now);
      const result = await recorder.tryRecord({ ...change, expectEpoch });
      if (result.kind === "committed") {
        if (change.type === "approval.denied") await spool.remove(tenant, row.approvalId);
        const after = await readApproval(reader, tenant, row.approvalId);
        if (after?.state !== "pending") waiters.wake(row.approvalId);
        feed.tell(tenant, { approval: row.approvalId, state: after?.state ?? "revoked", isEscalated: false });
        return toApproval(after ?? row, now);
      }
      if (result.reason === "clock_behind") throw new WritError("clock_behind");
      if (result.reason !== "stale" && result.reason !== "conflict") throw new WritError("conflict");
    }
    throw new WritError("conflict", "what the decision rests on kept changing");
  };

  return {
    challenge: async (tenant, person, approval, choice) => {
      const now = clock.now();
      const row = await findPending(tenant, approval, now);
      const checked = checkChoice(choice);
      const { standing } = await checkPerson(tenant, person, row, checked, now);
      const given = checked.verdict === "denied" ? null : grantFor(row, await runOf(tenant, row), checked.grant, now);
      const preimage = preimageOf(row, standing.subject, checked.verdict, given, ids);
      const kept = { approval: row.approvalId, choice: checked, given };
      const { challenge } = challenges.issue(tenant, person, preimage, kept, now);
      return { preimage, options: await passkeys.assertionOptions(tenant, person, challenge) };
    },
    decide: async (tenant, person, approval, assertion) => {
      const { challenge, preimage, kept } = challenges.take(tenant, person, assertion, clock.now());
      if (kept.approval !== approval) throw new WritError("challenge_unknown");
      const { choice, given } = kept;
      await findPending(tenant, approval, clock.now());
      const proven = await passkeys.verifyAssertion(tenant, person, challenge, assertion);
      return commit(tenant, approval, async (row, now) => {
        const { standing, gone } = await checkPerson(tenant, person, row, choice, now);
        if (given !== null) requireSameGrant(row, given, now);
        return {
          actor: standing.subject,
          commentOf: standing.subject,
          person,
          gone,
          verdict: choice.verdict,
          given,
          comment: choice.comment,
          proof: { method: "passkey", preimage, assertion: { ...proven.evidence } as Json, passkey: proven.credential },
          statements: [proven.statement],
        };
      });
    },
    decideOnHost: async (tenant, actor, approval, choice) => {
      const { verdict, comment } = checkChoice(choice);
      return commit(tenant, approval, async (row, now) => {
        if (await people.hasPasskey(tenant)) throw new WritError("passkey_required");
        const terms = termsOf(row);
        if (verdict === "approved" && (terms.quorum > 1 || terms.approvers.length > 0)) {
          throw new WritError(
            "approver_needed",
            "the policies ask for people of their own: enrol their passkeys first",
          );
        }
        if (verdict === "approved" && terms.comment && (comment ?? "").trim() === "") {
          throw new WritError("comment_required");
        }
        const given = verdict === "denied" ? null : grantFor(row, null, undefined, now);
        const commentOf = (await readAgent(reader, tenant, row.agentId))?.subjectId ?? actor;
        return {
          actor,
          commentOf,
          person: null,
          gone: [],
          verdict,
          given,
          comment,
          proof: { method: "host" },
          statements: [],
        };
      });
    },
  };
}

/** The grant of a yes: the first one's, where somebody said yes before. */
function grantFor(row: ApprovalRow, run: RunId | null, choice: GrantChoice | undefined, now: number): BoundedGrant {
  const asked = { ...row, run };
  if (row.granted === null) return chooseGrant(choice ?? {}, asked, termsOf(row), now);
  const given = readGranted(row.granted);
  if (choice !== undefined) {
    const chosen = chooseGrant(choice, asked, termsOf(row), row.requestedAt).grant;
    if (chosen.scope !== given.grant.scope || chosen.uses !== given.grant.uses || chosen.run !== given.grant.run) {
      throw new WritError("grant_refused", "whoever said yes first fixed another grant");
    }
  }
  return given;
}

function requireSameGrant(row: ApprovalRow, given: BoundedGrant, now: number): void {
  if (given.expiresAt <= now) throw new WritError("approval_expired");
  if (row.granted !== null && row.granted !== grantedText(given)) {
    throw new WritError("grant_refused", "whoever said yes first fixed another grant: look again");
  }
}

/** What is signed, member by member; the challenge is its digest. */
function preimageOf(
  row: ApprovalRow,
  approver: SubjectId,
  verdict: ApprovalVerdict,
  given: BoundedGrant | null,
  ids: IdSource,
): JsonObject {
  return {
    approval: row.approvalId,
    nonce: toBase64Url(ids.random(32)),
    approver,
    verdict,
    grant: given === null ? null : grantJson(given.grant),
    call_digest: row.callDigest,
    policy_version: row.policyVersion,
    expires_at: toRfc3339(given?.expiresAt ?? row.expiresAt),
  };
}

function checkChoice<Choice extends DecisionChoice>(choice: Choice): Choice {
  if ((choice.comment ?? "").length > MAX_COMMENT_CHARACTERS) {
    throw new WritError("invalid_argument", `\`comment\` has more than ${MAX_COMMENT_CHARACTERS} characters`);
  }
  if (choice.verdict === "denied" && choice.grant !== undefined) {
    throw new WritError("invalid_argument", "a denial grants nothing");
  }
  return choice;
}
