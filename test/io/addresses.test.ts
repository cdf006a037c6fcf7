import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type AddressKind, classifyAddress, createAddressPolicy, literalAddress } from "#src/io/addresses.ts";
import { parseOrigin } from "#src/io/origin.ts";

const KINDS: readonly (readonly [string, AddressKind])[] = [
  ["8.8.8.8", "public"],
  ["2606:4700::1111", "public"],
  ["10.0.0.1", "private"],
  ["172.16.0.1", "private"],
  ["172.31.255.255", "private"],
  ["172.32.0.0", "public"],
  ["192.168.1.1", "private"],
  ["fc00::1", "private"],
  ["fec0::1", "private"],
  ["127.0.0.1", "loopback"],
  ["127.255.255.254", "loopback"],
  ["::1", "loopback"],
  ["169.254.1.1", "link_local"],
  ["fe80::1", "link_local"],
  ["169.254.169.254", "metadata"],
  ["169.254.170.2", "metadata"],
  ["100.100.100.200", "metadata"],
  ["168.63.129.16", "metadata"],
  ["192.0.0.192", "metadata"],
  ["fd00:ec2::254", "metadata"],
  ["100.64.0.1", "shared"],
  ["100.128.0.0", "public"],
  ["224.0.0.1", "multicast"],
  ["ff02::1", "multicast"],
  ["0.0.0.0", "unspecified"],
  ["::", "unspecified"],
  ["0.1.2.3", "reserved"],
  ["198.18.0.1", "reserved"],
  ["240.0.0.1", "reserved"],
  ["255.255.255.255", "reserved"],
  ["4000::1", "reserved"],
  ["192.0.2.1", "documentation"],
  ["198.51.100.7", "documentation"],
  ["203.0.113.255", "documentation"],
  ["2001:db8::1", "documentation"],
  // Forms that carry an IPv4 address.
  ["::ffff:127.0.0.1", "loopback"],
  ["::ffff:7f00:1", "loopback"],
  ["::ffff:a9fe:a9fe", "metadata"],
  ["::ffff:8.8.8.8", "public"],
  ["::10.0.0.1", "private"],
  ["::8.8.8.8", "reserved"],
  ["::ffff:0:10.0.0.1", "private"],
  ["64:ff9b::8.8.8.8", "public"],
  ["64:ff9b::10.0.0.1", "private"],
  ["64:ff9b::169.254.169.254", "metadata"],
  ["64:ff9b:1::10.0.0.1", "private"],
  ["2002:7f00:1::", "loopback"],
  ["2002:a9fe:a9fe::1", "metadata"],
  ["2002:808:808::", "reserved"],
  ["2001:0:1:2:3:4:80ff:fffe", "loopback"],
  ["2001:0:1:2:3:4:f7f7:f7f7", "reserved"],
  // Not addresses as a resolver gives them.
  ["fe80::1%eth0", "invalid"],
  ["127.1", "invalid"],
  ["2130706433", "invalid"],
  ["0x7f.0.0.1", "invalid"],
  ["example.com", "invalid"],
  ["", "invalid"],
];

test.each(KINDS)("`%s` is %s", (address, kind) => {
  expect(classifyAddress(address)).toBe(kind);
});

test("an IPv4 address and the same mapped into IPv6 are of one kind, and are granted alike", () => {
  const policy = createAddressPolicy({ grantedRanges: ["10.0.0.0/8"], ownAddresses: [] });
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      expect(classifyAddress(`::ffff:${address}`)).toBe(classifyAddress(address));
      expect(policy.check(`::ffff:${address}`, 443).ok).toBe(policy.check(address, 443).ok);
    }),
  );
});

test("no tunnel form reaches what its IPv4 address alone would not", () => {
  const policy = createAddressPolicy({ grantedRanges: [], ownAddresses: [] });
  fc.assert(
    fc.property(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)), ([a, b, c, d]) => {
      const hex = (high: number, low: number): string => ((high << 8) | low).toString(16);
      const inner = `${a}.${b}.${c}.${d}`;
      const forms = [
        `64:ff9b::${inner}`,
        `::${inner}`,
        `2002:${hex(a, b)}:${hex(c, d)}::1`,
        `2001::${hex(255 - a, 255 - b)}:${hex(255 - c, 255 - d)}`,
      ];
      if (policy.check(inner, 80).ok) return;
      for (const form of forms) expect([form, policy.check(form, 80).ok]).toEqual([form, false]);
    }),
  );
});

describe("hosts as they are spelled", () => {
  test.each([
    ["127.1", "127.0.0.1"],
    ["0x7f.1", "127.0.0.1"],
    ["0x7f000001", "127.0.0.1"],
    ["0177.0.0.1", "127.0.0.1"],
    ["2130706433", "127.0.0.1"],
    ["127.0.0.1.", "127.0.0.1"],
    ["１２７.0.0.1", "127.0.0.1"],
    ["[::1]", "::1"],
    ["::FFFF:7f00:1", "::ffff:7f00:1"],
    ["0x", "0.0.0.0"],
  ])("`%s` is %s", (host, address) => {
    expect(literalAddress(host)).toBe(address);
  });

  test.each(["1.2.3.4.5", "4294967296", "09.1.1.1", "a.0x1", "a.1", "a b", "fe80::1%eth0"])(
    "`%s` is refused",
    (host) => {
      expect(literalAddress(host)).toBe("refused");
    },
  );

  test.each(["example.com", "1e3", "a1", "localhost", "1.example"])("`%s` is a name", (host) => {
    expect(literalAddress(host)).toBeUndefined();
  });
});

describe("grants", () => {
  const policy = createAddressPolicy({
    grantedRanges: ["127.0.0.0/8", "10.1.0.0/16", "169.254.0.0/16", "fd00::/8", "0.0.0.0/0", "::/0"],
    ownAddresses: [
      { address: "0.0.0.0", port: 8620 },
      { address: "10.1.2.3", port: 8620 },
      { address: "::1", port: 9000 },
    ],
  });

  test.each(["127.0.0.1", "10.1.0.1", "169.254.1.1", "fd12::1", "8.8.8.8", "::ffff:10.1.0.1"])(
    "`%s` is open",
    (address) => {
      expect(policy.check(address, 80)).toEqual({ ok: true });
    },
  );

  test.each(["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"])(
    "`%s` stays refused in the widest range",
    (address) => {
      expect(policy.check(address, 80)).toMatchObject({ ok: false, code: "destination_refused" });
    },
  );

  test.each(["0.0.0.0", "::", "::ffff:0.0.0.0", "224.0.0.1", "ff02::1", "not an address"])(
    "`%s` is never open",
    (address) => {
      expect(policy.check(address, 80).ok).toBe(false);
    },
  );

  test.each([
    ["127.0.0.1", 8620],
    ["127.9.9.9", 8620],
    ["::1", 8620],
    ["::ffff:127.0.0.1", 8620],
    ["64:ff9b::127.0.0.1", 8620],
    ["10.1.2.3", 8620],
    ["::ffff:10.1.2.3", 8620],
    ["127.0.0.1", 9000],
    ["::1", 9000],
  ])("Writ's own listener at `%s` port %i is refused", (address, port) => {
    expect(policy.check(address, port)).toMatchObject({ ok: false, reason: expect.stringContaining("Writ itself") });
  });

  test("a metadata address that is itself granted is open, and no other", () => {
    const exact = createAddressPolicy({ grantedRanges: ["169.254.169.254/32", "fd00:ec2::254"], ownAddresses: [] });
    expect(exact.check("169.254.169.254", 80).ok).toBe(true);
    expect(exact.check("fd00:ec2::254", 80).ok).toBe(true);
    expect(exact.check("169.254.170.2", 80).ok).toBe(false);
    expect(exact.check("64:ff9b::169.254.169.254", 80).ok).toBe(false);
  });

  test("a malformed range is refused when the policy is made", () => {
    for (const range of ["10.0.0.0/33", "10.0.0.1/8", "10.0.0", "fd00::/129", ""]) {
      expect(() => createAddressPolicy({ grantedRanges: [range], ownAddresses: [] })).toThrow();
    }
  });
});

describe("origins", () => {
  test("have one form", () => {
    expect(parseOrigin("HTTPS://API.Example:443")).toEqual({
      text: "https://api.example",
      scheme: "https",
      host: "api.example",
      port: 443,
      authority: "api.example",
      literals: undefined,
    });
    expect(parseOrigin("http://[::1]:8080")).toMatchObject({ authority: "[::1]:8080", literals: ["::1"], port: 8080 });
    expect(parseOrigin("http://0x7f000001:81")).toMatchObject({ authority: "127.0.0.1:81", literals: ["127.0.0.1"] });
    expect(parseOrigin("http://api.localhost")).toMatchObject({ literals: ["127.0.0.1", "::1"] });
  });

  test.each([
    "https://user@host",
    "https://good.example@evil.example",
    "https://host/path",
    "https://host?x",
    "https://host#x",
    "https://host\\@evil",
    "https:host",
    "https:\\\\host",
    "ftp://host",
    "file:///etc/passwd",
    "https://",
    "https://host:0",
    "https://host:99999",
    "https://1.2.3.4.5",
    " https://host",
    "https://ho st",
    "https://host\r\n",
    "",
  ])("%j is none", (text) => {
    expect(() => parseOrigin(text)).toThrow();
  });
});
