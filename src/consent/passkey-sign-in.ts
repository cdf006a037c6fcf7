import type { Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { IdSource, PersonId, SessionId, TenantId } from "#src/base/ids.ts";
import type { People } from "#src/identity/people.ts";
import type { Client, PersonPrincipal, PreparedSession, Reauthentication, Sessions } from "#src/identity/sessions.ts";
import { readTenant } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import { endSession } from "#src/store/sessions.ts";
import type { Statement } from "#src/store/unit.ts";
import { createCeremonies, createOpenCeremonies } from "./passkey-ceremonies.ts";
import type { AssertionOptions, AssertionResponse, Passkeys } from "./passkeys.ts";

/** Whoever has just signed in: the cookie to give them, and proof for what is sensitive. */
export interface SignedIn {
  readonly cookie: string;
  readonly principal: PersonPrincipal;
  readonly reauthentication: Reauthentication;
}

/** Signing in with a passkey, and showing it again. */
export interface SignIn {
  /** Options for whatever passkey the browser has for Writ: nobody names themselves first. */
  options(): AssertionOptions;
  /**
   * A new session for whoever answered; the one that the browser had before is ended with it. Throws `passkey_refused` for
   * any answer that is not right, whatever is wrong with it.
   */
  signIn(response: AssertionResponse, client: Client, before: PersonPrincipal | undefined): Promise<SignedIn>;
  /** The tenant of the credential that an answer says it is of: where its refusal is counted. */
  tenantOf(response: AssertionResponse): Promise<TenantId | undefined>;
  /** Options for the passkeys of whoever is signed in. */
  reauthenticationOptions(principal: PersonPrincipal): Promise<AssertionOptions>;
  /** Throws `passkey_refused`. */
  reauthenticate(principal: PersonPrincipal, response: AssertionResponse): Promise<Reauthentication>;
}

/** What {@link createSignIn} needs. */
export interface SignInDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly people: People;
  readonly sessions: Sessions;
  readonly passkeys: Passkeys;
  readonly ids: IdSource;
  readonly clock: Clock;
}

/** The session that a passkey was asked for again in. */
interface Asked {
  readonly tenant: TenantId;
  readonly session: SessionId;
}

/** Makes the service. */
export function createSignIn(dependencies: SignInDependencies): SignIn {
  const { recorder, reader, people, sessions, passkeys, ids, clock } = dependencies;
  const signIns = createOpenCeremonies(ids, clock);
  const reauthentications = createCeremonies<Asked>(ids, clock, ({ session }) => session);

  const ownerOf = async (response: AssertionResponse): Promise<{ tenant: TenantId; person: PersonId }> => {
    const owner = await passkeys.findOwner(response);
    if (owner === undefined) throw new WritError("passkey_refused");
    if ((await readTenant(reader, owner.tenant))?.status !== "active") throw new WritError("passkey_refused");
    return owner;
  };

  return {
    options: () => passkeys.discoverableOptions(signIns.begin()),
    tenantOf: async (response) => (await passkeys.findOwner(response))?.tenant,
    signIn: async (response, client, before) => {
      const challenge = signIns.read(response.response?.clientDataJSON);
      const owner = await ownerOf(response);
      const verified = await passkeys.verifyAssertion(owner.tenant, owner.person, challenge, response);
      signIns.spend(challenge);
      const person = await people.show(owner.tenant, owner.person);
      if (person.status !== "active") throw new WritError("passkey_refused");
      const session = await sessions.prepare(owner.tenant, person, verified.credential, client);
      await recorder.record({
        tenant: owner.tenant,
        type: "session.started",
        actor: person.subject,
        statements: [
          verified.statement,
          session.statement,
          ...(before?.tenant === owner.tenant ? endOf(before, clock.now()) : []),
        ],
        data: { session: session.id, person: person.id, subject: person.subject, passkey: verified.credential },
      });
      if (before !== undefined && before.tenant !== owner.tenant) {
        await sessions.end(before.tenant, before.subject, before.session.id);
      }
      return signedIn(sessions, session);
    },
    reauthenticationOptions: async ({ tenant, person, session }) => {
      const challenge = reauthentications.begin({ tenant, session: session.id });
      return passkeys.assertionOptions(tenant, person.id, challenge);
    },
    reauthenticate: async ({ tenant, subject, person, session }, response) => {
      const taken = reauthentications.take(response.response?.clientDataJSON);
      const isOurs = taken.subject.session === session.id && taken.subject.tenant === tenant;
      if (!isOurs) throw new WritError("passkey_refused");
      const verified = await passkeys.verifyAssertion(tenant, person.id, taken.challenge, response);
      await recorder.record({
        tenant,
        type: "session.reauthenticated",
        actor: subject,
        statements: [verified.statement],
        data: { session: session.id, person: person.id, passkey: verified.credential },
      });
      return sessions.prove(session.id);
    },
  };
}

/** What goes out with a new session. */
export function signedIn(sessions: Sessions, session: PreparedSession): SignedIn {
  return { cookie: session.cookie, principal: session.principal, reauthentication: sessions.prove(session.id) };
}

/** Ends the session that a browser had before, unless something else did. */
function endOf({ tenant, session }: PersonPrincipal, now: number): readonly Statement[] {
  const { sql, params } = endSession(tenant, session.id, now);
  return [{ sql, params }];
}
