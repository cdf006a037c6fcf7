import type { Recorder } from "#src/audit/recorder.ts";
import { fromUtf8, toBase64Url, utf8 } from "#src/base/bytes.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import {
  type IdSource,
  isId,
  newId,
  type PasskeyId,
  type PersonId,
  parseId,
  type SessionId,
  type SubjectId,
  type TenantId,
} from "#src/base/ids.ts";
import { isLoopbackAddress } from "#src/config/address-range.ts";
import { equalInConstantTime, hmacSha256, sha256 } from "#src/crypto/hash.ts";
import { readTenant } from "#src/store/instance.ts";
import { readPerson } from "#src/store/people.ts";
import type { Reader } from "#src/store/reader.ts";
import {
  endSession,
  endSessionsOf,
  insertSession,
  readOpenSessions,
  readSession,
  type SessionRow,
  touchSession,
} from "#src/store/sessions.ts";
import type { Statement } from "#src/store/unit.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import type { People, Person } from "./people.ts";
import type { PersonRole } from "./roles.ts";

/** The browser at the other end, as its request says. */
export interface Client {
  /** `User-Agent`, or nothing. */
  readonly browser: string;
  readonly address: string;
}

/** A signed-in person's session, as their requests prove it. */
export interface Session {
  readonly id: SessionId;
  readonly passkey: PasskeyId;
  /** What unsafe requests carry in `Writ-CSRF`: nobody has it who does not have the cookie's secret. */
  readonly csrfToken: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** A person, proven by their session. */
export interface PersonPrincipal {
  readonly kind: "person";
  readonly tenant: TenantId;
  readonly subject: SubjectId;
  readonly person: { readonly id: PersonId; readonly name: string; readonly roles: readonly PersonRole[] };
  readonly session: Session;
}

/** A session as its list shows it. */
export interface SessionInfo {
  readonly id: SessionId;
  readonly person: PersonId;
  readonly passkey: PasskeyId;
  readonly client: Client | undefined;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
}

/** A session on the way to its commit. */
export interface PreparedSession {
  readonly id: SessionId;
  /** The cookie's value, given out once. */
  readonly cookie: string;
  readonly statement: Statement;
  readonly principal: PersonPrincipal;
}

/** Proof that the passkey was shown again, moments ago. */
export interface Reauthentication {
  readonly proof: string;
  readonly expiresAt: number;
}

/** Sessions of people. */
export interface Sessions {
  /** A new session for somebody whose passkey has just answered; the unit with its statement makes it. */
  prepare(tenant: TenantId, person: Person, passkey: PasskeyId, client: Client): Promise<PreparedSession>;
  /**
   * Whoever presents the cookie; undefined for one that is malformed, unknown, ended, idle for too long, or presented by
   * another device than it was given to. The newest state counts: a session that was ended is dead for the next request.
   */
  authenticate(cookie: string, client: Client): Promise<PersonPrincipal | undefined>;
  /** Whoever proved it before, as of now; undefined where the session, its person or its tenant is over. For what lasts. */
  current(principal: PersonPrincipal): Promise<PersonPrincipal | undefined>;
  /** All of a tenant, or of one person, newest first. */
  list(tenant: TenantId, person?: PersonId): Promise<SessionInfo[]>;
  /** `not_found` for one that is not there, or not this person's where one is given. */
  end(tenant: TenantId, actor: SubjectId, session: string, person?: PersonId): Promise<void>;
  endAll(tenant: TenantId, actor: SubjectId, person: PersonId): Promise<void>;
  /** Proof for the session that its person's passkey has just answered: good for five minutes, and with this session alone. */
  prove(session: SessionId): Reauthentication;
  isProven(session: SessionId, proof: string): boolean;
}

/** What {@link createSessions} needs. */
export interface SessionsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly people: People;
  readonly keys: TenantKeys;
  readonly ids: IdSource;
  readonly clock: Clock;
  /** Whether cookies are bound to a secure origin; else they are bound to the device, as far as that can be told. */
  readonly isSecureOrigin: boolean;
}

/** A session ends when nothing is asked with it for so long, and after {@link ABSOLUTE_MS} whatever is. */
export const IDLE_MS = 3_600_000;
export const ABSOLUTE_MS = 12 * 3_600_000;
/** How long the passkey's answer counts for sensitive actions. */
export const REAUTHENTICATION_MS = 5 * 60_000;
/** The last use is written at most so often. */
const TOUCH_MS = 60_000;
const MAX_LISTED = 200;
const MAX_BROWSER = 256;
const COOKIE = /^([0-9a-hjkmnp-tv-z]{26})\.([0-9a-hjkmnp-tv-z]{26})\.([A-Za-z0-9_-]{43})$/;
const PROOF = /^([0-9]{13})\.([A-Za-z0-9_-]{43})$/;
/** What a secret is compared with when its session is unknown. */
const NO_HASH = new Uint8Array(32);

/** Makes the service of sessions. */
export function createSessions(dependencies: SessionsDependencies): Sessions {
  const { recorder, reader, people, keys, ids, clock, isSecureOrigin } = dependencies;
  // A restart asks for the passkey again: proofs are for minutes, and nothing of them is stored.
  const proofKey = ids.random(32);

  const deviceOf = (client: Client): Uint8Array | null => {
    if (isSecureOrigin) return null;
    // A browser reaches `localhost` by either of its addresses, now by one and now by the other.
    const place = isLoopbackAddress(client.address) ? "loopback" : client.address;
    return sha256("writ.device.v1\n", canonicalize([client.browser.toWellFormed(), place]));
  };

  const clientOf = async (tenant: TenantId, subject: SubjectId, row: SessionRow): Promise<Client | undefined> => {
    const opened = await keys.openPersonal(tenant, subject, bindingOf(row.sessionId), row.sealedClient);
    return opened === undefined ? undefined : (JSON.parse(fromUtf8(opened)) as Client);
  };

  const sign = (session: SessionId, expiresAt: number): string =>
    toBase64Url(hmacSha256(proofKey, canonicalize(["writ.reauthentication.v1", session, expiresAt])));

  /** The session's person, as long as session, tenant and person stand. */
  const personOf = async (tenant: TenantId, row: SessionRow): Promise<Person | undefined> => {
    const now = clock.now();
    if (row.endedAt !== null || row.expiresAt <= now || row.lastSeenAt + IDLE_MS <= now) return undefined;
    if ((await readTenant(reader, tenant))?.status !== "active") return undefined;
    const person = await people.show(tenant, row.personId);
    return person.status === "active" ? person : undefined;
  };

  const endOne = async (tenant: TenantId, actor: SubjectId, row: SessionRow): Promise<void> => {
    const result = await recorder.tryRecord({
      tenant,
      type: "session.ended",
      actor,
      statements: [endSession(tenant, row.sessionId, clock.now())],
      data: { session: row.sessionId, person: row.personId },
      ignoresClock: true,
    });
    // Ended by somebody else in the meantime: that is what was asked for.
    if (result.kind === "refused" && result.reason !== "conflict") throw new WritError("store_failed");
  };

  return {
    prepare: async (tenant, person, passkey, client) => {
      const now = clock.now();
      const id = newId("session", ids);
      const secret = toBase64Url(ids.random(32));
      const shown = { browser: client.browser.slice(0, MAX_BROWSER).toWellFormed(), address: client.address };
      const row: SessionRow = {
        sessionId: id,
        personId: person.id,
        passkeyId: passkey,
        hash: hashSecret(secret),
        sealedClient: await keys.sealPersonal(tenant, person.subject, bindingOf(id), utf8(canonicalize(shown))),
        device: deviceOf(client),
        createdAt: now,
        lastSeenAt: now,
        expiresAt: now + ABSOLUTE_MS,
        endedAt: null,
      };
      return {
        id,
        cookie: `${tenant.slice(4)}.${id.slice(4)}.${secret}`,
        statement: insertSession(tenant, row),
        principal: toPrincipal(tenant, person, row, secret),
      };
    },
    authenticate: async (cookie, client) => {
      const [, tenantPart, sessionPart, secret = ""] = COOKIE.exec(cookie) ?? [];
      const tenant = `ten_${tenantPart}`;
      const session = `ses_${sessionPart}`;
      if (!isId("tenant", tenant) || !isId("session", session)) return undefined;
      const row = await readSession(reader, tenant, session);
      const matches = equalInConstantTime(hashSecret(secret), row?.hash ?? NO_HASH);
      if (row === undefined || !matches) return undefined;
      const device = deviceOf(client);
      if (row.device !== null && (device === null || !equalInConstantTime(row.device, device))) return undefined;
      const person = await personOf(tenant, row);
      if (person === undefined) return undefined;
      const now = clock.now();
      if (now - row.lastSeenAt >= TOUCH_MS) recorder.touch([touchSession(tenant, session, now)]);
      return toPrincipal(tenant, person, row, secret);
    },
    current: async (principal) => {
      const { tenant, session } = principal;
      const row = await readSession(reader, tenant, session.id);
      const person = row === undefined ? undefined : await personOf(tenant, row);
      return person && { ...principal, person: { id: person.id, name: person.name, roles: person.roles } };
    },
    list: async (tenant, person) => {
      const rows = await readOpenSessions(reader, tenant, person, clock.now(), MAX_LISTED);
      const open = rows.filter((row) => row.lastSeenAt + IDLE_MS > clock.now());
      return Promise.all(
        open.map(async (row) => {
          const subject = (await readPerson(reader, tenant, row.personId))?.subjectId;
          return {
            id: row.sessionId,
            person: row.personId,
            passkey: row.passkeyId,
            client: subject === undefined ? undefined : await clientOf(tenant, subject, row),
            createdAt: row.createdAt,
            lastSeenAt: row.lastSeenAt,
            expiresAt: row.expiresAt,
          };
        }),
      );
    },
    end: async (tenant, actor, session, person) => {
      const row = await readSession(reader, tenant, parseId("session", session));
      if (row === undefined || (person !== undefined && row.personId !== person)) throw new WritError("not_found");
      if (row.endedAt === null) await endOne(tenant, actor, row);
    },
    endAll: async (tenant, actor, person) => {
      const row = await readPerson(reader, tenant, person);
      if (row === undefined) throw new WritError("not_found");
      await recorder.record({
        tenant,
        type: "person.signed_out_everywhere",
        actor,
        statements: [endSessionsOf(tenant, person, clock.now())],
        data: { person, subject: row.subjectId },
        ignoresClock: true,
      });
    },
    prove: (session) => {
      const expiresAt = clock.now() + REAUTHENTICATION_MS;
      return { proof: `${expiresAt}.${sign(session, expiresAt)}`, expiresAt };
    },
    isProven: (session, proof) => {
      const [, at = "", signature = ""] = PROOF.exec(proof) ?? [];
      const expiresAt = Number(at);
      const matches = equalInConstantTime(utf8(signature), utf8(sign(session, expiresAt)));
      return matches && expiresAt > clock.now();
    },
  };
}

function toPrincipal(tenant: TenantId, person: Person, row: SessionRow, secret: string): PersonPrincipal {
  return {
    kind: "person",
    tenant,
    subject: person.subject,
    person: { id: person.id, name: person.name, roles: person.roles },
    session: {
      id: row.sessionId,
      passkey: row.passkeyId,
      csrfToken: toBase64Url(hmacSha256(utf8(secret), "writ.csrf.v1")),
      createdAt: row.createdAt,
      expiresAt: row.expiresAt,
    },
  };
}

/** What a session's client is sealed to: it opens in its own row alone. */
function bindingOf(session: SessionId): string {
  return `session ${session}`;
}

function hashSecret(secret: string): Uint8Array {
  return sha256("writ.session.v1\n", secret);
}
