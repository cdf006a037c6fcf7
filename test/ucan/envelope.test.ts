import { describe, expect, test } from "bun:test";
import { encode } from "@ipld/dag-cbor";
import fc from "fast-check";
import { CID } from "multiformats/cid";
import { sha256 as multihash } from "multiformats/hashes/sha2";
import { concatBytes } from "#src/base/bytes.ts";
import { delegationPayload, parseDelegation } from "#src/ucan/delegation.ts";
import {
  decodeEnvelope,
  decodeTokenText,
  encodeTokenText,
  MAX_TOKEN_BYTES,
  parseTokenCid,
  sealEnvelope,
  tokenCid,
} from "#src/ucan/envelope.ts";
import { parseInvocation } from "#src/ucan/invocation.ts";
import { type Ipld, type IpldMap, MAX_DEPTH } from "#src/ucan/ipld.ts";
import { agent, codeOf, delegate, NOW, tenant } from "./support.ts";

const VARSIG = Uint8Array.of(0x34, 0x01, 0xed, 0x01, 0xed, 0x01, 0x13, 0x71);
const token = delegate(tenant, agent, { policy: [["==", ".resource", "acme/app"]], meta: { decision: "d" } });
const payload: IpldMap = delegationPayload(
  { audience: agent.did, subject: tenant.did, command: "/a", policy: [], nonce: new Uint8Array(12), expiresAt: NOW },
  tenant.did,
);

/** An envelope with a genuine signature around whatever stands in `half`. */
function wrap(half: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(0x82, 0x58, 64), tenant.signer.sign(half), half);
}

describe("envelope", () => {
  test("decodes what it encodes, with the tag that was asked for", () => {
    for (const version of ["1.0.0", "1.0.0-rc.1"] as const) {
      for (const kind of ["dlg", "inv"] as const) {
        const sealed = sealEnvelope(kind, payload, tenant.signer, version);
        expect(decodeEnvelope(sealed.bytes)).toMatchObject({ kind, version, payload, cid: sealed.cid });
      }
    }
  });

  test("emits the tag 1.0.0 unless asked otherwise", () => {
    expect(decodeEnvelope(token.bytes).version).toBe("1.0.0");
    expect(Buffer.from(token.bytes).includes("ucan/dlg@1.0.0")).toBe(true);
    expect(Buffer.from(token.bytes).includes("rc.1")).toBe(false);
  });

  test("its cid is the one that the multiformats library computes", async () => {
    const link = CID.createV1(0x71, await multihash.digest(token.bytes));
    expect(tokenCid(token.bytes)).toBe(link.toString());
    expect(parseTokenCid(token.cid).equals(link)).toBe(true);
  });

  test("refuses text that is not the cid of a token", async () => {
    const raw = CID.createV1(0x55, await multihash.digest(token.bytes)).toString();
    for (const text of [
      "",
      "b",
      "bafy",
      raw,
      token.cid.toUpperCase(),
      `${token.cid}a`,
      "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
    ]) {
      expect(codeOf(() => parseTokenCid(text))).toBe("writ_invalid");
    }
  });

  test("truncated at any byte it is invalid", () => {
    for (let length = 0; length < token.bytes.length; length += 1) {
      expect(codeOf(() => parseDelegation(token.bytes.subarray(0, length)))).toBe("writ_invalid");
    }
  });

  test("with any one bit flipped it is invalid", () => {
    for (let at = 0; at < token.bytes.length; at += 1) {
      const changed = Uint8Array.from(token.bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      expect(codeOf(() => parseDelegation(changed))).toBe("writ_invalid");
    }
    fc.assert(
      fc.property(fc.nat(token.bytes.length * 8 - 1), (bit) => {
        const changed = Uint8Array.from(token.bytes);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(codeOf(() => parseDelegation(changed))).toBe("writ_invalid");
      }),
      { numRuns: 300 },
    );
  });

  test("any bytes at all are invalid and nothing worse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(() => parseDelegation(bytes))).toBe("writ_invalid");
        expect(codeOf(() => parseInvocation(wrap(bytes)))).toBe("writ_invalid");
      }),
      { numRuns: 300 },
    );
  });

  test("followed by anything, or too large, it is invalid", () => {
    expect(codeOf(() => parseDelegation(concatBytes(token.bytes, Uint8Array.of(0))))).toBe("writ_invalid");
    expect(codeOf(() => decodeEnvelope(new Uint8Array(MAX_TOKEN_BYTES + 1)))).toBe("writ_invalid");
    const large = { ...payload, nonce: new Uint8Array(MAX_TOKEN_BYTES) };
    const half = encode({ h: VARSIG, "ucan/dlg@1.0.0": large });
    expect(codeOf(() => parseDelegation(wrap(half)))).toBe("writ_invalid");
    expect(codeOf(() => sealEnvelope("dlg", large, tenant.signer))).toBe("internal");
  });

  test("a signature of the wrong length is invalid", () => {
    const half = encode({ h: VARSIG, "ucan/dlg@1.0.0": payload });
    for (const length of [0, 3, 63, 65, 128]) {
      const bytes = encode([new Uint8Array(length), { h: VARSIG, "ucan/dlg@1.0.0": payload }]);
      expect(codeOf(() => parseDelegation(bytes))).toBe("writ_invalid");
    }
    expect(codeOf(() => parseDelegation(wrap(half)))).toBe("no error");
  });

  test("other envelopes are invalid", () => {
    const valid = { h: VARSIG, "ucan/dlg@1.0.0": payload };
    const signature = new Uint8Array(64);
    for (const half of [
      { h: VARSIG },
      { "ucan/dlg@1.0.0": payload },
      { ...valid, other: 1 },
      { ...valid, "ucan/dlg@1.0.0-rc.1": payload },
      { h: VARSIG.subarray(0, 7), "ucan/dlg@1.0.0": payload },
      { h: Uint8Array.of(0x34, 0x01, 0xec, 0x01, 0x80, 0x24, 0x12, 0x71), "ucan/dlg@1.0.0": payload },
      { h: VARSIG, "ucan/dlg@1.0.0-rc.2": payload },
      { h: VARSIG, "ucan/dlg@0.10.0": payload },
      { h: VARSIG, "ucan/rcpt@1.0.0": payload },
      { h: VARSIG, "ucan/dlg@1.0.0": [payload] },
      { h: VARSIG, "ucan/dlg@1.0.0": null },
    ]) {
      expect(codeOf(() => parseDelegation(wrap(encode(half))))).toBe("writ_invalid");
    }
    for (const value of [
      null,
      1,
      [],
      [signature],
      [valid, signature],
      [signature, valid, 1],
      [signature, [valid]],
      { 0: signature },
    ]) {
      expect(codeOf(() => parseDelegation(encode(value)))).toBe("writ_invalid");
    }
  });

  test("the same content in another encoding is invalid, though its signature fits", () => {
    const half = encode({ h: VARSIG, "ucan/dlg@1.0.0": payload });
    const at = Buffer.from(half).indexOf("exp") + 3;
    expect(half[at]).toBe(0x1a);
    const longInteger = concatBytes(half.subarray(0, at), Uint8Array.of(0x1b, 0, 0, 0, 0), half.subarray(at + 1));
    const float = new Uint8Array(9);
    float[0] = 0xfb;
    new DataView(float.buffer).setFloat64(1, NOW);
    const asFloat = concatBytes(half.subarray(0, at), float, half.subarray(at + 5));
    const indefinite = concatBytes(Uint8Array.of(0xbf), half.subarray(1), Uint8Array.of(0xff));
    const body = half.subarray(1);
    const h = body.subarray(0, 11);
    const unsorted = concatBytes(Uint8Array.of(0xa2), body.subarray(11), h);
    const repeated = concatBytes(Uint8Array.of(0xa3), h, h, body.subarray(11));
    const longTag = concatBytes(half.subarray(0, 1), Uint8Array.of(0x78, 1), half.subarray(2));
    for (const changed of [longInteger, asFloat, indefinite, unsorted, repeated, longTag]) {
      expect(codeOf(() => parseDelegation(wrap(changed)))).toBe("writ_invalid");
    }
  });

  test("deep nesting, huge lengths, foreign tags and large integers are refused before they are decoded", () => {
    const deep = new Uint8Array(8000).fill(0x81);
    const deepMaps = new Uint8Array(8000).map((_, i) => [0xa1, 0x61, 0x61][i % 3] as number);
    const hugeArray = Uint8Array.of(0x9b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    const hugeBytes = Uint8Array.of(0x5a, 0xff, 0xff, 0xff, 0xff);
    const tag = Uint8Array.of(0xc1, 0x00);
    const large = Uint8Array.of(0x1b, 0x00, 0x20, 0, 0, 0, 0, 0, 0);
    const negative = Uint8Array.of(0x3b, 0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    for (const bytes of [
      deep,
      deepMaps,
      hugeArray,
      hugeBytes,
      tag,
      large,
      negative,
      Uint8Array.of(0xf7),
      Uint8Array.of(0xf9, 0x7e, 0),
    ]) {
      expect(codeOf(() => decodeEnvelope(bytes))).toBe("writ_invalid");
      expect(codeOf(() => decodeEnvelope(wrap(bytes)))).toBe("writ_invalid");
    }
  });

  test("nesting has a limit, also under a genuine signature", () => {
    const nested = (depth: number): Ipld => (depth === 0 ? 1 : [nested(depth - 1)]);
    // The envelope, its second half, the payload and `meta` are four levels.
    const meta = (depth: number) =>
      sealEnvelope("dlg", { ...payload, meta: { a: nested(depth) } }, tenant.signer).bytes;
    expect(codeOf(() => parseDelegation(meta(MAX_DEPTH - 4)))).toBe("no error");
    expect(codeOf(() => parseDelegation(meta(MAX_DEPTH - 3)))).toBe("writ_invalid");
  });

  test("keys like __proto__ are keys", () => {
    const meta = JSON.parse('{"__proto__": {"polluted": true}, "toString": 1}') as IpldMap;
    const read = parseDelegation(sealEnvelope("dlg", { ...payload, meta }, tenant.signer).bytes);
    expect(Object.keys(read.meta ?? {}).sort()).toEqual(["__proto__", "toString"]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    const hostile = JSON.parse(
      JSON.stringify({ ...payload, nonce: 1 }).replace('"nonce":1', '"__proto__":{"nonce":1}'),
    ) as IpldMap;
    expect(codeOf(() => parseDelegation(sealEnvelope("dlg", hostile, tenant.signer).bytes))).toBe("writ_invalid");
  });

  test("as text it is base64url, bounded and canonical", () => {
    expect(decodeTokenText(encodeTokenText(token.bytes))).toEqual(token.bytes);
    for (const text of ["*", "AB", `${encodeTokenText(token.bytes)}=`, "A".repeat(11_000)]) {
      expect(codeOf(() => decodeTokenText(text))).toBe("writ_invalid");
    }
  });
});
