import { beforeEach, describe, expect, test } from "bun:test";
import { createSigner } from "#src/crypto/ed25519.ts";
import { randomBytes } from "#src/crypto/random.ts";
import type { PresentedWrit } from "#src/decision/writ.ts";
import { type Delegation, parseDelegation, signDelegation } from "#src/ucan/delegation.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import { signInvocation } from "#src/ucan/invocation.ts";
import type { Ipld } from "#src/ucan/ipld.ts";
import { rejection } from "#test/support/scenario.ts";
import { bodyOf, PERMIT_ALL, type TestAgent } from "#test/support/tenant.ts";
import {
  agent,
  code,
  connection,
  count,
  expectRefused,
  instance,
  mint,
  mintStated,
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

describe("a delegation below a writ", () => {
  const third = createSigner(new Uint8Array(32).fill(6));

  function below(
    root: Delegation,
    changes: Partial<Parameters<typeof signDelegation>[0]> = {},
    by = ownSigner,
  ): Delegation {
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
    await tenant.policies(`${PERMIT_ALL} @id("not-here") forbid (principal, action, resource in Connection::"api");`);
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
      const link = below(root, { policy: [["!=", ".connection", (2n ** 60n) as unknown as Ipld]] });
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
        args: {
          resource: { type: "Http::Endpoint", id: "/a" },
          connection: connection.id,
          call: "",
          ...(args as object),
        },
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

  test("can be required of all of a tenant's agents, and of no other tenant's", async () => {
    const root = parseDelegation(await mintStated(ownAgent));
    expect(await bodyOf(await tenant.callWith(root.bytes, "api", READ))).toBe("ok");
    const { tenants, instance: self } = instance.services;
    await tenants.configure(self.operator, tenant.id, { requireProof: true });
    await expectRefused(root.bytes, "writ_invalid");
    const presented = { proofs: [root.bytes], invocation: invoke(root, ownSigner) };
    expect(await bodyOf(await tenant.callWith(presented, "api", READ))).toBe("ok");
    const other = await instance.tenant(`lenient${count}`);
    await other.policies(PERMIT_ALL);
    await other.connection({ url: upstream.origin });
    const theirs = tokenOf(await other.authorize(await other.agent(), "api", READ));
    expect(await bodyOf(await other.callWith(theirs, "api", READ))).toBe("ok");
    await tenants.configure(self.operator, tenant.id, { requireProof: false });
    expect(await bodyOf(await tenant.callWith(root.bytes, "api", READ))).toBe("ok");
    expect(await rejection(tenants.configure(self.operator, "ten_x" as never, { requireProof: true }))).toBe(
      "not_found",
    );
  });

  test("names exactly the call that is made", async () => {
    const root = parseDelegation(await mintStated(prover));
    const present = (invocation: Uint8Array): PresentedWrit => ({ proofs: [root.bytes], invocation });
    await expectRefused(present(invoke(root)), "writ_mismatch", { path: "/b" });
    await expectRefused(present(invoke(root, signer, { args: { connection: "con_x" } })), "writ_mismatch");
    await expectRefused(present(invoke(root, signer, { args: { call: "0".repeat(64) } })), "writ_mismatch");
    await expectRefused(
      present(invoke(root, signer, { args: { resource: { type: "Http::Endpoint", id: "/b" } } })),
      "writ_mismatch",
    );
    await expectRefused(present(invoke(root, signer, { command: "/http/api/post" })), "writ_mismatch");
    await expectRefused(
      present(invoke(root, signer, { expiresAt: Math.floor(instance.clock.now() / 1000) - 1 })),
      "writ_expired",
    );
    await expectRefused(present(invoke(root, ownSigner)), "writ_mismatch");
    await expectRefused(present(invoke(root, signer, { proofs: [] })), "writ_invalid");
    const changed = invoke(root);
    changed[10] = (changed[10] ?? 0) ^ 1;
    await expectRefused(present(changed), "writ_invalid");
  });

  test("by naming the call's digest does not turn the writ into one that was decided for it", async () => {
    await tenant.policies(`${PERMIT_ALL} @id("not-here") forbid (principal, action, resource in Connection::"api");`);
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
