import { Personal, type Recorder } from "#src/audit/recorder.ts";
import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { type IdSource, isId, newId, type PersonId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { readTenants } from "#src/store/instance.ts";
import { readHasOtherOwner, readHasUsablePasskey, revokePasskeysOf } from "#src/store/passkeys.ts";
import {
  expectOwnerLeft,
  insertPerson,
  type PersonRow,
  readPeople,
  readPeopleState,
  readPerson,
  readPersonBySubject,
  revokeLinks,
  revokePerson,
  setPersonRoles,
} from "#src/store/people.ts";
import type { Reader } from "#src/store/reader.ts";
import { removeRecoveryCodes } from "#src/store/recovery-codes.ts";
import { endSessionsOf } from "#src/store/sessions.ts";
import type { Statement } from "#src/store/unit.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import { type Profile, parseProfile } from "./profile.ts";
import { may, mayGrant, type PersonRole, parseRoles } from "./roles.ts";

/** A person of a tenant. */
export interface Person {
  readonly id: PersonId;
  /** What stands for them in events. */
  readonly subject: SubjectId;
  /** `erased` where the subject's key was destroyed. */
  readonly name: string;
  readonly email: string | null;
  readonly roles: readonly PersonRole[];
  /** `invited`: no passkey was enrolled yet. `revoked` is final. */
  readonly status: PersonRow["status"];
  readonly createdAt: number;
}

/** A person to be. */
export interface NewPerson extends Profile {
  readonly roles: readonly PersonRole[];
}

/** Whoever manages people: one of them, signed in, or whoever holds the host. */
export type PeopleActor =
  | { readonly kind: "person"; readonly subject: SubjectId; readonly roles: readonly PersonRole[] }
  | { readonly kind: "host"; readonly subject: SubjectId };

/** People of a tenant. */
export interface People {
  list(tenant: TenantId, page: { readonly after?: string; readonly limit?: number }): Promise<Person[]>;
  /** By id, or by name or e-mail where exactly one has it; `not_found`. */
  show(tenant: TenantId, named: string): Promise<Person>;
  /** The person that a subject stands for, where it is a person's. */
  findBySubject(tenant: TenantId, subject: SubjectId): Promise<Person | undefined>;
  /** What a unit needs to make a person, and what the event says of them; nothing is written yet. */
  prepare(tenant: TenantId, person: NewPerson, status: "invited" | "active"): Promise<PreparedPerson>;
  /** Ends their sessions: whoever is signed in as somebody else's equal signs in anew. `last_owner`, `forbidden`. */
  setRoles(tenant: TenantId, actor: PeopleActor, person: PersonId, roles: readonly string[]): Promise<void>;
  /** For good, at once: sessions, passkeys, links and codes. `last_owner`, `forbidden`. */
  revoke(tenant: TenantId, actor: PeopleActor, person: PersonId): Promise<void>;
  /**
   * Whether a passkey was ever enrolled in the tenant or anywhere in this instance: from then on whoever holds the host
   * decides no approval.
   */
  hasPasskey(tenant: TenantId): Promise<boolean>;
  /** Whether somebody of the tenant can sign in now. */
  hasUsablePasskey(tenant: TenantId): Promise<boolean>;
  /** Until when nobody of the tenant approves, in milliseconds; undefined where they may. */
  approvalsHeldUntil(tenant: TenantId): Promise<number | undefined>;
  /** Whether somebody else than this person is an owner who can sign in. */
  hasOtherOwner(tenant: TenantId, person: PersonId): Promise<boolean>;
  /** Throws `passkey_required` for the host once the tenant has had a passkey, `forbidden` for whoever may not give these roles. */
  checkMayManage(tenant: TenantId, actor: PeopleActor, roles: readonly PersonRole[]): Promise<void>;
}

/** A person on the way to their commit. */
export interface PreparedPerson {
  readonly person: Person;
  readonly statements: readonly Statement[];
}

/** What {@link createPeople} needs. */
export interface PeopleDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly ids: IdSource;
  readonly clock: Clock;
}

/** People whose names are opened at a time: some 40 µs each. */
const STEP = 100;
/** Most people that a name is looked for among. */
const MAX_NAMED = 10_000;

/** Makes the service of people. */
export function createPeople({ recorder, reader, keys, ids, clock }: PeopleDependencies): People {
  const toPerson = async (tenant: TenantId, row: PersonRow): Promise<Person> => {
    const opened = await keys.openPersonal(tenant, row.subjectId, bindingOf(row.personId), row.sealedProfile);
    const profile: Profile = opened === undefined ? { name: "erased" } : (JSON.parse(fromUtf8(opened)) as Profile);
    return {
      id: row.personId,
      subject: row.subjectId,
      name: profile.name,
      email: profile.email ?? null,
      roles: JSON.parse(row.roles) as PersonRole[],
      status: row.status,
      createdAt: row.createdAt,
    };
  };

  /** Names are sealed: they are opened in steps, with everybody else's turn in between. */
  const list: People["list"] = async (tenant, { after = "", limit = 100 }) => {
    const rows = await readPeople(reader, tenant, after, limit);
    const people: Person[] = [];
    for (const [index, row] of rows.entries()) {
      if (index > 0 && index % STEP === 0) await new Promise((resolve) => setImmediate(resolve));
      people.push(await toPerson(tenant, row));
    }
    return people;
  };

  const findRow = async (tenant: TenantId, person: PersonId): Promise<PersonRow> => {
    const row = await readPerson(reader, tenant, person);
    if (row === undefined) throw new WritError("not_found");
    return row;
  };

  const findNamed = async (tenant: TenantId, named: string): Promise<Person> => {
    const wanted = named.toLowerCase();
    const everybody = await list(tenant, { limit: MAX_NAMED });
    const [found, another] = everybody.filter((person) => person.status !== "revoked" && goesBy(person, wanted));
    if (found === undefined) throw new WritError("not_found");
    if (another !== undefined) throw new WritError("invalid_argument", "several people go by that name: give the id");
    return found;
  };

  const checkMayManage: People["checkMayManage"] = async (tenant, actor, roles) => {
    if (actor.kind === "host") {
      if ((await readPeopleState(reader, tenant)) !== undefined) throw new WritError("passkey_required");
    } else if (!may(actor.roles, "people.write") || !mayGrant(actor.roles, roles)) {
      throw new WritError("forbidden", "nobody gives or takes a role that may do more than they may");
    }
  };

  /** Throws `last_owner` where the tenant has had a passkey and the statements would leave nobody who is an owner and has one. */
  const recordKeepingOwner = async (
    change: Omit<Parameters<Recorder["record"]>[0], "statements"> & { readonly statements: readonly Statement[] },
    touchesOwner: boolean,
  ): Promise<void> => {
    const { tenant, statements } = change;
    const guarded = touchesOwner && (await readHasUsablePasskey(reader, tenant));
    const result = await recorder.tryRecord({
      ...change,
      statements: guarded ? [...statements, expectOwnerLeft(tenant, clock.now())] : statements,
    });
    if (result.kind === "committed") return;
    if (guarded && result.reason === "conflict") throw new WritError("last_owner");
    throw new WritError(result.reason === "clock_behind" ? "clock_behind" : "conflict");
  };

  const everWithPasskey = { isKnown: false };
  const hasPasskey = async (): Promise<boolean> => {
    if (everWithPasskey.isKnown) return true;
    for (const { tenantId } of await readTenants(reader)) {
      if ((await readPeopleState(reader, tenantId)) !== undefined) everWithPasskey.isKnown = true;
    }
    return everWithPasskey.isKnown;
  };

  const approvalsHeldUntil = async (tenant: TenantId): Promise<number | undefined> => {
    const until = (await readPeopleState(reader, tenant))?.approvalsHeldUntil ?? 0;
    return until > clock.now() ? until : undefined;
  };

  return {
    list,
    show: async (tenant, named) =>
      isId("person", named) ? toPerson(tenant, await findRow(tenant, named)) : findNamed(tenant, named),
    findBySubject: async (tenant, subject) => {
      const row = await readPersonBySubject(reader, tenant, subject);
      return row === undefined ? undefined : toPerson(tenant, row);
    },
    prepare: async (tenant, person, status) => {
      const profile = parseProfile(person);
      const roles = parseRoles(person.roles);
      const personId = newId("person", ids);
      const subjectId = newId("subject", ids);
      const key = keys.createSubjectKey(tenant, subjectId);
      const sealedProfile = await keys.sealPersonal(
        tenant,
        subjectId,
        bindingOf(personId),
        utf8(canonicalize({ ...profile })),
      );
      const row: PersonRow = {
        personId,
        subjectId,
        sealedProfile,
        roles: JSON.stringify(roles),
        status,
        createdAt: clock.now(),
      };
      return { person: await toPerson(tenant, row), statements: [key, insertPerson(tenant, row)] };
    },
    setRoles: async (tenant, actor, personId, names) => {
      const roles = parseRoles(names);
      const row = await findRow(tenant, personId);
      const before = JSON.parse(row.roles) as PersonRole[];
      await checkMayManage(tenant, actor, [...before, ...roles]);
      if (row.status === "revoked") throw new WritError("conflict", "the person is revoked");
      const after = JSON.stringify(roles);
      if (after === row.roles) return;
      await recordKeepingOwner(
        {
          tenant,
          type: "person.roles_changed",
          actor: actor.subject,
          statements: [
            setPersonRoles(tenant, personId, row.roles, after),
            endSessionsOf(tenant, personId, clock.now()),
          ],
          data: { person: personId, subject: row.subjectId, roles, was: before },
          raisesEpoch: true,
        },
        before.includes("owner") && !roles.includes("owner"),
      );
    },
    revoke: async (tenant, actor, personId) => {
      const row = await findRow(tenant, personId);
      const roles = JSON.parse(row.roles) as PersonRole[];
      await checkMayManage(tenant, actor, roles);
      if (row.status === "revoked") return;
      const now = clock.now();
      await recordKeepingOwner(
        {
          tenant,
          type: "person.revoked",
          actor: actor.subject,
          statements: [
            revokePerson(tenant, personId),
            revokePasskeysOf(tenant, personId, now),
            endSessionsOf(tenant, personId, now),
            revokeLinks(tenant, personId, now),
            ...removeRecoveryCodes(tenant, personId),
          ],
          data: { person: personId, subject: row.subjectId, roles },
          raisesEpoch: true,
          ignoresClock: true,
        },
        roles.includes("owner"),
      );
    },
    hasPasskey,
    hasUsablePasskey: (tenant) => readHasUsablePasskey(reader, tenant),
    approvalsHeldUntil,
    hasOtherOwner: (tenant, person) => readHasOtherOwner(reader, tenant, person),
    checkMayManage,
  };
}

function goesBy({ name, email }: Person, wanted: string): boolean {
  return name.toLowerCase() === wanted || email?.toLowerCase() === wanted;
}

/** What a person's profile is sealed to: it opens in their own row alone. */
function bindingOf(person: PersonId): string {
  return `person ${person}`;
}

/** A person's name and e-mail as members of an event, sealed. */
export function personalOf(person: Person): { readonly name: Personal; readonly email?: Personal } {
  return {
    name: new Personal(person.subject, person.name),
    ...(person.email === null ? {} : { email: new Personal(person.subject, person.email) }),
  };
}
