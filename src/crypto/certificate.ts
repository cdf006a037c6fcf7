import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { bitString, element, integer, objectId, octetString, sequence, setOf, TRUE, time, utf8String } from "./der.ts";
import { sha256 } from "./hash.ts";
import { randomBytes } from "./random.ts";

/** A key of certificates: ECDSA on P-256, which every TLS client knows. */
export interface CertificateKey {
  /** PKCS #8. */
  readonly pem: string;
}

/** A host as a certificate names it. */
export type CertificateHost =
  | { readonly kind: "name"; readonly name: string }
  /** 4 or 16 bytes. */
  | { readonly kind: "address"; readonly bytes: Uint8Array };

/** How long something is valid, in milliseconds. */
export interface Validity {
  readonly from: number;
  readonly to: number;
}

const ECDSA_WITH_SHA256 = sequence(objectId("1.2.840.10045.4.3.2"));
const COMMON_NAME = objectId("2.5.4.3");
const SERIAL_BYTES = 16;
/** Tags of GeneralName (RFC 5280 section 4.2.1.6). */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;
/** A name that nothing has (RFC 6761 section 6.4): what an authority for no host is constrained to. */
const NO_HOST: CertificateHost = { kind: "name", name: "invalid" };

/** Makes a key. */
export function createCertificateKey(): CertificateKey {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { pem: privateKey.export({ type: "pkcs8", format: "pem" }) as string };
}

/** Whether a text is such a key. */
export function isCertificateKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyDetails?.namedCurve === "prime256v1";
  } catch {
    return false;
  }
}

/** The first characters of the key's identifier, for a name. */
export function shortKeyId(key: CertificateKey): string {
  return Buffer.from(keyIdOf(publicKeyOf(key)).subarray(0, 4)).toString("hex");
}

/**
 * The certificate of an authority (RFC 5280), signed by itself, as PEM. It may issue for `hosts` and what is below their
 * names, and for nothing else (section 4.2.1.10, critical), and for no other authority. Authorities of one key and name are
 * the same to a client: what one of them issued, any of them vouches for, within its own constraint.
 */
export function issueAuthority(
  key: CertificateKey,
  name: string,
  hosts: readonly CertificateHost[],
  validity: Validity,
): string {
  const subject = commonName(name);
  const permitted = (hosts.length === 0 ? [NO_HOST] : hosts).map((host) => sequence(subtree(host)));
  const spki = publicKeyOf(key);
  return certificate(key, {
    issuer: subject,
    subject,
    spki,
    validity,
    extensions: [
      extension("2.5.29.19", sequence(TRUE, integer(Uint8Array.of(0))), true),
      // keyCertSign: bit 5.
      extension("2.5.29.15", bitString(Uint8Array.of(0x04), 2), true),
      extension("2.5.29.30", sequence(element(0xa0, ...permitted)), true),
      extension("2.5.29.14", octetString(keyIdOf(spki))),
    ],
  });
}

/** The certificate of a server for one host, issued by the authority of this name and key, as PEM. */
export function issueServer(
  authority: CertificateKey,
  name: string,
  key: CertificateKey,
  host: CertificateHost,
  validity: Validity,
): string {
  return certificate(authority, {
    issuer: commonName(name),
    // RFC 5280 section 4.2.1.6: an empty subject makes the alternative name critical.
    subject: sequence(),
    spki: publicKeyOf(key),
    validity,
    extensions: [
      extension("2.5.29.19", sequence(), true),
      // digitalSignature: bit 0.
      extension("2.5.29.15", bitString(Uint8Array.of(0x80), 7), true),
      extension("2.5.29.37", sequence(objectId("1.3.6.1.5.5.7.3.1"))),
      extension("2.5.29.17", sequence(generalName(host)), true),
      extension("2.5.29.35", sequence(element(0x80, keyIdOf(publicKeyOf(authority))))),
    ],
  });
}

interface Content {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly validity: Validity;
  readonly extensions: readonly Uint8Array[];
}

function certificate(signer: CertificateKey, { issuer, subject, spki, validity, extensions }: Content): string {
  const content = sequence(
    element(0xa0, integer(Uint8Array.of(2))),
    integer(serial()),
    ECDSA_WITH_SHA256,
    issuer,
    sequence(time(validity.from), time(validity.to)),
    subject,
    spki,
    element(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", content, privateKeyOf(signer));
  const der = Buffer.from(sequence(content, ECDSA_WITH_SHA256, bitString(signature)));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** Positive, and of the same length always. */
function serial(): Uint8Array {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function commonName(name: string): Uint8Array {
  return sequence(setOf(sequence(COMMON_NAME, utf8String(name))));
}

function extension(id: string, value: Uint8Array, isCritical = false): Uint8Array {
  return sequence(objectId(id), ...(isCritical ? [TRUE] : []), octetString(value));
}

function generalName(host: CertificateHost): Uint8Array {
  return host.kind === "name" ? element(DNS_NAME, Buffer.from(host.name, "latin1")) : element(IP_ADDRESS, host.bytes);
}

/** An address as a subtree has a mask of as many bits. */
function subtree(host: CertificateHost): Uint8Array {
  if (host.kind === "name") return generalName(host);
  return element(IP_ADDRESS, host.bytes, new Uint8Array(host.bytes.length).fill(0xff));
}

function privateKeyOf({ pem }: CertificateKey): KeyObject {
  return createPrivateKey(pem);
}

function publicKeyOf(key: CertificateKey): Uint8Array {
  return new Uint8Array(createPublicKey(privateKeyOf(key)).export({ type: "spki", format: "der" }));
}

function keyIdOf(spki: Uint8Array): Uint8Array {
  return sha256(spki).subarray(0, 20);
}
