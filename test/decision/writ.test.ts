import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { base58btc } from "multiformats/bases/base58";
import { fromBase64Url, toBase64Url } from "#src/base/bytes.ts";
import { createSigner, type Signer } from "#src/crypto/ed25519.ts";
import { randomBytes } from "#src/crypto/random.ts";
import type { MintedWrit } from "#src/decision/outcome.ts";
import { createWritChecker, type PresentedWrit, parsePresentedWrit } from "#src/decision/writ.ts";
import { type Delegation, parseDelegation, signDelegation } from "#src/ucan/delegation.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import { sealEnvelope } from "#src/ucan/envelope.ts";
import { signInvocation } from "#src/ucan/invocation.ts";
import type { Ipld } from "#src/ucan/ipld.ts";
import type { Connection } from "#src/vault/connections.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { bodyOf, PERMIT_ALL, type TestAgent, type TestCall, type TestTenant } from "#test/support/tenant.ts";
import { startUpstream, type TestUpstream } from "#test/support/upstream.ts";

let instance: TestInstance;
let upstream: TestUpstream;
let tenant: TestTenant;
let agent: TestAgent;
let ownAgent: TestAgent;
let connection: Connection;
const ownSigner = createSigner(new Uint8Array(32).fill(5));
let count = 0;

beforeAll(async () => {
  instance = await startInstance();
  upstream = await startUpstream();
});
afterAll(async () => {
  upstream.stop();
  await instance.stop();
});
beforeEach(async () => {
  count += 1;
  tenant = await instance.tenant(`t${count}`);
  await tenant.policies(PERMIT_ALL);
  connection = await tenant.connection({ url: upstream.origin });
  agent = await tenant.agent();
  ownAgent = await tenant.agent("own", { did: didOfSigner(ownSigner) });
  upstream.requests.length = 0;
});

const READ: TestCall = { path: "/a" };
const WRITE: TestCall = { path: "/a", method: "POST", body: "hello" };

async function mint(call: TestCall = READ, who = agent, ttl = 60): Promise<Uint8Array> {
  return tokenOf(await tenant.authorize(who, "api", call, ttl));
}

function tokenOf(outcome: { readonly writ?: MintedWrit } | object): Uint8Array {
  const { writ } = outcome as { readonly writ?: MintedWrit };
  if (writ === undefined) throw new Error("no writ");
  return fromBase64Url(writ.token);
}

/** A writ for command and resource alone. */
async function mintStated(who: TestAgent, command = "/http/api/get", id = "/a"): Promise<Uint8Array> {
  return tokenOf(await tenant.state(who, { command, resource: { type: "Http::Endpoint", id } }));
}

const code = (writ: Uint8Array | PresentedWrit, call: TestCall = READ, to = "api"): Promise<string> =>
  rejection(tenant.callWith(writ, to, call));

async function expectRefused(writ: Uint8Array | PresentedWrit, expected: string, call = READ, to = "api"): Promise<void> {
  const before = (await instance.events(tenant)).length;
  upstream.requests.length = 0;
  expect(await code(writ, call, to)).toBe(expected);
  expect(upstream.requests).toEqual([]);
  expect((await instance.events(tenant)).length).toBe(before);
}

describe("a writ", () => {
  test("for a read is good again and again until it expires", async () => {
    const writ = await mint();
    for (let i = 0; i < 3; i += 1) expect(await bodyOf(await tenant.callWith(writ, "api", READ))).toBe("ok");
    const types = (await instance.events(tenant)).map(({ type }) => type);
    expect(types.slice(-6)).toEqual(Array.from({ length: 3 }, () => ["writ.used", "call.finished"]).flat());
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
    expect(await bodyOf(await tenant.callWith(writ, "api", { ...READ, headers: [["Accept", "text/html"]] }))).toBe("ok");
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
    expect((await instance.events(mine)).at(-1)?.type).toBe("call.finished");
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
    for (const length of [0, 1, 64, 67, writ.length - 1]) expect(await code(writ.slice(0, length))).toBe("writ_invalid");
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

describe("a delegation below a writ", () => {
  const third = createSigner(new Uint8Array(32).fill(6));

  function below(root: Delegation, changes: Partial<Parameters<typeof signDelegation>[0]> = {}, by = ownSigner): Delegation {
    return signDelegation(
      {
        audience: didOfSigner(third),
        subject: root.subject,
        command: root.command,
        policy: [],
        nonce: randomBytes(12),
        expiresAt: root.expiresAt,
        ...changes,
      },
      by,
    );
  }

  test("that narrows works, and no further", async () => {
    const [first, second] = [
      await tenant.connection({ name: "gh", connector: "github", url: upstream.origin }),
      await tenant.connection({ name: "twin", connector: "github", url: upstream.origin }),
    ];
    const call = { path: "/repos/acme/app" };
    const { target } = await tenant.authorize(ownAgent, "gh", call);
    const root = parseDelegation(
      tokenOf(await tenant.state(ownAgent, { command: target.command, resource: target.resource })),
    );
    const narrowed = below(root, { policy: [["==", ".connection", first.id]] });
    expect(await bodyOf(await tenant.callWith({ proofs: [root.bytes, narrowed.bytes] }, "gh", call))).toBe("ok");
    await expectRefused({ proofs: [root.bytes, narrowed.bytes] }, "writ_mismatch", call, second.name);
    expect(await bodyOf(await tenant.callWith(root.bytes, "twin", call))).toBe("ok");
  });

  test("that widens does not work: command, resource, time", async () => {
    const root = parseDelegation(await mintStated(ownAgent));
    const wider = below(root, { command: "/http/api" });
    await expectRefused({ proofs: [root.bytes, wider.bytes] }, "writ_mismatch");
    const otherResource = below(root, { policy: [["==", ".resource.id", "/b"]] });
    await expectRefused({ proofs: [root.bytes, otherResource.bytes] }, "writ_mismatch", { path: "/b" });
    const longer = below(root, { expiresAt: (root.expiresAt ?? 0) + 1000 });
    instance.clock.advance(61_000);
    await expectRefused({ proofs: [root.bytes, longer.bytes] }, "writ_expired");
  });

  test("not yet valid, expired, signed by someone else, in the wrong order, without its root, revoked", async () => {
    const root = parseDelegation(await mintStated(ownAgent));
    const now = Math.floor(instance.clock.now() / 1000);
    const present = (...proofs: Delegation[]): PresentedWrit => ({ proofs: proofs.map(({ bytes }) => bytes) });
    await expectRefused(present(root, below(root, { notBefore: now + 10 })), "writ_expired");
    await expectRefused(present(root, below(root, { expiresAt: now - 1 })), "writ_expired");
    await expectRefused(present(root, below(root, {}, third)), "writ_mismatch");
    await expectRefused(present(below(root), root), "writ_invalid");
    await expectRefused(present(below(root)), "writ_invalid");
    await expectRefused(present(root, root), "writ_mismatch");
    const good = below(root);
    expect(await bodyOf(await tenant.callWith(present(root, good), "api", READ))).toBe("ok");
    upstream.requests.length = 0;
    await instance.services.revocations.revokeCid(tenant.id, instance.services.instance.operator, good.cid);
    await expectRefused(present(root, good), "writ_revoked");
  });

  test("of a single-use writ shares its one use", async () => {
    const root = parseDelegation(await mint(WRITE, ownAgent));
    const results = await Promise.all(
      [below(root), below(root), undefined].map((link) =>
        code({ proofs: link === undefined ? [root.bytes] : [root.bytes, link.bytes] }, WRITE),
      ),
    );
    expect(results.filter((result) => result === "writ_used")).toHaveLength(2);
    expect(upstream.requests).toHaveLength(1);
  });

  test("does not turn a writ without a call into one that was decided for a call", async () => {
    // The writ states command and resource; only the call shows the connection, which a forbid is about.
    await tenant.policies(
      `${PERMIT_ALL} @id("not-here") forbid (principal, action, resource in Connection::"api");`,
    );
    const root = parseDelegation(await mintStated(ownAgent));
    await expectRefused(root.bytes, "writ_mismatch");
    const call = (await tenant.authorize(agent, "api", READ)) as { decision: string };
    expect(call.decision).toBe("deny");
    for (const policy of [[["!=", ".call", "x"]], [["like", ".call", "*"]], [["!=", '.["call"]', "x"]]]) {
      await expectRefused({ proofs: [root.bytes, below(root, { policy: policy as Ipld[] }).bytes] }, "writ_mismatch");
    }
  });

  test("whose policy has numbers beyond 2^53 is refused or holds, and is no fault", async () => {
    const root = parseDelegation(await mintStated(ownAgent));
    const result = await (async () => {
      const link = below(root, { policy: [["!=", ".connection", 2n ** 60n as unknown as Ipld]] });
      return code({ proofs: [root.bytes, link.bytes] });
    })().catch((error: Error & { code?: string }) => error.code ?? error.message);
    expect(["writ_invalid", expect.stringContaining("no error")]).toContainEqual(result);
  });
});

describe("proof of possession", () => {
  let prover: TestAgent;
  const signer = createSigner(new Uint8Array(32).fill(8));

  beforeEach(async () => {
    prover = await tenant.agent("prover", { did: didOfSigner(signer), requireProof: true });
  });

  function invoke(root: Delegation, by = signer, changes: Record<string, unknown> = {}): Uint8Array {
    const { args, ...draft } = changes;
    return signInvocation(
      {
        subject: root.subject ?? "",
        command: root.command,
        args: { resource: { type: "Http::Endpoint", id: "/a" }, connection: connection.id, call: "", ...(args as object) },
        proofs: [root.cid],
        nonce: randomBytes(12),
        expiresAt: root.expiresAt,
        ...draft,
      },
      by,
    ).bytes;
  }

  test("is required of an agent that is enrolled so: the writ alone is nothing", async () => {
    const root = parseDelegation(await mintStated(prover));
    await expectRefused(root.bytes, "writ_invalid");
    const presented = { proofs: [root.bytes], invocation: invoke(root) };
    expect(await bodyOf(await tenant.callWith(presented, "api", READ))).toBe("ok");
  });

  test("names exactly the call that is made", async () => {
    const root = parseDelegation(await mintStated(prover));
    const present = (invocation: Uint8Array): PresentedWrit => ({ proofs: [root.bytes], invocation });
    await expectRefused(present(invoke(root)), "writ_mismatch", { path: "/b" });
    await expectRefused(present(invoke(root, signer, { args: { connection: "con_x" } })), "writ_mismatch");
    await expectRefused(present(invoke(root, signer, { args: { call: "0".repeat(64) } })), "writ_mismatch");
    await expectRefused(present(invoke(root, signer, { args: { resource: { type: "Http::Endpoint", id: "/b" } } })), "writ_mismatch");
    await expectRefused(present(invoke(root, signer, { command: "/http/api/post" })), "writ_mismatch");
    await expectRefused(present(invoke(root, signer, { expiresAt: Math.floor(instance.clock.now() / 1000) - 1 })), "writ_expired");
    await expectRefused(present(invoke(root, ownSigner)), "writ_mismatch");
    await expectRefused(present(invoke(root, signer, { proofs: [] })), "writ_invalid");
    const changed = invoke(root);
    changed[10] = (changed[10] ?? 0) ^ 1;
    await expectRefused(present(changed), "writ_invalid");
  });

  test("by naming the call's digest does not turn the writ into one that was decided for it", async () => {
    await tenant.policies(
      `${PERMIT_ALL} @id("not-here") forbid (principal, action, resource in Connection::"api");`,
    );
    const root = parseDelegation(await mintStated(prover));
    const digest = await import("#src/decision/call-digest.ts").then(({ digestCall, EMPTY_BODY_HASH }) =>
      digestCall({
        tenant: tenant.id,
        agent: prover.agent.id,
        command: root.command,
        resource: { type: "Http::Endpoint", id: "/a" },
        connection: { id: connection.id, origin: connection.origin },
        call: { method: "GET", path: "/a", query: "", headers: [], bodyHash: EMPTY_BODY_HASH },
      }),
    );
    const presented = { proofs: [root.bytes], invocation: invoke(root, signer, { args: { call: digest } }) };
    await expectRefused(presented, "writ_mismatch");
    await tenant.policies(PERMIT_ALL);
    expect(await bodyOf(await tenant.callWith(presented, "api", READ))).toBe("ok");
  });

  test("needs a key of the agent's own", async () => {
    expect(await rejection(tenant.agent("vaulted", { requireProof: true }))).toBe("invalid_argument");
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

