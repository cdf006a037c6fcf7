import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { toBase64, toHex, utf8 } from "#src/base/bytes.ts";
import { verifySignature } from "#src/crypto/ed25519.ts";
import { checkpointText, findSigner, parseCheckpoint, signCheckpoint } from "#src/ledger/checkpoint.ts";
import { cosign, verifyCosignature } from "#src/ledger/cosignature.ts";
import {
  COSIGNATURE,
  ED25519,
  formatVerifierKey,
  noteKeyHash,
  parseNote,
  parseVerifierKey,
  signNote,
} from "#src/ledger/signed-note.ts";
import { signerOf } from "./chain-fixture.ts";

const SIGNER = signerOf("log");
const CHECKPOINT = {
  origin: "ins_a/ten_b",
  size: 20_852_163,
  root: "09c5186a9180f3a7",
  head: "ab".repeat(32),
  at: "2026-01-31T23:59:59.123Z",
};
CHECKPOINT.root = CHECKPOINT.root.repeat(4);

describe("C2SP signed notes", () => {
  // The key and the note of golang.org/x/mod/sumdb/note's documentation, which C2SP signed-note describes.
  const VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  const NOTE =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

  test("the well-known example verifies, key and signature", () => {
    const key = parseVerifierKey(VKEY)!;
    expect(formatVerifierKey(key)).toBe(VKEY);
    expect(noteKeyHash(key)).toBe("c74f20a3");
    const note = parseNote(NOTE);
    const [line] = note.signatures;
    expect(line).toMatchObject({ name: "PeterNeumann", keyHash: "c74f20a3" });
    expect(verifySignature(line!.signature, utf8(note.text), key.publicKey)).toBe(true);
    expect(verifySignature(line!.signature, utf8(`${note.text} `), key.publicKey)).toBe(false);
  });

  test("what cannot be a note is refused", () => {
    for (const note of [
      "",
      "text\n",
      "text\n\n",
      NOTE.slice(0, -1),
      NOTE.replace("—", "-"),
      NOTE.replace("PeterNeumann x", "PeterNeumann  x"),
      NOTE.replace("x08go", "x08g\u0007o"),
      NOTE.replace("If", "If\r"),
      NOTE.replace("If", "\ud800"),
      NOTE.replace("nAM=", "nAN="),
      `${NOTE}\n`,
      `${NOTE}— x AAAA\n`,
      `${"a".repeat(70_000)}\n\n${NOTE}`,
    ]) {
      expect(() => parseNote(note)).toThrow("the note is malformed");
    }
  });

  test("a verifier key with another hash, type or length is none", () => {
    for (const text of [
      "",
      "a",
      VKEY.replace("c74f", "c74e"),
      VKEY.replace("+ARpc", "+CRpc"),
      `${VKEY}A`,
      VKEY.slice(0, -4),
    ]) {
      expect(parseVerifierKey(text)).toBeUndefined();
    }
  });
});

describe("checkpoints", () => {
  test("are written and read", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, root) => {
        const checkpoint = { ...CHECKPOINT, size, root: toHex(root) };
        const note = signCheckpoint(checkpoint, SIGNER);
        expect(parseCheckpoint(note)).toMatchObject(checkpoint);
        expect(note.split("\n")).toHaveLength(8);
      }),
    );
    expect(checkpointText(CHECKPOINT).split("\n")).toEqual([
      "ins_a/ten_b",
      "20852163",
      toBase64(Uint8Array.fromHex(CHECKPOINT.root)),
      `head ${CHECKPOINT.head}`,
      "at 2026-01-31T23:59:59.123Z",
      "",
    ]);
  });

  test("of another form are refused", () => {
    const text = checkpointText(CHECKPOINT);
    for (const other of [
      text.replace("ins_a/", ""),
      text.replace("ten_b", "ten_b/x"),
      text.replace("20852163", "020852163"),
      text.replace("20852163", "0"),
      text.replace("20852163", "99999999999999999999"),
      text.replace("=\n", "\n"),
      text.replace("head ab", "head AB"),
      text.replace("head ", "tail "),
      text.replace(".123Z", "Z"),
      text.replace("01-31", "02-31"),
      `${text}more\n`,
      text.split("\n").slice(0, 4).join("\n").concat("\n"),
    ]) {
      expect(() => parseCheckpoint(signNote(other, "ins_a/ten_b", SIGNER))).toThrow();
    }
  });

  test("know their signer; a wrong line of a known key spoils them, lines of strangers do not", () => {
    const note = signCheckpoint(CHECKPOINT, SIGNER);
    const own = { publicKey: SIGNER.publicKey };
    const other = { publicKey: signerOf("other").publicKey };
    expect(findSigner(parseCheckpoint(note), [other, own])).toEqual({ kind: "signed", key: own });
    expect(findSigner(parseCheckpoint(note), [other])).toEqual({ kind: "unknown_key" });
    const forged = note.replace("20852163", "20852164");
    expect(findSigner(parseCheckpoint(forged), [own])).toEqual({ kind: "invalid" });
    const byBoth = note + signCheckpoint(CHECKPOINT, signerOf("other")).split("\n\n")[1];
    expect(findSigner(parseCheckpoint(byBoth), [own]).kind).toBe("signed");
    const halfForged = note + signCheckpoint({ ...CHECKPOINT, size: 1 }, signerOf("other")).split("\n\n")[1];
    expect(findSigner(parseCheckpoint(halfForged), [own, other])).toEqual({ kind: "invalid" });
    const otherName = signNote(checkpointText(CHECKPOINT), "somebody", SIGNER);
    expect(findSigner(parseCheckpoint(otherName), [own])).toEqual({ kind: "unknown_key" });
  });
});

describe("C2SP cosignatures", () => {
  const WITNESS = signerOf("witness");
  const KEY = { name: "witness.example/w1", type: COSIGNATURE, publicKey: WITNESS.publicKey };
  const text = checkpointText(CHECKPOINT);
  const line = cosign(text, KEY.name, WITNESS, 1_679_315_147).slice(0, -1);

  test("verify and state their time", () => {
    expect(verifyCosignature(line, text, KEY)).toBe(1_679_315_147);
    expect(() => verifyCosignature(line, `${text}x\n`, KEY)).toThrow("not valid");
  });

  test("of another witness, another time, another type are refused", () => {
    const bytes = Uint8Array.fromBase64(line.split(" ").at(-1)!);
    bytes[11] = (bytes[11] ?? 0) ^ 1;
    expect(() => verifyCosignature(`— ${KEY.name} ${toBase64(bytes)}`, text, KEY)).toThrow("not valid");
    for (const other of [
      { ...KEY, name: "w2" },
      { ...KEY, type: ED25519 },
      { ...KEY, publicKey: signerOf("x").publicKey },
    ]) {
      expect(() => verifyCosignature(line, text, other)).toThrow("another key");
    }
    const plain = signNote(text, KEY.name, WITNESS).split("\n").at(-2)!;
    expect(() => verifyCosignature(plain, text, KEY)).toThrow();
  });
});
