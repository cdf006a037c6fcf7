import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Edge, type Household, settle, startEdge } from "#test/http/support.ts";
import { isCleanError, jsonLines, temporaryFolder, writ } from "./support.ts";

/** Each command is a process of its own. */
const PATIENCE_MS = 60_000;
let edge: Edge;
let home: Household;
const folder = temporaryFolder();
const at = (name: string): string => join(folder.path, name);
const READ = `@id("lists") permit (principal, action == Action::"/github/issues/list", resource);\n`;

beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
  await Bun.write(at("read.cedar"), READ);
});
afterAll(async () => {
  await edge.stop();
  folder.remove();
});

const bundle = (...words: string[]) => writ(["policy", "bundle", ...words], { env: { WRIT_DATA: edge.folder } });
/** Where no server and no data folder is. */
const offline = (...words: string[]) => writ(["policy", "bundle", ...words], { env: { WRIT_DATA: at("nowhere") } });
const ask = async (command: string): Promise<string> => {
  const body = { command, resource: { type: "GitHub::Repository", id: "acme/app" } };
  return (await edge.ask("POST", "/v1/authorize", { token: home.key, body })).json.decision;
};

test(
  "a publisher's key, a bundle, and everything until it decides elsewhere",
  async () => {
    const made = await offline("key", at("publisher.key"));
    expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^writ-publisher-pub-v1 [0-9a-f]{16} \S+\n$/)]);
    const secret = readFileSync(at("publisher.key"), "utf8");
    expect(statSync(at("publisher.key")).mode & 0o777).toBe(0o600);
    expect(made.stdout).not.toContain(secret.trim().split(" ")[2] ?? "?");
    expect(isCleanError(await offline("key", at("publisher.key")))).toBe(true);
    chmodSync(at("publisher.key"), 0o644);
    const open = await offline(
      "export",
      "--key",
      at("publisher.key"),
      "--policies",
      at("read.cedar"),
      "--version",
      "1",
    );
    expect([open.code, open.stdout]).toEqual([2, ""]);
    chmodSync(at("publisher.key"), 0o600);

    const sign = ["export", "--key", at("publisher.key"), "--policies", at("read.cedar"), "--max-age", "7d"];
    const signed = await offline(...sign, "--version", "1", "--out", at("one.bundle"));
    expect([signed.code, signed.stderr]).toEqual([0, `written to ${at("one.bundle")}\n`]);
    const inspected = await offline("inspect", at("one.bundle"), "--publisher", made.stdout.trim(), "--json");
    expect([inspected.code, jsonLines(inspected.stdout)[0]]).toEqual([
      0,
      expect.objectContaining({ ok: true, channel: "default", version: 1, max_age_seconds: 604_800 }),
    ]);

    expect((await bundle("import", at("one.bundle"))).stderr).toContain("trusts no publisher");
    expect((await bundle("trust", made.stdout.trim())).code).toBe(0);
    const diff = await bundle("diff", at("one.bundle"));
    expect([diff.code, diff.stdout]).toEqual([1, expect.stringContaining('+ @id("lists")')]);
    expect(await ask("/github/issues/create")).toBe("allow");
    const imported = await bundle("import", at("one.bundle"), "--json");
    expect([imported.code, jsonLines(imported.stdout)[0]]).toMatchObject([0, { outcome: "imported" }]);
    expect([await ask("/github/issues/create"), await ask("/github/issues/list")]).toEqual(["deny", "allow"]);
    expect((await bundle("diff", at("one.bundle"))).code).toBe(0);
    const status = await bundle("status", "--json");
    expect([status.code, jsonLines(status.stdout)[0]]).toMatchObject([0, { stale: false, bundle: { version: 1 } }]);

    await offline(...sign, "--version", "2", "--out", at("two.bundle"));
    expect((await bundle("import", at("two.bundle"))).code).toBe(0);
    const older = await bundle("import", at("one.bundle"));
    expect([older.code, older.stderr]).toEqual([2, expect.stringContaining("is not newer")]);
    expect((await bundle("import", at("one.bundle"), "--allow-rollback")).code).toBe(0);
  },
  PATIENCE_MS,
);

test(
  "a folder is followed, polled and left",
  async () => {
    const source = temporaryFolder();
    expect((await bundle("follow", source.path, "--every", "1h")).code).toBe(0);
    expect((await bundle("poll")).code).toBe(1);
    await Bun.write(join(source.path, "policies.bundle"), readFileSync(at("two.bundle")));
    const polled = await bundle("poll", "--json");
    expect([polled.code, jsonLines(polled.stdout)[0]]).toMatchObject([0, { outcome: "imported" }]);
    expect((await bundle("unfollow")).code).toBe(0);
    expect((await bundle("poll")).code).toBe(2);
    source.remove();
    const admin = { token: home.admin, body: { kind: "folder", path: "/etc" } };
    expect((await edge.ask("PUT", "/v1/admin/policies/bundles/source", admin)).status).toBe(403);
  },
  PATIENCE_MS,
);

test(
  "the tenant's own policies and revocations can be published",
  async () => {
    const out = await bundle("export", "--key", at("publisher.key"), "--version", "9", "--revocations");
    expect([out.code, out.stderr]).toEqual([0, ""]);
    await Bun.write(at("own.bundle"), out.stdout);
    const read = await offline("inspect", at("own.bundle"), "--json");
    expect(jsonLines(read.stdout)[0]).toMatchObject({ ok: true, version: 9, policies_characters: READ.length });
  },
  PATIENCE_MS,
);

test(
  "a changed, cut off or missing bundle, and one of another publisher, are told apart from a good one",
  async () => {
    const good = readFileSync(at("one.bundle"), "utf8");
    await Bun.write(at("bad.bundle"), good.replace('"version":1', '"version":7'));
    await Bun.write(at("cut.bundle"), good.slice(0, 90));
    for (const name of ["bad.bundle", "cut.bundle"]) {
      const read = await offline("inspect", at(name), "--json");
      expect([read.code, jsonLines(read.stdout)[0]?.["ok"]]).toEqual([1, false]);
      expect((await bundle("import", at(name))).code).toBe(2);
    }
    await offline("key", at("other.key"));
    const other = (await offline("key", at("third.key"))).stdout.trim();
    expect((await offline("inspect", at("one.bundle"), "--publisher", other)).code).toBe(1);
    expect(isCleanError(await offline("inspect", at("none.bundle")))).toBe(true);
  },
  PATIENCE_MS,
);

test.each([
  [["fly"], "ACTION is one of"],
  [["inspect"], "FILE is missing"],
  [["inspect", "x", "--allow-rollback"], "`--allow-rollback` is not of `inspect`"],
  [["export", "--version", "1"], "`--key FILE` and `--version N` are needed"],
  [["follow", "s3://bucket"], "a bucket needs"],
])("%j is refused", async (words, complaint) => {
  const outcome = await bundle(...words);
  expect([isCleanError(outcome), outcome.stderr]).toEqual([true, expect.stringContaining(complaint)]);
});

test(
  "policies that are too old are found by doctor",
  async () => {
    const doctor = () => writ(["doctor", "--json"], { env: { WRIT_DATA: edge.folder, WRIT_DISK_RESERVE: "1MiB" } });
    const found = async () => jsonLines((await doctor()).stdout).find(({ what }) => what === "policies");
    expect(await found()).toMatchObject({ state: "ok" });
    const sign = ["export", "--key", at("publisher.key"), "--policies", at("read.cedar"), "--max-age", "1s"];
    await offline(...sign, "--version", "20", "--out", at("short.bundle"));
    await bundle("import", at("short.bundle"));
    await Bun.sleep(1000);
    expect(await found()).toMatchObject({ state: "fail", why: expect.stringContaining("`default` since") });
    expect((await bundle("status")).code).toBe(1);
    expect(await ask("/github/issues/list")).toBe("deny");
    const fresh = ["export", "--key", at("publisher.key"), "--policies", at("read.cedar"), "--version", "21"];
    await offline(...fresh, "--out", at("fresh.bundle"));
    expect((await bundle("import", at("fresh.bundle"))).code).toBe(0);
    expect(await ask("/github/issues/list")).toBe("allow");
  },
  PATIENCE_MS,
);

test(
  "shadow and audit check speak of what was decided",
  async () => {
    const run = (...words: string[]) => writ(words, { env: { WRIT_DATA: edge.folder } });
    const checked = await run("audit", "check", "--replay");
    expect([checked.code, checked.stdout]).toEqual([0, expect.stringMatching(/^reproduced {2}replayed: \d+; /)]);
    expect((await run("policy", "shadow", "start", "1")).code).toBe(0);
    await ask("/github/issues/create");
    const shown = await run("policy", "shadow", "show");
    expect([shown.code, shown.stdout]).toEqual([
      1,
      expect.stringMatching(/^1 +deny +allow +\/github\/issues\/create/m),
    ]);
    expect((await run("policy", "shadow", "stop")).code).toBe(0);
    expect((await run("policy", "shadow", "show")).code).toBe(2);
  },
  PATIENCE_MS,
);
