import { describe, expect, test } from "bun:test";
// The peers are a package of their own, so the imports of this file are relative.
import { type ChainGrant, type ChainRefusal, verifyInvocation } from "../../src/ucan/chain.ts";
import { parseDelegation, signDelegation } from "../../src/ucan/delegation.ts";
import { signInvocation } from "../../src/ucan/invocation.ts";
import { mintDelegation } from "../../src/ucan/mint.ts";
import { describePeer, importPeer } from "../support/peer.ts";
import { principal } from "../ucan/support.ts";

/** What is used of the other implementation; its own types are not part of this project. */
interface PeerDelegation {
  readonly bytes: Uint8Array;
  readonly cid: { toString(): string };
  readonly iss: string;
  readonly aud: string;
  readonly cmd: string;
}
interface PeerInvocation {
  readonly bytes: Uint8Array;
  readonly cid: { toString(): string };
  readonly delegations: readonly PeerDelegation[];
}
interface Peer {
  readonly signerOf: (seed: Uint8Array) => Promise<{ readonly did: string }>;
  readonly delegations: {
    create(options: object): Promise<PeerDelegation>;
    from(options: object): Promise<PeerDelegation>;
  };
  readonly invocations: {
    create(options: object): Promise<PeerInvocation>;
    from(options: object): Promise<PeerInvocation>;
  };
  readonly verifierResolver: object;
}

async function loadPeer(): Promise<Peer> {
  const [delegation, invocation, signers, resolver, verifier] = await Promise.all(
    [
      "iso-ucan/delegation",
      "iso-ucan/invocation",
      "iso-signatures/signers/eddsa.js",
      "iso-signatures/verifiers/resolver.js",
      "iso-signatures/verifiers/eddsa.js",
    ].map(importPeer),
  );
  const Resolver = resolver?.["Resolver"] as new (verifiers: object) => object;
  const generator = signers?.["EdDSASigner"] as { generate(seed: Uint8Array): Promise<{ readonly did: string }> };
  return {
    signerOf: (seed) => generator.generate(seed),
    delegations: delegation?.["Delegation"] as Peer["delegations"],
    invocations: invocation?.["Invocation"] as Peer["invocations"],
    verifierResolver: new Resolver({ ...(verifier?.["verifier"] as object) }),
  };
}

const tenant = principal(1);
const agent = principal(2);
const helper = principal(3);
// The other implementation reads the machine's clock.
const now = Math.floor(Date.now() / 1000);
const policy = [
  ["==", ".repo", "acme/app"],
  ["any", ".labels", ["like", ".", "bug*"]],
];
const args = { repo: "acme/app", labels: ["later", "bug: crash"] };

describePeer("iso-ucan", "iso-ucan", () => {
  describe("accepts ours", () => {
    for (const version of ["1.0.0", "1.0.0-rc.1"] as const) {
      test(`a delegation and an invocation on a chain of two, tagged ${version}`, async () => {
        const peer = await loadPeer();
        const shared = { command: "/github/issues", policy, expiresAt: now + 60, nonce: new Uint8Array(16).fill(4) };
        const first = signDelegation(
          { ...shared, audience: agent.did, subject: tenant.did, meta: { a: [1, "x", null] }, notBefore: now - 5 },
          tenant.signer,
          version,
        );
        const second = signDelegation({ ...shared, audience: helper.did, subject: null }, agent.signer, version);
        const read = await Promise.all(
          [first, second].map(({ bytes }) => peer.delegations.from({ bytes, verifierResolver: peer.verifierResolver })),
        );
        // It computes a CID over its own encoding of what it read, so this also says that it encodes as we do.
        expect(read.map((one) => one.cid.toString())).toEqual([first.cid, second.cid]);
        expect(read[0]).toMatchObject({ iss: tenant.did, aud: agent.did, cmd: "/github/issues" });
        const invocation = signInvocation(
          {
            subject: tenant.did,
            command: "/github/issues/create",
            args,
            proofs: [first.cid, second.cid],
            nonce: new Uint8Array(12).fill(6),
            expiresAt: now + 30,
          },
          helper.signer,
          version,
        );
        const accepted = await peer.invocations.from({
          bytes: invocation.bytes,
          audience: { did: tenant.did },
          verifierResolver: peer.verifierResolver,
          resolveProof: async (cid: { toString(): string }) =>
            read.find((one) => one.cid.toString() === cid.toString()),
        });
        expect(accepted.cid.toString()).toBe(invocation.cid);
        expect(accepted.delegations).toHaveLength(2);
      });
    }

    test("a minted writ", async () => {
      const peer = await loadPeer();
      const { bytes, cid } = mintDelegation({
        signer: tenant.signer,
        issuerDid: tenant.did,
        audienceDid: agent.did,
        subjectDid: tenant.did,
        command: "/github/issues/create",
        policy,
        expiresAt: now + 60,
        nonce: new Uint8Array(16).fill(8),
        meta: { decision: "dec_1" },
      });
      const read = await peer.delegations.from({ bytes, verifierResolver: peer.verifierResolver });
      expect(read.cid.toString()).toBe(cid);
      const changed = Uint8Array.from(bytes);
      changed[10] = (changed[10] as number) ^ 1;
      await expect(
        peer.delegations.from({ bytes: changed, verifierResolver: peer.verifierResolver }),
      ).rejects.toThrow();
    });
  });

  describe("is accepted by ours", () => {
    async function made(invoked: object): Promise<ChainGrant | ChainRefusal> {
      const peer = await loadPeer();
      const signers = await Promise.all([1, 2, 3].map((seed) => peer.signerOf(new Uint8Array(32).fill(seed))));
      const resolving = { verifierResolver: peer.verifierResolver };
      const first = await peer.delegations.create({
        iss: signers[0],
        aud: agent.did,
        sub: tenant.did,
        cmd: "/github/issues",
        pol: policy,
        exp: now + 60,
        nbf: now - 5,
        meta: { run: "r" },
      });
      const second = await peer.delegations.create({
        iss: signers[1],
        aud: helper.did,
        sub: null,
        cmd: "/github/issues/create",
        pol: [],
        exp: null,
      });
      const invocation = await peer.invocations.create({
        iss: signers[2],
        sub: tenant.did,
        cmd: "/github/issues/create",
        args,
        prf: [first, second],
        exp: now + 30,
        iat: now,
        ...invoked,
        ...resolving,
      });
      expect(parseDelegation(first.bytes)).toMatchObject({
        cid: first.cid.toString(),
        version: "1.0.0-rc.1",
        issuer: tenant.did,
      });
      return verifyInvocation({
        invocation: invocation.bytes,
        proofs: [first.bytes, second.bytes],
        executor: tenant.did,
        now,
        isRevoked: () => false,
      });
    }

    test("an invocation on a chain of two", async () => {
      expect(await made({})).toMatchObject({ ok: true, holder: helper.did, subject: tenant.did, expiresAt: now + 30 });
    });

    test("and refused where ours is stricter: a command that only begins with the same letters", async () => {
      expect(await made({ cmd: "/github/issues/created" })).toMatchObject({ ok: false, code: "writ_mismatch" });
    });
  });
});
