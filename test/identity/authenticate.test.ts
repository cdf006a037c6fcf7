import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createSigner } from "#src/crypto/ed25519.ts";
import { sha256 } from "#src/crypto/hash.ts";
import { issueToken } from "#src/crypto/tokens.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import type { TestAgent, TestTenant } from "#test/support/tenant.ts";

let instance: TestInstance;
let tenant: TestTenant;
let agent: TestAgent;
let count = 0;

beforeAll(async () => {
  instance = await startInstance();
});
afterAll(() => instance.stop());
beforeEach(async () => {
  count += 1;
  tenant = await instance.tenant(`t${count}`);
  agent = await tenant.agent();
});

const operator = () => instance.services.instance.operator;
const prove = (key: string, source = "127.0.0.1"): Promise<string> =>
  rejection(instance.services.authenticator.authenticate(key, source));
const PROVEN = "no error";

describe("a credential", () => {
  test("proves its agent, in its tenant and environment", async () => {
    const staging = await tenant.key(agent, { environment: "staging" });
    expect(staging.principal).toMatchObject({
      kind: "agent",
      tenant: tenant.id,
      environment: "staging",
      agent: { id: agent.agent.id },
    });
  });

  test("that is wrong in any way is refused alike", async () => {
    const { authenticator, tokens } = instance.services;
    const other = await tenant.key(agent);
    const [, , id = "", secret = ""] = agent.key.split("_");
    const wrong = [
      "",
      "x",
      agent.key.slice(0, -1),
      `${agent.key} `,
      agent.key.toUpperCase(),
      agent.key.replace(secret, other.key.split("_").slice(3).join("_")),
      agent.key.replace("writ_agent_", "writ_admin_"),
      agent.key.replace(id, "00000000000000000000000000"),
      "writ_agent_".repeat(10_000),
    ];
    const errors = await Promise.all(
      wrong.map((key) => authenticator.authenticate(key, "127.0.0.1").catch((error: unknown) => error as Error)),
    );
    const revoked = await tenant.key(agent);
    await tokens.revoke(tenant.id, operator(), revoked.principal.token);
    errors.push(await authenticator.authenticate(revoked.key, "127.0.0.1").catch((error: unknown) => error as Error));
    for (const error of errors) {
      expect(error).toMatchObject({
        code: "unauthenticated",
        message: "the credential is missing, unknown, expired or revoked",
      });
    }
  });

  test("is refused from the very next request on: revoked, agent disabled, tenant disabled, and the way back", async () => {
    const { agents, tenants, tokens } = instance.services;
    expect(await prove(agent.key)).toContain(PROVEN);
    await agents.disable(tenant.id, operator(), agent.agent.id);
    expect(await prove(agent.key)).toBe("agent_disabled");
    await agents.enable(tenant.id, operator(), agent.agent.id);
    expect(await prove(agent.key)).toContain(PROVEN);
    await tenants.disable(operator(), tenant.id);
    expect(await prove(agent.key)).toBe("unauthenticated");
    await tenants.enable(operator(), tenant.id);
    expect(await prove(agent.key)).toContain(PROVEN);
    await tokens.revoke(tenant.id, operator(), agent.principal.token);
    expect(await prove(agent.key)).toBe("unauthenticated");
    await tokens.revoke(tenant.id, operator(), agent.principal.token);
    expect((await instance.events(tenant)).filter(({ type }) => type === "key.revoked")).toHaveLength(1);
  });

  test("that was asked for before it existed is good from the moment that it does", async () => {
    let drawn = 0;
    const from = Date.now();
    const ids = {
      now: () => from,
      random: (length: number) => {
        drawn += 1;
        const bytes = [0, 1, 2, 3, 4, 5, 6, 7].map((part) => sha256(`${drawn} ${part}`));
        return Uint8Array.from(bytes.flatMap((part) => [...part])).slice(0, length);
      },
    };
    const known = await startInstance({ ids });
    try {
      const home = await known.tenant("home");
      const helper = await home.agent();
      const { authenticator, tokens, instance: self } = known.services;
      for (let round = 0; round < 20; round += 1) {
        const before = drawn;
        const { text } = issueToken("agent", ids);
        drawn = before;
        expect(await rejection(authenticator.authenticate(text, "127.0.0.1"))).toStartWith("unauthenticated");
        const asking = [0, 1, 2].map(() => authenticator.authenticate(text, "127.0.0.1").catch(() => undefined));
        const issued = await tokens.issue(home.id, self.operator, { kind: "agent", agent: helper.agent.id });
        await Promise.all(asking);
        expect(issued.text).toBe(text);
        expect(await authenticator.authenticate(text, "127.0.0.1")).toMatchObject({ kind: "agent", tenant: home.id });
      }
    } finally {
      await known.stop();
    }
  });

  test("of a disabled agent is not told apart before its secret is right", async () => {
    await instance.services.agents.disable(tenant.id, operator(), agent.agent.id);
    const { text } = await instance.services.tokens.issue(tenant.id, operator(), {
      kind: "agent",
      agent: agent.agent.id,
    });
    const forged = agent.key.slice(0, 38) + text.slice(38);
    expect(await prove(forged)).toBe("unauthenticated");
  });

  test("expires at its instant", async () => {
    const short = await tenant.key(agent, { expiresInSeconds: 60 });
    instance.clock.advance(59_999);
    expect(await prove(short.key)).toContain(PROVEN);
    instance.clock.advance(1);
    expect(await prove(short.key)).toBe("unauthenticated");
  });

  test("may be used from its addresses alone, however they are spelled", async () => {
    const bound = await instance.services.tokens.issue(tenant.id, operator(), {
      kind: "agent",
      agent: agent.agent.id,
      sources: ["10.1.0.0/16", "2001:db8::1"],
    });
    for (const source of ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8:0::1"]) {
      expect(await prove(bound.text, source)).toContain(PROVEN);
    }
    for (const source of ["10.2.0.1", "127.0.0.1", "", "10.1.2.3.4", "2001:db8::2", "unix"]) {
      expect(await prove(bound.text, source)).toBe("unauthorized_source");
    }
  });

  test("is issued with bounds, for an agent of the tenant or for none", async () => {
    const { tokens } = instance.services;
    const issue = (token: object): Promise<string> =>
      rejection(tokens.issue(tenant.id, operator(), { kind: "agent", agent: agent.agent.id, ...token }));
    for (const expiresInSeconds of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e12]) {
      expect(await issue({ expiresInSeconds })).toBe("invalid_argument");
    }
    expect(await issue({ sources: ["not an address"] })).toBe("invalid_argument");
    expect(await issue({ sources: Array.from({ length: 65 }, () => "10.0.0.1") })).toBe("invalid_argument");
    expect(await issue({ environment: "../x" })).toBe("invalid_argument");
    expect(await issue({ kind: "admin" })).toBe("invalid_argument");
    expect(await rejection(tokens.issue(tenant.id, operator(), { kind: "agent" }))).toBe("invalid_argument");
    const admin = await tokens.issue(tenant.id, operator(), { kind: "admin" });
    expect(await instance.services.authenticator.authenticate(admin.text, "127.0.0.1")).toMatchObject({
      kind: "admin",
    });
  });
});

describe("an agent", () => {
  test("is created with a name and a key that nobody else in the tenant has", async () => {
    const signer = createSigner(new Uint8Array(32).fill(9));
    const did = didOfSigner(signer);
    await tenant.agent("own", { did });
    expect(await rejection(tenant.agent("own"))).toBe("name_taken");
    expect(await rejection(tenant.agent("again", { did }))).toBe("name_taken");
    const other = await instance.tenant(`other${count}`);
    await other.agent("own", { did });
    for (const name of ["", "A", "a b", "../x", "a".repeat(64), "-a", "__proto__"]) {
      expect(await rejection(tenant.agent(name))).toBe("invalid_argument");
    }
    const smallOrder = "did:key:z6MkeTG3bFFSLYVU7VqhgZxqr6YzpaGrQtFMh1uvqGy1vDnP";
    for (const bad of ["did:web:x", "did:key:z6Mk", smallOrder, ""]) {
      expect(await rejection(tenant.agent("bad", { did: bad }))).not.toContain(PROVEN);
    }
    expect(await rejection(tenant.agent("crowd", { groups: Array.from({ length: 33 }, (_, i) => `g${i}`) }))).toBe(
      "invalid_argument",
    );
  });

  test("has its key in the vault, where it opens for this agent alone", async () => {
    const signer = await instance.services.agents.signerOf(tenant.id, agent.agent.id);
    expect(didOfSigner(signer)).toBe(agent.agent.did);
    await instance.services.rotation.rotateDataKey(tenant.id, operator());
    expect(didOfSigner(await instance.services.agents.signerOf(tenant.id, agent.agent.id))).toBe(agent.agent.did);
    const own = await tenant.agent("own", { did: didOfSigner(createSigner(new Uint8Array(32).fill(10))) });
    expect(await rejection(instance.services.agents.signerOf(tenant.id, own.agent.id))).toBe("not_found");
  });

  test("that is made twice at once is made once", async () => {
    const results = await Promise.all([rejection(tenant.agent("twin")), rejection(tenant.agent("twin"))]);
    expect(results.filter((result) => result.includes(PROVEN))).toHaveLength(1);
    expect(results.some((result) => result === "name_taken" || result === "conflict")).toBe(true);
  });
});
