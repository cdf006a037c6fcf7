import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, freshFolder, type RunningServer } from "#test/support/binary.ts";
import { createInstance, type Instance, type Printed } from "#test/support/instance.ts";
import { createNpm, describeNpm, type Npm } from "#test/support/npm.ts";
import { startVerdaccio, type Verdaccio } from "#test/support/verdaccio.ts";
import { recordWire, type Wire, type WireRequest } from "#test/support/wire.ts";

const POLICY = `@id("npm.all")
permit (principal, action in Action::"/npm-registry", resource);
`;
const MANIFEST = { name: "@acme/tool", version: "1.0.0", description: "a tool", main: "index.js" };
const NEXT = { ...MANIFEST, version: "1.1.0" };
const FILES = { "index.js": "module.exports = 42;\n" };
const LONG = 60_000;

let registry: Verdaccio;
let writ: Instance;
let server: RunningServer;
/** What npm is told is the registry: a wire with a recorder on it, and Writ behind. */
let front: Wire;
let base: string;
/** Whoever publishes. */
let npm: Npm;
/** Another machine: what it installs is in no cache of its own. */
let user: Npm;
let key: string;
let sealKey: string;

describeNpm("npm in front of Writ, verdaccio behind it", () => {
  beforeAll(async () => {
    registry = await startVerdaccio(freshFolder("registry"));
    front = await recordWire(() => Number(new URL(server.address).port));
    writ = createInstance({ WRIT_PUBLIC_URL: front.origin });
    const { keys } = (await writ.ask(["init"])) as { readonly keys: readonly Printed[] };
    sealKey = String(keys.find(({ purpose }) => purpose === "seal")?.["id"]);
    server = await writ.start();
    const connection = ["--connector", "npm-registry", "--url", registry.origin, "--auth", "bearer"];
    await writ.ask(["connection", "create", "npm", ...connection, "--test-path", "/-/whoami"], registry.token);
    await writ.ask(["policy", "put", "-", "--message", "all of npm"], POLICY);
    await writ.ask(["agent", "create", "builder"]);
    key = String((await writ.ask(["key", "create", "builder"]))["key"]);
    base = `${front.origin}/v1/proxy/npm/`;
    npm = createNpm(base, key);
    user = createNpm(base, key);
  }, LONG);

  afterAll(async () => {
    front?.stop();
    await registry?.stop();
    await cleanUp();
  }, LONG);

  test("the connection is good, and the key alone opens nothing at the registry", async () => {
    expect(await writ.ask(["connection", "test", "npm"])).toMatchObject({ ok: true, status: 200 });
    const direct = await fetch(`${registry.origin}/@acme%2ftool`, { headers: { authorization: `Bearer ${key}` } });
    expect(direct.ok).toBeFalse();
    const who = await npm.run(["whoami"], npm.makeFolder());
    expect(who).toMatchObject({ code: 0, stdout: `${registry.user}\n` });
  });

  test(
    "publish is stopped, and works once it is approved: npm sends the same bytes again",
    async () => {
      const folder = npm.makePackage(MANIFEST, FILES);
      const stopped = await npm.run(["publish"], folder);
      expect(stopped.code).not.toBe(0);
      expect(stopped.stderr).toContain("E403");
      expect(stopped.stderr).toContain("asks for a person");
      expect(putsUpstream()).toEqual([]);

      const [pending, ...others] = await writ.list(["approvals"]);
      expect(others).toEqual([]);
      expect(pending).toMatchObject({ state: "pending", tier: "danger", command: "/npm-registry/package/publish" });
      expect(await writ.ask(["approve", String(pending?.["id"])])).toMatchObject({ state: "approved", remaining: 1 });

      const published = await npm.run(["publish"], folder);
      expect(published.stderr).not.toContain("npm error");
      expect(published.code).toBe(0);
      const [first, second, ...more] = puts();
      expect(more).toEqual([]);
      expect(second?.body.length).toBeGreaterThan(500);
      expect(second?.body).toBe(first?.body ?? "");
      expect(putsUpstream().map(({ body }) => body)).toEqual([first?.body ?? ""]);
      expect(await writ.list(["approvals", "list", "--state", "used"])).toHaveLength(1);

      // The approval was for one call: publishing what is there already is stopped before the registry hears of it.
      const again = await npm.run(["publish", "--force"], folder);
      expect(again.code).not.toBe(0);
      expect(putsUpstream()).toHaveLength(1);
    },
    LONG,
  );

  test("view shows addresses that lead through Writ", async () => {
    const viewed = await npm.run(["view", "@acme/tool", "--json"], npm.makeFolder());
    expect(viewed.code).toBe(0);
    const { version, dist } = JSON.parse(viewed.stdout) as { readonly version: string; readonly dist: Printed };
    expect(version).toBe("1.0.0");
    expect(dist["tarball"]).toBe(`${base}@acme/tool/-/tool-1.0.0.tgz`);
  });

  test(
    "install fetches the tarball through Writ; what a client has can be revalidated",
    async () => {
      const folder = user.makePackage({ name: "user", version: "1.0.0" });
      const installed = await user.run(["install", "@acme/tool"], folder);
      expect(installed.code).toBe(0);
      const placed = join(folder, "node_modules/@acme/tool/index.js");
      expect(readFileSync(placed, "utf8")).toBe(FILES["index.js"]);
      expect(readFileSync(join(folder, "package-lock.json"), "utf8")).toContain(`${base}@acme/tool/-/tool-1.0.0.tgz`);
      expect(requestsUpstream("GET").some(({ target }) => target.endsWith("/tool-1.0.0.tgz"))).toBeTrue();

      // Conditional requests reach the registry, whose answer to them has no body.
      const headers = { authorization: `Bearer ${key}` };
      const whole = await fetch(`${base}@acme%2ftool`, { headers });
      const tag = whole.headers.get("etag") ?? "";
      expect(await whole.text()).toContain(base);
      const again = await fetch(`${base}@acme%2ftool`, { headers: { ...headers, "if-none-match": tag } });
      expect(again.status).toBe(304);
      const online = await user.run(["install", "--prefer-online"], folder);
      expect(online.code).toBe(0);
    },
    LONG,
  );

  test(
    "a tarball of megabytes arrives as it was published",
    async () => {
      const owner = createNpm(`${registry.direct}/`, registry.token);
      const content = noise();
      const made = owner.makePackage({ name: "noise", version: "1.0.0" }, { "noise.txt": content });
      expect((await owner.run(["publish"], made)).code).toBe(0);
      const folder = user.makePackage({ name: "user", version: "1.0.0" });
      const installed = await user.run(["install", "noise"], folder);
      expect(installed.code).toBe(0);
      expect(readFileSync(join(folder, "node_modules/noise/noise.txt"), "utf8") === content).toBeTrue();
    },
    LONG,
  );

  test(
    "a client that prefers to wait is answered when somebody approves in a second terminal",
    async () => {
      const folder = npm.makePackage(NEXT, FILES);
      expect((await npm.run(["publish"], folder)).code).not.toBe(0);
      const body = puts().at(-1)?.body ?? "";
      const id = await pendingApproval();
      const waiting = fetch(`${base}@acme%2ftool`, {
        method: "PUT",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", prefer: "wait=30" },
        body: Buffer.from(body, "latin1"),
      });
      const early = await Promise.race([waiting.then(() => "answered"), Bun.sleep(300).then(() => "waits")]);
      expect(early).toBe("waits");
      await writ.ask(["approve", id]);
      const answer = await waiting;
      expect(answer.status).toBe(201);
      const viewed = await npm.run(["view", "@acme/tool", "versions", "--json"], npm.makeFolder());
      expect(JSON.parse(viewed.stdout)).toEqual(["1.0.0", "1.1.0"]);
    },
    LONG,
  );

  test(
    "unpublishing a version is two calls, each stopped until it is approved",
    async () => {
      const folder = npm.makeFolder();
      const unpublish = () => npm.run(["unpublish", "@acme/tool@1.1.0"], folder);
      expect((await unpublish()).stderr).toContain("asks for a person");
      expect(changesUpstream()).toHaveLength(2);

      // First the list of versions is written without it, then its tarball is removed.
      await writ.ask(["approve", await pendingApproval("/npm-registry/package/unpublish")]);
      expect((await unpublish()).stderr).toContain("asks for a person");
      expect(changesUpstream().at(-1)).toMatchObject({ method: "PUT" });
      const viewed = await npm.run(["view", "@acme/tool", "versions", "--json"], folder);
      expect(JSON.parse(viewed.stdout)).toEqual(["1.0.0"]);

      // npm takes a version that is not listed for unpublished; the call that waits is made as npm made it.
      await writ.ask(["approve", await pendingApproval("/npm-registry/package/unpublish")]);
      const call = front.requests().findLast(({ method }) => method === "DELETE");
      expect(call?.target).toContain("/tool-1.1.0.tgz/-rev/");
      const headers = { authorization: `Bearer ${key}` };
      const removed = await fetch(`${front.origin}${call?.target}`, { method: "DELETE", headers });
      expect(removed.status).toBe(201);
      expect(changesUpstream().map(({ method }) => method)).toEqual(["PUT", "PUT", "PUT", "DELETE"]);
    },
    LONG,
  );

  test(
    "unpublishing a package is stopped, and works once it is approved",
    async () => {
      const folder = npm.makeFolder();
      const unpublish = () => npm.run(["unpublish", "@acme/tool", "--force"], folder);
      const stopped = await unpublish();
      expect(stopped.code).not.toBe(0);
      expect(stopped.stderr).toContain("asks for a person");
      expect(changesUpstream()).toHaveLength(4);
      expect((await npm.run(["view", "@acme/tool"], folder)).code).toBe(0);

      await writ.ask(["approve", await pendingApproval("/npm-registry/package/unpublish")]);
      expect(await unpublish()).toMatchObject({ code: 0, stdout: "- @acme/tool\n" });
      expect((await npm.run(["view", "@acme/tool"], folder)).stderr).toContain("E404");
    },
    LONG,
  );

  test(
    "a package too large to be approved is refused, and the next call works",
    async () => {
      const waiting = await writ.list(["approvals"]);
      const folder = npm.makePackage({ ...MANIFEST, name: "@acme/large" }, { "noise.txt": noise() });
      const refused = await npm.run(["publish"], folder);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain("E413");
      expect(await writ.list(["approvals"])).toEqual([...waiting]);
      expect((await npm.run(["whoami"], folder)).code).toBe(0);
    },
    LONG,
  );

  test("logging in at the registry would hand out a token, and is refused", async () => {
    const answer = await fetch(`${base}-/user/org.couchdb.user:me`, {
      method: "PUT",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "me", password: "mine" }),
    });
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ code: "route_refused" });
  });

  test("npm never sees the registry's token, and the registry never sees npm's key", () => {
    const encoded = Buffer.from(registry.token).toString("base64").slice(0, -4);
    const traces = [
      ...npm.traces(),
      ...user.traces(),
      { place: "wire", bytes: Buffer.from(front.received(), "latin1") },
    ];
    expect(traces.length).toBeGreaterThan(20);
    expect(traces.some(({ bytes }) => bytes.includes("@acme/tool"))).toBeTrue();
    for (const form of [registry.token, encodeURIComponent(registry.token), encoded]) {
      expect(traces.filter(({ bytes }) => bytes.includes(form)).map(({ place }) => place)).toEqual([]);
    }

    const seen = registry.wire.requests();
    const presented = seen.map(({ headers }) => headers.get("authorization"));
    // The one call around Writ, at the beginning, is the other.
    expect(new Set(presented)).toEqual(new Set([`Bearer ${registry.token}`, `Bearer ${key}`]));
    expect(presented.filter((text) => text === `Bearer ${key}`)).toHaveLength(1);
    expect(registry.wire.sent().split(key)).toHaveLength(2);
    const throughWrit = seen.filter(({ headers }) => headers.get("authorization") !== `Bearer ${key}`);
    expect(new Set(throughWrit.map(({ headers }) => headers.get("user-agent")))).toEqual(new Set(["writ"]));
    expect(throughWrit.flatMap(({ headers }) => [...headers.keys()]).filter((name) => /npm|pacote/.test(name))).toEqual(
      [],
    );
    const users = registry.log().flatMap((line) => (typeof line["user"] === "string" ? [line["user"]] : []));
    expect(new Set(users)).toEqual(new Set([registry.user]));
    expect(registry.logText()).not.toContain(key);
  });

  test(
    "the bundle of it verifies, and with any byte of an event, seal or key changed it does not",
    async () => {
      const bundle = join(writ.folder, "bundle.jsonl");
      expect((await writ.run(["audit", "export", "--out", bundle])).code).toBe(0);
      expect(await verify([bundle])).toMatchObject({ code: 0, reports: [{ ok: true, chains: [{ pinned: true }] }] });

      const text = readFileSync(bundle, "latin1");
      expect(text).not.toContain(registry.token);
      expect(text).not.toContain(key);
      const changed = samplePositions(text).map((at, index) => {
        const path = join(writ.folder, `changed-${index}.jsonl`);
        const other = String.fromCharCode(text.charCodeAt(at) ^ 1);
        writeFileSync(path, text.slice(0, at) + other + text.slice(at + 1), "latin1");
        return path;
      });
      expect(changed.length).toBeGreaterThan(60);
      const { code, reports } = await verify(changed);
      expect(code).toBe(1);
      expect(reports.filter(({ ok }) => ok !== false)).toEqual([]);
    },
    LONG,
  );

  test("the data folder verifies while Writ runs on it, and after it has stopped", async () => {
    expect((await verify([writ.dataFolder])).code).toBe(0);
    expect((await server.stop()).code).toBe(0);
    expect((await verify([writ.dataFolder])).code).toBe(0);
    expect(server.stderr()).not.toContain(registry.token);
  });
});

function puts(): readonly WireRequest[] {
  return front.requests().filter(({ method }) => method === "PUT");
}

function requestsUpstream(...methods: readonly string[]): readonly WireRequest[] {
  return registry.wire.requests().filter(({ method }) => methods.includes(method));
}

function putsUpstream(): readonly WireRequest[] {
  return requestsUpstream("PUT");
}

function changesUpstream(): readonly WireRequest[] {
  return requestsUpstream("PUT", "DELETE");
}

/** 7 MB of text that does not compress below 5. */
function noise(): string {
  const parts = Array.from({ length: 80 }, () => crypto.getRandomValues(new Uint8Array(2 ** 16)));
  return Buffer.concat(parts).toString("base64");
}

/** The newest that waits, of a command where one is given. */
async function pendingApproval(command = "/npm-registry/package/publish"): Promise<string> {
  const pending = (await writ.list(["approvals"])).filter((approval) => approval["command"] === command);
  const newest = pending.toSorted((a, b) => String(b["requested_at"]).localeCompare(String(a["requested_at"])))[0];
  return String(newest?.["id"]);
}

async function verify(paths: readonly string[]): Promise<{ code: number | null; reports: readonly Printed[] }> {
  const { code, stdout } = await writ.run(["verify", ...paths, "--key", sealKey, "--json"]);
  const lines = stdout.trimEnd().split("\n");
  return { code, reports: lines.map((line) => JSON.parse(line) as Printed) };
}

/** Places within the first, a middle and the last line of each kind, spread over the line. */
function samplePositions(text: string): readonly number[] {
  const lines = [...text.matchAll(/[^\n]+/g)].map((match) => ({ at: match.index, line: match[0] }));
  return ["event", "seal", "key"].flatMap((kind) => {
    const ofKind = lines.filter(({ line }) => line.includes(`"kind":"${kind}"`));
    const chosen = [ofKind[0], ofKind[Math.floor(ofKind.length / 2)], ofKind.at(-1)].filter(
      (line) => line !== undefined,
    );
    return [...new Set(chosen)].flatMap(({ at, line }) =>
      Array.from({ length: 12 }, (_, index) => at + Math.floor((index * (line.length - 1)) / 11)),
    );
  });
}
