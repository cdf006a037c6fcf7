import { describe, expect, test } from "bun:test";
import { newId } from "#src/base/ids.ts";
import type { Approval, ApprovalDetails } from "#src/consent/approval.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { PLAIN_TERMS } from "#src/policy/approval-terms.ts";
import { type ApprovalModel, approvalBody } from "../../views/approvals.ts";

const NOW = Date.parse("2026-01-01T12:00:00.000Z");
const digest = "ab".repeat(32);
const details: ApprovalDetails = {
  agentName: "helper",
  resource: { type: "Http::Resource", id: "things/1" },
  attributes: {},
  connection: { name: "api", origin: "https://api.example" },
  call: { method: "DELETE", path: "/things/1", query: "", headers: [], bodySha256: digest, bodyBytes: 12 },
  claimed: { purpose: "to \u202epu naelc" },
  askedBy: ["ask"],
};
const approval: Approval = {
  id: newId("approval", systemIdSource),
  agent: newId("agent", systemIdSource),
  state: "pending",
  command: "/http/api/delete",
  tier: "danger",
  boundTo: "call",
  callDigest: digest,
  policyVersion: 1,
  terms: PLAIN_TERMS,
  votes: 0,
  grant: null,
  grantEndsAt: null,
  remaining: null,
  used: 0,
  cosigner: null,
  requestedAt: NOW,
  expiresAt: NOW + 900_000,
  escalatedAt: null,
  decidedAt: null,
  decidedBy: null,
};

function draw(changes: Partial<Approval> = {}, body = "plain", more: Partial<ApprovalDetails> = {}): string {
  const model = {
    approval: { ...approval, ...changes },
    details: { ...details, ...more },
    body: { text: body, isText: true, redactions: 0 },
    history: [],
    agent: undefined,
    mayDecide: true,
    mayRevoke: false,
    voters: [],
    now: NOW,
  } as unknown as ApprovalModel;
  return approvalBody(model).toString();
}

describe("the page of an approval", () => {
  test("shows an agent's tricks with direction and with what nobody sees, in body and purpose", () => {
    const page = draw({}, 'amount = 1; \u202e;000 = tnuoma\u2066 "\u{e0044}\u200b"');
    for (const raw of ["\u202e", "\u2066", "\u200b", "\u{e0044}"]) expect(page).not.toContain(raw);
    expect(page).toContain("[U+202E];000 = tnuoma[U+2066]");
    expect(page).toContain("to [U+202E]pu naelc");
  });

  test("says what the yes is good for: the call, the resource, or what somebody said yes to before", () => {
    expect(draw()).toContain("one use of exactly this call");
    expect(draw({ boundTo: "resource" })).toContain("one use of any /http/api/delete on things/1");
    const grants = { uses: 5, seconds: 3600, resource: true, run: false };
    const granted = draw({
      terms: { ...PLAIN_TERMS, quorum: 2, grants },
      votes: 1,
      grant: { scope: "resource", digest, uses: null },
      grantEndsAt: NOW + 3_600_000,
    });
    expect(granted).toContain("any number of uses of any /http/api/delete on things/1, until 2026-01-01T13:00:00.000Z");
    expect(granted).not.toContain("once, exactly this call");
    expect(granted).not.toContain('name="scope"');
  });

  test("offers a grant for a run where there is one, and the policies leave it", () => {
    const terms = { ...PLAIN_TERMS, grants: { ...PLAIN_TERMS.grants, run: true } };
    const run = newId("run", systemIdSource);
    expect(draw({ terms }, "x", { run })).toContain(`in the run ${run}`);
    expect(draw({ terms })).not.toContain("in the run");
    expect(draw({}, "x", { run })).not.toContain("in the run");
  });
});
