import { describe, expect, test } from "bun:test";
import { ContentSniffer, isBinary } from "#src/redact/content.ts";

const text = (value: string): Uint8Array => Buffer.from(value);
describe("content", () => {
  test.each([
    ["json", text('{"a":1}'), false],
    ["empty", text(""), false],
    ["unicode", text("é漢😀"), false],
    ["latin-1", Buffer.from("caf\xe9 au lait", "latin1"), false],
    ["terminal colours", text("\u001b[31mred"), false],
    ["a NUL", text("abc\0def"), true],
    ["gzip", new Uint8Array([0x1f, 0x8b, 8]), true],
    ["pdf", text("%PDF-1.7"), true],
    ["zip", new Uint8Array([0x50, 0x4b, 3, 4]), true],
    ["noise", new Uint8Array([0x41, 0xff, 0x01]), true],
    ["a NUL too late", Buffer.concat([Buffer.alloc(1024, 65), Buffer.alloc(1)]), false],
  ])("%s", (_, bytes, binary) => {
    expect(isBinary(bytes)).toBe(binary);
  });

  test("is decided at the same byte however it arrives", () => {
    const sniffer = new ContentSniffer();
    expect(sniffer.push(text("ab"))).toBeUndefined();
    expect(sniffer.push(text("cd\0e"))).toBe(2);
  });
});
