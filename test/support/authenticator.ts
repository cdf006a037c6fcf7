import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { concatBytes, fromBase64Url, toBase64Url, utf8 } from "#src/base/bytes.ts";
import type {
  AssertionOptions,
  AssertionResponse,
  EnrolmentOptions,
  EnrolmentResponse,
} from "#src/consent/passkeys.ts";

/** What an authenticator, or the browser before it, does otherwise than it should. */
export interface Misbehaviour {
  /** The page's origin; the one that the authenticator was made with unless given. */
  readonly origin?: string;
  /** The RP id that is hashed into the answer. */
  readonly rpId?: string;
  readonly userVerified?: boolean;
  readonly userPresent?: boolean;
  /** The counter to answer with; the next one unless given. */
  readonly counter?: number;
  readonly challenge?: string;
  readonly crossOrigin?: boolean;
  readonly type?: string;
  readonly userHandle?: string;
  /** Signed instead of what is answered. */
  readonly signedBytes?: Uint8Array;
}

/** A passkey in memory. */
export interface SoftwarePasskey {
  readonly credentialId: string;
  readonly userHandle: string;
  /** COSE_Key. */
  readonly publicKey: Uint8Array;
}

/** An authenticator in software: what a browser with a platform authenticator answers (WebAuthn level 3, sections 5.1.3, 5.1.4). */
export interface Authenticator {
  /** `navigator.credentials.create`, attestation `none`. */
  create(options: EnrolmentOptions, wrong?: Misbehaviour): EnrolmentResponse;
  /** `navigator.credentials.get`; with the newest passkey that the options allow. Throws where there is none. */
  get(options: AssertionOptions, wrong?: Misbehaviour): AssertionResponse;
  readonly passkeys: readonly SoftwarePasskey[];
}

/** Its kind. */
export interface AuthenticatorOptions {
  readonly origin?: string;
  readonly algorithm?: "ES256" | "EdDSA" | "RS256";
  /** One that counts; else its counter stays 0, as that of a synced passkey does. */
  readonly counts?: boolean;
  readonly isBackedUp?: boolean;
}

interface Held extends SoftwarePasskey {
  readonly privateKey: KeyObject;
  readonly rpId: string;
  counter: number;
}

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const BACKUP_ELIGIBLE = 0x08;
const BACKED_UP = 0x10;
const ATTESTED = 0x40;

/** The origin of a server with the default settings. */
export const DEFAULT_ORIGIN = "http://localhost:8620";

/** Makes one with no passkey in it. */
export function createAuthenticator(options: AuthenticatorOptions = {}): Authenticator {
  const { origin = DEFAULT_ORIGIN, algorithm = "ES256", counts = true, isBackedUp = false } = options;
  const held: Held[] = [];
  const backup = isBackedUp ? BACKUP_ELIGIBLE | BACKED_UP : 0;

  const authenticatorData = (rpId: string, counter: number, wrong: Misbehaviour, attested?: Uint8Array): Uint8Array => {
    const flags =
      ((wrong.userPresent ?? true) ? USER_PRESENT : 0) |
      ((wrong.userVerified ?? true) ? USER_VERIFIED : 0) |
      backup |
      (attested === undefined ? 0 : ATTESTED);
    const count = new Uint8Array(4);
    new DataView(count.buffer).setUint32(0, wrong.counter ?? counter);
    return concatBytes(sha256(utf8(wrong.rpId ?? rpId)), Uint8Array.of(flags), count, attested ?? new Uint8Array(0));
  };

  const clientData = (type: string, challenge: string, wrong: Misbehaviour): Uint8Array =>
    utf8(
      JSON.stringify({
        type: wrong.type ?? type,
        challenge: wrong.challenge ?? challenge,
        origin: wrong.origin ?? origin,
        crossOrigin: wrong.crossOrigin ?? false,
      }),
    );

  return {
    passkeys: held,
    create: (asked, wrong = {}) => {
      const { publicKey, privateKey } = generateKey(algorithm);
      const id = new Uint8Array(randomBytes(32));
      const passkey: Held = {
        credentialId: toBase64Url(id),
        userHandle: asked.user.id,
        publicKey: coseKey(publicKey, algorithm),
        privateKey,
        rpId: asked.rp.id ?? new URL(origin).hostname,
        counter: 0,
      };
      held.push(passkey);
      const attested = concatBytes(
        new Uint8Array(16),
        Uint8Array.of(id.length >> 8, id.length & 0xff),
        id,
        passkey.publicKey,
      );
      const authData = authenticatorData(passkey.rpId, 0, wrong, attested);
      return {
        id: passkey.credentialId,
        rawId: passkey.credentialId,
        type: "public-key",
        clientExtensionResults: {},
        response: {
          clientDataJSON: toBase64Url(clientData("webauthn.create", asked.challenge, wrong)),
          attestationObject: toBase64Url(
            cborMap([
              [cborText("fmt"), cborText("none")],
              [cborText("attStmt"), cborMap([])],
              [cborText("authData"), cborBytes(authData)],
            ]),
          ),
          transports: ["internal"],
        },
      };
    },
    get: (asked, wrong = {}) => {
      const allowed = asked.allowCredentials ?? [];
      const passkey = held.findLast(
        ({ credentialId }) => allowed.length === 0 || allowed.some(({ id }) => id === credentialId),
      );
      if (passkey === undefined) throw new Error("the authenticator has no passkey that the options allow");
      if (counts) passkey.counter += 1;
      const data = authenticatorData(passkey.rpId, passkey.counter, wrong);
      const client = clientData("webauthn.get", asked.challenge, wrong);
      const signed = wrong.signedBytes ?? concatBytes(data, sha256(client));
      const signature = new Uint8Array(sign(algorithm === "EdDSA" ? null : "sha256", signed, passkey.privateKey));
      return {
        id: passkey.credentialId,
        rawId: passkey.credentialId,
        type: "public-key",
        clientExtensionResults: {},
        response: {
          clientDataJSON: toBase64Url(client),
          authenticatorData: toBase64Url(data),
          signature: toBase64Url(signature),
          userHandle: wrong.userHandle ?? passkey.userHandle,
        },
      };
    },
  };
}

function generateKey(algorithm: "ES256" | "EdDSA" | "RS256"): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  if (algorithm === "RS256") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** COSE_Key (RFC 9053 sections 7.1 and 7.2, RFC 8230 section 4) of a public key. */
function coseKey(key: KeyObject, algorithm: "ES256" | "EdDSA" | "RS256"): Uint8Array {
  const jwk = key.export({ format: "jwk" });
  const member = (name: "x" | "y" | "n" | "e"): Uint8Array => cborBytes(fromBase64Url(String(jwk[name])));
  if (algorithm === "EdDSA") {
    return cborMap([
      [cborInteger(1), cborInteger(1)],
      [cborInteger(3), cborInteger(-8)],
      [cborInteger(-1), cborInteger(6)],
      [cborInteger(-2), member("x")],
    ]);
  }
  if (algorithm === "RS256") {
    return cborMap([
      [cborInteger(1), cborInteger(3)],
      [cborInteger(3), cborInteger(-257)],
      [cborInteger(-1), member("n")],
      [cborInteger(-2), member("e")],
    ]);
  }
  return cborMap([
    [cborInteger(1), cborInteger(2)],
    [cborInteger(3), cborInteger(-7)],
    [cborInteger(-1), cborInteger(1)],
    [cborInteger(-2), member("x")],
    [cborInteger(-3), member("y")],
  ]);
}

/** The head of a CBOR item (RFC 8949 section 3) of up to 65,535. */
function cborHead(major: number, value: number): Uint8Array {
  const type = major << 5;
  if (value < 24) return Uint8Array.of(type | value);
  if (value < 256) return Uint8Array.of(type | 24, value);
  return Uint8Array.of(type | 25, value >> 8, value & 0xff);
}

function cborInteger(value: number): Uint8Array {
  return value < 0 ? cborHead(1, -1 - value) : cborHead(0, value);
}

function cborBytes(bytes: Uint8Array): Uint8Array {
  return concatBytes(cborHead(2, bytes.length), bytes);
}

function cborText(text: string): Uint8Array {
  return concatBytes(cborHead(3, text.length), utf8(text));
}

function cborMap(entries: readonly (readonly [Uint8Array, Uint8Array])[]): Uint8Array {
  return concatBytes(cborHead(5, entries.length), ...entries.flat());
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}
