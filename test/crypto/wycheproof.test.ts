import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fromHex, toHex } from "#src/base/bytes.ts";
import { isWritError } from "#src/base/errors.ts";
import { nativeBackend, nobleBackend, verifySignature } from "#src/crypto/ed25519.ts";
import { decrypt, encrypt, open } from "#src/crypto/sealing.ts";
import { describeShared, sharedData } from "#test/support/shared-data.ts";

interface SignatureFile {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly { tcId: number; comment: string; msg: string; sig: string; result: string }[];
  }[];
}

interface AeadFile {
  readonly testGroups: readonly {
    readonly tests: readonly {
      tcId: number;
      comment: string;
      key: string;
      iv: string;
      aad: string;
      msg: string;
      ct: string;
      tag: string;
      result: string;
    }[];
  }[];
}

function load<File>(name: string): File {
  return JSON.parse(readFileSync(sharedData(`crypto/${name}`), "utf8")) as File;
}

describeShared("ed25519", () => {
  for (const [name, backend] of [
    ["native", nativeBackend],
    ["noble", nobleBackend],
  ] as const) {
    test(`every case, ${name}`, () => {
      const counts = { valid: 0, invalid: 0 };
      for (const group of load<SignatureFile>("ed25519_test.json").testGroups) {
        const publicKey = fromHex(group.publicKey.pk);
        for (const { tcId, comment, msg, sig, result } of group.tests) {
          const isValid = verifySignature(fromHex(sig), fromHex(msg), publicKey, backend);
          expect(`${tcId} ${comment}: ${isValid ? "valid" : "invalid"}`).toBe(`${tcId} ${comment}: ${result}`);
          counts[isValid ? "valid" : "invalid"] += 1;
        }
      }
      expect(counts.valid + counts.invalid).toBe(151);
      expect(Math.min(counts.valid, counts.invalid)).toBeGreaterThan(10);
    });
  }
});

describeShared("xchacha20-poly1305", () => {
  const cases = load<AeadFile>("xchacha20_poly1305_test.json").testGroups.flatMap((group) => group.tests);

  test("every case opens or is refused as stated, and what is valid seals to the same bytes", () => {
    expect(cases).toHaveLength(315);
    for (const { tcId, comment, key, iv, aad, msg, ct, tag, result } of cases) {
      const name = `${tcId} ${comment}`;
      const arguments_ = [fromHex(key), fromHex(iv), fromHex(ct + tag), fromHex(aad)] as const;
      expect(`${name}: ${tryHex(() => decrypt(...arguments_))}`).toBe(
        `${name}: ${result === "valid" ? msg : "refused"}`,
      );
      if (result !== "valid") continue;
      expect(toHex(encrypt(fromHex(key), fromHex(iv), fromHex(msg), fromHex(aad)))).toBe(ct + tag);
    }
  });

  test("a nonce of another length never opens as a sealed value", () => {
    for (const { key, iv, ct, tag } of cases.filter((one) => one.iv.length !== 48)) {
      expect(tryHex(() => open(fromHex(key), fromHex(`01${iv}${ct}${tag}`), []))).toBe("refused");
    }
  });
});

function tryHex(run: () => Uint8Array): string {
  try {
    return toHex(run());
  } catch (error) {
    if (isWritError(error, "crypto_failed")) return "refused";
    throw error;
  }
}
