import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Edge, type Household, settle, startEdge } from "#test/http/support.ts";
import { type Browser, enrolOwner } from "#test/support/signed-in.ts";
import { type Outcome, temporaryFolder, writ } from "./support.ts";

let edge: Edge;
let home: Household;
let owner: Browser;
const out = temporaryFolder();
const path = (name: string): string => join(out.path, name);

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

  test("refuses a file that is none of approvers", async () => {
    const { code } = await run("verify", path("bundle.jsonl"), "--approvers", path("bundle.jsonl"));
    expect(code).toBe(2);
  }, 20_000);
});
