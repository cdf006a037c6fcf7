import { describe, expect, test } from "bun:test";
import { base58btc } from "multiformats/bases/base58";
import { toBase64Url } from "#src/base/bytes.ts";
import { createSigner, type Signer } from "#src/crypto/ed25519.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { createWritChecker, parsePresentedWrit } from "#src/decision/writ.ts";
import { type Delegation, parseDelegation, signDelegation } from "#src/ucan/delegation.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import { sealEnvelope } from "#src/ucan/envelope.ts";
import type { Ipld } from "#src/ucan/ipld.ts";
import { rejection } from "#test/support/scenario.ts";
import { bodyOf, PERMIT_ALL, type TestCall } from "#test/support/tenant.ts";
import {
  agent,
  code,
  connection,
  count,
  expectRefused,
  instance,
  mint,
  ownAgent,
  ownSigner,
  READ,
  tenant,
  tokenOf,
  upstream,
  useStage,
  WRITE,
} from "./writ-stage.ts";

useStage();

describe("a writ", () => {
  test("for a read is good again and again until it expires", async () => {
    const writ = await mint();
    for (let i = 0; i < 3; i += 1) expect(await bodyOf(await tenant.callWith(writ, "api", READ))).toBe("ok");
    const types = async () => (await instance.events(tenant)).map(({ type }) => type).slice(-6);
    // A read's receipt joins a later commit, so that it may stand behind the next call's beginning.
    for (let look = 0; look < 100 && (await types()).at(-1) !== "call.finished"; look += 1) await Bun.sleep(5);
    const expected = ["call.finished", "call.finished", "call.finished", "writ.used", "writ.used", "writ.used"];
    expect((await types()).sort()).toEqual(expected);
    instance.clock.advance(60_000);
    expect(await bodyOf(await tenant.callWith(writ, "api", READ))).toBe("ok");
    instance.clock.advance(1);
    expect(await code(writ)).toBe("writ_expired");
  });

  test("for a write is used once, under 50 attempts at once", async () => {
    const writ = await mint(WRITE);
    const results = await Promise.all(Array.from({ length: 50 }, () => code(writ, WRITE)));
    expect(results.filter((result) => result === "writ_used")).toHaveLength(49);
    expect(upstream.requests).toHaveLength(1);
    expect(await code(writ, WRITE)).toBe("writ_used");
  });

  test("used before the clock was set back is still used", async () => {
    const writ = await mint(WRITE);
    await tenant.callWith(writ, "api", WRITE);
    instance.clock.advance(-50_000);
    try {
      expect(await code(writ, WRITE)).toBe("writ_used");
    } finally {
      instance.clock.advance(50_000);
    }
  });

  test.each<[name: string, call: TestCall]>([
    ["path", { path: "/b" }],
    ["method", { path: "/a", method: "HEAD" }],
    ["query", { path: "/a", query: "x=1" }],
    ["header", { path: "/a", headers: [["if-match", '"x"']] }],
    ["body", { path: "/a", body: "x" }],
  ])("does not cover another %s", async (_, call) => {
    await expectRefused(await mint(), "writ_mismatch", call);
  });

  test("covers a call whose answer is wanted in another form", async () => {
    const writ = await mint();
    expect(await bodyOf(await tenant.callWith(writ, "api", { ...READ, headers: [["Accept", "text/html"]] }))).toBe(
      "ok",
    );
  });

  test("does not cover another connection, to the same place", async () => {
    await tenant.connection({ name: "twin", url: upstream.origin });
    await expectRefused(await mint(), "writ_mismatch", READ, "twin");
    await expectRefused(await mint(), "not_found", READ, "absent");
  });

  test("of one tenant is nothing to another: not its connection's name, not its id", async () => {
    const writ = await mint();
    const mine = tenant;
    const other = await instance.tenant(`other${count}`);
    const twin = await other.connection({ url: upstream.origin });
    const before = await instance.events(other);
    expect(await rejection(other.callWith(writ, twin.id, READ))).toBe("not_found");
    expect(await bodyOf(await other.callWith(writ, "api", READ))).toBe("ok");
    // It was used in the tenant that it is from: the caller does not choose the tenant.
    expect(await instance.events(other)).toEqual(before);
    expect((await instance.events(mine)).map(({ type }) => type)).toContain("writ.used");
  });

  test("is refused from the moment on that something it rests on is revoked", async () => {
    const { services } = instance;
    const actor = services.instance.operator;
    const writ = await mint();
    const delegation = parseDelegation(writ);
    await services.revocations.revokeCid(tenant.id, actor, delegation.cid);
    await expectRefused(writ, "writ_revoked");
    const second = await mint();
    await services.tokens.revoke(tenant.id, actor, agent.principal.token);
    await expectRefused(second, "writ_revoked");
    const third = await mint(READ, ownAgent);
    await services.agents.disable(tenant.id, actor, ownAgent.agent.id);
    await expectRefused(third, "writ_revoked");
    await services.agents.enable(tenant.id, actor, ownAgent.agent.id);
    await services.tenants.disable(actor, tenant.id);
    await expectRefused(third, "writ_revoked");
  });

  test("does not outlive the key that asked for it", async () => {
    const short = await tenant.key(agent, { expiresInSeconds: 10 });
    const writ = await mint(READ, short);
    instance.clock.advance(9_999);
    expect(await bodyOf(await tenant.callWith(writ, "api", READ))).toBe("ok");
    instance.clock.advance(1);
    await expectRefused(writ, "writ_expired");
  });

  test("revoked between the match and the record does not pass", async () => {
    const writ = await mint();
    instance.hooks.beforeSubmit = async (unit) => {
      if (unit.event.type !== "writ.used") return;
      instance.hooks.beforeSubmit = undefined;
      const { revocations, instance: self } = instance.services;
      await revocations.revokeCid(tenant.id, self.operator, parseDelegation(writ).cid);
    };
    expect(await code(writ)).toBe("writ_revoked");
    expect(upstream.requests).toEqual([]);
  });

  test("minted before a rotation of the signing key is good until it expires", async () => {
    const writ = await mint();
    await instance.services.rotation.rotate("ucan", instance.services.instance.operator);
    expect(await bodyOf(await tenant.callWith(writ, "api", READ))).toBe("ok");
    const newer = await mint();
    expect(parseDelegation(newer).issuer).not.toBe(parseDelegation(writ).issuer);
    expect(await bodyOf(await tenant.callWith(newer, "api", READ))).toBe("ok");
  });
});

describe("a writ that was tampered with", () => {
  test("at any byte, cut or grown is invalid", async () => {
    const writ = await mint();
    for (let i = 0; i < writ.length; i += 7) {
      const changed = writ.slice();
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(await code(changed)).toBe("writ_invalid");
    }
    for (const length of [0, 1, 64, 67, writ.length - 1])
      expect(await code(writ.slice(0, length))).toBe("writ_invalid");
    expect(await code(Buffer.concat([writ, Uint8Array.of(0)]))).toBe("writ_invalid");
    expect(await code(new Uint8Array(9000))).toBe("writ_invalid");
    expect(upstream.requests).toEqual([]);
  });

  test("has a signature of another length", async () => {
    const writ = await mint();
    for (const length of [0, 32, 63, 65]) {
      const head = length < 24 ? [0x40 + length] : [0x58, length];
      const changed = Buffer.concat([Uint8Array.of(0x82, ...head), new Uint8Array(length).fill(1), writ.slice(67)]);
      expect(await code(changed)).toBe("writ_invalid");
    }
  });

  test("in a header: not base64url, too long, too many links", async () => {
    const text = toBase64Url(await mint());
    const parse = (bearer: string): Promise<string> => rejection((async () => parsePresentedWrit(bearer, undefined))());
    for (const bearer of [`${text}=`, `${text} `, "é", "A".repeat(70_000), Array(9).fill(text).join(".")]) {
      expect(await parse(bearer)).toBe("writ_invalid");
    }
    for (const bearer of ["", ".", `${text}.`, `.${text}`]) {
      expect(await code(parsePresentedWrit(bearer, undefined))).toBe("writ_invalid");
    }
    expect(parsePresentedWrit(`${text}.${text}`, undefined).proofs).toHaveLength(2);
  });
});

describe("a writ that was made elsewhere", () => {
  test("says the right things and is signed by someone else", async () => {
    const real = parseDelegation(await mint());
    for (const signer of [createSigner(randomBytes(32)), ownSigner]) {
      await expectRefused(copy(real, signer).bytes, "writ_invalid");
      await expectRefused(copy(real, signer, { subject: real.subject }).bytes, "writ_invalid");
    }
  });

  test("is signed by another tenant's key", async () => {
    const real = parseDelegation(await mint());
    const other = await instance.tenant(`forger${count}`);
    await other.policies(PERMIT_ALL);
    await other.connection({ url: upstream.origin });
    const theirs = parseDelegation(tokenOf(await other.authorize(await other.agent(), "api", READ)));
    // The same bytes, with the meta of this tenant, would need their key: what they have says their tenant.
    expect(theirs.issuer).not.toBe(real.issuer);
    await expectRefused(theirs.bytes, "not_found", READ, connection.id);
  });

  test("has an issuer of small order", async () => {
    const real = parseDelegation(await mint());
    // The identity point: any message verifies under it where small orders are not refused.
    const key = new Uint8Array(32);
    key[0] = 1;
    const payload = {
      ...{ aud: real.audience, cmd: real.command, exp: real.expiresAt, meta: real.meta, nonce: real.nonce },
      ...{ pol: real.policy.source, iss: smallOrderDid(key), sub: smallOrderDid(key) },
    } as Record<string, Ipld>;
    const zero: Signer = { publicKey: key, sign: () => signatureOfIdentity() } as unknown as Signer;
    expect(await code(sealEnvelope("dlg", payload, zero).bytes)).toBe("writ_invalid");
  });

  test("names a tenant that is not there: no key is derived for it", async () => {
    const real = parseDelegation(await mint());
    let derived = 0;
    const { reader } = instance.services;
    const keyring = {
      ucanSigners: () => {
        derived += 1;
        return [];
      },
    };
    const checker = createWritChecker({ reader, keyring: keyring as never, clock: instance.clock, epochOf: () => 0 });
    const meta = { ...real.meta, tenant: "ten_00000000000000000000000000" } as never;
    const forged = copy(real, ownSigner, { meta });
    expect(await rejection(checker.open({ proofs: [forged.bytes] }))).toBe("writ_invalid");
    expect(derived).toBe(0);
  });

  test.each<[string, unknown]>([
    ["no meta", undefined],
    ["another kind of id", { decision: "ten_00000000000000000000000000" }],
    ["no uses", { uses: "none" }],
    ["a tenant that is no id", { tenant: "__proto__" }],
  ])("has %s", async (_, changes) => {
    const real = parseDelegation(await mint());
    const meta = changes === undefined ? undefined : { ...real.meta, ...(changes as object) };
    expect(await code(copy(real, ownSigner, { meta: meta as never }).bytes)).toBe("writ_invalid");
  });
});

/** The same delegation by another signer. */
function copy(
  real: Delegation,
  signer: Signer,
  changes: { readonly subject?: string | null; readonly meta?: Delegation["meta"] } = {},
): Delegation {
  const meta = "meta" in changes ? changes.meta : real.meta;
  return signDelegation(
    {
      audience: real.audience,
      subject: changes.subject ?? didOfSigner(signer),
      command: real.command,
      policy: real.policy.source,
      nonce: real.nonce,
      ...(meta === undefined ? {} : { meta }),
      expiresAt: real.expiresAt,
    },
    signer,
  );
}

function smallOrderDid(key: Uint8Array): string {
  // By hand: the product's own function refuses such a key.
  return `did:key:${base58btc.encode(Buffer.concat([Uint8Array.of(0xed, 0x01), key]))}`;
}

/** R the identity, S zero. */
function signatureOfIdentity(): Uint8Array {
  const signature = new Uint8Array(64);
  signature[0] = 1;
  return signature;
}
