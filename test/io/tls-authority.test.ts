import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTlsAuthority } from "#src/io/tls-authority.ts";

const folder = mkdtempSync(join(tmpdir(), "writ-authority-"));
afterAll(() => rmSync(folder, { recursive: true }));
const clock = { now: () => Date.now() };
const hasOpenssl = Bun.which("openssl") !== null || process.env["CI"] !== undefined;

describe("the authority", () => {
  test.skipIf(!hasOpenssl)("issues what OpenSSL accepts, for its hosts and no other", async () => {
    const authority = await openTlsAuthority(folder, clock);
    writeFileSync(join(folder, "ca.pem"), authority.certificateFor(["api.example", "127.0.0.1", "::1"]));
    writeFileSync(join(folder, "none.pem"), authority.certificateFor([]));
    const verifies = (host: string, ca = "ca.pem"): boolean => {
      writeFileSync(join(folder, "leaf.pem"), authority.issue(host).cert);
      const name = /^[\d.]+$|:/.test(host) ? ["-verify_ip", host] : ["-verify_hostname", host];
      const words = [
        "openssl",
        "verify",
        "-x509_strict",
        ...name,
        "-CAfile",
        join(folder, ca),
        join(folder, "leaf.pem"),
      ];
      return Bun.spawnSync(words).exitCode === 0;
    };
    expect(["api.example", "127.0.0.1", "::1", "deep.api.example"].map((host) => verifies(host))).toEqual(
      Array(4).fill(true),
    );
    expect(["other.example", "127.0.0.2", "xapi.example"].map((host) => verifies(host))).toEqual(Array(3).fill(false));
    expect(verifies("api.example", "none.pem")).toBe(false);
  });

  test("keeps its key for this user alone, and the same after a restart", async () => {
    const path = join(folder, "forward-authority.key");
    await openTlsAuthority(folder, clock);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const before = await Bun.file(path).text();
    await openTlsAuthority(folder, clock);
    expect(await Bun.file(path).text()).toBe(before);
    chmodSync(path, 0o644);
    const refused = await openTlsAuthority(folder, clock).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "key_material_unsafe" });
    chmodSync(path, 0o600);
    writeFileSync(path, "no key");
    expect(await openTlsAuthority(folder, clock).catch((error: unknown) => error)).toMatchObject({
      code: "config_invalid",
    });
  });
});
