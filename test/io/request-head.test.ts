import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeChunk, encodeRequestHead, type RequestHead } from "#src/io/request-head.ts";

const BASE: RequestHead = {
  method: "GET",
  authority: "up.example",
  target: "/",
  headers: [],
  framing: { kind: "none" },
};
const encode = (changes: Partial<RequestHead>): string =>
  Buffer.from(encodeRequestHead({ ...BASE, ...changes })).toString("latin1");

test("head, fields and framing in their order", () => {
  const text = encode({
    method: "PATCH",
    target: "/a/%2e%2e/b?x='\"\\",
    headers: [
      ["X-B", "é"],
      ["x-a", "1"],
      ["X-B", ""],
    ],
    framing: { kind: "length", length: 7 },
  });
  expect(text).toBe(
    "PATCH /a/%2e%2e/b?x='\"\\ HTTP/1.1\r\nHost: up.example\r\nX-B: é\r\nx-a: 1\r\nX-B: \r\nContent-Length: 7\r\n\r\n",
  );
  expect(encode({ framing: { kind: "chunked" } })).toEndWith("\r\nTransfer-Encoding: chunked\r\n\r\n");
});

describe("refused", () => {
  test.each([
    "",
    "a",
    "?a",
    "//h\r\nX: 1",
    "/a b",
    "/a\tb",
    "/a\0b",
    "/a\r\nb",
    "/a#b",
    "/é",
    "/\u0100",
    "*",
    "http://h/",
    "/\x7f",
  ])("the target %j", (target) => {
    expect(() => encode({ target })).toThrow();
  });

  test.each(["", "GET ", "G\r\nET", "GET /x HTTP/1.1\r\nX:", "connect", "CONNECT", "TRACE"])(
    "the method %j",
    (method) => {
      expect(() => encode({ method })).toThrow();
    },
  );

  test.each([
    "",
    "X A",
    "X:",
    "X\r\nY",
    "X\0",
    "é",
    "Host",
    "HOST",
    "content-length",
    "Transfer-Encoding",
    "connection",
    "TE",
    "upgrade",
    "expect",
    "proxy-authorization",
  ])("the header name %j", (name) => {
    expect(() => encode({ headers: [[name, "1"]] })).toThrow();
  });

  test.each(["a\r\nX-B: 1", "a\n", "a\r", "\0", "a\x7f", "\x1b[0m", "\u0100", "\u560d\u560a"])(
    "the header value %j",
    (value) => {
      expect(() => encode({ headers: [["X-A", value]] })).toThrow();
    },
  );
});

test("whatever is accepted has exactly the lines it was given", () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (path, name, value) => {
      let text: string;
      try {
        text = encode({ target: `/${path}`, headers: [[name, value]] });
      } catch {
        return;
      }
      expect(text.split(/\r\n|\r|\n/)).toEqual([
        `GET /${path} HTTP/1.1`,
        "Host: up.example",
        `${name}: ${value}`,
        "",
        "",
      ]);
    }),
  );
});

test("a chunk states its size in hex", () => {
  expect(Buffer.from(encodeChunk(new Uint8Array(26).fill(0x61))).toString()).toBe(`1a\r\n${"a".repeat(26)}\r\n`);
});
