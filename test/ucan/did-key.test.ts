import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { base58btc } from "multiformats/bases/base58";
import { createSigner } from "#src/crypto/ed25519.ts";
import { formatDidKey, isDid, parseDidKey, tryParseDidKey } from "#src/ucan/did-key.ts";
import { codeOf, tenant } from "./support.ts";

describe("did:key", () => {
  test("goes there and back for any key", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const { publicKey } = createSigner(seed);
        expect(parseDidKey(formatDidKey(publicKey))).toEqual(publicKey);
      }),
      { numRuns: 50 },
    );
  });

  test("gives a copy: changing it does not change the next answer", () => {
    parseDidKey(tenant.did).fill(0);
    expect(parseDidKey(tenant.did)).toEqual(tenant.signer.publicKey);
  });

  test("refuses other forms, methods and keys", () => {
    const raw = base58btc.encode(tenant.signer.publicKey);
    const p256 = base58btc.encode(Uint8Array.of(0x80, 0x24, 2, ...tenant.signer.publicKey));
    for (const did of [
      "",
      "did:key:",
      "did:web:example.com",
      tenant.did.toUpperCase(),
      `${tenant.did}#${tenant.did.slice(8)}`,
      `${tenant.did} `,
      tenant.did.slice(0, -1),
      `${tenant.did}1`,
      tenant.did.replace("z6Mk", "z6Mz"),
      `did:key:${raw}`,
      `did:key:${p256}`,
      `did:key:u${Buffer.from(tenant.signer.publicKey).toString("base64url")}`,
    ]) {
      expect(tryParseDidKey(did)).toBeUndefined();
      expect(codeOf(() => parseDidKey(did))).toBe("invalid_argument");
    }
  });

  test("refuses keys of small order and keys that are not canonical", () => {
    const zero = new Uint8Array(32);
    const one = new Uint8Array(32);
    one[0] = 1;
    const beyondPrime = new Uint8Array(32).fill(0xff);
    for (const key of [zero, one, beyondPrime]) {
      expect(codeOf(() => formatDidKey(key))).toBe("invalid_argument");
      expect(tryParseDidKey(`did:key:${base58btc.encode(Uint8Array.of(0xed, 1, ...key))}`)).toBeUndefined();
    }
    expect(codeOf(() => formatDidKey(zero.subarray(1)))).toBe("invalid_argument");
  });

  test("knows the form of any DID", () => {
    for (const did of [tenant.did, "did:web:example.com", "did:web:a%3A8080:b"]) expect(isDid(did)).toBe(true);
    for (const text of [
      "did:",
      "did:web:",
      "did:Web:x",
      "did:web:x#k",
      "did:web:x/p",
      "x",
      null,
      1,
      `did:web:${"a".repeat(600)}`,
    ]) {
      expect(isDid(text)).toBe(false);
    }
  });
});
