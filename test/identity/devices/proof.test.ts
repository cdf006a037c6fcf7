import { describe, expect, test } from "bun:test";
import { createHash, createPublicKey, verify } from "node:crypto";
import fc from "fast-check";
import { createSigner } from "#src/crypto/ed25519.ts";
import { sha256 } from "#src/crypto/hash.ts";
import {
  COVERED,
  contentDigest,
  parseContentDigest,
  readProof,
  signParts,
  verifyProof,
} from "#src/identity/device-proof.ts";
import { createPairings } from "#src/identity/pairings.ts";
import { createProofWindow } from "#src/identity/proof-window.ts";

const signer = createSigner(new Uint8Array(32).fill(7));
const NONCE = "nonce-0123456789";

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly fields: Readonly<Record<string, string>>;
}

const partsOf = ({ method, path, query, fields }: Sent) => ({
  method,
  path,
  query,
  header: (name: string): string | undefined => (Object.hasOwn(fields, name) ? fields[name] : undefined),
});
const signed = (sent: Sent, created = 1000, nonce = NONCE): Sent => ({
  ...sent,
  fields: { ...sent.fields, ...signParts(signer, partsOf(sent), { created, nonce }) },
});
const isProven = (sent: Sent): boolean => {
  const parts = partsOf(sent);
  const proof = readProof(parts);
  return proof !== undefined && verifyProof(signer.publicKey, parts, proof);
};

describe("RFC 9421", () => {
  test("the signature is over the base of section 2.5, as another implementation of Ed25519 checks it", () => {
    const body = '{"hello": "world"}';
    const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
    expect(contentDigest(sha256(body))).toBe(digest);
    const sent = signed({
      method: "POST",
      path: "/v1/runs",
      query: "?a=b",
      fields: { authorization: "Bearer x", "content-digest": digest, "content-type": "application/json" },
    });
    const params = `("@method" "@path" "@query" "authorization" "content-digest");created=1000;nonce="${NONCE}";alg="ed25519"`;
    expect(sent.fields["signature-input"]).toBe(`writ=${params}`);
    const base = [
      '"@method": POST',
      '"@path": /v1/runs',
      '"@query": ?a=b',
      '"authorization": Bearer x',
      `"content-digest": ${digest}`,
      `"@signature-params": ${params}`,
    ].join("\n");
    const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), signer.publicKey]);
    const key = createPublicKey({ key: spki, format: "der", type: "spki" });
    const signature = Buffer.from((sent.fields["signature"] ?? "").slice("writ=:".length, -1), "base64");
    expect(verify(null, Buffer.from(base), key, signature)).toBe(true);
  });
});

describe("a proof", () => {
  const sent = fc.record({
    method: fc.constantFrom("GET", "POST", "DELETE"),
    path: fc.webPath().map((path) => `/${path}`),
    query: fc.webQueryParameters().map((query) => (query === "" ? "" : `?${query}`)),
    fields: fc.record(
      {
        authorization: fc.stringMatching(/^Bearer [a-z0-9]{4,20}$/),
        "content-digest": fc.uint8Array({ minLength: 32, maxLength: 32 }).map(contentDigest),
        "writ-agent": fc.stringMatching(/^[a-z]{1,10}$/),
        "writ-run": fc.stringMatching(/^run_[a-z]{4}$/),
      },
      { requiredKeys: [] },
    ),
  });

  test("holds for what was signed, and for nothing else", () => {
    fc.assert(
      fc.property(sent, fc.constantFrom("method", "path", "query", ...COVERED), fc.string(), (made, part, text) => {
        const whole = signed(made as Sent);
        expect(isProven(whole)).toBe(true);
        const covered = (COVERED as readonly string[]).includes(part);
        const before = covered ? whole.fields[part] : whole[part as "path"];
        const other = `${before ?? ""}${text === "" ? "x" : text}`;
        fc.pre(other.trim() !== before && (part !== "query" || !(before === "" && other === "?")));
        expect(
          isProven(covered ? { ...whole, fields: { ...whole.fields, [part]: other } } : { ...whole, [part]: other }),
        ).toBe(false);
        if (before !== undefined && covered) {
          const { [part]: _, ...rest } = whole.fields;
          expect(isProven({ ...whole, fields: rest })).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("of another key holds for nothing", () => {
    const parts = partsOf(signed({ method: "GET", path: "/", query: "", fields: {} }));
    const proof = readProof(parts);
    const other = createSigner(new Uint8Array(32).fill(8));
    expect(proof !== undefined && verifyProof(other.publicKey, parts, proof)).toBe(false);
  });

  test("is read out of any header without an error", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (input, signature) => {
        const fields = { "signature-input": input, signature };
        expect(isProven({ method: "GET", path: "/", query: "", fields })).toBe(false);
        expect(parseContentDigest(input)).toBeUndefined();
      }),
    );
  });
});

describe("a window of proofs", () => {
  test("takes each once, over any order of times, and forgets none that it could take again", () => {
    const nonceOf = (index: number): string => `nonce-${String(index).padStart(16, "0")}`;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20), fc.integer({ min: -70, max: 5 }), fc.nat(30)), { maxLength: 60 }),
        (steps) => {
          let now = 1_000_000;
          const window = createProofWindow(() => now * 1000);
          now += 100;
          const taken = new Set<string>();
          for (const [index, offset, pause] of steps) {
            now += pause;
            const whole = signed({ method: "GET", path: "/", query: "", fields: {} }, now + offset, nonceOf(index));
            const attempt = (): boolean => {
              try {
                window.take(signer.publicKey, partsOf(whole));
                return true;
              } catch {
                return false;
              }
            };
            const proof = `${now + offset} ${index}`;
            const took = attempt();
            if (took) {
              expect(taken.has(proof)).toBe(false);
              expect(offset >= -60 && offset <= 2).toBe(true);
              taken.add(proof);
            }
            expect(attempt()).toBe(false);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("codes", () => {
  test("are read as people type them, and are not guessed from each other", () => {
    let seed = 0;
    const ids = {
      now: () => 0,
      random: (length: number) => Uint8Array.from({ length }, () => (seed = (seed * 29 + 17) % 251)),
    };
    const pairings = createPairings(ids);
    const { code } = pairings.add(signer.publicKey, "m", "here", 0);
    for (const typed of [
      code,
      code.toLowerCase(),
      `${code.slice(0, 4)}-${code.slice(4)}`,
      ` ${code.split("").join(" ")} `,
    ]) {
      expect(pairings.peek(typed, 1)?.code).toBe(code);
    }
    expect(pairings.peek(code.replaceAll("0", "o").replaceAll("1", "l"), 1)?.code).toBe(code);
    expect(pairings.peek(code, 600_000)).toBeUndefined();
    // The same machine again: its former code is void.
    const again = pairings.add(signer.publicKey, "m", "here", 1);
    expect(pairings.peek(code, 2)).toBeUndefined();
    expect(pairings.peek(again.code, 2)?.code).toBe(again.code);
  });
});
