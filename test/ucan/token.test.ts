import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { base58btc } from "multiformats/bases/base58";
import { fromBase64, toBase64 } from "#src/base/bytes.ts";
import { createSigner } from "#src/crypto/ed25519.ts";
import { delegationPayload, parseDelegation, signDelegation } from "#src/ucan/delegation.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import { parseTokenCid, sealEnvelope } from "#src/ucan/envelope.ts";
import { parseInvocation } from "#src/ucan/invocation.ts";
import type { Ipld, IpldMap } from "#src/ucan/ipld.ts";
import { mintDelegation } from "#src/ucan/mint.ts";
import { describeShared, sharedData } from "#test/support/shared-data.ts";
import { agent, codeOf, delegate, invoke, NOW, tenant } from "./support.ts";

interface Fixture {
  readonly name: string;
  readonly token: string;
  readonly cid: string;
  readonly envelope: {
    readonly payload: Record<string, Ipld> & { readonly nonce: string };
    readonly signature: string;
  };
}

describeShared("the specification's delegations", () => {
  const file = JSON.parse(readFileSync(sharedData("ucan/delegation.json"), "utf8")) as {
    readonly principals: Record<string, string>;
    readonly valid: readonly Fixture[];
  };
  // A private key is a two-byte codec and then the seed.
  const signers = Object.values(file.principals).map((text) => createSigner(fromBase64(text).subarray(2)));

  test("there are some", () => expect(file.valid.length).toBeGreaterThan(0));

  for (const fixture of file.valid) {
    test(`${fixture.name}: decodes, verifies and is signed again to the same bytes`, () => {
      const expected = fixture.envelope.payload;
      const read = parseDelegation(fromBase64(fixture.token));
      expect(read.cid).toBe(fixture.cid);
      expect([read.issuer, read.audience, read.subject, read.command, read.expiresAt] as Ipld[]).toEqual([
        expected["iss"] as Ipld,
        expected["aud"] as Ipld,
        expected["sub"] as Ipld,
        expected["cmd"] as Ipld,
        expected["exp"] as Ipld,
      ]);
      expect(read.policy.source).toEqual(expected["pol"] as Ipld[]);
      expect(toBase64(read.nonce)).toBe(expected.nonce);
      const signer = signers.find((one) => didOfSigner(one) === read.issuer);
      if (signer === undefined) throw new Error("the issuer is not among the principals");
      const again = signDelegation({ ...read, policy: read.policy.source }, signer, read.version);
      expect(toBase64(again.bytes)).toBe(fixture.token);
      expect(again.cid).toBe(fixture.cid);
    });
  }
});

/** The payload of a valid delegation with `changes`, signed by the tenant; undefined removes a field. */
function signed(kind: "dlg" | "inv", base: IpldMap, changes: Record<string, Ipld | undefined>): Uint8Array {
  const entries = Object.entries({ ...base, ...changes }).filter(([, value]) => value !== undefined);
  return sealEnvelope(kind, Object.fromEntries(entries) as IpldMap, tenant.signer).bytes;
}

const delegation: IpldMap = delegationPayload(
  { audience: agent.did, subject: tenant.did, command: "/a", policy: [], nonce: new Uint8Array(12), expiresAt: NOW },
  tenant.did,
);
const invocation: IpldMap = {
  iss: tenant.did,
  sub: tenant.did,
  cmd: "/a",
  args: {},
  prf: [],
  nonce: new Uint8Array(0),
  exp: null,
};
const link = parseTokenCid(delegate(tenant, agent).cid);

describe("delegation", () => {
  const accepts = (changes: Record<string, Ipld | undefined>) =>
    codeOf(() => parseDelegation(signed("dlg", delegation, changes)));

  test("accepts every form that the specification has", () => {
    for (const changes of [
      {},
      { sub: null },
      { exp: null },
      { nbf: 0 },
      { nbf: -5 },
      { meta: { a: [1, null] } },
      { cmd: "/" },
      { aud: "did:web:example.com" },
    ]) {
      expect(accepts(changes)).toBe("no error");
    }
  });

  test("refuses every field that has another form, is missing or unknown", () => {
    const malformed: Record<string, (Ipld | undefined)[]> = {
      iss: [undefined, null, 1, "", "did:web:example.com", agent.did, `${tenant.did}#k`, [tenant.did]],
      aud: [undefined, null, 1, "", "agent", `${agent.did}#k`],
      sub: [undefined, 1, "", "tenant", []],
      cmd: [undefined, null, 1, "", "a", "/A", "/a/", "//"],
      pol: [undefined, null, {}, "", [1], [["==", ".a"]]],
      nonce: [undefined, null, "text", [1]],
      meta: [null, [], "x", 1, new Uint8Array(1), link],
      nbf: [null, 1.5, "1", true],
      exp: [undefined, 1.5, "1", []],
      prf: [[]],
      extra: [1],
    };
    for (const [field, values] of Object.entries(malformed)) {
      for (const value of values) expect(`${field} ${accepts({ [field]: value })}`).toBe(`${field} writ_invalid`);
    }
  });

  test("is signed by its issuer and nobody else", () => {
    expect(codeOf(() => parseDelegation(sealEnvelope("dlg", delegation, agent.signer).bytes))).toBe("writ_invalid");
  });

  test("a key of small order signs nothing, though its equation holds for anyone", () => {
    // The neutral element as key and as R, with S = 0: S·B = R + h·A for every message.
    const neutral = new Uint8Array(32);
    neutral[0] = 1;
    const signature = new Uint8Array(64);
    signature[0] = 1;
    const iss = `did:key:${base58btc.encode(Uint8Array.of(0xed, 1, ...neutral))}`;
    const forged = sealEnvelope("dlg", { ...delegation, iss, sub: iss }, { publicKey: neutral, sign: () => signature });
    expect(codeOf(() => parseDelegation(forged.bytes))).toBe("writ_invalid");
  });

  test("is no invocation, and an invocation is no delegation", () => {
    expect(codeOf(() => parseInvocation(delegate(tenant, agent).bytes))).toBe("writ_invalid");
    expect(codeOf(() => parseDelegation(invoke(tenant, []).bytes))).toBe("writ_invalid");
  });

  test("signing refuses a draft that could not be read back", () => {
    expect(codeOf(() => delegate(tenant, agent, { command: "/A" }))).toBe("writ_invalid");
    expect(codeOf(() => delegate(tenant, agent, { policy: [["=~", ".a", 1]] }))).toBe("writ_invalid");
  });
});

describe("invocation", () => {
  const accepts = (changes: Record<string, Ipld | undefined>) =>
    codeOf(() => parseInvocation(signed("inv", invocation, changes)));

  test("accepts every form that the specification has", () => {
    for (const changes of [
      {},
      { aud: agent.did },
      { iat: NOW },
      { cause: link },
      { meta: {} },
      { prf: [link] },
      { exp: NOW },
      { nbf: NOW },
    ]) {
      expect(accepts(changes)).toBe("no error");
    }
  });

  test("refuses every field that has another form, is missing or unknown", () => {
    const malformed: Record<string, (Ipld | undefined)[]> = {
      iss: [undefined, null, "did:web:example.com", agent.did],
      sub: [undefined, null, "", 1],
      aud: [null, "", 1],
      cmd: [undefined, "a", "/a/"],
      args: [undefined, null, [], "x", new Uint8Array(1), link],
      prf: [undefined, null, {}, ["x"], [null], Array.from({ length: 9 }, () => link)],
      nonce: [undefined, null, ""],
      exp: [undefined, 0.5, "x"],
      iat: [null, 0.5],
      nbf: [null, 0.5],
      cause: [null, "x", {}],
      pol: [[]],
    };
    for (const [field, values] of Object.entries(malformed)) {
      for (const value of values) expect(`${field} ${accepts({ [field]: value })}`).toBe(`${field} writ_invalid`);
    }
  });

  test("reads back what it was made of", () => {
    const proof = delegate(tenant, agent);
    const read = parseInvocation(
      invoke(agent, [proof], { args: { a: [1, { b: null }] }, issuedAt: NOW, cause: link }).bytes,
    );
    expect(read).toMatchObject({
      issuer: agent.did,
      subject: tenant.did,
      proofs: [proof.cid],
      args: { a: [1, { b: null }] },
    });
    expect([read.issuedAt, read.expiresAt, read.cause?.toString()]).toEqual([NOW, NOW + 30, link.toString()]);
  });
});

describe("mint", () => {
  const request = {
    signer: tenant.signer,
    issuerDid: tenant.did,
    audienceDid: agent.did,
    subjectDid: tenant.did,
    command: "/github/issues/create",
    policy: [["==", ".resource.id", "acme/app"]],
    expiresAt: NOW + 60,
    notBefore: NOW,
    nonce: new Uint8Array(16).fill(5),
    meta: { decision: "dec_1" },
  };

  test("gives the very token that the careful way gives", () => {
    const minted = mintDelegation(request);
    const careful = signDelegation(
      {
        audience: agent.did,
        subject: tenant.did,
        command: request.command,
        policy: request.policy,
        nonce: request.nonce,
        meta: request.meta,
        notBefore: NOW,
        expiresAt: NOW + 60,
      },
      tenant.signer,
    );
    expect(minted.bytes).toEqual(careful.bytes);
    expect(minted.cid).toBe(careful.cid);
  });

  test("refuses what would not verify", () => {
    expect(codeOf(() => mintDelegation({ ...request, command: "/A" }))).toBe("writ_invalid");
    expect(codeOf(() => mintDelegation({ ...request, policy: [["==", "a", 1]] }))).toBe("writ_invalid");
    expect(codeOf(() => mintDelegation({ ...request, issuerDid: agent.did }))).toBe("internal");
    expect(codeOf(() => mintDelegation({ ...request, audienceDid: "agent" }))).toBe("internal");
    expect(codeOf(() => mintDelegation({ ...request, nonce: new Uint8Array(4) }))).toBe("internal");
    expect(codeOf(() => mintDelegation({ ...request, expiresAt: NOW + 0.5 }))).toBe("internal");
  });

  test("takes well under a millisecond", () => {
    const times = Array.from({ length: 200 }, (_, i) => {
      const start = performance.now();
      mintDelegation({ ...request, expiresAt: NOW + i });
      return performance.now() - start;
    }).sort((a, b) => a - b);
    expect(times[100] as number).toBeLessThan(1);
  });
});
