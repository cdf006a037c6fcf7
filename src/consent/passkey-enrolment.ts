import { Personal, type Recorder } from "#src/audit/recorder.ts";
import { toBase64Url, utf8 } from "#src/base/bytes.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { type IdSource, type LinkId, newId, type PasskeyId, type PersonId, type TenantId } from "#src/base/ids.ts";
import type { Invitations, OpenLink } from "#src/identity/invitations.ts";
import { type People, type Person, type PreparedPerson, personalOf } from "#src/identity/people.ts";
import { parseLabel } from "#src/identity/profile.ts";
import type { PersonRole } from "#src/identity/roles.ts";
import type { Client, PersonPrincipal, Sessions } from "#src/identity/sessions.ts";
import { readTenant } from "#src/store/instance.ts";
import { insertPasskey, renamePasskey, revokePasskey } from "#src/store/passkeys.ts";
import {
  activatePerson,
  expectOwnerLeft,
  noteFirstPasskey,
  readPeopleState,
  revokeOtherLinks,
  useLink,
} from "#src/store/people.ts";
import type { Reader } from "#src/store/reader.ts";
import { endSessionsWith } from "#src/store/sessions.ts";
import type { Statement } from "#src/store/unit.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import { createCeremonies } from "./passkey-ceremonies.ts";
import { type SignedIn, signedIn } from "./passkey-sign-in.ts";
import {
  type EnrolmentOptions,
  type EnrolmentResponse,
  type NewCredential,
  type Passkey,
  type Passkeys,
  passkeyBinding,
} from "./passkeys.ts";

/** What a one-time link is for, as its page shows it. */
export interface LinkView {
  readonly kind: OpenLink["kind"];
  readonly tenantName: string;
  readonly expiresAt: number;
  /** Who it is for; nobody yet for a tenant's first owner, who says who they are. */
  readonly person: { readonly name: string; readonly roles: readonly PersonRole[] } | undefined;
}

/** Enrolling passkeys, by a one-time link or signed in; naming and removing them. */
export interface Enrolment {
  /** Does not use the link. `link_invalid`. */
  describe(link: string): Promise<LinkView>;
  /** @param owner how a tenant's first owner wants to be called; for a set-up link alone */
  options(link: string, owner?: { readonly name: string; readonly email?: string }): Promise<EnrolmentOptions>;
  /** Uses the link, enrols the passkey and signs in, all or nothing. `link_invalid`, `passkey_refused`. */
  enrol(link: string, response: EnrolmentResponse, name: string, client: Client): Promise<SignedIn>;
  /** Options for one more passkey of whoever is signed in. */
  addOptions(principal: PersonPrincipal): Promise<EnrolmentOptions>;
  add(principal: PersonPrincipal, response: EnrolmentResponse, name: string): Promise<Passkey>;
  rename(principal: PersonPrincipal, passkey: string, name: string): Promise<Passkey>;
  /** Ends the sessions that it opened. Throws `last_owner` for the last passkey of the last owner who has one. */
  remove(tenant: TenantId, actor: PersonPrincipal, person: PersonId, passkey: string): Promise<void>;
}

/** What {@link createEnrolment} needs. */
export interface EnrolmentDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly people: People;
  readonly invitations: Invitations;
  readonly sessions: Sessions;
  readonly passkeys: Passkeys;
  readonly keys: TenantKeys;
  readonly ids: IdSource;
  readonly clock: Clock;
  /** What the passkeys are for. */
  readonly publicUrl: string;
}

/** What an answer was asked for. */
interface Purpose {
  readonly tenant: TenantId;
  readonly person: Person;
  /** Makes the person, where they are a tenant's first owner. */
  readonly statements: readonly Statement[];
  readonly by: { readonly link: LinkId } | { readonly session: PersonPrincipal["session"]["id"] };
}

/** Most passkeys that one person has. */
const MAX_PASSKEYS = 20;

/** Makes the service. */
export function createEnrolment(dependencies: EnrolmentDependencies): Enrolment {
  const { recorder, reader, people, invitations, sessions, passkeys, keys, ids, clock, publicUrl } = dependencies;
  const ceremonies = createCeremonies<Purpose>(ids, clock, ({ by }) => ("link" in by ? by.link : by.session));

  const begin = async (purpose: Purpose): Promise<EnrolmentOptions> => {
    const { tenant, person } = purpose;
    const exclude = await passkeys.list(tenant, person.id);
    if (exclude.length >= MAX_PASSKEYS) throw new WritError("conflict", `at most ${MAX_PASSKEYS} passkeys a person`);
    return passkeys.enrolmentOptions({ person: person.id, name: person.name, exclude }, ceremonies.begin(purpose));
  };

  const prepareOwner = (tenant: TenantId, owner: { readonly name: string; readonly email?: string } | undefined) => {
    if (owner === undefined)
      throw new WritError("invalid_argument", "`name` is missing: the first owner says who they are");
    return people.prepare(tenant, { ...owner, roles: ["owner"] }, "active");
  };

  const personOf = async (
    { tenant, person }: OpenLink,
    owner: { readonly name: string; readonly email?: string } | undefined,
  ): Promise<PreparedPerson> => {
    if (person === null) return prepareOwner(tenant, owner);
    const found = await people.show(tenant, person);
    if (found.status === "revoked") throw new WritError("link_invalid");
    return { person: found, statements: [] };
  };

  /** What a unit needs to enrol a verified credential, and what its event says. */
  const prepare = async (purpose: Purpose, credential: NewCredential, name: string) => {
    const { tenant, person } = purpose;
    const label = parseLabel(name, "passkey_name");
    const id = newId("passkey", ids);
    const now = clock.now();
    const sealedName = await keys.sealPersonal(tenant, person.subject, passkeyBinding(id), utf8(label));
    const statements = insertPasskey(tenant, {
      passkeyId: id,
      personId: person.id,
      credentialId: credential.credentialId,
      publicKey: credential.publicKey,
      algorithm: credential.algorithm,
      counter: credential.counter,
      transports: JSON.stringify(credential.transports),
      aaguid: credential.aaguid,
      sealedName,
      backupEligible: credential.isBackupEligible ? 1 : 0,
      backedUp: credential.isBackedUp ? 1 : 0,
      createdAt: now,
      lastUsedAt: null,
      revokedAt: null,
    });
    const data = {
      ...describeCredential(id, person, credential, publicUrl),
      ...personalOf(person),
      passkey_name: new Personal(person.subject, label),
    };
    return { id, statements: [...purpose.statements, ...statements, noteFirstPasskey(tenant, now)], data };
  };

  return {
    describe: async (text) => {
      const link = await invitations.open(text);
      const person = link.person === null ? undefined : await people.show(link.tenant, link.person);
      return {
        kind: link.kind,
        tenantName: (await readTenant(reader, link.tenant))?.name ?? "",
        expiresAt: link.expiresAt,
        person: person === undefined ? undefined : { name: person.name, roles: person.roles },
      };
    },
    options: async (text, owner) => {
      const link = await invitations.open(text);
      const { person, statements } = await personOf(link, owner);
      return begin({ tenant: link.tenant, person, statements, by: { link: link.id } });
    },
    enrol: async (text, response, name, client) => {
      const link = await invitations.open(text);
      const { challenge, subject: purpose } = ceremonies.take(response.response?.clientDataJSON);
      if (!("link" in purpose.by) || purpose.by.link !== link.id) throw new WritError("passkey_refused");
      const { tenant, person } = purpose;
      const credential = await passkeys.verifyEnrolment(challenge, response);
      const enrolled = await prepare(purpose, credential, name);
      const session = await sessions.prepare(tenant, person, enrolled.id, client);
      const now = clock.now();
      // Whatever the host handed out before there was anybody to ask is void from here on.
      const isFirst = (await readPeopleState(reader, tenant)) === undefined;
      if (isFirst && !person.roles.includes("owner")) {
        throw new WritError("conflict", "the first to enrol is an owner");
      }
      const result = await recorder.tryRecord({
        tenant,
        type: "passkey.enrolled",
        actor: person.subject,
        statements: [
          useLink(tenant, link.id, now),
          ...enrolled.statements,
          activatePerson(tenant, person.id),
          ...(isFirst ? [revokeOtherLinks(tenant, now)] : []),
          session.statement,
        ],
        data: { ...enrolled.data, by: link.kind, link: link.id, session: session.id },
        raisesEpoch: true,
      });
      if (result.kind === "refused") throw refusedEnrolment(result.reason, "link_invalid");
      return signedIn(sessions, session);
    },
    addOptions: async ({ tenant, person, session }) =>
      begin({ tenant, person: await people.show(tenant, person.id), statements: [], by: { session: session.id } }),
    add: async ({ tenant, subject, session }, response, name) => {
      const { challenge, subject: purpose } = ceremonies.take(response.response?.clientDataJSON);
      const isOurs = "session" in purpose.by && purpose.by.session === session.id && purpose.tenant === tenant;
      if (!isOurs) throw new WritError("passkey_refused");
      const credential = await passkeys.verifyEnrolment(challenge, response);
      const enrolled = await prepare(purpose, credential, name);
      const result = await recorder.tryRecord({
        tenant,
        type: "passkey.enrolled",
        actor: subject,
        statements: [...enrolled.statements, activatePerson(tenant, purpose.person.id)],
        data: { ...enrolled.data, by: "session", session: session.id },
        raisesEpoch: true,
      });
      if (result.kind === "refused") throw refusedEnrolment(result.reason, "passkey_refused");
      return passkeys.show(tenant, enrolled.id);
    },
    rename: async ({ tenant, subject, person }, passkey, name) => {
      const found = await passkeys.show(tenant, passkey, person.id);
      const label = parseLabel(name, "name");
      const sealedName = await keys.sealPersonal(tenant, subject, passkeyBinding(found.id), utf8(label));
      await recorder.record({
        tenant,
        type: "passkey.renamed",
        actor: subject,
        statements: [renamePasskey(tenant, found.id, sealedName)],
        data: { passkey: found.id, person: person.id, passkey_name: new Personal(subject, label) },
      });
      return passkeys.show(tenant, found.id);
    },
    remove: async (tenant, actor, personId, passkey) => {
      const found = await passkeys.show(tenant, passkey, personId);
      if (found.revokedAt !== null) return;
      const person = await people.show(tenant, personId);
      if (person.subject !== actor.subject) {
        await people.checkMayManage(
          tenant,
          { kind: "person", subject: actor.subject, roles: actor.person.roles },
          person.roles,
        );
      }
      const now = clock.now();
      const result = await recorder.tryRecord({
        tenant,
        type: "passkey.removed",
        actor: actor.subject,
        statements: [
          revokePasskey(tenant, found.id, now),
          endSessionsWith(tenant, found.id, now),
          expectOwnerLeft(tenant, now),
        ],
        data: { passkey: found.id, person: person.id, subject: person.subject, credential_id: found.credentialId },
        raisesEpoch: true,
        ignoresClock: true,
      });
      if (result.kind === "refused") throw refusedEnrolment(result.reason, "last_owner");
    },
  };
}

/** What an auditor needs later to check what the passkey signs: its id, key and where it was enrolled for. */
function describeCredential(id: PasskeyId, person: Person, credential: NewCredential, publicUrl: string): JsonObject {
  return {
    passkey: id,
    person: person.id,
    subject: person.subject,
    roles: [...person.roles],
    credential_id: credential.credentialId,
    public_key: toBase64Url(credential.publicKey),
    algorithm: credential.algorithm,
    counter: credential.counter,
    aaguid: credential.aaguid,
    backup_eligible: credential.isBackupEligible,
    backed_up: credential.isBackedUp,
    rp_id: new URL(publicUrl).hostname,
    origin: new URL(publicUrl).origin,
  };
}

function refusedEnrolment(reason: string, code: "link_invalid" | "passkey_refused" | "last_owner"): WritError {
  return new WritError(reason === "clock_behind" ? "clock_behind" : code);
}
