import { describe, expect, test } from "bun:test";
import { parseAddressRange } from "#src/config/address-range.ts";
import { isKnownHost, knownHosts } from "#src/http/host-check.ts";
import { sourceAddress } from "#src/http/source-address.ts";

const PROXIES = ["10.0.0.0/8", "::1/128"].map(parseAddressRange);

describe("the source of a request", () => {
  const cases: readonly (readonly [peer: string, forwarded: string | null, source: string])[] = [
    ["192.0.2.1", null, "192.0.2.1"],
    ["192.0.2.1", "198.51.100.7", "192.0.2.1"],
    ["::ffff:192.0.2.1", null, "192.0.2.1"],
    ["10.0.0.1", null, "10.0.0.1"],
    ["10.0.0.1", "198.51.100.7", "198.51.100.7"],
    ["10.0.0.1", "127.0.0.1, 198.51.100.7", "198.51.100.7"],
    ["10.0.0.1", "198.51.100.7, 10.1.1.1", "198.51.100.7"],
    ["10.0.0.1", "6.6.6.6, 198.51.100.7,10.1.1.1 , 10.2.2.2", "198.51.100.7"],
    ["10.0.0.1", "10.1.1.1", "10.1.1.1"],
    ["10.0.0.1", "198.51.100.7:4711", "198.51.100.7"],
    ["10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"],
    ["10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"],
    ["10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"],
    ["10.0.0.1", "", "10.0.0.1"],
    ["::1", "2001:DB8::7", "2001:db8::7"],
  ];
  for (const [peer, forwarded, source] of cases) {
    test(`${peer} with ${forwarded} is ${source}`, () => {
      expect(sourceAddress(peer, forwarded, PROXIES)).toBe(source);
    });
  }

  test("nobody is believed where no proxy is trusted", () => {
    expect(sourceAddress("127.0.0.1", "198.51.100.7", [])).toBe("127.0.0.1");
  });
});

describe("known hosts", () => {
  const hosts = knownHosts("https://writ.example", "192.0.2.9");
  const cases: readonly (readonly [string | null, boolean])[] = [
    ["writ.example", true],
    ["WRIT.example", true],
    ["writ.example:443", true],
    ["localhost", true],
    ["localhost:8620", true],
    ["127.0.0.1:8620", true],
    ["[::1]:8620", true],
    ["[::1]", true],
    ["192.0.2.9:8620", true],
    // A forwarded port is another one.
    ["localhost:9000", true],
    ["evil.example", false],
    ["evil.example:8620", false],
    ["writ.example.evil.example", false],
    ["evil.example.localhost", false],
    ["a@localhost:8620", false],
    ["localhost:8620, evil", false],
    ["localhost:8620:1", false],
    ["localhost:", false],
    ["localhost:x", false],
    ["localhost.", false],
    ["::1", false],
    [" localhost", false],
    ["", false],
    [null, false],
  ];
  for (const [host, known] of cases) test(`${host}: ${known}`, () => expect(isKnownHost(host, hosts)).toBe(known));

  test("an IPv6 address that is listened on goes by its written form", () => {
    const plain = knownHosts("https://writ.example", "2001:db8::9");
    for (const host of ["[2001:DB8::9]", "[2001:db8::9]:443"]) expect(isKnownHost(host, plain)).toBe(true);
  });
});
