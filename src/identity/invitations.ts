import type { Recorder } from "#src/audit/recorder.ts";
import { toBase64Url } from "#src/base/bytes.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import {
  type IdSource,
  isId,
  type LinkId,
  newId,
  type PersonId,
  type SubjectId,
  type TenantId,
} from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import { equalInConstantTime, sha256 } from "#src/crypto/hash.ts";
import { readTenant } from "#src/store/instance.ts";
import { holdApprovals, insertLink, type LinkRow, readLink, readPeopleState, revokeLinks } from "#src/store/people.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Statement } from "#src/store/unit.ts";
import { type NewPerson, type People, type PeopleActor, type Person, personalOf } from "./people.ts";

/** A one-time link: whoever opens it first enrols a passkey. */
export interface IssuedLink {
  readonly kind: LinkRow["kind"];
  /** The address of the page, the secret behind its `#`, which no browser sends. Shown once. */
  readonly url: string;
  readonly expiresAt: number;
}

/** A link that is still good. */
export interface OpenLink {
  readonly id: LinkId;
  readonly tenant: TenantId;
  readonly kind: LinkRow["kind"];
  /** Nobody yet for a tenant's first owner. */
  readonly person: PersonId | null;
  readonly expiresAt: number;
}

/** Links by which people come in. */
export interface Invitations {
  /** Makes a person and the link for them, good for seven days. */
  invite(
    tenant: TenantId,
    actor: PeopleActor,
    person: NewPerson,
  ): Promise<{ readonly person: Person; readonly link: IssuedLink }>;
  /**
   * A new link for somebody who lost theirs, or all of their passkeys; earlier ones are void. For somebody who had a
   * passkey another owner has to ask for it: nobody recovers themselves by what they alone hold.
   */
  renew(tenant: TenantId, actor: PeopleActor, person: PersonId): Promise<IssuedLink>;
  /**
   * The link for a tenant's first owner, good for 15 minutes. Earlier ones are void, unless they are kept: the first that is
   * used voids the others. `conflict` once there was a passkey.
   */
  setUp(tenant: TenantId, actor: SubjectId, options?: { readonly keepsOthers?: boolean }): Promise<IssuedLink>;
  /**
   * Whoever holds the host lets an owner in again who lost every passkey, where no other owner can do it
   * (`passkey_required`). It is told loudly, and for 24 hours nobody of the tenant approves. Whether the passkeys are lost, the
   * host alone says: they stay good, so that an owner who still has one sees it and undoes it.
   */
  recover(tenant: TenantId, operator: SubjectId, person: PersonId): Promise<IssuedLink>;
  /** The statements that make a link, and its text, for a unit of somebody else's. */
  prepare(
    tenant: TenantId,
    kind: LinkRow["kind"],
    person: PersonId | null,
    options?: { readonly keepsOthers?: boolean },
  ): { readonly link: IssuedLink; readonly id: LinkId; readonly statements: readonly Statement[] };
  /** What a link's text (behind the `#`) is; `link_invalid` for one that is unknown, used, late or void, alike. */
  open(text: string): Promise<OpenLink>;
}

/** What {@link createInvitations} needs. */
export interface InvitationsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly people: People;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly publicUrl: string;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** How long each kind of link is good. */
const LIFETIME_MS: Readonly<Record<LinkRow["kind"], number>> = {
  setup: 15 * MINUTE_MS,
  invitation: 7 * DAY_MS,
  recovery: 15 * MINUTE_MS,
};
/** How long nobody of a tenant approves after the host recovered an owner's access. */
export const APPROVALS_HELD_MS = DAY_MS;
/** The page that a link opens. */
export const ENROL_PATH = "/enrol";
const LINK = /^([0-9a-hjkmnp-tv-z]{26})\.([0-9a-hjkmnp-tv-z]{26})\.([A-Za-z0-9_-]{43})$/;
/** What a secret is compared with when its link is unknown. */
const NO_HASH = new Uint8Array(32);

/** Makes the service of links. */
export function createInvitations(dependencies: InvitationsDependencies): Invitations {
  const { recorder, reader, people, ids, clock, log, publicUrl } = dependencies;

  const prepare: Invitations["prepare"] = (tenant, kind, person, { keepsOthers = false } = {}) => {
    const now = clock.now();
    const id = newId("link", ids);
    const secret = toBase64Url(ids.random(32));
    const row: LinkRow = {
      linkId: id,
      kind,
      personId: person,
      hash: hashSecret(secret),
      createdAt: now,
      expiresAt: now + LIFETIME_MS[kind],
      usedAt: null,
      revokedAt: null,
    };
    const url = `${publicUrl}${ENROL_PATH}#${tenant.slice(4)}.${id.slice(4)}.${secret}`;
    return {
      id,
      link: { kind, url, expiresAt: row.expiresAt },
      statements: [...(keepsOthers ? [] : [revokeLinks(tenant, person, now)]), insertLink(tenant, row)],
    };
  };

  const invite: Invitations["invite"] = async (tenant, actor, newPerson) => {
    await people.checkMayManage(tenant, actor, newPerson.roles);
    if (actor.kind === "host" && !newPerson.roles.includes("owner")) {
      throw new WritError("invalid_argument", "the first person is an owner, who invites the others");
    }
    const { person, statements } = await people.prepare(tenant, newPerson, "invited");
    const made = prepare(tenant, "invitation", person.id);
    await recorder.record({
      tenant,
      type: "person.invited",
      actor: actor.subject,
      statements: [...statements, ...made.statements],
      data: {
        person: person.id,
        subject: person.subject,
        roles: person.roles,
        link: made.id,
        expires_at: made.link.expiresAt,
        ...personalOf(person),
      },
      raisesEpoch: true,
    });
    return { person, link: made.link };
  };

  const renew: Invitations["renew"] = async (tenant, actor, personId) => {
    const person = await people.show(tenant, personId);
    await people.checkMayManage(tenant, actor, person.roles);
    if (person.status === "revoked") throw new WritError("conflict", "the person is revoked");
    if (actor.subject === person.subject) throw new WritError("forbidden", "another owner has to do this for you");
    const made = prepare(tenant, person.status === "invited" ? "invitation" : "recovery", person.id);
    await recorder.record({
      tenant,
      type: "person.link_issued",
      actor: actor.subject,
      statements: made.statements,
      data: {
        person: person.id,
        subject: person.subject,
        link: made.id,
        link_kind: made.link.kind,
        expires_at: made.link.expiresAt,
      },
    });
    return made.link;
  };

  const setUp: Invitations["setUp"] = async (tenant, actor, options) => {
    if ((await readPeopleState(reader, tenant)) !== undefined) {
      throw new WritError("conflict", "the tenant has had an owner: `person recover` lets one in again");
    }
    const made = prepare(tenant, "setup", null, options);
    await recorder.record({
      tenant,
      type: "people.setup_link_issued",
      actor,
      statements: made.statements,
      data: { link: made.id, expires_at: made.link.expiresAt },
    });
    return made.link;
  };

  const recover: Invitations["recover"] = async (tenant, operator, personId) => {
    const person = await people.show(tenant, personId);
    if (person.status !== "active" || !person.roles.includes("owner")) {
      throw new WritError("conflict", "the host lets owners in again, and nobody else");
    }
    if (await people.hasOtherOwner(tenant, person.id)) {
      throw new WritError("passkey_required", "another owner can sign in, and has to do this");
    }
    const until = clock.now() + APPROVALS_HELD_MS;
    const made = prepare(tenant, "recovery", person.id);
    await recorder.record({
      tenant,
      type: "people.recovered_by_host",
      actor: operator,
      statements: [...made.statements, holdApprovals(tenant, until)],
      data: { person: person.id, subject: person.subject, link: made.id, approvals_held_until: until },
      raisesEpoch: true,
    });
    log.warn("the host lets an owner in again: approvals are held", { tenant, person: person.id, until });
    return made.link;
  };

  const open: Invitations["open"] = async (text) => {
    const [, tenantPart, linkPart, secret = ""] = LINK.exec(text) ?? [];
    const tenant = `ten_${tenantPart}`;
    const link = `lnk_${linkPart}`;
    const isFormed = isId("tenant", tenant) && isId("link", link);
    const row = isFormed ? await readLink(reader, tenant, link) : undefined;
    const matches = equalInConstantTime(hashSecret(secret), row?.hash ?? NO_HASH);
    if (!isFormed || row === undefined || !matches) throw new WritError("link_invalid");
    const isOpen = row.usedAt === null && row.revokedAt === null && row.expiresAt > clock.now();
    if (!isOpen || (await readTenant(reader, tenant))?.status !== "active") throw new WritError("link_invalid");
    return { id: link, tenant, kind: row.kind, person: row.personId, expiresAt: row.expiresAt };
  };

  return { invite, renew, setUp, recover, prepare, open };
}

function hashSecret(secret: string): Uint8Array {
  return sha256("writ.link.v1\n", secret);
}
