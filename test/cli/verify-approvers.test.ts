import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toBase64Url } from "#src/base/bytes.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import { verifyBundle } from "#src/ledger/verify-bundle.ts";
import { type Edge, type Household, settle, startEdge } from "#test/http/support.ts";
import { createAuthenticator } from "#test/support/authenticator.ts";
import { type Browser, enrolOwner } from "#test/support/signed-in.ts";
import { testUnless } from "../fault/support.ts";
import { type Outcome, temporaryFolder, writ } from "./support.ts";

const PYTHON = Bun.which("python3");
let edge: Edge;
let home: Household;
let owner: Browser;
const out = temporaryFolder();
const path = (name: string): string => join(out.path, name);

/** The COSE key of a passkey that is none of theirs. */
function createOther(): Uint8Array {
  const other = createAuthenticator();
  other.create({
    challenge: "AA",
    rp: { id: "localhost", name: "Writ" },
    user: { id: "AA", name: "a", displayName: "a" },
    pubKeyCredParams: [-7, -8, -257].map((alg) => ({ alg, type: "public-key" as const })),
  });
  return other.passkeys[0]?.publicKey ?? new Uint8Array();
}

const run = (...words: readonly string[]): Promise<Outcome> => writ(words, { env: { WRIT_DATA: edge.folder } });

beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
  owner = await enrolOwner(edge);
  const call = { connection: "api", method: "DELETE", path: "/a" };
  const asked = await edge.ask("POST", "/v1/authorize", { token: home.key, body: { call } });
  const at = `/v1/admin/approvals/${asked.json.approval.id}`;
  const challenge = await owner.ask("POST", `${at}/challenge`, { body: { verdict: "approved" } });
  const credential = owner.authenticator.get(challenge.json.publicKey);
  expect((await owner.ask("POST", `${at}/decision`, { body: { credential } })).json.state).toBe("approved");
  expect((await run("person", "passkeys", "export", "--out", path("approvers.jsonl"))).code).toBe(0);
  expect((await run("audit", "export", "--out", path("bundle.jsonl"))).code).toBe(0);
}, 30_000);
afterAll(async () => {
  await edge.stop();
  out.remove();
});

describe("writ verify --approvers", () => {
  test("checks what the owner's passkey signed, in a bundle and in the folder of a running server", async () => {
    for (const evidence of [path("bundle.jsonl"), edge.folder]) {
      expect(await run("verify", evidence, "--approvers", path("approvers.jsonl"))).toMatchObject({ code: 0 });
    }
  }, 20_000);

  test("names the event that a passkey of somebody unknown signed", async () => {
    writeFileSync(path("nobody.jsonl"), "");
    const { code, stdout } = await run("verify", path("bundle.jsonl"), "--approvers", path("nobody.jsonl"), "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout).chains[0].problems[0]).toMatchObject({ code: "approver_unknown" });
    const [line = ""] = readFileSync(path("approvers.jsonl"), "utf8").split("\n");
    const other = JSON.parse(line);
    writeFileSync(path("other.jsonl"), `${line.replace(other.origin, "https://elsewhere.example")}\n`);
    const moved = await run("verify", path("bundle.jsonl"), "--approvers", path("other.jsonl"));
    expect([moved.code, moved.stdout]).toEqual([1, expect.stringContaining("not the one that the chain has")]);
  }, 20_000);

  test("a bundle brings the passkeys that it needs, names nobody, and is told apart from what an auditor holds", async () => {
    const { code, stdout } = await run("verify", path("bundle.jsonl"));
    expect([code, stdout]).toEqual([0, expect.stringContaining("1 of 1 signed decisions checked")]);
    expect(stdout).toContain("from the bundle itself");
    const pinned = await run("verify", path("bundle.jsonl"), "--approvers", path("approvers.jsonl"));
    expect(pinned.stdout).toContain("1 signed by passkeys, checked with those that were given");
    const lines = readFileSync(path("bundle.jsonl"), "utf8").split("\n").slice(0, -1);
    expect(lines.join()).not.toContain("Olga");
    const at = (kind: string): number => lines.findIndex((line) => line.includes(`"kind":"${kind}"`));
    const [enrolment, assertion] = [at("enrolment"), at("assertion")];
    const verified = async (changed: readonly string[]) => {
      const { ok, problems, assertions } = await verifyBundle(changed);
      return { ok, code: problems[0]?.code, assertions };
    };
    const both = { signed: 1, checked: 1 };
    expect(await verified(lines)).toEqual({ ok: true, code: undefined, assertions: both });
    // Whatever is another: the key, whose it is, from when it is, where for; the assertion's own line.
    const own = JSON.parse(lines[enrolment] ?? "") as Record<string, string>;
    for (const [name, value] of [
      ["public_key", toBase64Url(createOther())],
      ["subject", "sub_00000000000000000000000000"],
      ["origin", "https://elsewhere.example"],
      ["enrolled_at", "2999-01-01T00:00:00.000Z"],
      ["removed_at", "2001-01-01T00:00:00.000Z"],
    ] as const) {
      const changed = lines.with(enrolment, canonicalize({ ...own, [name]: value }));
      expect([name, (await verified(changed)).code]).toEqual([name, "assertion_invalid"]);
    }
    const other = (JSON.parse(lines[assertion] ?? "") as Record<string, string>)["signature"] ?? "";
    const touched = lines.with(assertion, (lines[assertion] ?? "").replace(other, `AA${other.slice(2)}`));
    const without = (...gone: readonly number[]) => lines.filter((_, i) => !gone.includes(i));
    for (const malformed of [
      touched,
      without(enrolment),
      lines.toSpliced(enrolment, 0, lines[enrolment] ?? ""),
      lines.toSpliced(assertion + 2, 0, lines[assertion] ?? ""),
    ]) {
      expect((await verified(malformed)).code).toBe("bundle_malformed");
    }
    // As an older Writ exported it: nothing of it is checked, and that is said.
    const older = await verified(without(enrolment, assertion));
    expect(older).toEqual({ ok: true, code: undefined, assertions: { signed: 1, checked: 0 } });
  }, 20_000);

  testUnless(
    PYTHON === null ? "needs python3" : undefined,
    "finds what a second verifier finds",
    async () => {
      const script = join(import.meta.dir, "../conformance/verify.py");
      const second = async (...words: string[]): Promise<[number, string]> => {
        const child = Bun.spawn([PYTHON ?? "", "-B", script, ...words], { stdout: "pipe", stderr: "pipe" });
        return [await child.exited, await new Response(child.stdout).text()];
      };
      const bundle = path("bundle.jsonl");
      expect(await second(bundle)).toEqual([0, expect.stringContaining("1 of 1 signed decisions checked")]);
      expect((await second(bundle, "--approvers", path("approvers.jsonl")))[0]).toBe(0);
      writeFileSync(path("empty.jsonl"), "");
      const [code, said] = await second(bundle, "--approvers", path("empty.jsonl"));
      expect([code, said]).toEqual([1, expect.stringContaining("not among the approvers")]);
    },
    20_000,
  );

  test("refuses a file that is none of approvers", async () => {
    const { code } = await run("verify", path("bundle.jsonl"), "--approvers", path("bundle.jsonl"));
    expect(code).toBe(2);
  }, 20_000);
});
