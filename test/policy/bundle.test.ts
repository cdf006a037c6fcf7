import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromUtf8, toBase64, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import { createSigner } from "#src/crypto/ed25519.ts";
import { MAX_BUNDLE_BYTES, type PolicyBundle, publisherKeyId, readBundle, signBundle } from "#src/policy/bundle.ts";
import {
  formatPublisherKey,
  formatPublisherSecret,
  parsePublisherKey,
  parsePublisherSecret,
} from "#src/policy/publisher-key.ts";

const SEED = new Uint8Array(32).fill(7);
const SIGNER = createSigner(SEED);
const CID = `bafyrei${"a".repeat(52)}`;
const BUNDLE: PolicyBundle = {
  channel: "fleet",
  version: 3,
  madeAt: Date.parse("2026-12-01T09:00:00.000Z"),
  maxAgeSeconds: 3600,
  policies: `@id("ä") permit (principal, action, resource);\n`,
  schema: null,
  typeMap: { subject_types: [["user", "Agent"]], resource_types: [], actions: [["__proto__", "/x"]] },
  revocations: { writs: [CID], keys: [`tok_${"0".repeat(26)}`], agents: [`agt_${"1".repeat(26)}`] },
};
const FILE = signBundle(BUNDLE, SIGNER);

/** The code that reading ends with, or `read`. */
function outcomeOf(file: string | Uint8Array): string {
  try {
    readBundle(typeof file === "string" ? utf8(file) : file);
    return "read";
  } catch (error) {
    return isWritError(error) ? error.code : String(error);
  }
}

/** The bundle with other members, signed as a publisher would. */
function resigned(change: (said: Record<string, unknown>) => void): string {
  const said = JSON.parse(FILE.split("\n")[0] ?? "") as Record<string, unknown>;
  change(said);
  const line = canonicalize(said as JsonObject);
  const signature = toBase64(SIGNER.sign(utf8(`writ.policy-bundle.v1\n${line}`)));
  const key = publisherKeyId(SIGNER.publicKey);
  return `${line}\n${canonicalize({ key, kind: "signature", public_key: toBase64(SIGNER.publicKey), signature })}\n`;
}

describe("a bundle", () => {
  test("is read as it was signed", () => {
    const { key, publicKey, sha256, ...read } = readBundle(utf8(FILE));
    expect(read).toEqual(BUNDLE);
    expect(key).toBe(publisherKeyId(SIGNER.publicKey));
    expect(publicKey).toEqual(SIGNER.publicKey);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(signBundle(BUNDLE, SIGNER)).toBe(FILE);
  });

  test("of any content comes back, and with any one byte changed does not", () => {
    const lists = fc.record({
      writs: fc.array(fc.constant(CID), { maxLength: 2 }),
      keys: fc.constant([]),
      agents: fc.constant([]),
    });
    const bundles = fc.record({
      channel: fc.constantFrom("default", "a.b-c"),
      version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      madeAt: fc.integer({ min: 0, max: 4e12 }),
      maxAgeSeconds: fc.option(fc.integer({ min: 1, max: 1e8 })),
      policies: fc.string({ unit: "grapheme" }),
      schema: fc.option(fc.string()),
      typeMap: fc.constant(null),
      revocations: lists,
    });
    fc.assert(
      fc.property(bundles, fc.nat(), fc.integer({ min: 1, max: 255 }), (bundle, place, flip) => {
        const file = utf8(signBundle(bundle, SIGNER));
        expect(readBundle(file)).toMatchObject(bundle);
        const at = place % file.length;
        file[at] = (file[at] ?? 0) ^ flip;
        expect(["bundle_invalid", "bundle_untrusted"]).toContain(outcomeOf(file));
      }),
      { numRuns: 200 },
    );
  });

  test("that is cut off anywhere is refused", () => {
    for (let length = 0; length < FILE.length; length += 7) {
      expect(["bundle_invalid", "bundle_untrusted"]).toContain(outcomeOf(FILE.slice(0, length)));
    }
    expect(outcomeOf(FILE.slice(0, -1))).toBe("bundle_invalid");
    expect(outcomeOf(`${FILE}\n`)).toBe("bundle_invalid");
    expect(outcomeOf(FILE + FILE)).toBe("bundle_invalid");
  });

  test.each([
    ["an unknown member", (said: Record<string, unknown>) => Object.assign(said, { extra: 1 })],
    ["a missing member", (said: Record<string, unknown>) => delete said["revocations"]],
    [
      "an unknown kind of revocation",
      (said: Record<string, unknown>) => Object.assign(said["revocations"] as object, { runs: [] }),
    ],
    ["another format", (said: Record<string, unknown>) => Object.assign(said, { v: 2 })],
    ["another kind", (said: Record<string, unknown>) => Object.assign(said, { kind: "bundle" })],
    ["version 0", (said: Record<string, unknown>) => Object.assign(said, { version: 0 })],
    ["a fraction for a version", (said: Record<string, unknown>) => Object.assign(said, { version: 1.5 })],
    [
      "a day that does not exist",
      (said: Record<string, unknown>) => Object.assign(said, { made_at: "2026-02-31T00:00:00.000Z" }),
    ],
    ["no age", (said: Record<string, unknown>) => Object.assign(said, { max_age_seconds: 0 })],
    ["another key's name", (said: Record<string, unknown>) => Object.assign(said, { key: "0".repeat(16) })],
    ["policies that are no text", (said: Record<string, unknown>) => Object.assign(said, { policies: [] })],
    [
      "a CID of something else",
      (said: Record<string, unknown>) => Object.assign(said["revocations"] as object, { writs: ["bafkrei"] }),
    ],
    [
      "an agent by name",
      (said: Record<string, unknown>) => Object.assign(said["revocations"] as object, { agents: ["helper"] }),
    ],
    ["a channel that is no name", (said: Record<string, unknown>) => Object.assign(said, { channel: "../x" })],
  ])("with %s is refused although it is signed", (_, change) => {
    expect(outcomeOf(resigned(change as (said: Record<string, unknown>) => void))).toBe("bundle_invalid");
  });

  test("signed by one key and named by another is refused", () => {
    const other = createSigner(new Uint8Array(32).fill(8));
    const [said = "", signed = ""] = FILE.split("\n");
    const line = JSON.parse(signed) as JsonObject;
    const swap = (change: JsonObject) => `${said}\n${canonicalize({ ...line, ...change })}\n`;
    expect(outcomeOf(swap({}))).toBe("read");
    expect(outcomeOf(swap({ public_key: toBase64(other.publicKey) }))).toBe("bundle_invalid");
    const theirs = { key: publisherKeyId(other.publicKey), public_key: toBase64(other.publicKey) };
    expect(outcomeOf(swap(theirs))).toBe("bundle_untrusted");
    const signature = toBase64(other.sign(utf8(`writ.policy-bundle.v1\n${said}`)));
    expect(outcomeOf(swap({ ...theirs, signature }))).toBe("bundle_invalid");
  });

  test("that is not canonical, not text or too long is refused", () => {
    expect(outcomeOf(FILE.replace('{"channel"', '{ "channel"'))).toBe("bundle_untrusted");
    expect(outcomeOf(FILE.replace('{"key"', '{ "key"'))).toBe("bundle_invalid");
    expect(outcomeOf(Uint8Array.of(0xff, 0x0a, 0xff, 0x0a))).toBe("bundle_invalid");
    expect(outcomeOf(new Uint8Array(MAX_BUNDLE_BYTES + 1))).toBe("bundle_invalid");
    expect(outcomeOf("")).toBe("bundle_invalid");
  });
});

describe("a publisher's key", () => {
  test("is read as it was written, both halves", () => {
    const secret = formatPublisherSecret(SEED);
    expect(parsePublisherSecret(secret).publicKey).toEqual(SIGNER.publicKey);
    const line = formatPublisherKey({ id: publisherKeyId(SIGNER.publicKey), publicKey: SIGNER.publicKey });
    expect(parsePublisherKey(line)).toEqual({ id: publisherKeyId(SIGNER.publicKey), publicKey: SIGNER.publicKey });
    expect(parsePublisherKey(toBase64(SIGNER.publicKey)).id).toBe(publisherKeyId(SIGNER.publicKey));
    expect(line).not.toContain(fromUtf8(utf8(secret)).split(" ")[2]?.trim() ?? "?");
  });

  test.each([
    "",
    "x",
    "writ-publisher-v1 0000000000000000 AAAA",
    formatPublisherSecret(SEED).replace("v1 ", "v1 0").slice(0, -2),
  ])("%j is none", (text) => {
    const code = (read: () => unknown): string => {
      try {
        read();
        return "read";
      } catch (error) {
        return isWritError(error) ? error.code : String(error);
      }
    };
    expect(code(() => parsePublisherSecret(text))).toBe("key_material_invalid");
    expect(code(() => parsePublisherKey(text))).toBe("invalid_argument");
    expect(code(() => parsePublisherKey(toBase64(new Uint8Array(32))))).toBe("invalid_argument");
  });
});
