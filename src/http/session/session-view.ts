import { toRfc3339 } from "#src/base/clock.ts";
import type { SignedIn } from "#src/consent/passkey-sign-in.ts";
import type { Passkey } from "#src/consent/passkeys.ts";
import { permissionsOf } from "#src/identity/roles.ts";
import { ABSOLUTE_MS, type PersonPrincipal, type Reauthentication, type SessionInfo } from "#src/identity/sessions.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { sessionCookie } from "./cookie.ts";

type View = Readonly<Record<string, unknown>>;

/** Who is signed in, what they may do, and the token that their page's requests carry. */
export function renderPrincipal({ person, subject, session }: PersonPrincipal): View {
  return {
    person: { id: person.id, name: person.name, roles: person.roles, subject },
    permissions: permissionsOf(person.roles),
    session: { id: session.id, expires_at: toRfc3339(session.expiresAt) },
    csrf_token: session.csrfToken,
  };
}

/** Proof that the passkey was shown: the page sends it in `Writ-Reauthentication`, and keeps it for its tab alone. */
export function renderReauthentication({ proof, expiresAt }: Reauthentication): View {
  return { proof, expires_at: toRfc3339(expiresAt) };
}

/** The answer that signs a browser in. */
export function signedInReply(exchange: Exchange, { cookie, principal, reauthentication }: SignedIn): Reply {
  return {
    status: 201,
    json: { ...renderPrincipal(principal), reauthentication: renderReauthentication(reauthentication) },
    headers: { "set-cookie": sessionCookie(exchange.config.publicUrl).set(cookie, ABSOLUTE_MS / 1000) },
  };
}

/** A passkey in its owner's list, or in that of whoever manages people. */
export function renderPasskey(passkey: Passkey): View {
  return {
    id: passkey.id,
    name: passkey.name,
    credential_id: passkey.credentialId,
    aaguid: passkey.aaguid,
    backup_eligible: passkey.isBackupEligible,
    backed_up: passkey.isBackedUp,
    created_at: toRfc3339(passkey.createdAt),
    ...(passkey.lastUsedAt === null ? {} : { last_used_at: toRfc3339(passkey.lastUsedAt) }),
    ...(passkey.revokedAt === null ? {} : { removed_at: toRfc3339(passkey.revokedAt) }),
  };
}

/** A session in a list. */
export function renderSession(session: SessionInfo, current?: string): View {
  return {
    id: session.id,
    person: session.person,
    passkey: session.passkey,
    browser: session.client?.browser ?? "",
    address: session.client?.address ?? "",
    created_at: toRfc3339(session.createdAt),
    last_seen_at: toRfc3339(session.lastSeenAt),
    expires_at: toRfc3339(session.expiresAt),
    ...(current === undefined ? {} : { current: session.id === current }),
  };
}
