import { afterAll, describe, expect } from "bun:test";
import { join } from "node:path";
import { toBase64, toBase64Url } from "#src/base/bytes.ts";
import { approvalChallenge } from "#src/ledger/approval-challenge.ts";
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
  async function approval(algorithm: "ES256" | "EdDSA" | "RS256", wrong: Misbehaviour = {}) {
    const authenticator = createAuthenticator({ algorithm });
    const user = { id: toBase64Url(new Uint8Array(8)), name: "a", displayName: "a" };
    authenticator.create({
      challenge: toBase64Url(new Uint8Array(32)),
      rp: { id: "localhost", name: "Writ" },
      user,
      pubKeyCredParams: [-7, -8, -257].map((alg) => ({ alg, type: "public-key" as const })),
    });
    const [passkey] = authenticator.passkeys;
    const preimage = { approval: "apr_1", verdict: "approved", call_digest: "ab".repeat(32) };
    const challenge = toBase64Url(approvalChallenge("approval", preimage));
    const { response } = authenticator.get({ challenge, rpId: "localhost" }, wrong);
    const assertion = {
      credential_id: passkey!.credentialId,
      authenticator_data: response.authenticatorData,
      client_data: response.clientDataJSON,
      signature: response.signature,
    };
    const chain = new Chain(TENANT);
    chain.add({ proof: { method: "passkey", preimage, assertion } }, undefined, "approval.approved").seal();
    const approvers = enrolmentLine({
      tenant: TENANT,
      passkey: "psk_1",
      person: "per_1",
      subject: "sub_1",
      credentialId: passkey!.credentialId,
      publicKey: passkey!.publicKey,
      algorithm: { ES256: -7, EdDSA: -8, RS256: -257 }[algorithm],
      rpId: "localhost",
      origin: DEFAULT_ORIGIN,
      enrolledAt: "2026-01-01T00:00:00.000Z",
    });
    return { bundle: await write(textOf(chain.bundle())), approvers: await write(`${approvers}\n`) };
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
      },
      30_000,
    );
  }
});
