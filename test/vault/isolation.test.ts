import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { fromBase64Url } from "#src/base/bytes.ts";
import type { Outcome } from "#src/decision/outcome.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { openForTampering } from "#test/support/store.ts";
import { bodyOf, PERMIT_ALL, type TestAgent, type TestTenant } from "#test/support/tenant.ts";
import { echo, startUpstream } from "#test/support/upstream.ts";

/** Everything in the data folder but key material, as one text of bytes. */
function folderBytes(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.startsWith("keys") && statSync(join(folder, name)).isFile())
    .map((name) => readFileSync(join(folder, name)));
  return Buffer.concat(files);
}

describe("two tenants with the same names", () => {
  async function startTwins(instance: TestInstance, origin: string) {
    const make = async (name: string, secret: string): Promise<{ tenant: TestTenant; agent: TestAgent }> => {
      const tenant = await instance.tenant(name);
      await tenant.policies(PERMIT_ALL);
      await tenant.connection({ url: origin, credential: { kind: "bearer", value: secret } });
      return { tenant, agent: await tenant.agent("builder", { groups: ["crew"] }) };
    };
    return [await make("one", "secret-of-tenant-one"), await make("two", "secret-of-tenant-two")] as const;
  }

  test("have nothing of each other: calls, events, keys, error texts", async () => {
    const instance = await startInstance();
    const upstream = await startUpstream();
    const [one, two] = await startTwins(instance, upstream.origin);
    await bodyOf(await one.tenant.call(one.agent, "api", { path: "/one", query: "q=one" }));
    await bodyOf(await two.tenant.call(two.agent, "api", { path: "/two", query: "q=two" }));
    expect(upstream.requests.map(({ target, headers }) => [target, headers.get("authorization")])).toEqual([
      ["/one?q=one", "Bearer secret-of-tenant-one"],
      ["/two?q=two", "Bearer secret-of-tenant-two"],
    ]);
    const [ofOne, ofTwo] = [await instance.events(one.tenant), await instance.events(two.tenant)];
    const ids = (events: object): string[] =>
      JSON.stringify(events).match(/(?:ten|agt|tok|con|sec|sub|dec|evt|dky)_[0-9a-z]{26}/g) ?? [];
    const operator = instance.services.instance.operator as string;
    const shared = new Set(ids(ofOne)).intersection(new Set(ids(ofTwo)));
    expect([...shared]).toEqual([operator]);

    const { services } = instance;
    const theirs = {
      agent: two.agent.agent.id,
      key: two.agent.principal.token,
      connection: (await services.connections.show(two.tenant.id, "api")).id,
      event: ofTwo.at(-1)?.id ?? "",
    };
    const attempts: readonly (readonly [string, (id: string) => Promise<unknown>])[] = [
      ["agt_00000000000000000000000000", () => services.agents.show(one.tenant.id, theirs.agent)],
      ["agent", () => services.agents.disable(one.tenant.id, services.instance.operator, theirs.agent)],
      ["agent", () => services.agents.setGroups(one.tenant.id, services.instance.operator, theirs.agent, [])],
      ["agent", () => services.agents.signerOf(one.tenant.id, theirs.agent)],
      ["key", () => services.tokens.show(one.tenant.id, theirs.key)],
      ["key", () => services.tokens.revoke(one.tenant.id, services.instance.operator, theirs.key)],
      [
        "key",
        () => services.tokens.issue(one.tenant.id, services.instance.operator, { kind: "agent", agent: theirs.agent }),
      ],
      ["connection", () => services.connections.show(one.tenant.id, theirs.connection)],
      ["connection", () => services.connections.disable(one.tenant.id, services.instance.operator, theirs.connection)],
      [
        "connection",
        () =>
          services.connections.replaceCredential(one.tenant.id, services.instance.operator, theirs.connection, {
            kind: "bearer",
            value: "another-secret-value",
          }),
      ],
      [
        "connection",
        () => services.connectionTester.test(one.tenant.id, services.instance.operator, theirs.connection),
      ],
      ["event", () => services.audit.show(one.tenant.id, theirs.event, { openPersonal: true })],
      ["call", () => one.tenant.call(one.agent, theirs.connection, { path: "/a" })],
    ];
    const before = await instance.events(two.tenant);
    for (const [, attempt] of attempts) {
      const error = await attempt("").then(
        () => undefined,
        (caught: unknown) => caught as Error & { code: string },
      );
      expect(error?.code).toBe("not_found");
      expect(error?.message).toBe("there is no such thing, or it is not yours to see");
    }
    expect(await instance.events(two.tenant)).toEqual(before);
    upstream.stop();
    await instance.stop();
  });

  test("cannot have each other's ciphertexts: moved rows do not open", async () => {
    const first = await startInstance();
    const upstream = await startUpstream();
    const [one, two] = await startTwins(first, upstream.origin);
    await one.tenant.connection({
      name: "second",
      url: upstream.origin,
      credential: { kind: "bearer", value: "second-secret-of-one" },
    });
    const { connections } = first.services;
    const [mine, other, theirs] = await Promise.all([
      connections.show(one.tenant.id, "api"),
      connections.show(one.tenant.id, "second"),
      connections.show(two.tenant.id, "api"),
    ]);
    await first.halt();
    const db = openForTampering(first.folder);
    const secretOf = (connection: string): { id: string; sealed: Uint8Array; key: string } =>
      db
        .query(
          `SELECT secrets.secret_id AS id, sealed, data_key_id AS key FROM secrets
            JOIN connections ON connections.secret_id = secrets.secret_id WHERE connection_id = ?`,
        )
        .get(connection) as { id: string; sealed: Uint8Array; key: string };
    const [own, second, foreign] = [secretOf(mine.id), secretOf(other.id), secretOf(theirs.id)];
    const put = db.prepare("UPDATE secrets SET sealed = ?, data_key_id = ? WHERE secret_id = ?");
    const attempts: (() => void)[] = [
      // Another row of the same tenant; another tenant's value with the own key; with the other tenant's key, copied over.
      () => put.run(second.sealed, second.key, own.id),
      () => put.run(foreign.sealed, own.key, own.id),
      () => {
        db.run(
          "INSERT INTO data_keys SELECT ?, data_key_id, master_key_id, wrapped, created_at, 1 FROM data_keys WHERE data_key_id = ?",
          [one.tenant.id, foreign.key],
        );
        put.run(foreign.sealed, foreign.key, own.id);
      },
    ];
    for (const attempt of attempts) {
      attempt();
      const next = await startInstance({ folder: first.folder, clock: first.clock });
      const code = await rejection(next.services.connections.inject(one.tenant.id, mine));
      expect(code).toBe("crypto_failed");
      await next.halt();
    }
    db.run("DELETE FROM data_keys WHERE tenant_id = ? AND data_key_id = ?", [one.tenant.id, foreign.key]);
    put.run(own.sealed, own.key, own.id);
    db.close();
    const last = await startInstance({ folder: first.folder, clock: first.clock });
    expect((await last.services.connections.inject(one.tenant.id, mine)).headers).toEqual([
      ["authorization", "Bearer secret-of-tenant-one"],
    ]);
    await last.halt();
    await first.stop();
    upstream.stop();
  });
});

describe("a busy instance's folder", () => {
  test("has no credential, no query and no claim in plain, and verifies through every rotation", async () => {
    const instance = await startInstance();
    const upstream = await startUpstream(echo);
    const tenant = await instance.tenant();
    const { services } = instance;
    const actor = services.instance.operator;
    const secrets = [
      "bearer-secret-value-1",
      "basic-secret-value-2",
      "header-secret-value-3",
      "query-secret-value-4",
      "replaced-secret-5",
    ];
    const [bearer = "", basic = "", header = "", query = "", replaced = ""] = secrets;
    const api = await tenant.connection({ url: upstream.origin, credential: { kind: "bearer", value: bearer } });
    await tenant.policies(`${PERMIT_ALL} @id("no") forbid (principal, action == Action::"/http/api/patch", resource);`);
    await tenant.connection({
      name: "basic",
      url: upstream.origin,
      credential: { kind: "basic", username: "u", password: basic },
    });
    await tenant.connection({
      name: "header",
      url: upstream.origin,
      credential: { kind: "header", name: "x-key", value: header },
    });
    await tenant.connection({
      name: "query",
      url: upstream.origin,
      credential: { kind: "query", name: "key", value: query },
    });
    await tenant.connection({ name: "gh", connector: "github", url: upstream.origin });
    const agents = await Promise.all(["zacharias-the-agent", "wilhelmina-the-agent"].map((name) => tenant.agent(name)));
    const [first, second] = agents as [TestAgent, TestAgent];
    const personal = [
      "joe.bloggs@example.com",
      "claimed-circumstance",
      "personal-user-name",
      "commented-in-confidence",
    ];
    const [mail = "", claim = "", user = "", comment = ""] = personal;
    const writs: string[] = [];
    let runs = 0;
    const busy = async (): Promise<void> => {
      runs += 1;
      const dangerous = { method: "DELETE", path: "/a", query: `mail=${mail}&run=${runs}`, claimed: { reason: claim } };
      for (const agent of [first, second]) {
        for (const name of ["api", "basic", "header", "query"]) {
          const call = { path: "/a", query: `mail=${mail}`, claimed: { reason: claim }, body: "", method: "GET" };
          expect(
            (await tenant.call(agent, name, { path: call.path, query: call.query, claimed: call.claimed })).kind,
          ).toBe("response");
        }
        const { writ } = (await tenant.authorize(agent, "api", {
          method: "POST",
          path: "/a",
          query: `mail=${mail}`,
          body: "x",
        })) as Extract<Outcome, { decision: "allow" }>;
        writs.push(writ?.token ?? "");
        const call = { method: "POST", path: "/a", query: `mail=${mail}`, body: "x" };
        expect(await bodyOf(await tenant.callWith(fromBase64Url(writ?.token ?? ""), "api", call))).toStartWith(
          "POST /a",
        );
        await tenant.call(agent, "api", { method: "PATCH", path: "/a", query: `mail=${mail}` });
        await tenant.call(agent, "gh", { path: `/users/${user}` });
        const { target } = await tenant.authorize(agent, "gh", { path: `/users/${user}` });
        expect((await tenant.state(agent, { command: target.command, resource: target.resource })).decision).toBe(
          "allow",
        );
        const asked = await tenant.authorize(agent, "api", dangerous);
        if (asked.decision === "step_up") {
          const { id } = asked.approval;
          await services.approvalDecisions.decideOnHost(tenant.id, actor, id, { verdict: "denied", comment });
        }
      }
    };
    await busy();
    const running = Promise.all([busy(), busy()]);
    await services.rotation.rotate("seal", actor);
    await services.rotation.rotate("master", actor);
    await services.rotation.rotate("ucan", actor);
    await services.rotation.rotateDataKey(tenant.id, actor);
    await running;
    await services.rotation.rotateDataKey(tenant.id, actor);
    await services.rotation.rotate("master", actor);
    await services.connections.replaceCredential(tenant.id, actor, api.id, { kind: "bearer", value: replaced });
    await busy();
    expect(upstream.requests.at(-1)).toBeDefined();
    const opened = JSON.stringify(await instance.events(tenant));
    for (const text of [mail, claim, user, comment]) expect(opened).toContain(text);

    await instance.halt();
    const bytes = folderBytes(instance.folder);
    const credentials = [
      ...secrets,
      ...secrets.map((secret) => btoa(secret)),
      btoa(`u:${basic}`),
      ...agents.map(({ key }) => key),
    ];
    for (const text of credentials) expect(`${text}: ${bytes.includes(text)}`).toBe(`${text}: false`);
    for (const { key } of agents) expect(bytes.includes(key.split("_").at(-1)?.slice(0, 43) ?? "")).toBe(false);
    for (const text of writs) expect(bytes.includes(text)).toBe(false);
    for (const text of personal) expect(`${text}: ${bytes.includes(text)}`).toBe(`${text}: false`);

    // An agent's name stands in its own row, so that it can be found by it, and nowhere in what is evidence.
    const db = openForTampering(instance.folder);
    for (const table of ["events", "blobs"]) {
      const rows = db.query<{ bytes: string }, []>(`SELECT bytes FROM ${table}`).all();
      expect(rows.filter((row) => /-the-agent/.test(row.bytes))).toEqual([]);
    }
    db.close();
    for (const log of instance.logged)
      for (const text of [...credentials, ...personal]) expect(log).not.toContain(text);

    const report = await verifyDataFolder(instance.folder);
    expect(report.problems).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.keys).toHaveLength(2);
    // All of it opens again, under the keys that the next start finds.
    const next = await startInstance({ folder: instance.folder, clock: instance.clock });
    expect(await bodyOf(await (await next.tenant()).call(first, "basic", { path: "/a" }))).toStartWith("GET /a");
    expect(JSON.stringify(await next.events(tenant))).toContain(mail);
    await next.halt();
    await instance.stop();
    upstream.stop();
  }, 20_000);
});

describe("rotating a tenant's data key", () => {
  test("within one millisecond: what comes next is sealed under the new one", async () => {
    const instance = await startInstance();
    const tenant = await instance.tenant();
    const seen = new Set<string>();
    for (let i = 0; i < 8; i += 1) {
      const key = await instance.services.rotation.rotateDataKey(tenant.id, instance.services.instance.operator);
      await tenant.connection({ name: `c${i}`, url: "http://127.0.0.1:9" });
      const db = openForTampering(instance.folder);
      const used = db.query<{ key: string }, []>("SELECT DISTINCT data_key_id AS key FROM secrets").all();
      db.close();
      expect(used).toEqual([{ key }]);
      seen.add(key);
    }
    expect(seen.size).toBe(8);
    await instance.stop();
  });
});
