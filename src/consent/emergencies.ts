import { Personal, type Recorder } from "#src/audit/recorder.ts";
import { fromUtf8, toBase64Url, utf8 } from "#src/base/bytes.ts";
import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import {
  type AgentId,
  type EmergencyId,
  type IdSource,
  isId,
  newId,
  type PersonId,
  parseId,
  type SubjectId,
  type TenantId,
} from "#src/base/ids.ts";
import { readAgent, readAgentByName } from "#src/store/agents.ts";
import {
  closeEmergency,
  type EmergencyRow,
  type EmergencyState,
  insertEmergency,
  readEmergencies,
  readEmergency,
  readOpenEmergencies,
  readOverdueEmergencies,
  reviewEmergency,
  useEmergency,
} from "#src/store/emergencies.ts";
import { enqueueNotice } from "#src/store/notifications.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Statement } from "#src/store/unit.ts";
import { ensureRevoked } from "#src/store/writs.ts";
import { isCommand } from "#src/ucan/command.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import { canAnother, requireNotHeld, requireStanding, type Standing } from "./approvers.ts";
import { createChallenges } from "./challenges.ts";
import type { Cosigner } from "./cosigner.ts";
import type { ApprovalChallenge } from "./decisions.ts";
import type { AssertionResponse, Passkeys } from "./passkeys.ts";

/** An emergency grant: for one agent, whatever asks for a person counts as vouched for. */
export interface Emergency {
  readonly id: EmergencyId;
  readonly agent: AgentId;
  /** All commands at or below it. */
  readonly command: string;
  readonly state: EmergencyState;
  readonly reason: string;
  readonly openedBy: string;
  readonly openedAt: number;
  readonly expiresAt: number;
  readonly closedAt: number | null;
  readonly used: number;
  readonly cosigner: string;
  readonly reviewedBy: string | null;
  readonly reviewedAt: number | null;
}

/** What an owner opens. */
export interface NewEmergency {
  /** Id or name. */
  readonly agent: string;
  /** All commands at or below it; `/` is all. */
  readonly command: string;
  readonly reason: string;
  readonly seconds: number;
}

/** Breaking the glass: opened by an owner's passkey, for a while, and reviewed by somebody afterwards. */
export interface Emergencies {
  /** Fixes what is opened. Throws `not_found` (agent), `invalid_argument`, `forbidden`, `approvals_held`. */
  openingChallenge(tenant: TenantId, person: PersonId, asked: NewEmergency): Promise<ApprovalChallenge>;
  /** Opens what was signed; `challenge_unknown`, `passkey_refused`. */
  open(tenant: TenantId, person: PersonId, assertion: AssertionResponse): Promise<Emergency>;
  /** Ends it before its time, writs that rest on it included; `conflict` where it is over. */
  close(tenant: TenantId, actor: SubjectId, emergency: string): Promise<Emergency>;
  /**
   * Fixes what a reviewer says of what it let through; `conflict` while it is open or once it is reviewed, `self_approval`
   * for whoever opened it, unless nobody else could review it.
   */
  reviewChallenge(tenant: TenantId, person: PersonId, emergency: string, comment: string): Promise<ApprovalChallenge>;
  review(tenant: TenantId, person: PersonId, emergency: string, assertion: AssertionResponse): Promise<Emergency>;
  /** Newest first. */
  list(tenant: TenantId, limit?: number): Promise<Emergency[]>;
  show(tenant: TenantId, emergency: string): Promise<Emergency>;
  /** One that covers this command of this agent: its token stands and says so. */
  findCovering(
    tenant: TenantId,
    agent: AgentId,
    command: string,
    now: number,
  ): Promise<{ readonly id: EmergencyId; readonly cosigner: string; readonly expiresAt: number } | undefined>;
  /** Counts a use, when the unit that holds the statement commits. */
  use(tenant: TenantId, emergency: EmergencyId, now: number): Statement;
  /** Has the review of what is past its time fall due, a bounded number at once. */
  closeOverdue(tenant: TenantId): Promise<number>;
}

/** What {@link createEmergencies} needs. */
export interface EmergenciesDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly passkeys: Pick<Passkeys, "assertionOptions" | "verifyAssertion">;
  readonly cosigner: Cosigner;
  readonly ids: IdSource;
  readonly clock: Clock;
}

/** The longest that an emergency grant may hold. */
export const MAX_EMERGENCY_SECONDS = 4 * 3600;
const MAX_TEXT_CHARACTERS = 2000;

/** Makes the service of emergency grants. */
export function createEmergencies(dependencies: EmergenciesDependencies): Emergencies {
  const { recorder, reader, keys, passkeys, cosigner, ids, clock } = dependencies;
  const openings = createChallenges<NewEmergency & { id: EmergencyId; agentId: AgentId; expiresAt: number }>(
    "emergency",
  );
  const reviews = createChallenges<{ id: EmergencyId; comment: string }>("review");

  const find = async (tenant: TenantId, emergency: string): Promise<EmergencyRow> => {
    const row = await readEmergency(reader, tenant, parseId("emergency", emergency));
    if (row === undefined) throw new WritError("not_found");
    return row;
  };

  const render = async (tenant: TenantId, row: EmergencyRow): Promise<Emergency> => {
    const value = { dataKeyId: row.dataKeyId, sealed: row.sealedReason };
    const reason = fromUtf8(await keys.openValue(tenant, `emergency ${row.emergencyId}`, 1, value));
    return toEmergency(row, reason, clock.now());
  };

  const findAgent = async (tenant: TenantId, idOrName: string): Promise<AgentId> => {
    const row = isId("agent", idOrName)
      ? await readAgent(reader, tenant, idOrName)
      : await readAgentByName(reader, tenant, idOrName);
    if (row === undefined) throw new WritError("not_found", "there is no such agent");
    return row.agentId;
  };

  const requireReviewer = async (tenant: TenantId, person: PersonId, { openedBy }: EmergencyRow): Promise<Standing> => {
    const standing = await requireStanding(reader, tenant, person, "emergency.review");
    if (openedBy === standing.subject && (await canAnother(reader, tenant, openedBy, "emergency.review"))) {
      throw new WritError("self_approval", "you opened it: somebody else reviews it");
    }
    return standing;
  };

  const end = async (tenant: TenantId, row: EmergencyRow, actor: SubjectId | "system"): Promise<void> => {
    const now = clock.now();
    await recorder.record({
      tenant,
      type: "emergency.closed",
      actor,
      statements: [
        closeEmergency(tenant, row.emergencyId, now),
        ensureRevoked(tenant, row.cosignerCid, now),
        enqueueNotice(tenant, row.emergencyId, "review_due", now),
      ],
      data: { emergency: row.emergencyId, used: row.used, cosigner: row.cosignerCid, review: "due" },
      raisesEpoch: true,
      ignoresClock: true,
    });
  };

  return {
    openingChallenge: async (tenant, person, asked) => {
      const now = clock.now();
      checkNew(asked);
      const { subject } = await requireStanding(reader, tenant, person, "emergency.open");
      await requireNotHeld(reader, tenant, now);
      const agentId = await findAgent(tenant, asked.agent);
      const id = newId("emergency", ids);
      const expiresAt = Math.floor(now / 1000 + asked.seconds) * 1000;
      const preimage: JsonObject = {
        emergency: id,
        nonce: toBase64Url(ids.random(32)),
        owner: subject,
        agent: agentId,
        command: asked.command,
        expires_at: toRfc3339(expiresAt),
      };
      const { challenge } = openings.issue(tenant, person, preimage, { ...asked, id, agentId, expiresAt }, now);
      return { preimage, options: await passkeys.assertionOptions(tenant, person, challenge) };
    },
    open: async (tenant, person, assertion) => {
      const { challenge, preimage, kept } = openings.take(tenant, person, assertion, clock.now());
      const proven = await passkeys.verifyAssertion(tenant, person, challenge, assertion);
      const { id, agentId, command, reason, expiresAt } = kept;
      const expectEpoch = recorder.epochOf(tenant);
      const now = clock.now();
      const { subject } = await requireStanding(reader, tenant, person, "emergency.open");
      await requireNotHeld(reader, tenant, now);
      const token = cosigner.mint(tenant, { kind: "emergency", emergency: id, command, agent: agentId }, expiresAt);
      const { dataKeyId, sealed } = await keys.sealValue(tenant, `emergency ${id}`, 1, utf8(reason));
      const row: EmergencyRow = {
        emergencyId: id,
        agentId,
        command,
        state: "open",
        sealedReason: sealed,
        dataKeyId,
        openedBy: subject,
        openedAt: now,
        expiresAt,
        closedAt: null,
        used: 0,
        cosigner: token.bytes,
        cosignerCid: token.cid,
        reviewedBy: null,
        reviewedAt: null,
      };
      await recorder.record({
        tenant,
        type: "emergency.opened",
        actor: subject,
        statements: [
          insertEmergency(tenant, row),
          proven.statement,
          enqueueNotice(tenant, id, "emergency_opened", now),
        ],
        data: {
          emergency: id,
          agent: agentId,
          command,
          expires_at: toRfc3339(expiresAt),
          reason: new Personal(subject, reason),
          cosigner: token.cid,
          method: "passkey",
          preimage,
          assertion: { ...proven.evidence } as Json,
          passkey: proven.credential,
        },
        expectEpoch,
        raisesEpoch: true,
      });
      return toEmergency(row, reason, now);
    },
    close: async (tenant, actor, emergency) => {
      const row = await find(tenant, emergency);
      if (row.state !== "open") throw new WritError("conflict", "it is over already");
      await end(tenant, row, actor);
      return render(tenant, await find(tenant, emergency));
    },
    reviewChallenge: async (tenant, person, emergency, comment) => {
      const now = clock.now();
      checkText(comment, "comment");
      const row = await find(tenant, emergency);
      requireDue(row);
      const { subject } = await requireReviewer(tenant, person, row);
      const preimage: JsonObject = {
        emergency: row.emergencyId,
        nonce: toBase64Url(ids.random(32)),
        reviewer: subject,
        used: row.used,
      };
      const { challenge } = reviews.issue(tenant, person, preimage, { id: row.emergencyId, comment }, now);
      return { preimage, options: await passkeys.assertionOptions(tenant, person, challenge) };
    },
    review: async (tenant, person, emergency, assertion) => {
      const { challenge, preimage, kept } = reviews.take(tenant, person, assertion, clock.now());
      if (kept.id !== emergency) throw new WritError("challenge_unknown");
      const proven = await passkeys.verifyAssertion(tenant, person, challenge, assertion);
      const expectEpoch = recorder.epochOf(tenant);
      const row = await find(tenant, emergency);
      const { subject } = await requireReviewer(tenant, person, row);
      requireDue(row);
      await recorder.record({
        tenant,
        type: "emergency.reviewed",
        actor: subject,
        statements: [reviewEmergency(tenant, kept.id, subject, clock.now()), proven.statement],
        data: {
          emergency: kept.id,
          comment: new Personal(subject, kept.comment),
          method: "passkey",
          preimage,
          assertion: { ...proven.evidence } as Json,
          passkey: proven.credential,
        },
        expectEpoch,
      });
      return render(tenant, await find(tenant, emergency));
    },
    list: async (tenant, limit = 100) =>
      Promise.all((await readEmergencies(reader, tenant, limit)).map((row) => render(tenant, row))),
    show: async (tenant, emergency) => render(tenant, await find(tenant, emergency)),
    findCovering: async (tenant, agent, command, now) => {
      for (const row of await readOpenEmergencies(reader, tenant, agent, now)) {
        const { emergencyId, command: below } = row;
        const vouched = { kind: "emergency", emergency: emergencyId, command: below, agent } as const;
        const use = { command, agent, digests: { call: "", resource: "" }, runs: [] };
        if (!(await cosigner.covers(tenant, row.cosigner, vouched, use, now))) continue;
        return { id: emergencyId, cosigner: row.cosignerCid, expiresAt: row.expiresAt };
      }
      return undefined;
    },
    use: useEmergency,
    closeOverdue: async (tenant) => {
      const rows = await readOverdueEmergencies(reader, tenant, clock.now(), 100);
      for (const row of rows) {
        await end(tenant, row, "system").catch((error: unknown) => {
          if (!isWritError(error, "conflict")) throw error;
        });
      }
      return rows.length;
    },
  };
}

function toEmergency(row: EmergencyRow, reason: string, now: number): Emergency {
  return {
    id: row.emergencyId,
    agent: row.agentId,
    command: row.command,
    state: row.state === "open" && row.expiresAt <= now ? "review_due" : row.state,
    reason,
    openedBy: row.openedBy,
    openedAt: row.openedAt,
    expiresAt: row.expiresAt,
    closedAt: row.closedAt,
    used: row.used,
    cosigner: row.cosignerCid,
    reviewedBy: row.reviewedBy,
    reviewedAt: row.reviewedAt,
  };
}

function checkNew({ command, reason, seconds }: NewEmergency): void {
  if (!isCommand(command)) throw new WritError("invalid_argument", "`command` is a command, or `/` for all of them");
  checkText(reason, "reason");
  if (Number.isSafeInteger(seconds) && seconds >= 60 && seconds <= MAX_EMERGENCY_SECONDS) return;
  throw new WritError("invalid_argument", `an emergency is 60 to ${MAX_EMERGENCY_SECONDS} whole seconds`);
}

function checkText(text: string, field: string): void {
  if (text.trim() === "") throw new WritError("invalid_argument", `\`${field}\` is needed`);
  if (text.length > MAX_TEXT_CHARACTERS) {
    throw new WritError("invalid_argument", `\`${field}\` has more than ${MAX_TEXT_CHARACTERS} characters`);
  }
}

function requireDue({ state }: EmergencyRow): void {
  if (state === "open") throw new WritError("conflict", "it is still open: close it first");
  if (state === "reviewed") throw new WritError("conflict", "it is reviewed already");
}
