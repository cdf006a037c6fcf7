import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ChainGrant, type ChainRefusal, verifyDelegationChain, verifyInvocation } from "#src/ucan/chain.ts";
import { commandCovers } from "#src/ucan/command.ts";
import type { Delegation, DelegationDraft } from "#src/ucan/delegation.ts";
import { sealEnvelope } from "#src/ucan/envelope.ts";
import type { Invocation, InvocationDraft } from "#src/ucan/invocation.ts";
import { agent, delegate, invoke, NOW, type Principal, principal, tenant, third } from "./support.ts";

const none = () => false;

/** What comes of an invocation by `by` under `proofs`: "ok" or the code. */
function outcome(
  by: Principal,
  proofs: readonly Delegation[],
  changes: Partial<InvocationDraft> = {},
  now = NOW,
): string {
  const answer = verify(invoke(by, proofs, changes), proofs, { now });
  return answer.ok ? "ok" : answer.code;
}

function verify(
  invocation: Pick<Invocation, "bytes">,
  proofs: readonly Pick<Delegation, "bytes">[],
  changes: { now?: number; executor?: string; isRevoked?: (cid: string) => boolean } = {},
): ChainGrant | ChainRefusal {
  return verifyInvocation({
    invocation: invocation.bytes,
    proofs: proofs.map((proof) => proof.bytes),
    executor: tenant.did,
    now: NOW,
    isRevoked: none,
    ...changes,
  });
}

/** A chain from the tenant over principals 11, 12, … to the last of them. */
function chainOf(
  length: number,
  change: (index: number) => Partial<DelegationDraft> = () => ({}),
): { proofs: Delegation[]; last: Principal } {
  const people = [tenant, ...Array.from({ length }, (_, i) => principal(11 + i))];
  const proofs = Array.from({ length }, (_, i) =>
    delegate(people[i] as Principal, people[i + 1] as Principal, change(i)),
  );
  return { proofs, last: people[length] as Principal };
}

describe("invocation chain", () => {
  test("grants, and tells the facts", () => {
    const first = delegate(tenant, agent, { notBefore: NOW - 10, expiresAt: NOW + 50 });
    const second = delegate(agent, third, { notBefore: NOW - 5, expiresAt: null });
    const invocation = invoke(third, [first, second], { args: { title: "x" }, expiresAt: NOW + 55 });
    expect(verify(invocation, [first, second])).toMatchObject({
      ok: true,
      subject: tenant.did,
      holder: third.did,
      executor: tenant.did,
      command: "/github/issues/create",
      notBefore: NOW - 5,
      expiresAt: NOW + 50,
      proofs: [{ cid: first.cid }, { cid: second.cid }],
      invocation: { cid: invocation.cid, args: { title: "x" } },
    });
    expect(verify(invocation, [second, first])).toMatchObject({ ok: true });
  });

  test("the subject needs no proof; anyone else does", () => {
    expect(outcome(tenant, [])).toBe("ok");
    expect(outcome(agent, [])).toBe("writ_mismatch");
    expect(outcome(agent, [delegate(tenant, agent)])).toBe("ok");
  });

  test("eight links are granted, nine are not", () => {
    const eight = chainOf(8);
    expect(outcome(eight.last, eight.proofs)).toBe("ok");
    const nine = chainOf(9);
    const answer = verify(invoke(nine.last, nine.proofs.slice(1)), nine.proofs);
    expect(answer).toMatchObject({ ok: false, code: "writ_invalid" });
    expect(
      verifyDelegationChain({
        proofs: nine.proofs.map((proof) => proof.bytes),
        subject: tenant.did,
        command: "/github/issues",
        args: {},
        now: NOW,
        isRevoked: none,
      }),
    ).toMatchObject({ ok: false, code: "writ_invalid" });
  });

  test("proofs are listed from the root; the reverse is refused", () => {
    const { proofs, last } = chainOf(3);
    expect(outcome(last, proofs)).toBe("ok");
    expect(outcome(last, proofs.toReversed())).toBe("writ_mismatch");
  });

  test("principals align", () => {
    const toAgent = delegate(tenant, agent);
    expect(outcome(third, [toAgent])).toBe("writ_mismatch");
    expect(outcome(third, [toAgent, delegate(principal(9), third)])).toBe("writ_mismatch");
    expect(outcome(third, [delegate(agent, third)])).toBe("writ_mismatch");
    expect(outcome(agent, [delegate(agent, agent)])).toBe("writ_mismatch");
  });

  test("the subject is the same throughout; null passes on and is no root", () => {
    const other = principal(9);
    expect(outcome(agent, [delegate(tenant, agent, { subject: other.did })])).toBe("writ_mismatch");
    expect(outcome(agent, [delegate(tenant, agent)], { subject: other.did })).toBe("writ_mismatch");
    expect(outcome(third, [delegate(tenant, agent), delegate(agent, third, { subject: other.did })])).toBe(
      "writ_mismatch",
    );
    expect(outcome(third, [delegate(tenant, agent), delegate(agent, third, { subject: agent.did })])).toBe(
      "writ_mismatch",
    );
    expect(outcome(third, [delegate(tenant, agent), delegate(agent, third, { subject: null })])).toBe("ok");
    expect(outcome(agent, [delegate(tenant, agent, { subject: null })])).toBe("writ_mismatch");
  });

  test("a command never widens", () => {
    const with_ = (first: string, second: string, asked: string) =>
      outcome(third, [delegate(tenant, agent, { command: first }), delegate(agent, third, { command: second })], {
        command: asked,
      });
    expect(with_("/", "/a", "/a/b")).toBe("ok");
    expect(with_("/a", "/a", "/a")).toBe("ok");
    expect(with_("/a/b", "/a", "/a/b")).toBe("writ_mismatch");
    expect(with_("/a", "/ab", "/ab")).toBe("writ_mismatch");
    expect(with_("/a", "/a/b", "/a")).toBe("writ_mismatch");
    expect(with_("/a", "/a", "/ab")).toBe("writ_mismatch");
    expect(with_("/a", "/", "/a")).toBe("writ_mismatch");
  });

  test("every policy of every link counts", () => {
    const pins = [["==", ".repo", "acme/app"]];
    const first = delegate(tenant, agent, { policy: pins });
    const wider = delegate(agent, third, { policy: [["like", ".repo", "*"]] });
    expect(outcome(third, [first, wider], { args: { repo: "acme/app" } })).toBe("ok");
    expect(outcome(third, [first, wider], { args: { repo: "acme/other" } })).toBe("writ_mismatch");
    expect(outcome(third, [first, wider], { args: {} })).toBe("writ_mismatch");
    const narrower = delegate(agent, third, { policy: [["==", ".title", "x"]] });
    expect(outcome(third, [first, narrower], { args: { repo: "acme/app" } })).toBe("writ_mismatch");
    expect(outcome(third, [first, narrower], { args: { repo: "acme/app", title: "x" } })).toBe("ok");
  });

  test("every link must hold now; a later link cannot outlive an earlier one", () => {
    for (const index of [0, 1, 2]) {
      const expired = chainOf(3, (i) => (i === index ? { expiresAt: NOW - 1 } : { expiresAt: null }));
      expect(outcome(expired.last, expired.proofs)).toBe("writ_expired");
      const early = chainOf(3, (i) => (i === index ? { notBefore: NOW + 1 } : {}));
      expect(outcome(early.last, early.proofs)).toBe("writ_expired");
    }
    const { proofs, last } = chainOf(2, (i) => ({ expiresAt: i === 0 ? NOW + 1 : NOW + 1000 }));
    expect(outcome(last, proofs, {}, NOW + 1)).toBe("ok");
    expect(outcome(last, proofs, {}, NOW + 2)).toBe("writ_expired");
    expect(outcome(last, proofs, { expiresAt: NOW - 1 })).toBe("writ_expired");
    expect(outcome(last, proofs, {}, Number.NaN)).toBe("writ_expired");
  });

  test("bounds are inclusive", () => {
    const proof = delegate(tenant, agent, { notBefore: NOW, expiresAt: NOW });
    expect(outcome(agent, [proof])).toBe("ok");
    expect(outcome(agent, [proof], {}, NOW - 0.001)).toBe("writ_expired");
    expect(outcome(agent, [proof], {}, NOW + 0.001)).toBe("writ_expired");
  });

  test("one revoked link, the middle one included, or the invocation itself, ends it", () => {
    const { proofs, last } = chainOf(3);
    const invocation = invoke(last, proofs);
    for (const revoked of [...proofs, invocation]) {
      const answer = verify(invocation, proofs, { isRevoked: (cid) => cid === revoked.cid });
      expect(answer).toMatchObject({ ok: false, code: "writ_revoked" });
    }
    expect(verify(invocation, proofs, { isRevoked: (cid) => cid === agent.did })).toMatchObject({ ok: true });
  });

  test("a revocation list that fails refuses", () => {
    const proof = delegate(tenant, agent);
    const isRevoked = () => {
      throw new Error("stale");
    };
    expect(verify(invoke(agent, [proof]), [proof], { isRevoked })).toMatchObject({ ok: false, code: "writ_invalid" });
  });

  test("only the executor that is named executes", () => {
    const proof = delegate(tenant, agent);
    expect(verify(invoke(agent, [proof]), [proof], { executor: third.did })).toMatchObject({
      ok: false,
      code: "writ_mismatch",
    });
    const named = invoke(agent, [proof], { audience: third.did });
    expect(verify(named, [proof], { executor: third.did })).toMatchObject({ ok: true, executor: third.did });
    expect(verify(named, [proof])).toMatchObject({ ok: false, code: "writ_mismatch" });
  });

  test("the proofs are those that the invocation names, each once", () => {
    const proof = delegate(tenant, agent);
    const other = delegate(tenant, agent, { command: "/github" });
    const invocation = invoke(agent, [proof]);
    for (const given of [[], [other], [proof, other], [proof, proof]]) {
      expect(verify(invocation, given)).toMatchObject({ ok: false, code: "writ_invalid" });
    }
    expect(verify(invoke(agent, [proof, proof]), [proof])).toMatchObject({ ok: false, code: "writ_invalid" });
  });

  test("a link signed by another, or damaged, is invalid", () => {
    const proof = delegate(tenant, agent);
    const forged = sealEnvelope(
      "dlg",
      { iss: tenant.did, aud: agent.did, sub: tenant.did, cmd: "/", pol: [], nonce: new Uint8Array(12), exp: null },
      agent.signer,
    );
    expect(verify(invoke(agent, [{ ...proof, cid: forged.cid }]), [forged])).toMatchObject({
      ok: false,
      code: "writ_invalid",
    });
    expect(verify({ bytes: invoke(agent, [proof]).bytes.slice(1) }, [proof])).toMatchObject({
      ok: false,
      code: "writ_invalid",
    });
    expect(verify(invoke(agent, [proof]), [{ bytes: proof.bytes.slice(0, 50) }])).toMatchObject({
      ok: false,
      code: "writ_invalid",
    });
  });
});

describe("delegation chain", () => {
  const request = {
    subject: tenant.did,
    command: "/github/issues/create",
    args: { repo: "acme/app" },
    now: NOW,
    isRevoked: none,
  };

  test("grants a bearer, and a holder who is named only where it is the one", () => {
    const proofs = [delegate(tenant, agent, { policy: [["==", ".repo", "acme/app"]] }).bytes];
    expect(verifyDelegationChain({ ...request, proofs })).toMatchObject({
      ok: true,
      holder: agent.did,
      expiresAt: NOW + 60,
    });
    expect(verifyDelegationChain({ ...request, proofs, holder: agent.did })).toMatchObject({ ok: true });
    expect(verifyDelegationChain({ ...request, proofs, holder: third.did })).toMatchObject({
      ok: false,
      code: "writ_mismatch",
    });
    expect(verifyDelegationChain({ ...request, proofs, subject: third.did })).toMatchObject({
      ok: false,
      code: "writ_mismatch",
    });
    expect(verifyDelegationChain({ ...request, proofs, args: { repo: "acme/b" } })).toMatchObject({
      ok: false,
      code: "writ_mismatch",
    });
    expect(verifyDelegationChain({ ...request, proofs, command: "/github" })).toMatchObject({
      ok: false,
      code: "writ_mismatch",
    });
  });

  test("nothing grants nothing", () => {
    expect(verifyDelegationChain({ ...request, proofs: [] })).toMatchObject({ ok: false, code: "writ_invalid" });
    expect(verifyDelegationChain({ ...request, proofs: [invoke(tenant, []).bytes] })).toMatchObject({
      ok: false,
      code: "writ_invalid",
    });
    expect(verifyDelegationChain({ ...request, proofs: [delegate(tenant, agent).bytes], command: "/A" })).toMatchObject(
      { ok: false, code: "writ_invalid" },
    );
  });
});

describe("attenuation", () => {
  const link = fc.record({
    command: fc.constantFrom("/", "/a", "/a/b", "/ab"),
    policy: fc.array(fc.constantFrom(["==", ".x", 1], [">", ".x", 0], ["!=", ".x", 2], ["==", ".y", "k"]), {
      maxLength: 2,
    }),
    expiresAt: fc.constantFrom(null, NOW + 5, NOW + 60),
    notBefore: fc.constantFrom(undefined, NOW - 5, NOW),
  });
  const asked = fc.record({
    command: fc.constantFrom("/a/b/c", "/a/b", "/a", "/ab"),
    args: fc.record({ x: fc.constantFrom(1, 1, 2), y: fc.constantFrom("k", "k", "l") }),
    now: fc.constantFrom(NOW, NOW, NOW - 3, NOW + 10),
  });

  test("whatever a longer chain grants, each of its beginnings grants too", () => {
    let granted = 0;
    fc.assert(
      fc.property(fc.array(link, { minLength: 2, maxLength: 3 }), asked, (links, call) => {
        const { proofs } = chainOf(links.length, (i) => links[i] as Partial<DelegationDraft>);
        const grants = (count: number) =>
          verifyDelegationChain({
            ...call,
            proofs: proofs.slice(0, count).map((proof) => proof.bytes),
            subject: tenant.did,
            isRevoked: none,
          });
        if (!grants(proofs.length).ok) return;
        granted += 1;
        for (let count = 1; count < proofs.length; count += 1) expect(grants(count).ok).toBe(true);
        for (const proof of proofs) expect(commandCovers(proof.command, call.command)).toBe(true);
      }),
      { numRuns: 400 },
    );
    expect(granted).toBeGreaterThan(20);
  });
});
