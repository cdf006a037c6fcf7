import { describe, expect, test } from "bun:test";
import { isWritError } from "#src/base/errors.ts";
import { type ClientConfig, type Config, parseClientConfig, parseConfig } from "#src/config/config.ts";
import { readEnvironment } from "#src/config/env.ts";
import { findSetting, SETTINGS } from "#src/config/settings.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { issueToken } from "#src/crypto/tokens.ts";

type Env = Record<string, string>;
const parse = (env: Env): Config => parseConfig(readEnvironment(env));
const parseClient = (env: Env): ClientConfig => parseClientConfig(readEnvironment(env));

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isWritError(error, "config_invalid")) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("defaults", () => {
  test("are the documented ones", () => {
    expect(parse({})).toEqual({
      dataFolder: "./data",
      listen: { host: "127.0.0.1", port: 8620 },
      forward: undefined,
      publicUrl: "http://localhost:8620",
      trustProxy: [],
      tls: undefined,
      upstreamCaFile: undefined,
      upstreamProxy: undefined,
      allowRanges: [],
      logLevel: "info",
      metricsToken: undefined,
      archive: undefined,
      backup: undefined,
      backupSchedule: undefined,
      keepsTelemetry: true,
      checkpointEvery: "day",
      limits: {
        tenantQuotaBytes: 10 * 2 ** 30,
        diskReserveBytes: 256 * 2 ** 20,
        ratePerSource: 3_000_000,
        ratePerAgent: 3_000_000,
        ratePerTenant: 6_000_000,
        approvalTtlSeconds: 900,
        writTtlSeconds: 60,
        maxWritTtlSeconds: 300,
        maxBodyBytes: 2 ** 20,
        maxUploadBytes: 2 ** 30,
        maxSpoolBytes: 4 * 2 ** 20,
        maxResponseBytes: 2 ** 30,
      },
    });
  });

  test("and what a variable is set to its own default gives are the same", () => {
    const env = Object.fromEntries(
      SETTINGS.filter((setting) => setting.default !== "").map((setting) => [setting.name, setting.default]),
    );
    expect(parse(env)).toEqual(parse({}));
  });

  test("the table has each name once, a meaning, and secrets without a default", () => {
    expect(new Set(SETTINGS.map((setting) => setting.name)).size).toBe(SETTINGS.length);
    for (const setting of SETTINGS) expect(setting.meaning).toMatch(/^[^A-Z].*[^.]$|^HTTP|^PEM/);
    for (const name of ["WRIT_TOKEN", "WRIT_METRICS_TOKEN", "WRIT_PROXY", "WRIT_KEY_SEAL"]) {
      expect(findSetting(name)).toMatchObject({ secret: true, default: "" });
    }
  });
});

describe("accepted", () => {
  test.each([
    ["WRIT_LISTEN", "[::1]:0", (c: Config) => c.listen, { host: "::1", port: 0 }],
    ["WRIT_LISTEN", "localhost:65535", (c: Config) => c.listen, { host: "localhost", port: 65_535 }],
    ["WRIT_LISTEN", "127.8.9.1:1", (c: Config) => c.listen, { host: "127.8.9.1", port: 1 }],
    ["WRIT_PUBLIC_URL", "https://Writ.Example/", (c: Config) => c.publicUrl, "https://writ.example"],
    ["WRIT_PUBLIC_URL", "https://writ.example:443", (c: Config) => c.publicUrl, "https://writ.example"],
    ["WRIT_PROXY", "http://user:pass@proxy:3128", (c: Config) => c.upstreamProxy, "http://user:pass@proxy:3128/"],
    ["WRIT_TENANT_QUOTA", "0", (c: Config) => c.limits.tenantQuotaBytes, 0],
    ["WRIT_TENANT_QUOTA", "3GiB", (c: Config) => c.limits.tenantQuotaBytes, 3 * 2 ** 30],
    ["WRIT_TENANT_QUOTA", "12 MiB", (c: Config) => c.limits.tenantQuotaBytes, 12 * 2 ** 20],
    ["WRIT_RATE_AGENT", "0", (c: Config) => c.limits.ratePerAgent, 0],
    ["WRIT_APPROVAL_TTL", "2h", (c: Config) => c.limits.approvalTtlSeconds, 7200],
    ["WRIT_LOG", "debug", (c: Config) => c.logLevel, "debug"],
  ] as const)("%s=%s", (name, text, read, expected) => {
    expect(read(parse({ [name]: text }))).toEqual(expected as never);
  });

  test("ranges, with spaces and single addresses", () => {
    const ranges = parse({ WRIT_ALLOW_RANGES: "10.0.0.0/8, 192.168.1.7 ,fd00::/8" }).allowRanges;
    expect(ranges.map((range) => range.text)).toEqual(["10.0.0.0/8", "192.168.1.7/32", "fd00::/8"]);
  });
});

describe("refused, naming the variable", () => {
  test.each([
    ["WRIT_LISTEN", "8620"],
    ["WRIT_LISTEN", ":8620"],
    ["WRIT_LISTEN", "127.0.0.1"],
    ["WRIT_LISTEN", "127.0.0.1:65536"],
    ["WRIT_LISTEN", "127.0.0.1:08620"],
    ["WRIT_LISTEN", "127.0.0.1:-1"],
    ["WRIT_LISTEN", "::1:8620"],
    ["WRIT_LISTEN", "[127.0.0.1]:8620"],
    ["WRIT_LISTEN", "[::1%lo]:8620"],
    ["WRIT_LISTEN", "[]:8620"],
    ["WRIT_LISTEN", "127.1:8620"],
    ["WRIT_LISTEN", "0x7f000001:8620"],
    ["WRIT_LISTEN", "example.com:8620"],
    ["WRIT_LISTEN", "127.0.0.1:8620\n"],
    ["WRIT_PUBLIC_URL", "writ.example"],
    ["WRIT_PUBLIC_URL", "ftp://writ.example"],
    ["WRIT_PUBLIC_URL", "https://writ.example/sub"],
    ["WRIT_PUBLIC_URL", "https://writ.example?x"],
    ["WRIT_PUBLIC_URL", "https://writ.example/?"],
    ["WRIT_PUBLIC_URL", "https://writ.example#"],
    ["WRIT_PUBLIC_URL", "https://user:secret@writ.example"],
    ["WRIT_PUBLIC_URL", "https:\\\\writ.example"],
    ["WRIT_PUBLIC_URL", "https://writ.example\t"],
    ["WRIT_PUBLIC_URL", "javascript:alert(1)"],
    ["WRIT_TRUST_PROXY", "0.0.0.0/0"],
    ["WRIT_TRUST_PROXY", "::/0"],
    ["WRIT_TRUST_PROXY", "10.0.0.1,"],
    ["WRIT_TRUST_PROXY", "proxy"],
    ["WRIT_ALLOW_RANGES", "10.1.2.3/8"],
    ["WRIT_ALLOW_RANGES", "10.0.0.0/33"],
    ["WRIT_ALLOW_RANGES", "10.0.0.0/08"],
    ["WRIT_ALLOW_RANGES", "10.0.0.0/"],
    ["WRIT_ALLOW_RANGES", "10.0.0.0/8/8"],
    ["WRIT_ALLOW_RANGES", "010.0.0.0/8"],
    ["WRIT_ALLOW_RANGES", "fd00::1/8"],
    ["WRIT_ALLOW_RANGES", "*"],
    ["WRIT_PROXY", "socks5://proxy:1080"],
    ["WRIT_PROXY", "http://proxy/path"],
    ["WRIT_PROXY", "proxy:3128"],
    ["WRIT_LOG", "verbose"],
    ["WRIT_LOG", "constructor"],
    ["WRIT_METRICS_TOKEN", "short"],
    ["WRIT_METRICS_TOKEN", "sixteen characters with spaces"],
    ["WRIT_TENANT_QUOTA", "10GB"],
    ["WRIT_TENANT_QUOTA", "-1"],
    ["WRIT_TENANT_QUOTA", "1e9"],
    ["WRIT_TENANT_QUOTA", "999999999999999TiB"],
    ["WRIT_DISK_RESERVE", "0"],
    ["WRIT_RATE_SOURCE", "1.5"],
    ["WRIT_RATE_TENANT", "Infinity"],
    ["WRIT_APPROVAL_TTL", "900"],
    ["WRIT_APPROVAL_TTL", "0s"],
    ["WRIT_APPROVAL_TTL", "29s"],
    ["WRIT_APPROVAL_TTL", "8d"],
    ["WRIT_MAX_BODY", "1GiB"],
    ["WRIT_MAX_UPLOAD", "1MiB"],
    ["WRIT_DATA", "a\0b"],
  ])("%s=%j", (name, text) => {
    expect(refusal(() => parse({ [name]: text }))).toContain(`\`${name}\``);
  });

  test("a secret's value is not in the message", () => {
    expect(refusal(() => parse({ WRIT_METRICS_TOKEN: "hunter two" }))).not.toContain("hunter");
    expect(refusal(() => parse({ WRIT_PROXY: "socks://u:hunter2@p:1" }))).not.toContain("hunter2");
    expect(refusal(() => parseClient({ WRIT_URL: "https://w", WRIT_TOKEN: "hunter2" }))).not.toContain("hunter2");
  });
});

describe("checked against each other", () => {
  test("a certificate needs its key, and the other way round", () => {
    expect(parse({ WRIT_TLS_CERT: "c", WRIT_TLS_KEY: "k" }).tls).toEqual({ certFile: "c", keyFile: "k" });
    expect(refusal(() => parse({ WRIT_TLS_CERT: "c" }))).toContain("`WRIT_TLS_KEY` is missing");
    expect(refusal(() => parse({ WRIT_TLS_KEY: "k" }))).toContain("`WRIT_TLS_CERT` is missing");
  });

  test.each(["0.0.0.0:8620", "[::]:8620", "192.168.1.5:8620", "[::ffff:10.0.0.1]:8620", "[fe80::1]:0"])(
    "%s needs TLS or a named proxy",
    (listen) => {
      expect(refusal(() => parse({ WRIT_LISTEN: listen }))).toContain("is not loopback");
      expect(parse({ WRIT_LISTEN: listen, WRIT_TLS_CERT: "c", WRIT_TLS_KEY: "k" }).tls).toBeDefined();
      expect(parse({ WRIT_LISTEN: listen, WRIT_TRUST_PROXY: "10.0.0.2" }).trustProxy).toHaveLength(1);
    },
  );

  test("[::ffff:127.0.0.1] is loopback", () => {
    expect(parse({ WRIT_LISTEN: "[::ffff:127.0.0.1]:8620" }).listen.host).toBe("::ffff:127.0.0.1");
  });
});

describe("client", () => {
  const token = issueToken("agent", systemIdSource).text;

  test("reads its own settings and no one else's", () => {
    expect(parseClient({ WRIT_LISTEN: "nonsense" })).toEqual({
      dataFolder: "./data",
      url: undefined,
      token: undefined,
      deviceFile: undefined,
      run: undefined,
    });
    expect(parseClient({ WRIT_URL: "https://writ.example/", WRIT_TOKEN: token })).toEqual({
      dataFolder: "./data",
      url: "https://writ.example",
      token,
      deviceFile: undefined,
      run: undefined,
    });
    for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
      expect(parseClient({ WRIT_URL: `http://${host}:8620` }).url).toBe(`http://${host}:8620`);
    }
  });

  test("refuses a token without a server, a mistyped one, and one in the clear", () => {
    expect(refusal(() => parseClient({ WRIT_TOKEN: token }))).toContain("needs `WRIT_URL`");
    expect(refusal(() => parseClient({ WRIT_URL: "https://w", WRIT_TOKEN: `${token.slice(0, -1)}!` }))).toContain(
      "`WRIT_TOKEN` is not a credential",
    );
    expect(refusal(() => parseClient({ WRIT_URL: "http://writ.example", WRIT_TOKEN: token }))).toContain("`WRIT_URL`");
  });
});
