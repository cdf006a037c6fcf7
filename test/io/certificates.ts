import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** A certificate and its key, PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority of its own and a certificate that it issued, made anew for each run: X.509 v3, P-256. */
export interface TestAuthority {
  readonly ca: string;
  issue(names: { readonly dns?: string; readonly ip?: readonly number[] }): TestCertificate;
}

const ECDSA_SHA256 = der(0x30, oid("2a8648ce3d040302"));

export function createTestAuthority(): TestAuthority {
  const authority = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = commonName("Test authority");
  const constraints = extension("551d13", der(0x30, der(0x01, Uint8Array.of(0xff))));
  const ca = certificate({
    serial: 1,
    issuer,
    subject: issuer,
    publicKey: authority.publicKey,
    extensions: [constraints],
    signer: authority.privateKey,
  });
  let serial = 1;
  return {
    ca,
    issue(names) {
      serial += 1;
      const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const dns = names.dns === undefined ? [] : [der(0x82, Buffer.from(names.dns, "latin1"))];
      const ip = names.ip === undefined ? [] : [der(0x87, Uint8Array.from(names.ip))];
      const cert = certificate({
        serial,
        issuer,
        subject: commonName("Test server"),
        publicKey: pair.publicKey,
        extensions: [extension("551d11", der(0x30, ...dns, ...ip))],
        signer: authority.privateKey,
      });
      return { cert, key: pair.privateKey.export({ format: "pem", type: "pkcs8" }).toString() };
    },
  };
}

interface CertificateFields {
  readonly serial: number;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Uint8Array[];
  readonly signer: KeyObject;
}

/** RFC 5280 section 4.1. */
function certificate(fields: CertificateFields): string {
  const day = 86_400_000;
  const validity = der(0x30, utcTime(Date.now() - day), utcTime(Date.now() + 30 * day));
  const body = der(
    0x30,
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(fields.serial)),
    ECDSA_SHA256,
    fields.issuer,
    validity,
    fields.subject,
    createPublicKey(fields.publicKey.export({ format: "pem", type: "spki" })).export({ format: "der", type: "spki" }),
    der(0xa3, der(0x30, ...fields.extensions)),
  );
  const signature = sign("sha256", body, fields.signer);
  const whole = der(0x30, body, ECDSA_SHA256, der(0x03, Uint8Array.of(0), signature));
  const lines =
    Buffer.from(whole)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...length), content]);
}

function oid(hex: string): Uint8Array {
  return der(0x06, Buffer.from(hex, "hex"));
}

function commonName(name: string): Uint8Array {
  return der(0x30, der(0x31, der(0x30, oid("550403"), der(0x0c, Buffer.from(name)))));
}

function extension(id: string, value: Uint8Array): Uint8Array {
  return der(0x30, oid(id), der(0x01, Uint8Array.of(0xff)), der(0x04, value));
}

function utcTime(milliseconds: number): Uint8Array {
  const text = new Date(milliseconds).toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${text}Z`));
}
