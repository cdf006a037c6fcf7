import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import fc from "fast-check";
import { concatBytes, fromHex, utf8 } from "#src/base/bytes.ts";
import { COSE_ALGORITHMS, coseVerifier } from "#src/crypto/cose.ts";

const MESSAGE = utf8("what was signed");
const bytes = (text: string | undefined) => new Uint8Array(Buffer.from(text ?? "", "base64url"));

/** {1: kty, 3: alg, -1: first, -2: second, -3?: third} in CBOR. */
function key(kty: number, alg: Uint8Array, first: Uint8Array, second: Uint8Array, third?: Uint8Array): Uint8Array {
  const text = (value: Uint8Array) =>
    value.length < 256
      ? concatBytes(Uint8Array.of(0x58, value.length), value)
      : concatBytes(Uint8Array.of(0x59, value.length >> 8, value.length & 255), value);
  const isCurve = first.length === 1;
  return concatBytes(
    Uint8Array.of(third === undefined ? 0xa4 : 0xa5, 1, kty, 3),
    alg,
    Uint8Array.of(0x20),
    isCurve ? first : text(first),
    Uint8Array.of(0x21),
    text(second),
    ...(third === undefined ? [] : [Uint8Array.of(0x22), text(third)]),
  );
}

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ecJwk = ec.publicKey.export({ format: "jwk" });
const EC_KEY = key(2, Uint8Array.of(0x26), Uint8Array.of(1), bytes(ecJwk.x), bytes(ecJwk.y));
const ED_KEY = key(1, Uint8Array.of(0x27), Uint8Array.of(6), bytes(ed.publicKey.export({ format: "jwk" }).x));
const rsaJwk = rsa.publicKey.export({ format: "jwk" });
const RSA_KEY = key(3, fromHex("390100"), bytes(rsaJwk.n), bytes(rsaJwk.e));

const KINDS = [
  ["ES256", EC_KEY, COSE_ALGORITHMS.es256, new Uint8Array(sign("sha256", MESSAGE, ec.privateKey))],
  ["EdDSA", ED_KEY, COSE_ALGORITHMS.eddsa, new Uint8Array(sign(null, MESSAGE, ed.privateKey))],
  ["RS256", RSA_KEY, COSE_ALGORITHMS.rs256, new Uint8Array(sign("sha256", MESSAGE, rsa.privateKey))],
] as const;

describe("a COSE key", () => {
  test.each(KINDS)("of %s verifies its signatures and no others", (_name, encoded, algorithm, signature) => {
    const verify = coseVerifier(encoded, algorithm);
    expect(verify(MESSAGE, signature)).toBe(true);
    expect(verify(utf8("something else"), signature)).toBe(false);
    expect(verify(MESSAGE, new Uint8Array(0))).toBe(false);
    for (const at of [0, 1, signature.length - 1]) {
      const changed = Uint8Array.from(signature, (byte, i) => (i === at ? byte ^ 1 : byte));
      expect(verify(MESSAGE, changed)).toBe(false);
    }
  });

  test("is taken for the algorithm that it states alone", () => {
    for (const [, encoded, algorithm] of KINDS) {
      for (const other of [-7, -8, -257, -37].filter((each) => each !== algorithm)) {
        expect(() => coseVerifier(encoded, other)).toThrow();
      }
    }
    const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
    expect(() => coseVerifier(key(3, fromHex("390100"), bytes(short.n), bytes(short.e)), -257)).toThrow();
    const off = key(2, Uint8Array.of(0x26), Uint8Array.of(1), new Uint8Array(32).fill(1), new Uint8Array(32).fill(1));
    expect(() => coseVerifier(off, -7)).toThrow();
  });

  test("cut, lengthened or made up is refused with one code, whatever the bytes are", () => {
    for (let length = 0; length < EC_KEY.length; length += 1) {
      expect(() => coseVerifier(EC_KEY.subarray(0, length), -7)).toThrow();
    }
    expect(() => coseVerifier(concatBytes(EC_KEY, Uint8Array.of(0)), -7)).toThrow();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (made) => {
        try {
          coseVerifier(made, -8);
        } catch (error) {
          expect((error as { code?: string }).code).toBe("crypto_failed");
        }
      }),
    );
  });
});
