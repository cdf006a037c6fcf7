import { describe, expect, test } from "bun:test";
import { parseConnect } from "#src/io/forward-listener.ts";

const read = (head: string) => parseConnect(head, "127.0.0.1");

describe("CONNECT", () => {
  test("names a host and a port", () => {
    expect(
      read("CONNECT API.example:443 HTTP/1.1\r\nHost: api.example:443\r\nProxy-Authorization: Basic eDp5"),
    ).toEqual({
      host: "api.example",
      port: 443,
      authorization: "Basic eDp5",
      source: "127.0.0.1",
    });
    expect(read("CONNECT [::1]:8443 HTTP/1.1")).toMatchObject({ host: "::1", port: 8443 });
  });

  test.each([
    "GET http://example.com/ HTTP/1.1",
    "CONNECT example.com HTTP/1.1",
    "CONNECT example.com:0 HTTP/1.1",
    "CONNECT example.com:99999 HTTP/1.1",
    "CONNECT user@example.com:443 HTTP/1.1",
    "CONNECT example.com/x:443 HTTP/1.1",
    "CONNECT exa mple:443 HTTP/1.1",
    "CONNECT example.com:443 HTTP/2",
    "CONNECT example.com:443 HTTP/1.1\r\nContent-Length: 5",
    "CONNECT example.com:443 HTTP/1.1\r\nTransfer-Encoding: chunked",
    "CONNECT example.com:443 HTTP/1.1\r\nProxy-Authorization: a\r\nproxy-authorization: b",
    "CONNECT example.com:443 HTTP/1.1\r\n folded",
    "CONNECT example.com:443 HTTP/1.1\r\nbad name: x",
    "",
  ])("refuses %j", (head) => {
    expect(read(head)).toBeUndefined();
  });
});
