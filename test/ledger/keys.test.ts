import { describe, expect, test } from "bun:test";
import { toBase64, toHex, utf8 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { createSigner } from "#src/crypto/ed25519.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { keyId, keyMessage, keyToJson, type PublishedKey, parseKey, publishKey, trustKeys } from "#src/ledger/keys.ts";
import { type Head, parseSeal, sealMessage, signSeal, verifySeal } from "#src/ledger/seal.ts";
import { signerOf, T0 } from "./chain-fixture.ts";

const [a, b, c] = [signerOf("a"), signerOf("b"), signerOf("c")];
const at = (n: number) => toRfc3339(T0 + n);
const LINE = [publishKey(a, at(0)), publishKey(b, at(1), a), publishKey(c, at(2), b)] as const;
const vouching = (keys: readonly PublishedKey[], pinned?: string[]) =>
  [...trustKeys(keys, pinned).values()].filter((key) => key.vouches).map((key) => key.id);
const refusal = expect.objectContaining({ code: "verification_failed" });

describe("published keys", () => {
  test("sign exactly what the format says", () => {
    const id = sha256Hex(b.publicKey).slice(0, 16);
    expect(keyId(b.publicKey)).toBe(id);
    const statement = `{"at":"${at(1)}","id":"${id}","previous":"${keyId(a.publicKey)}","public_key":"${toBase64(b.publicKey)}","purpose":"seal"}`;
    expect(keyMessage(LINE[1])).toEqual(utf8(`writ.key.v1\n${statement}`));
    expect(LINE[1].signature).toBe(toBase64(a.sign(utf8(`writ.key.v1\n${statement}`))));
    expect(parseKey(keyToJson(LINE[1]))).toEqual(LINE[1]);
    expect(parseKey(keyToJson(LINE[0]))).toEqual(LINE[0]);
  });

  test("all vouch without a pin, in any order of lines", () => {
    expect(vouching(LINE)).toEqual(LINE.map((key) => key.id));
    expect([...trustKeys([LINE[2], LINE[0], LINE[1]]).values()].map((key) => key.generation)).toEqual([0, 1, 2]);
    expect(trustKeys([]).size).toBe(0);
  });

  test("a pin vouches for its key and those after it, never for those before", () => {
    const ids = LINE.map((key) => key.id);
    expect(vouching(LINE, [ids[0]!])).toEqual(ids);
    expect(vouching(LINE, [toBase64(b.publicKey)])).toEqual(ids.slice(1));
    expect(vouching(LINE, [toHex(b.publicKey).toUpperCase()])).toEqual(ids.slice(1));
    expect(vouching(LINE, [ids[2]!, ids[1]!, "0".repeat(16)])).toEqual(ids.slice(1));
  });

  test("a wrong, empty or partial pin is refused", () => {
    for (const pin of [keyId(signerOf("x").publicKey), "", LINE[0].id.slice(0, 15), toHex(a.publicKey).slice(0, 62)]) {
      expect(() => trustKeys(LINE, [pin])).toThrow(refusal);
    }
    expect(() => trustKeys([], [LINE[0].id])).toThrow(refusal);
  });

  const { previous: _, ...orphan } = LINE[1];
  const refused: [string, readonly PublishedKey[]][] = [
    ["a missing predecessor", [LINE[0], LINE[2]]],
    ["a missing first key", [LINE[1], LINE[2]]],
    ["a key announced twice", [LINE[0], LINE[0]]],
    ["two first keys", [LINE[0], publishKey(b, at(1))]],
    ["a fork", [...LINE, publishKey(signerOf("d"), at(3), b)]],
    ["a key older than the one before", [LINE[0], publishKey(b, toRfc3339(T0 - 1), a)]],
    ["a successor that signed itself", [LINE[0], { ...LINE[1], signature: toBase64(b.sign(keyMessage(LINE[1]))) }]],
    ["a successor that lost its predecessor", [{ ...orphan }]],
    ["an announcement signed by another", [{ ...LINE[0], signature: toBase64(b.sign(keyMessage(LINE[0]))) }]],
    ["another id", [{ ...LINE[0], id: LINE[1].id }]],
    ["another time", [{ ...LINE[0], at: at(5) }]],
    ["a time that is none", [{ ...LINE[0], at: "yesterday" }]],
    ["a key that is too short", [{ ...LINE[0], publicKey: "AAAA" }]],
    ["a key that is not base64", [{ ...LINE[0], publicKey: `${LINE[0].publicKey} ` }]],
    ["a signature that is too short", [{ ...LINE[0], signature: "AAAA" }]],
    ["a key that announces itself as its own predecessor", [publishKey(a, at(0), a)]],
  ];
  test.each(refused)("%s is refused", (_, keys) => {
    expect(() => trustKeys(keys)).toThrow(refusal);
  });

  test("a small-order key is refused, whatever it signed", () => {
    const publicKey = new Uint8Array(32);
    publicKey[0] = 1;
    const forged = {
      ...LINE[0],
      id: keyId(publicKey),
      publicKey: toBase64(publicKey),
      signature: toBase64(new Uint8Array(64)),
    };
    expect(() => trustKeys([forged])).toThrow(refusal);
  });

  test("JSON of another shape is refused", () => {
    const json = keyToJson(LINE[0]);
    const { signature: __, ...unsigned } = json;
    for (const value of [
      null,
      [],
      "x",
      unsigned,
      { ...json, more: "x" },
      { ...json, at: 1 },
      { ...json, purpose: "ucan" },
    ]) {
      expect(() => parseKey(value as never)).toThrow(refusal);
    }
  });
});

describe("seals", () => {
  const head: Head = { tenant: "ten_a", seq: 3, hash: "ab".repeat(32), root: "cd".repeat(32) };

  test("sign exactly what the format says", () => {
    const text = `writ.seal.v1\n[{"hash":"${head.hash}","root":"${head.root}","seq":3,"tenant":"ten_a"}]`;
    expect(sealMessage([{ ...head, extra: 1 } as Head])).toEqual(utf8(text));
    expect(signSeal(a, [head])).toEqual({
      heads: [head],
      key: keyId(a.publicKey),
      signature: toBase64(a.sign(utf8(text))),
    });
  });

  test("verify for their heads, in their order, and their key alone", () => {
    const other = { ...head, tenant: "ten_b" };
    const seal = signSeal(a, [head, other]);
    expect(verifySeal(seal, a.publicKey)).toBe(true);
    expect(verifySeal({ ...seal, heads: [other, head] }, a.publicKey)).toBe(false);
    expect(verifySeal({ ...seal, heads: [head] }, a.publicKey)).toBe(false);
    expect(verifySeal(seal, b.publicKey)).toBe(false);
    expect(verifySeal({ ...seal, key: keyId(b.publicKey) }, b.publicKey)).toBe(false);
    expect(verifySeal({ ...seal, key: keyId(b.publicKey) }, a.publicKey)).toBe(false);
    for (const signature of [
      "",
      "AAAA",
      "?",
      `${seal.signature}\n`,
      toBase64(createSigner(new Uint8Array(32)).sign(sealMessage(seal.heads))),
    ]) {
      expect(verifySeal({ ...seal, signature }, a.publicKey)).toBe(false);
    }
  });

  test("of another shape are refused", () => {
    const seal = JSON.parse(JSON.stringify(signSeal(a, [head])));
    expect(parseSeal(seal)).toEqual(seal);
    const heads = (change: object) => ({ ...seal, heads: [{ ...head, ...change }] });
    const others = [
      null,
      { ...seal, heads: [] },
      { ...seal, heads: {} },
      { ...seal, key: 1 },
      { ...seal, more: 1 },
      { ...seal, heads: [null] },
    ];
    for (const value of [
      ...others,
      heads({ seq: 0 }),
      heads({ hash: "AB".repeat(32) }),
      heads({ root: "" }),
      heads({ more: 1 }),
      heads({ tenant: "" }),
    ]) {
      expect(() => parseSeal(value)).toThrow(refusal);
    }
  });
});
