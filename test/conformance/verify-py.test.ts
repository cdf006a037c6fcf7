import { afterAll, describe, expect } from "bun:test";
import { join } from "node:path";
import { toBase64, toBase64Url } from "#src/base/bytes.ts";
import { approvalChallenge } from "#src/ledger/approval-challenge.ts";
import { assertionLine } from "#src/ledger/bundle.ts";
import { enrolmentLine } from "#src/ledger/enrolment.ts";
import { readLines } from "#src/ledger/lines.ts";
import { verifyBundle } from "#src/ledger/verify-bundle.ts";
import { createAuthenticator, DEFAULT_ORIGIN, type Misbehaviour } from "#test/support/authenticator.ts";
import { temporaryFolder } from "#test/support/store.ts";
import { testUnless } from "../fault/support.ts";
import { Chain, checkpointedChain, smallChain } from "../ledger/chain-fixture.ts";
import { mutateText, seeded } from "../support/mutation.ts";

// Two verifiers that share nothing but docs/formats.md must agree on everything: on originals and on what was changed.

const SCRIPT = join(import.meta.dir, "verify.py");
const PYTHON = Bun.which("python3");
const MISSING = PYTHON === null ? "needs python3" : undefined;
const folder = temporaryFolder();
afterAll(() => folder.remove());
let files = 0;

async function write(text: string | Uint8Array): Promise<string> {
  files += 1;
  const path = join(folder.path, String(files));
  await Bun.write(path, text);
  return path;
}

const textOf = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");

async function python(...words: string[]): Promise<{ code: number; lines: string[] }> {
  const child = Bun.spawn([PYTHON ?? "", "-B", SCRIPT, ...words], { stdout: "pipe", stderr: "pipe" });
  const [text, errors] = [await new Response(child.stdout).text(), await new Response(child.stderr).text()];
  const code = await child.exited;
  if (errors.includes("Traceback")) throw new Error(errors);
  return { code, lines: text.split("\n").filter((line) => line !== "") };
}

/** `verified`, `not` or `unreadable`, by our own verifier. */
async function ours(bytes: Uint8Array, pinned: readonly string[]): Promise<string> {
  const report = await verifyBundle(readLines([bytes]), { pinned }).catch(() => undefined);
  return report === undefined ? "unreadable" : report.ok ? "verified" : "not";
}

const wordOf = (line: string) => (line.startsWith("NOT VERIFIED") ? "not" : (line.split(" ")[0] ?? ""));

describe("the second verifier", () => {
  testUnless(
    MISSING,
    "verifies originals, and follows a pinned key",
    async () => {
      for (const chain of [smallChain(), checkpointedChain()]) {
        const path = await write(textOf(chain.bundle()));
        const [first, second] = chain.keys;
        expect(await python(path)).toMatchObject({ code: 0 });
        expect(await python(path, "--key", first!.id, "--key", first!.publicKey)).toMatchObject({ code: 0 });
        expect(await python(path, "--key", Uint8Array.fromBase64(second!.publicKey).toHex())).toMatchObject({
          code: 0,
        });
        expect(await python(path, "--key", toBase64(new Uint8Array(32)))).toMatchObject({ code: 1 });
      }
    },
    20_000,
  );

  testUnless(
    MISSING,
    "holds a kept checkpoint against a chain that was cut back",
    async () => {
      const chain = checkpointedChain();
      const kept = await write(chain.checkpoints[1]!.note);
      const path = await write(textOf(chain.bundle()));
      expect(await python(path, "--expect-checkpoint", kept)).toMatchObject({ code: 0 });
      const short = new Chain();
      short.add({ type: "first" }).seal();
      expect(await python(await write(textOf(short.bundle())), "--expect-checkpoint", kept)).toMatchObject({ code: 1 });
      expect((await python(path, "--expect-checkpoint", path)).code).toBe(2);
    },
    20_000,
  );

  testUnless(
    MISSING,
    "agrees with the first on what was changed, and on what is no bundle",
    async () => {
      const texts = [smallChain(), checkpointedChain()].map((chain) =>
        new TextEncoder().encode(textOf(chain.bundle())),
      );
      const random = seeded(20_260_131);
      const cases: Uint8Array[] = [new Uint8Array(), new TextEncoder().encode("# notes\n\ntext\n"), ...texts];
      for (let i = 0; i < 150; i += 1) cases.push(mutateText(texts[i % 2] as Uint8Array, random).bytes);
      const paths = await Promise.all(cases.map(write));
      const { lines } = await python(...paths);
      expect(lines.map(wordOf)).toEqual(await Promise.all(cases.map((bytes) => ours(bytes, []))));
      // What nothing depends on may be missing: a seal that a later one covers, a line of the header that proves nothing.
      expect(lines.filter((line) => line.startsWith("verified")).length).toBeLessThan(cases.length / 8);
    },
    60_000,
  );
});

describe("passkeys", () => {
  const TENANT = "ten_a";

  /** A bundle with one approval that a software passkey signed, and the file of approvers. */
  async function approval(algorithm: "ES256" | "EdDSA" | "RS256", wrong: Misbehaviour = {}, stated: object = {}) {
    const authenticator = createAuthenticator({ algorithm });
    const user = { id: toBase64Url(new Uint8Array(8)), name: "a", displayName: "a" };
    authenticator.create({
      challenge: toBase64Url(new Uint8Array(32)),
      rp: { id: "localhost", name: "Writ" },
      user,
      pubKeyCredParams: [-7, -8, -257].map((alg) => ({ alg, type: "public-key" as const })),
    });
    const [passkey] = authenticator.passkeys;
    const same = {
      approval: "apr_1",
      call_digest: "ab".repeat(32),
      policy_version: 3,
      grant: { digest: "ab".repeat(32), scope: "call", uses: 1 },
      expires_at: "2026-02-01T00:00:00.000Z",
    };
    const preimage = { ...same, nonce: "AA", approver: "sub_1", verdict: "approved" };
    const challenge = toBase64Url(approvalChallenge("approval", preimage));
    const { response } = authenticator.get({ challenge, rpId: "localhost" }, wrong);
    const assertion = {
      credential_id: passkey!.credentialId,
      authenticator_data: response.authenticatorData,
      client_data: response.clientDataJSON,
      signature: response.signature,
    };
    const chain = new Chain(TENANT);
    chain.add({ ...same, ...stated, method: "passkey", preimage, assertion }, undefined, "approval.approved").seal();
    const enrolment = {
      tenant: TENANT,
      passkey: "psk_1",
      person: "per_1",
      subject: "sub_1",
      credentialId: passkey!.credentialId,
      publicKey: passkey!.publicKey,
      algorithm: { ES256: -7, EdDSA: -8, RS256: -257 }[algorithm],
      rpId: "localhost",
      origin: DEFAULT_ORIGIN,
      enrolledAt: "2020-01-01T00:00:00.000Z",
    };
    const plain = chain.bundle();
    const at = plain.findIndex((line) => line.startsWith('{"event":'));
    const lines = plain
      .toSpliced(at + 1, 0, assertionLine({ seq: 1, assertion }))
      .toSpliced(at, 0, enrolmentLine(enrolment));
    return {
      bundle: await write(textOf(plain)),
      lines,
      approvers: await write(`${enrolmentLine(enrolment)}\n`),
    };
  }

  for (const algorithm of ["ES256", "EdDSA", "RS256"] as const) {
    testUnless(
      MISSING,
      `${algorithm}: an approval verifies, and not for another challenge, origin, site or without the user verified`,
      async () => {
        const good = await approval(algorithm);
        expect(await python(good.bundle, "--approvers", good.approvers)).toMatchObject({ code: 0 });
        const other = await approval(algorithm);
        expect((await python(good.bundle, "--approvers", other.approvers)).code).toBe(1);
        const wrongs: readonly Misbehaviour[] = [
          { challenge: toBase64Url(new Uint8Array(32)) },
          { origin: "https://evil.example" },
          { rpId: "evil.example" },
          { userVerified: false },
        ];
        const codes = wrongs.map(async (wrong) => {
          const { bundle, approvers } = await approval(algorithm, wrong);
          return (await python(bundle, "--approvers", approvers)).code;
        });
        expect(await Promise.all(codes)).toEqual([1, 1, 1, 1]);
        // The event says something else than was signed.
        for (const stated of [{ call_digest: "cd".repeat(32) }, { grant: null }, { expires_at: "later" }]) {
          const { bundle, approvers } = await approval(algorithm, {}, stated);
          expect((await python(bundle, "--approvers", approvers)).code).toBe(1);
        }
      },
      30_000,
    );
  }

  testUnless(
    MISSING,
    "that a bundle brings check it alone, and both verifiers agree on what was changed in it",
    async () => {
      const { lines } = await approval("ES256");
      const whole = await write(textOf(lines));
      const found = await python(whole);
      expect([found.code, found.lines.join()]).toEqual([0, expect.stringContaining("1 of 1 signed decisions checked")]);
      const own = await verifyBundle(lines);
      expect(own).toMatchObject({ ok: true, assertions: { signed: 1, checked: 1 } });
      const { lines: forged } = await approval("ES256", { origin: "https://evil.example" });
      const { lines: other } = await approval("ES256");
      const of = (kind: string, from: readonly string[]) => from.findIndex((line) => line.includes(`"kind":"${kind}"`));
      const [enrolment, assertion] = [of("enrolment", lines), of("assertion", lines)];
      const random = seeded(20_260_412);
      const encode = (changed: readonly string[]) => new TextEncoder().encode(textOf(changed));
      const cases = [
        encode(forged),
        encode(lines.with(enrolment, other[enrolment] ?? "")),
        encode(lines.with(assertion, other[assertion] ?? "")),
        encode(lines.toSpliced(enrolment, 1)),
        encode(lines.toSpliced(assertion, 1)),
        encode(lines.toSpliced(assertion + 1, 0, lines[assertion] ?? "")),
        encode(lines.toSpliced(enrolment, 0, lines[enrolment] ?? "")),
        ...Array.from({ length: 150 }, () => mutateText(encode(lines), random).bytes),
      ];
      const { lines: words } = await python(...(await Promise.all(cases.map(write))));
      expect(words.map(wordOf)).toEqual(await Promise.all(cases.map((bytes) => ours(bytes, []))));
      expect(words.filter((word) => word.startsWith("verified")).length).toBeLessThan(cases.length / 8);
    },
    60_000,
  );
});
