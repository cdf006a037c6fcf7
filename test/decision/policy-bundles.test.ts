import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { startInstance, type TestInstance } from "../support/composed.ts";
import { rejection } from "../support/scenario.ts";
import { temporaryFolder } from "../support/store.ts";
import type { TestAgent, TestTenant } from "../support/tenant.ts";
import { createPublisher, EVERYTHING, LISTS, type TestPublisher } from "./bundle-stage.ts";

let instance: TestInstance;
let publisher: TestPublisher;
beforeAll(async () => {
  instance = await startInstance();
  publisher = createPublisher(1, () => instance.clock.now());
});
afterAll(() => instance.stop());

const REPOSITORY = { type: "GitHub::Repository", id: "acme/app" };
const LIST = { command: "/github/issues/list", resource: REPOSITORY };
const CREATE = { command: "/github/issues/create", resource: REPOSITORY };

const bundles = () => instance.services.policyBundles;
const operator = () => instance.services.instance.operator;

async function stage(name: string): Promise<{ tenant: TestTenant; agent: TestAgent }> {
  const tenant = await instance.tenant(name);
  await bundles().trust(tenant.id, operator(), publisher.key, "default");
  return { tenant, agent: await tenant.agent("helper") };
}

const take = (tenant: TestTenant, file: Uint8Array, allowRollback = false) =>
  bundles().import(tenant.id, operator(), file, { allowRollback });

describe("an import", () => {
  test("lets the bundle's policies decide from the next request on, in one unit with one event", async () => {
    const { tenant, agent } = await stage("imports");
    expect((await tenant.state(agent, LIST)).decision).toBe("deny");
    const before = (await instance.events(tenant)).length;
    const file = publisher.bundle({ version: 1, policies: LISTS });
    const { outcome, bundle } = await take(tenant, file);
    expect([outcome, bundle.bundleVersion, bundle.policyVersion]).toEqual(["imported", 1, 1]);
    const written = (await instance.events(tenant)).slice(before);
    expect(written.map(({ type }) => type)).toEqual(["policy.bundle_imported"]);
    expect(written[0]?.data).toMatchObject({
      bundle: { ref: `sha256:${bundle.sha256}` },
      key: publisher.key.id,
      channel: "default",
      bundle_version: 1,
      version: 1,
      previous: 0,
      policies: 1,
    });
    expect((await tenant.state(agent, LIST)).decision).toBe("allow");
    expect((await tenant.state(agent, CREATE)).decision).toBe("deny");
    expect((await take(tenant, file)).outcome).toBe("unchanged");
    expect((await instance.events(tenant)).filter(({ type }) => type === "policy.bundle_imported")).toHaveLength(1);
    // A newer bundle of the same policies is a newer bundle, and no newer version of the policies.
    const renewed = await take(tenant, publisher.bundle({ version: 2, policies: LISTS }));
    expect([renewed.bundle.bundleVersion, renewed.bundle.policyVersion]).toEqual([2, 1]);
  });

  test("of an older version is refused, unless that is asked for, and then it is recorded", async () => {
    const { tenant } = await stage("older");
    const first = publisher.bundle({ version: 1, policies: LISTS });
    await take(tenant, first);
    await take(tenant, publisher.bundle({ version: 5, policies: EVERYTHING }));
    expect(await rejection(take(tenant, first))).toBe("bundle_rollback");
    expect(await rejection(take(tenant, publisher.bundle({ version: 5, policies: LISTS })))).toBe("bundle_rollback");
    expect((await bundles().status(tenant.id)).bundle?.bundleVersion).toBe(5);
    await take(tenant, first, true);
    expect((await instance.events(tenant)).at(-1)?.data).toMatchObject({
      bundle_version: 1,
      previous_bundle: 5,
      rolled_back: true,
    });
  });

  test("takes back writs, keys and agents as they would be here, and passes over what is not known", async () => {
    const { tenant, agent } = await stage("revokes");
    await take(tenant, publisher.bundle({ version: 1, policies: EVERYTHING }));
    await tenant.connection({ url: "http://127.0.0.1:9" });
    const other = await tenant.agent("other");
    const spare = await tenant.key(agent);
    const granted = await tenant.state(agent, LIST);
    if (granted.decision !== "allow" || granted.writ === undefined) throw new Error("no writ");
    const revocations = {
      writs: [granted.writ.cid, `bafyrei${"a".repeat(52)}`],
      keys: [spare.principal.token, `tok_${"0".repeat(26)}`],
      agents: [other.agent.did, `agt_${"0".repeat(26)}`],
    };
    await take(tenant, publisher.bundle({ version: 2, policies: EVERYTHING, revocations }));
    expect((await instance.events(tenant)).at(-1)?.data["revoked"]).toEqual({ writs: 2, keys: 2, agents: 2 });
    expect(await rejection(tenant.state(spare, LIST))).toBe("unauthenticated");
    expect(await rejection(tenant.state(other, LIST))).toBe("agent_disabled");
    expect((await tenant.state(agent, LIST)).decision).toBe("allow");
    const writ = Buffer.from(granted.writ.token, "base64url");
    expect(await rejection(tenant.callWith(new Uint8Array(writ), "api", { path: "/x" }))).toBe("writ_revoked");
    // A publisher's own tenant says the same of itself.
    expect((await bundles().content(tenant.id)).revocations).toEqual({
      writs: expect.arrayContaining([granted.writ.cid]),
      keys: [spare.principal.token],
      agents: [other.agent.did],
    });
  });

  test("brings schema and type map with it, and leaves the tenant's own where it has none", async () => {
    const { tenant } = await stage("schema");
    const schema = `entity Ticket { owner?: String };\naction "/desk/close" appliesTo { principal: [Agent], resource: [Ticket], context: { writ: Writ, claimed: Claimed } };`;
    const policies = `@id("own") permit (principal, action == Action::"/desk/close", resource is Ticket) when { resource has owner && resource.owner == "a" };`;
    const typeMap = { subject_types: [["bot", "Agent"]], resource_types: [], actions: [] } as const;
    expect(await rejection(take(tenant, publisher.bundle({ version: 1, policies })))).toBe("policy_invalid");
    await take(tenant, publisher.bundle({ version: 1, policies, schema, typeMap }));
    expect(await bundles().content(tenant.id)).toMatchObject({ policies, schema, typeMap });
    await take(tenant, publisher.bundle({ version: 2, policies }));
    expect(await bundles().content(tenant.id)).toMatchObject({ schema, typeMap });
    const wrong = { ...typeMap, subject_types: [["bot", "not a type"]] } as const;
    expect(await rejection(take(tenant, publisher.bundle({ version: 3, typeMap: wrong })))).toBe("bundle_invalid");
  });

  test("needs a key that this tenant trusts, for this channel", async () => {
    const { tenant } = await stage("trusting");
    const stranger = createPublisher(2, () => instance.clock.now());
    expect(await rejection(take(tenant, stranger.bundle({ version: 1 })))).toBe("bundle_untrusted");
    expect(await rejection(take(tenant, publisher.bundle({ version: 1, channel: "staging" })))).toBe(
      "bundle_untrusted",
    );
    // What another tenant trusts is nothing here.
    const elsewhere = await instance.tenant("elsewhere");
    await bundles().trust(elsewhere.id, operator(), stranger.key, "default");
    expect(await rejection(take(tenant, stranger.bundle({ version: 1 })))).toBe("bundle_untrusted");
    expect(await rejection(take(elsewhere, publisher.bundle({ version: 1 })))).toBe("bundle_untrusted");
    expect((await take(elsewhere, stranger.bundle({ version: 1 }))).outcome).toBe("imported");
    expect(await rejection(bundles().trust(tenant.id, operator(), publisher.key, "other"))).toBe("conflict");
    await bundles().untrust(tenant.id, operator(), publisher.key.id);
    expect(await rejection(take(tenant, publisher.bundle({ version: 1 })))).toBe("bundle_untrusted");
    expect(await rejection(bundles().untrust(tenant.id, operator(), publisher.key.id))).toBe("not_found");
    expect((await bundles().status(tenant.id)).bundle).toBeUndefined();
  });

  test("of a broken file, of policies that are not valid, or from the future leaves no trace", async () => {
    const { tenant } = await stage("broken");
    const good = publisher.bundle({ version: 1 });
    const changed = Uint8Array.from(good);
    changed[20] = (changed[20] ?? 0) ^ 1;
    const before = (await instance.events(tenant)).length;
    for (const [file, code] of [
      [changed, "bundle_untrusted"],
      [good.subarray(0, -5), "bundle_invalid"],
      [new Uint8Array(0), "bundle_invalid"],
      [publisher.bundle({ version: 1, policies: "permit(;" }), "policy_invalid"],
      [publisher.bundle({ version: 1, madeAt: instance.clock.now() + 3_600_000 }), "bundle_invalid"],
    ] as const) {
      expect(await rejection(take(tenant, file))).toBe(code);
    }
    expect((await instance.events(tenant)).length).toBe(before);
  });

  test("of two at once ends with the newer one, and neither is lost half done", async () => {
    const { tenant } = await stage("race");
    await take(tenant, publisher.bundle({ version: 1 }));
    const results = await Promise.all(
      [2, 3, 4, 5].map((version) =>
        take(tenant, publisher.bundle({ version, policies: `${LISTS}\n// ${version}` })).then(
          ({ bundle }) => bundle.bundleVersion,
          (error: { code: string }) => error.code,
        ),
      ),
    );
    const taken = results.filter((result): result is number => typeof result === "number");
    expect(taken.length).toBeGreaterThan(0);
    const { bundle } = await bundles().status(tenant.id);
    expect(bundle?.bundleVersion).toBe(Math.max(...taken));
    const imported = (await instance.events(tenant)).filter(({ type }) => type === "policy.bundle_imported");
    const order = imported.map(({ data }) => Number(data["bundle_version"]));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect((await instance.services.policies.show(tenant.id)).source).toBe(`${LISTS}\n// ${bundle?.bundleVersion}`);
  });
});

describe("the age", () => {
  test("denies everything once it has passed, says so, and a newer bundle or no trust ends that", async () => {
    const { tenant, agent } = await stage("ages");
    await take(tenant, publisher.bundle({ version: 1, policies: LISTS, maxAgeSeconds: 60 }));
    instance.clock.advance(59_000);
    expect((await tenant.state(agent, LIST)).decision).toBe("allow");
    instance.clock.advance(1000);
    expect(await tenant.state(agent, LIST)).toMatchObject({ decision: "deny", reasons: [{ code: "policies_stale" }] });
    expect((await instance.events(tenant)).at(-1)?.data).toMatchObject({
      decision: "deny",
      reasons: ["policies_stale"],
    });
    expect((await bundles().status(tenant.id)).isStale).toBe(true);
    // Policies that are put by hand do not renew what was taken back elsewhere.
    await tenant.policies(EVERYTHING);
    expect((await tenant.state(agent, LIST)).decision).toBe("deny");
    await take(tenant, publisher.bundle({ version: 2, policies: LISTS, maxAgeSeconds: 60 }));
    expect((await tenant.state(agent, LIST)).decision).toBe("allow");
    instance.clock.advance(61_000);
    expect((await tenant.state(agent, LIST)).decision).toBe("deny");
    await bundles().untrust(tenant.id, operator(), publisher.key.id);
    expect((await tenant.state(agent, LIST)).decision).toBe("allow");
    // What nobody decided is not decided again.
    const { replayed, reproduced, failed, changed } = await instance.services.replays.replay(tenant.id, "recorded", 0);
    expect([replayed - reproduced, failed, changed]).toEqual([0, 0, 0]);
  });
});

describe("a source that is followed", () => {
  test("is looked at, keeps the last known good when it fails, and never rolls back", async () => {
    const { tenant, agent } = await stage("follows");
    const folder = temporaryFolder();
    const path = join(folder.path, "policies.bundle");
    const { policyPolling: polling } = instance.services;
    await polling.follow(tenant.id, operator(), { kind: "folder", path: folder.path }, 60);
    expect(await polling.poll(tenant.id)).toMatchObject({ outcome: "failed", code: "not_found" });
    await Bun.write(path, publisher.bundle({ version: 2, policies: LISTS }));
    await polling.pollDue();
    expect((await bundles().status(tenant.id)).bundle).toBeUndefined();
    instance.clock.advance(61_000);
    await polling.pollDue();
    expect((await polling.show(tenant.id))?.lastPoll).toMatchObject({ outcome: "imported", code: null });
    expect((await instance.events(tenant)).at(-1)).toMatchObject({ type: "policy.bundle_imported", actor: "system" });
    expect((await tenant.state(agent, LIST)).decision).toBe("allow");
    expect(await polling.poll(tenant.id)).toMatchObject({ outcome: "unchanged" });
    const wanted: [Uint8Array | string, string][] = [
      [publisher.bundle({ version: 1, policies: EVERYTHING }), "bundle_rollback"],
      [publisher.bundle({ version: 3 }).subarray(0, 100), "bundle_invalid"],
      ["", "bundle_invalid"],
      [createPublisher(9, () => instance.clock.now()).bundle({ version: 9 }), "bundle_untrusted"],
    ];
    for (const [content, code] of wanted) {
      await Bun.write(path, content);
      expect(await polling.poll(tenant.id)).toMatchObject({ outcome: "failed", code });
    }
    folder.remove();
    expect(await polling.poll(tenant.id)).toMatchObject({ outcome: "failed", code: "not_found" });
    expect((await tenant.state(agent, LIST)).decision).toBe("allow");
    expect((await polling.show(tenant.id))?.lastPoll?.succeededAt).toBeNumber();
    await polling.unfollow(tenant.id, operator());
    expect(await rejection(polling.poll(tenant.id))).toBe("not_found");
  });

  test("is a bucket that is asked with a signed request, by the one way out", async () => {
    const { tenant } = await stage("bucket");
    const asked: string[] = [];
    let body: Uint8Array | undefined = publisher.bundle({ version: 1 });
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        asked.push(`${request.method} ${new URL(request.url).pathname} ${request.headers.get("authorization")}`);
        return body === undefined
          ? new Response("<Error><Code>NoSuchKey</Code></Error>", { status: 404 })
          : new Response(Uint8Array.from(body));
      },
    });
    const { policyPolling: polling } = instance.services;
    const source = {
      kind: "s3",
      endpoint: `http://127.0.0.1:${server.port}`,
      bucket: "fleet",
      prefix: "prod/",
      region: "eu-1",
      access_key: "AKEY",
    } as const;
    await polling.follow(tenant.id, operator(), source, 60, "top-secret-key");
    expect(await polling.poll(tenant.id)).toMatchObject({ outcome: "imported" });
    expect(asked[0]).toMatch(
      /^GET \/fleet\/prod\/policies\.bundle AWS4-HMAC-SHA256 Credential=AKEY\/\d{8}\/eu-1\/s3\//,
    );
    body = undefined;
    expect(await polling.poll(tenant.id)).toMatchObject({ outcome: "failed", code: "not_found" });
    await server.stop(true);
  });

  test("is a folder by its whole path, or a bucket that can be one", async () => {
    const { tenant } = await stage("sources");
    const { policyPolling: polling } = instance.services;
    const bucket = {
      kind: "s3",
      endpoint: "https://s3.example.com",
      bucket: "fleet",
      prefix: "",
      region: "x",
      access_key: "k",
    } as const;
    const follow = (source: Parameters<typeof polling.follow>[2], secret?: string) =>
      rejection(polling.follow(tenant.id, operator(), source, 60, secret));
    expect(await follow({ kind: "folder", path: "here" })).toBe("invalid_argument");
    expect(await follow(bucket)).toBe("invalid_argument");
    expect(await follow({ ...bucket, bucket: "../x" }, "s")).toBe("invalid_argument");
    expect(await follow({ ...bucket, prefix: "../" }, "s")).toBe("invalid_argument");
    expect(await follow({ ...bucket, endpoint: "ftp://x" }, "s")).toBe("invalid_argument");
    await polling.follow(tenant.id, operator(), bucket, 60, "top-secret-key");
    const event = (await instance.events(tenant)).at(-1);
    expect(event?.type).toBe("policy.source_followed");
    expect(JSON.stringify([event, await polling.show(tenant.id)])).not.toContain("top-secret-key");
  });
});

describe("a crash in the middle of an import", () => {
  test("leaves all of it or nothing", async () => {
    const folder = temporaryFolder();
    const data = join(folder.path, "data");
    for (const when of ["before", "after"] as const) {
      const first = await startInstance({ folder: data, clock: instance.clock });
      const tenant = await first.tenant(`crash-${when}`);
      await first.services.policyBundles.trust(tenant.id, first.services.instance.operator, publisher.key, "default");
      const file = publisher.bundle({ version: 1 });
      if (when === "before") {
        first.hooks.beforeSubmit = async () => {
          await first.halt();
          throw new Error("killed");
        };
      }
      await first.services.policyBundles.import(tenant.id, "system", file).catch(() => undefined);
      await first.halt();
      const second = await startInstance({ folder: data, clock: instance.clock });
      const { bundle } = await second.services.policyBundles.status(tenant.id);
      const { policyVersion } = await second.services.tenants.show(tenant.name);
      const events = (await second.events(tenant)).filter(({ type }) => type === "policy.bundle_imported");
      expect([bundle?.bundleVersion, policyVersion, events.length]).toEqual(
        when === "before" ? [undefined, 0, 0] : [1, 1, 1],
      );
      await second.stop();
    }
    folder.remove();
  }, 30_000);
});
