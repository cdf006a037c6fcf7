import { afterAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { fromUtf8, toBase64 } from "#src/base/bytes.ts";
import { spawnWrit } from "#test/cli/support.ts";
import { createPublisher, LISTS } from "#test/decision/bundle-stage.ts";
import { createTestClock, startInstance } from "#test/support/composed.ts";
import { temporaryFolder } from "#test/support/store.ts";

const KILLS = 4;
const PATH = "/v1/admin/policies/bundles";
const folder = temporaryFolder();
const data = join(folder.path, "d");
const publisher = createPublisher(5, () => Date.now());
const policiesOf = (version: number): string => `${LISTS}\n// bundle ${version}\n`;
afterAll(() => folder.remove());

const ask = (method: string, path: string, body: unknown): Promise<Response> =>
  fetch(`http://localhost${path}`, {
    unix: join(data, "writ.sock"),
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

async function serve() {
  const child = spawnWrit(["serve"], {
    env: { WRIT_DATA: data, WRIT_LISTEN: "127.0.0.1:0", WRIT_DISK_RESERVE: "1MiB" },
  });
  for (let tries = 0; tries < 200; tries += 1) {
    const isReady =
      existsSync(join(data, "writ.sock")) &&
      (await fetch("http://localhost/healthz", { unix: join(data, "writ.sock") }).then(
        ({ ok }) => ok,
        () => false,
      ));
    if (isReady) return child;
    await Bun.sleep(25);
  }
  throw new Error("the server does not start");
}

test("killed at any moment of an import, a host has all of a bundle or nothing of it", async () => {
  let next = 1;
  let acknowledged = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const server = await serve();
    if (kill === 0) await ask("POST", `${PATH}/publishers`, { public_key: toBase64(publisher.key.publicKey) });
    let isOver = false;
    const importing = (async () => {
      while (!isOver) {
        const bundle = fromUtf8(publisher.bundle({ version: next, policies: policiesOf(next) }));
        const answer = await ask("POST", PATH, { bundle }).catch(() => undefined);
        if (answer?.status === 200) acknowledged = next;
        next += 1;
      }
    })();
    await Bun.sleep(250 + kill * 90);
    server.kill("SIGKILL");
    isOver = true;
    await Promise.all([server.exited, importing]);
    expect((await verifyDataFolder(data)).ok).toBe(true);
    const instance = await startInstance({ folder: data, clock: createTestClock(Date.now()) });
    const tenant = await instance.tenant();
    const { bundle } = await instance.services.policyBundles.status(tenant.id);
    const version = bundle?.bundleVersion ?? 0;
    const imports = (await instance.events(tenant)).filter(({ type }) => type === "policy.bundle_imported");
    const source = version === 0 ? "" : (await instance.services.policies.show(tenant.id)).source;
    expect([imports.at(-1)?.data["bundle_version"] ?? 0, source]).toEqual([
      version,
      version === 0 ? "" : policiesOf(version),
    ]);
    expect(version).toBeGreaterThanOrEqual(acknowledged);
    await instance.halt();
  }
  expect(acknowledged).toBeGreaterThan(0);
}, 60_000);
