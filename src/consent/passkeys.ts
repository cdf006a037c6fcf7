import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/server";
import { concatBytes, fromBase64Url, fromUtf8, toBase64Url, utf8 } from "#src/base/bytes.ts";
import type { Clock } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { type PasskeyId, type PersonId, parseId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { coseVerifier } from "#src/crypto/cose.ts";
import { sha256 } from "#src/crypto/hash.ts";
import {
  type PasskeyRow,
  readAllPasskeys,
  readPasskey,
  readPasskeyByCredential,
  readPasskeysOf,
  readPasskeyTenant,
  usePasskey,
} from "#src/store/passkeys.ts";
import { readPerson } from "#src/store/people.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Statement } from "#src/store/unit.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import { readClientData } from "./passkey-client-data.ts";

/** Options for `navigator.credentials.create` and `.get`, and what they answer, in the JSON forms of WebAuthn level 3. */
export type EnrolmentOptions = PublicKeyCredentialCreationOptionsJSON;
export type AssertionOptions = PublicKeyCredentialRequestOptionsJSON;
export type EnrolmentResponse = RegistrationResponseJSON;
export type AssertionResponse = AuthenticationResponseJSON;

/** An enrolled passkey. */
export interface Passkey {
  readonly id: PasskeyId;
  readonly person: PersonId;
  /** Base64url. */
  readonly credentialId: string;
  /** COSE_Key. */
  readonly publicKey: Uint8Array;
  /** COSE algorithm. */
  readonly algorithm: number;
  readonly aaguid: string;
  /** What its owner calls it. */
  readonly name: string;
  readonly isBackupEligible: boolean;
  /** Whether it exists elsewhere too: losing the device does not lose it. */
  readonly isBackedUp: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
  readonly revokedAt: number | null;
}

/** What a verified enrolment says of a new credential. */
export interface NewCredential {
  readonly credentialId: string;
  readonly publicKey: Uint8Array;
  readonly algorithm: number;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly aaguid: string;
  readonly isBackupEligible: boolean;
  readonly isBackedUp: boolean;
}

/** What an auditor needs to check an answer again: WebAuthn level 3 section 7.2, all base64url. */
export interface AssertionEvidence {
  readonly credential_id: string;
  readonly authenticator_data: string;
  readonly client_data: string;
  readonly signature: string;
}

/** An answer that verified. */
export interface VerifiedAssertion {
  readonly credential: PasskeyId;
  readonly evidence: AssertionEvidence;
  readonly counter: number;
  /** The counter and the last use: belongs into the unit that the answer is for, which fails where another was faster. */
  readonly statement: Statement;
}

/**
 * Passkeys: WebAuthn (level 3) with user verification required, for the origin and RP id of the public address.
 * Whoever asks for an answer makes the challenge and sees to it that it is used once.
 */
export interface Passkeys {
  /** @param exclude credentials that the authenticator must not have already */
  enrolmentOptions(
    user: { readonly person: PersonId; readonly name: string; readonly exclude: readonly Passkey[] },
    challenge: Uint8Array,
  ): EnrolmentOptions;
  /** Section 7.1. Throws `passkey_refused`. */
  verifyEnrolment(challenge: Uint8Array, response: EnrolmentResponse): Promise<NewCredential>;
  /** Options for the passkeys of a person. */
  assertionOptions(tenant: TenantId, person: PersonId, challenge: Uint8Array): Promise<AssertionOptions>;
  /** Options for whatever passkey the browser has for Writ. */
  discoverableOptions(challenge: Uint8Array): AssertionOptions;
  /**
   * Section 7.2: the answer is of a passkey of this person that was not removed, over this challenge, with the user
   * verified and a counter beyond the last. Throws `passkey_refused`.
   */
  verifyAssertion(
    tenant: TenantId,
    person: PersonId,
    challenge: Uint8Array,
    response: AssertionResponse,
  ): Promise<VerifiedAssertion>;
  /** Whose credential an answer says it is of; nothing of it is proven yet. */
  findOwner(response: AssertionResponse): Promise<{ readonly tenant: TenantId; readonly person: PersonId } | undefined>;
  /** Those of a person that are good, oldest first. */
  list(tenant: TenantId, person: PersonId): Promise<Passkey[]>;
  /** `not_found` for one that is not there, or not this person's where one is given. */
  show(tenant: TenantId, passkey: string, person?: PersonId): Promise<Passkey>;
  /** Every passkey of the tenant, removed ones included, in order of making. */
  all(tenant: TenantId): AsyncGenerator<Passkey, void, void>;
}

/** What {@link createPasskeys} needs. */
export interface PasskeysDependencies {
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly clock: Clock;
  /** Fixes origin and RP id. */
  readonly publicUrl: string;
}

/** EdDSA, ES256, RS256 (RFC 9053 section 2, RFC 8812), the preferred first. */
export const ALGORITHMS: readonly number[] = [-8, -7, -257];
/** Of a COSE_Key. */
const ALGORITHM_PARAMETER = 3;
const TIMEOUT_MS = 300_000;
const PAGE = 50;

/**
 * Makes the service of passkeys.
 *
 * NOTE: the library is loaded when a passkey is first used, by its files: its entry point also loads what reads the metadata of
 * vendors, which costs 60 ms instead of 15, and is not asked for where no attestation is.
 */
export function createPasskeys({ reader, keys, clock, publicUrl }: PasskeysDependencies): Passkeys {
  const origin = new URL(publicUrl).origin;
  const rpId = new URL(publicUrl).hostname;

  const toPasskey = async (tenant: TenantId, row: PasskeyRow): Promise<Passkey> => {
    const subject = (await readPerson(reader, tenant, row.personId))?.subjectId;
    return {
      id: row.passkeyId,
      person: row.personId,
      credentialId: row.credentialId,
      publicKey: row.publicKey,
      algorithm: row.algorithm,
      aaguid: row.aaguid,
      name: subject === undefined ? "erased" : await openName(tenant, subject, row),
      isBackupEligible: row.backupEligible === 1,
      isBackedUp: row.backedUp === 1,
      createdAt: row.createdAt,
      lastUsedAt: row.lastUsedAt,
      revokedAt: row.revokedAt,
    };
  };

  const openName = async (tenant: TenantId, subject: SubjectId, row: PasskeyRow): Promise<string> => {
    const opened = await keys.openPersonal(tenant, subject, passkeyBinding(row.passkeyId), row.sealedName);
    return opened === undefined ? "erased" : fromUtf8(opened);
  };

  const optionsFor = (
    challenge: Uint8Array,
    allowCredentials: NonNullable<AssertionOptions["allowCredentials"]>,
  ): AssertionOptions => ({
    rpId: usableRpId(publicUrl),
    challenge: toBase64Url(challenge),
    timeout: TIMEOUT_MS,
    userVerification: "required",
    allowCredentials,
  });

  const list: Passkeys["list"] = async (tenant, person) =>
    Promise.all((await readPasskeysOf(reader, tenant, person)).map((row) => toPasskey(tenant, row)));

  return {
    enrolmentOptions: ({ person, name, exclude }, challenge) => ({
      rp: { id: usableRpId(publicUrl), name: "Writ" },
      user: { id: toBase64Url(utf8(person)), name, displayName: name },
      challenge: toBase64Url(challenge),
      pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key" as const, alg })),
      timeout: TIMEOUT_MS,
      excludeCredentials: exclude.map(({ credentialId }) => ({ id: credentialId, type: "public-key" as const })),
      authenticatorSelection: {
        residentKey: "required",
        requireResidentKey: true,
        userVerification: "required",
      },
      attestation: "none",
    }),
    verifyEnrolment: async (challenge, response) => {
      readClientData(response.response?.clientDataJSON, { type: "webauthn.create", challenge, origin });
      const { verifyRegistrationResponse } = await import(
        "../../node_modules/@simplewebauthn/server/esm/registration/verifyRegistrationResponse.js"
      );
      const verified = await verifyRegistrationResponse({
        response,
        expectedChallenge: toBase64Url(challenge),
        expectedOrigin: origin,
        expectedRPID: rpId,
        requireUserVerification: true,
        supportedAlgorithmIDs: [...ALGORITHMS],
      }).catch(refused);
      if (!verified.verified) throw new WritError("passkey_refused");
      const { credential, aaguid, credentialDeviceType, credentialBackedUp } = verified.registrationInfo;
      return {
        credentialId: credential.id,
        publicKey: credential.publicKey,
        algorithm: await algorithmOf(credential.publicKey),
        counter: credential.counter,
        transports: (response.response.transports ?? []).slice(0, 8).map((transport) => String(transport).slice(0, 20)),
        aaguid,
        isBackupEligible: credentialDeviceType === "multiDevice",
        isBackedUp: credentialBackedUp,
      };
    },
    assertionOptions: async (tenant, person, challenge) => {
      const rows = await readPasskeysOf(reader, tenant, person);
      const allowCredentials = rows.map(({ credentialId, transports }) => ({
        id: credentialId,
        type: "public-key" as const,
        transports: JSON.parse(transports) as string[],
      }));
      return optionsFor(challenge, allowCredentials);
    },
    discoverableOptions: (challenge) => optionsFor(challenge, []),
    verifyAssertion: async (tenant, person, challenge, response) => {
      readClientData(response.response?.clientDataJSON, { type: "webauthn.get", challenge, origin });
      const row = await readPasskeyByCredential(reader, tenant, String(response.id));
      if (row === undefined || row.personId !== person || row.revokedAt !== null)
        throw new WritError("passkey_refused");
      const { userHandle } = response.response;
      if (userHandle !== undefined && userHandle !== toBase64Url(utf8(person))) throw new WritError("passkey_refused");
      const { verifyAuthenticationResponse } = await import(
        "../../node_modules/@simplewebauthn/server/esm/authentication/verifyAuthenticationResponse.js"
      );
      const verified = await verifyAuthenticationResponse({
        response,
        expectedChallenge: toBase64Url(challenge),
        expectedOrigin: origin,
        expectedRPID: rpId,
        requireUserVerification: true,
        credential: { id: row.credentialId, publicKey: Uint8Array.from(row.publicKey), counter: row.counter },
      }).catch(refused);
      if (!verified.verified || !verifiesForAuditors(row, response)) throw new WritError("passkey_refused");
      const { newCounter, credentialBackedUp } = verified.authenticationInfo;
      const { authenticatorData, clientDataJSON, signature } = response.response;
      return {
        credential: row.passkeyId,
        evidence: {
          credential_id: row.credentialId,
          authenticator_data: authenticatorData,
          client_data: clientDataJSON,
          signature,
        },
        counter: newCounter,
        statement: usePasskey(tenant, row.passkeyId, {
          from: row.counter,
          counter: newCounter,
          backedUp: credentialBackedUp ? 1 : 0,
          at: clock.now(),
        }),
      };
    },
    findOwner: async (response) => {
      const credentialId = String(response.id);
      const tenant = await readPasskeyTenant(reader, credentialId);
      if (tenant === undefined) return undefined;
      const row = await readPasskeyByCredential(reader, tenant, credentialId);
      return row === undefined || row.revokedAt !== null ? undefined : { tenant, person: row.personId };
    },
    list,
    show: async (tenant, passkey, person) => {
      const row = await readPasskey(reader, tenant, parseId("passkey", passkey));
      if (row === undefined || (person !== undefined && row.personId !== person)) throw new WritError("not_found");
      return toPasskey(tenant, row);
    },
    all: async function* (tenant) {
      let after = "";
      for (;;) {
        const rows = await readAllPasskeys(reader, tenant, after, PAGE);
        for (const row of rows) yield await toPasskey(tenant, row);
        const last = rows.at(-1);
        if (last === undefined || rows.length < PAGE) return;
        after = last.passkeyId;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

/**
 * The RP id of a public address. Throws `config_invalid` for one that browsers take no passkeys at: an IP address is no RP id
 * (WebAuthn level 3, section 5.1.3), and a page without TLS is no secure context unless it is this machine's.
 */
function usableRpId(publicUrl: string): string {
  const { hostname, protocol } = new URL(publicUrl);
  const isAddress = hostname.startsWith("[") || /^[0-9.]+$/.test(hostname);
  const isLocal = hostname === "localhost" || hostname.endsWith(".localhost");
  if (!isAddress && (protocol === "https:" || isLocal)) return hostname;
  throw new WritError(
    "config_invalid",
    "passkeys need `WRIT_PUBLIC_URL` to be https with a host name, or http://localhost",
  );
}

/** What a passkey's name is sealed to: it opens in its own row alone. */
export function passkeyBinding(passkey: PasskeyId): string {
  return `passkey ${passkey}`;
}

/**
 * The algorithm that a COSE_Key names (RFC 9052 section 7.1). A key that an auditor's verifier would not read is refused: the
 * library takes some that are cut off.
 */
async function algorithmOf(publicKey: Uint8Array): Promise<number> {
  const { decodeCredentialPublicKey } = await import(
    "../../node_modules/@simplewebauthn/server/esm/helpers/decodeCredentialPublicKey.js"
  );
  const algorithm = decodeCredentialPublicKey(Uint8Array.from(publicKey)).get(ALGORITHM_PARAMETER);
  if (typeof algorithm !== "number" || !ALGORITHMS.includes(algorithm)) throw new WritError("passkey_refused");
  try {
    coseVerifier(publicKey, algorithm);
  } catch (cause) {
    return refused(cause);
  }
  return algorithm;
}

/**
 * Whether the answer, exactly as it is kept, verifies by the code that auditors run. The library is more lenient about the
 * encoding of signatures: what it alone takes could be disowned later.
 */
function verifiesForAuditors({ publicKey, algorithm }: PasskeyRow, { response }: AssertionResponse): boolean {
  try {
    const signed = concatBytes(
      fromBase64Url(response.authenticatorData),
      sha256(fromBase64Url(response.clientDataJSON)),
    );
    return coseVerifier(publicKey, algorithm)(signed, fromBase64Url(response.signature));
  } catch (error) {
    if (isWritError(error)) return false;
    throw error;
  }
}

/** The library's reasons name what the browser sent: for the log alone. */
function refused(cause: unknown): never {
  throw new WritError("passkey_refused", undefined, { cause });
}
