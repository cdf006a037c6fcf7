import { describe, expect, test } from "bun:test";
import * as noble from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { concatBytes, fromHex, toHex, utf8 } from "#src/base/bytes.ts";
import {
  createSigner,
  type Ed25519Backend,
  isAcceptableKey,
  nativeBackend,
  nobleBackend,
  verifySignature,
} from "#src/crypto/ed25519.ts";
import { randomBytes } from "#src/crypto/random.ts";

const BACKENDS: readonly (readonly [string, Ed25519Backend])[] = [
  ["native", nativeBackend],
  ["noble", nobleBackend],
];
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const FIELD_PRIME = 2n ** 255n - 19n;
const message = utf8("pay 1");

function encode(value: bigint): Uint8Array<ArrayBuffer> {
  return fromHex(value.toString(16).padStart(64, "0")).reverse();
}

function decode(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`);
}

/** Whether both backends accept; they must not differ. */
function verifyBoth(signature: Uint8Array, text: Uint8Array, key: Uint8Array): boolean {
  const [native, noble] = BACKENDS.map(([, backend]) => verifySignature(signature, text, key, backend));
  expect(native).toBe(noble as boolean);
  return native as boolean;
}

describe.each(BACKENDS)("RFC 8032, section 7.1, %s", (_name, backend) => {
  test.each([
    [
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
      "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
  ])("seed %s", (seed, publicKey, text, signature) => {
    const signer = backend.createSigner(fromHex(seed));
    expect(toHex(signer.publicKey)).toBe(publicKey);
    expect(toHex(signer.sign(fromHex(text)))).toBe(signature);
    expect(verifySignature(fromHex(signature), fromHex(text), fromHex(publicKey), backend)).toBe(true);
  });
});

test("both backends derive the same key and sign the same bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 300 }), (seed, text) => {
      const [native, noble] = BACKENDS.map(([, backend]) => backend.createSigner(seed));
      expect(toHex(native!.publicKey)).toBe(toHex(noble!.publicKey));
      expect(toHex(native!.sign(text))).toBe(toHex(noble!.sign(text)));
    }),
    { numRuns: 60 },
  );
});

test("a signer keeps its own copy of the seed", () => {
  const seed = randomBytes(32);
  for (const [, backend] of BACKENDS) {
    const copy = Uint8Array.from(seed);
    const signer = backend.createSigner(copy);
    copy.fill(0);
    expect(verifyBoth(signer.sign(message), message, signer.publicKey)).toBe(true);
  }
});

test.each([0, 31, 33, 64])("a seed of %d bytes is refused", (length) => {
  expect(() => createSigner(new Uint8Array(length))).toThrow(
    expect.objectContaining({ code: "crypto_failed" }) as never,
  );
});

describe("keys that fit signatures nobody made", () => {
  // The eight points of small order, canonically encoded.
  const SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  ];
  // Other encodings of the same points: y beyond the prime, or a sign on x = 0.
  const NOT_CANONICAL = [
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  ];

  test.each([...SMALL_ORDER, ...NOT_CANONICAL])("%s", (hex) => {
    const key = fromHex(hex);
    expect(isAcceptableKey(key)).toBe(false);
    // R of small order and S = 0 satisfies the equation for one message in eight at most: try some.
    for (const point of SMALL_ORDER) {
      for (let i = 0; i < 8; i += 1) {
        expect(verifyBoth(concatBytes(fromHex(point), new Uint8Array(32)), utf8(`message ${i}`), key)).toBe(false);
      }
    }
  });

  test("without that check the bare equation does accept some of them", () => {
    const identity = fromHex(SMALL_ORDER[0]!);
    const signature = concatBytes(identity, new Uint8Array(32));
    expect(nobleBackend.verifyEquation(signature, message, identity)).toBe(true);
    expect(verifyBoth(signature, message, identity)).toBe(false);
  });

  test("every encoding of y from the prime up is refused, both signs", () => {
    for (let y = FIELD_PRIME; y < 2n ** 255n; y += 1n) {
      expect(isAcceptableKey(encode(y))).toBe(false);
      expect(isAcceptableKey(encode(y | (1n << 255n)))).toBe(false);
    }
  });
});

test("a key that is no point of the curve is refused by both, and does not throw", () => {
  let off = 0;
  for (let y = 2n; y < 40n; y += 1n) {
    if (!verifyBoth(createSigner(randomBytes(32)).sign(message), message, encode(y))) off += 1;
  }
  expect(off).toBe(38);
});

test("S + L, and every other S from L up, is refused though the equation holds", () => {
  const signer = createSigner(randomBytes(32));
  const signature = signer.sign(message);
  const r = signature.subarray(0, 32);
  const s = decode(signature.subarray(32));
  expect(verifyBoth(signature, message, signer.publicKey)).toBe(true);
  for (let factor = 1n; s + factor * GROUP_ORDER < 2n ** 256n; factor += 1n) {
    expect(verifyBoth(concatBytes(r, encode(s + factor * GROUP_ORDER)), message, signer.publicKey)).toBe(false);
  }
  for (const value of [GROUP_ORDER, GROUP_ORDER + 1n, 2n ** 256n - 1n]) {
    expect(verifyBoth(concatBytes(r, encode(value)), message, signer.publicKey)).toBe(false);
  }
});

test("R with its sign bit turned is refused", () => {
  const signer = createSigner(randomBytes(32));
  const flipped = Uint8Array.from(signer.sign(message));
  flipped[31]! ^= 0x80;
  expect(verifyBoth(flipped, message, signer.publicKey)).toBe(false);
});

test("a key with a component of small order is judged alike: cofactorless, by the bytes", () => {
  // The honest key plus the point of order two: (x, y) + (0, -1) = (-x, -y). It is accepted as a key, and its signatures
  // hold exactly where h is even, which the cofactored equation would not see.
  const signer = createSigner(fromHex("07".repeat(32)));
  const mixed = encode(FIELD_PRIME - (decode(signer.publicKey) & ((1n << 255n) - 1n)));
  mixed[31]! |= (signer.publicKey[31]! & 0x80) ^ 0x80;
  expect(isAcceptableKey(mixed)).toBe(true);
  const secret = noble.utils.getExtendedPublicKey(fromHex("07".repeat(32)));
  const seen = new Set<boolean>();
  for (let i = 0; i < 24; i += 1) {
    const text = utf8(`message ${i}`);
    const r = BigInt(i + 1);
    const pointR = noble.Point.BASE.multiply(r).toBytes();
    const h = decode(sha512(concatBytes(pointR, mixed, text))) % GROUP_ORDER;
    const signature = concatBytes(pointR, encode((r + h * secret.scalar) % GROUP_ORDER));
    const isValid = verifyBoth(signature, text, mixed);
    expect(isValid).toBe(h % 2n === 0n);
    seen.add(isValid);
  }
  expect(seen.size).toBe(2);
});

test.each([0, 1, 63, 65, 128])("a signature of %d bytes is invalid, not a crash", (length) => {
  const signer = createSigner(randomBytes(32));
  const signature = concatBytes(signer.sign(message), signer.sign(message)).subarray(0, length);
  expect(verifyBoth(signature, message, signer.publicKey)).toBe(false);
});

test.each([0, 1, 31, 33, 64])("a key of %d bytes is invalid, not a crash", (length) => {
  const signer = createSigner(randomBytes(32));
  const key = concatBytes(signer.publicKey, signer.publicKey).subarray(0, length);
  expect(verifyBoth(signer.sign(message), message, key)).toBe(false);
});

test("no changed bit of signature, message or key verifies, and the backends agree", () => {
  const signer = createSigner(fromHex("01".repeat(32)));
  const text = utf8("a message of some length");
  const signature = signer.sign(text);
  const parts = [signature, text, signer.publicKey] as const;
  fc.assert(
    fc.property(fc.nat(2), fc.nat(8 * 64 - 1), (part, bit) => {
      const changed = parts.map((bytes) => Uint8Array.from(bytes)) as [Uint8Array, Uint8Array, Uint8Array];
      const target = changed[part as 0 | 1 | 2];
      target[(bit >> 3) % target.length]! ^= 1 << (bit & 7);
      expect(verifyBoth(...changed)).toBe(false);
    }),
    { numRuns: 120 },
  );
});

test("random bytes as signature and key are never valid, and the tables behind the checks do not grow without end", () => {
  for (let i = 0; i < 3000; i += 1) {
    expect(verifySignature(randomBytes(64), message, randomBytes(32))).toBe(false);
  }
  const signer = createSigner(randomBytes(32));
  expect(verifyBoth(signer.sign(message), message, signer.publicKey)).toBe(true);
});
