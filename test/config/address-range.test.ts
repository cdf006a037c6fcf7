import { describe, expect, test } from "bun:test";
import { BlockList } from "node:net";
import fc from "fast-check";
import { isInRanges, isLoopbackAddress, parseAddress, parseAddressRange } from "#src/config/address-range.ts";

describe("parseAddress", () => {
  test.each([
    ["1.2.3.4", "01020304"],
    ["::", "00".repeat(16)],
    ["::1", `${"00".repeat(15)}01`],
    ["2001:db8::8:800:200c:417a", "20010db80000000000080800200c417a"],
    ["::ffff:10.0.0.1", "0a000001"],
    ["::ffff:a00:1", "0a000001"],
    ["64:ff9b::10.0.0.1", "0064ff9b00000000000000000a000001"],
    ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
  ])("%s", (text, hex) => {
    expect(parseAddress(text)?.toHex()).toBe(hex);
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.0.0.1",
    "::1%eth0",
    "1::2::3",
    ":::",
    "g::",
    " 1.2.3.4",
    "[::1]",
  ])("%j is none", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe("isInRanges", () => {
  test("agrees with the runtime's block list on random IPv4 and IPv6 ranges", () => {
    const family = fc.constantFrom(4, 16);
    fc.assert(
      fc.property(
        family.chain((length) =>
          fc.tuple(
            fc.uint8Array({ minLength: length, maxLength: length }),
            fc.uint8Array({ minLength: length, maxLength: length }),
            fc.nat(length * 8),
            fc.nat(length * 8 - 1),
          ),
        ),
        ([network, other, prefix, flip]) => {
          // An address that differs from the network in one bit only is the interesting one.
          const near = Uint8Array.from(network);
          near[flip >> 3]! ^= 0x80 >> (flip & 7);
          for (let bit = prefix; bit < network.length * 8; bit += 1) network[bit >> 3]! &= ~(0x80 >> (bit & 7));
          const kind = network.length === 4 ? "ipv4" : "ipv6";
          const range = parseAddressRange(`${format(network)}/${prefix}`);
          const list = new BlockList();
          list.addSubnet(format(network), prefix, kind);
          for (const address of [near, other]) {
            expect(isInRanges(format(address), [range])).toBe(list.check(format(address), kind));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("an IPv4 address in its IPv6 form is the same host; families do not mix", () => {
    const ranges = [parseAddressRange("10.0.0.0/8")];
    expect(isInRanges("::ffff:10.9.9.9", ranges)).toBe(true);
    expect(isInRanges("::10.9.9.9", ranges)).toBe(false);
    expect(isInRanges("not an address", ranges)).toBe(false);
    expect(isInRanges("10.0.0.1", [])).toBe(false);
  });

  test("loopback is 127.0.0.0/8 and ::1", () => {
    for (const text of ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"]) {
      expect(isLoopbackAddress(text)).toBe(true);
    }
    for (const text of ["128.0.0.1", "0.0.0.0", "::", "::2", "localhost"]) expect(isLoopbackAddress(text)).toBe(false);
  });
});

function format(bytes: Uint8Array): string {
  if (bytes.length === 4) return [...bytes].join(".");
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  return groups.join(":");
}
