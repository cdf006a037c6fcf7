import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isWritError } from "#src/base/errors.ts";
import { type ResponseHead, ResponseParser } from "#src/io/response-parser.ts";

interface Parsed {
  head: ResponseHead | undefined;
  body: string;
  done: boolean;
  surplus: boolean;
  error: string | undefined;
}

/** Feeds `text`, cut at `cuts`, then ends the connection where `ended`. */
function parse(
  text: string,
  options: { cuts?: readonly number[]; method?: string; max?: number; ended?: boolean } = {},
): Parsed {
  const parser = new ResponseParser({ method: options.method ?? "GET", maxHeaderBytes: options.max ?? 1_000 });
  const result: Parsed = { head: undefined, body: "", done: false, surplus: false, error: undefined };
  const sink = {
    head: (head: ResponseHead) => {
      result.head = head;
    },
    body: (data: Uint8Array) => {
      result.body += Buffer.from(data).toString("latin1");
    },
  };
  const bytes = new Uint8Array(Buffer.from(text, "latin1"));
  const edges = [0, ...[...(options.cuts ?? [])].sort((a, b) => a - b), bytes.length];
  try {
    for (let i = 1; i < edges.length; i += 1) parser.push(bytes.subarray(edges[i - 1], edges[i]), sink);
    if (options.ended) parser.finish();
  } catch (error) {
    if (!isWritError(error)) throw error;
    result.error = error.code;
  }
  return { ...result, done: parser.done, surplus: parser.surplus };
}

const CHUNKED =
  "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A:  one \r\nx-a:\ttwo\r\nTransfer-Encoding: Chunked\r\n\r\n" +
  '5;ext="a"\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: dropped\r\n\r\n';
const SIZED = "HTTP/1.1 201 Created\r\nContent-Length: 11\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nhello world";

test("a chunked response after an interim one", () => {
  const parsed = parse(CHUNKED);
  expect(parsed).toMatchObject({ body: "hello world", done: true, surplus: false, error: undefined });
  expect(parsed.head).toEqual({
    status: 200,
    headers: [
      ["X-A", "one"],
      ["x-a", "two"],
      ["Transfer-Encoding", "Chunked"],
    ],
    framing: { kind: "chunked" },
    persistent: true,
  });
});

test("cutting the input anywhere gives the same", () => {
  for (const text of [CHUNKED, SIZED, `${SIZED}HTTP/1.1 200 OK`]) {
    const whole = parse(text);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 40 }), (cuts) => {
        expect(parse(text, { cuts })).toEqual(whole);
      }),
    );
    expect(parse(text, { cuts: Array.from({ length: text.length }, (_, index) => index) })).toEqual(whole);
  }
});

test("every cut of a response with a length, and of a chunked one, is noticed", () => {
  for (const text of [CHUNKED, SIZED]) {
    for (let length = 0; length < text.length; length += 1) {
      expect([length, parse(text.slice(0, length), { ended: true }).error]).toEqual([length, "upstream_failed"]);
    }
    expect(parse(text, { ended: true }).error).toBeUndefined();
  }
});

test("bytes behind the end are surplus, not body", () => {
  expect(parse(`${SIZED}X`)).toMatchObject({ body: "hello world", done: true, surplus: true });
  expect(parse(`${CHUNKED}HTTP/1.1 200 OK\r\n\r\n`)).toMatchObject({ body: "hello world", done: true, surplus: true });
});

test("a body without a length lasts until the connection ends", () => {
  expect(parse("HTTP/1.0 200 OK\r\n\r\nabc")).toMatchObject({ body: "abc", done: false });
  expect(parse("HTTP/1.0 200 OK\r\n\r\nabc", { ended: true })).toMatchObject({ done: true, error: undefined });
});

test("responses that have no body", () => {
  expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", { method: "HEAD" }).done).toBe(true);
  expect(parse("HTTP/1.1 204 No Content\r\n\r\n").done).toBe(true);
  expect(parse("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").done).toBe(true);
  expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").done).toBe(true);
});

test("whether the connection may be kept", () => {
  const persistent = (text: string): boolean | undefined => parse(text).head?.persistent;
  expect(persistent("HTTP/1.1 204 \r\n\r\n")).toBe(true);
  expect(persistent("HTTP/1.1 204 \r\nConnection: Foo , Close\r\n\r\n")).toBe(false);
  expect(persistent("HTTP/1.0 204 \r\nConnection: keep-alive\r\n\r\n")).toBe(false);
  expect(persistent("HTTP/1.1 200 \r\n\r\n")).toBe(false);
});

describe("what two readers could read differently is refused", () => {
  const head = (lines: string): string => `HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`;
  test.each([
    ["length and coding", head("Content-Length: 3\r\nTransfer-Encoding: chunked")],
    ["two lengths", head("Content-Length: 3\r\nContent-Length: 4")],
    ["the same length twice", head("Content-Length: 3\r\nContent-Length: 3")],
    ["a list of lengths", head("Content-Length: 3, 3")],
    ["a signed length", head("Content-Length: +3")],
    ["a negative length", head("Content-Length: -3")],
    ["a length in hex", head("Content-Length: 0x3")],
    ["an empty length", head("Content-Length:")],
    ["a length beyond all integers", head("Content-Length: 99999999999999999999")],
    ["two codings", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")],
    ["gzip, chunked", head("Transfer-Encoding: gzip, chunked")],
    ["identity", head("Transfer-Encoding: identity")],
    ["a coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["a folded line", head("X-A: 1\r\n 2")],
    ["white space before the colon", head("Content-Length : 3")],
    ["a name with a space", head("X A: 1")],
    ["no name", head(": 1")],
    ["no colon", head("X-A")],
    ["a bare line feed", head("X-A: 1\nX-B: 2")],
    ["a bare carriage return", head("X-A: 1\rX-B: 2")],
    ["a NUL", head("X-A: 1\0")],
    ["switching protocols", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["HTTP/2", "HTTP/2 200 OK\r\n\r\n"],
    ["HTTP/0.9", "hello\r\n\r\n"],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
    ["an empty line first", `\r\n${head("X-A: 1")}`],
    ["a chunk size that is no number", `${head("Transfer-Encoding: chunked")}x\r\n`],
    ["a negative chunk size", `${head("Transfer-Encoding: chunked")}-1\r\n`],
    ["an empty chunk size", `${head("Transfer-Encoding: chunked")}\r\n`],
    ["a chunk size beyond all integers", `${head("Transfer-Encoding: chunked")}${"f".repeat(17)}\r\n`],
    ["a chunk longer than its size", `${head("Transfer-Encoding: chunked")}1\r\nab\r\n`],
    ["a trailer that is none", `${head("Transfer-Encoding: chunked")}0\r\nnot a field\r\n\r\n`],
  ])("%s", (_, text) => {
    const parsed = parse(text);
    expect(parsed).toMatchObject({ done: false, error: "upstream_failed" });
  });
});

describe("bounds", () => {
  test("of one head, however it arrives", () => {
    const text = `HTTP/1.1 200 OK\r\nX: ${"a".repeat(2_000)}`;
    expect(parse(text).error).toBe("upstream_too_large");
    expect(parse(`${text}\r\n\r\n`).error).toBe("upstream_too_large");
    expect(parse(text, { cuts: Array.from({ length: 1_100 }, (_, index) => index) }).error).toBe("upstream_too_large");
  });

  test("of all interim heads together", () => {
    expect(parse("HTTP/1.1 102 Processing\r\n\r\n".repeat(100)).error).toBe("upstream_too_large");
  });

  test("of chunk extensions and trailers", () => {
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect(parse(`${head}${`1;${"x".repeat(100)}\r\na\r\n`.repeat(20)}`).error).toBe("upstream_too_large");
    expect(parse(`${head}0\r\n${"X: 1234567890\r\n".repeat(100)}`).error).toBe("upstream_too_large");
    expect(parse(`${head}${"1\r\na\r\n".repeat(5_000)}0\r\n\r\n`)).toMatchObject({ done: true, error: undefined });
  });

  test("hostile fields take linear time", () => {
    const start = performance.now();
    for (const filler of [" ", "\t", "a ", " a"]) {
      parse(`HTTP/1.1 200 OK\r\nX: ${filler.repeat(200_000)}\0\r\n\r\n`, { max: 1_000_000 });
      parse(`HTTP/1.1 200 OK\r\nX:${filler.repeat(200_000)}\0\r\n\r\n`, { max: 1_000_000 });
    }
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

test("arbitrary bytes never throw anything but the two codes", () => {
  const line = fc.constantFrom(
    "HTTP/1.1 200 OK\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 4\r\n",
    "\r\n",
    "4\r\n",
    "abcd",
    "0\r\n",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string({ maxLength: 6 })), { maxLength: 12 }), (parts) => {
      const { error } = parse(parts.join(""), { ended: true });
      expect([undefined, "upstream_failed", "upstream_too_large"]).toContain(error);
    }),
  );
});
