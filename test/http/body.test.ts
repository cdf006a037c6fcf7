import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let home: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
});
afterAll(() => edge.stop());

const STATED = { command: "/http/api/get", resource: { type: "Http::Endpoint", id: "x" } };
const JSON_TYPE = { "content-type": "application/json" };

async function authorize(
  body: string | Uint8Array | ReadableStream<Uint8Array>,
  headers: Record<string, string> = JSON_TYPE,
) {
  const { status, json } = await edge.ask("POST", "/v1/authorize", { token: home.key, headers, body });
  return [status, json.code ?? json.decision] as const;
}

describe("a body", () => {
  const good = JSON.stringify(STATED);

  test("is read as JSON", async () => {
    expect(await authorize(good)).toEqual([200, "allow"]);
    expect(await authorize(good, { "content-type": 'Application/JSON; charset="UTF-8"' })).toEqual([200, "allow"]);
  });

  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "json"]) {
    test(`of type ${type} is refused`, async () => {
      expect(await authorize(good, { "content-type": type })).toEqual([415, "unsupported_media_type"]);
    });
  }

  test("without a type is refused", async () => {
    const head = `POST /v1/authorize HTTP/1.1\r\nHost: localhost:${edge.port}\r\nAuthorization: Bearer ${home.key}\r\n`;
    const answer = await edge.raw(`${head}Content-Length: ${good.length}\r\nConnection: close\r\n\r\n${good}`);
    expect(answer).toStartWith("HTTP/1.1 415");
  });

  const hostile: readonly (readonly [what: string, body: string | Uint8Array, status: number, code: string])[] = [
    ["that is no JSON", "{", 400, "body_not_json"],
    ["with text behind it", `${good} x`, 400, "body_not_json"],
    ["with a byte order mark", `\ufeff${good}`, 400, "body_not_json"],
    ["that is no UTF-8", Uint8Array.of(0x22, 0xc3, 0x28, 0x22), 400, "body_not_json"],
    ["nested 10,000 deep", "[".repeat(10_000), 400, "json_too_deep"],
    ["with a key twice", '{"command":"/a/b","command":"/a/c"}', 400, "json_duplicate_key"],
    ["with half a surrogate pair", '{"command":"\\ud800"}', 400, "json_lone_surrogate"],
    ["with an integer beyond 2^53", '{"ttl_seconds":9007199254740993}', 400, "integer_out_of_range"],
    ["with __proto__", '{"__proto__":{"command":"/a/b"}}', 400, "invalid_argument"],
    ["with an unknown field", '{"comand":"/a/b"}', 400, "invalid_argument"],
    ["that is a list", "[]", 400, "invalid_argument"],
    ["that is empty", "", 400, "invalid_argument"],
  ];
  for (const [what, body, status, code] of hostile) {
    test(`${what} is ${code}`, async () => expect(await authorize(body)).toEqual([status, code]));
  }

  test("beyond the limit is refused, however its length is told", async () => {
    const large = JSON.stringify({ ...STATED, context: { text: "x".repeat(7 * 2 ** 20) } });
    expect(await authorize(large)).toEqual([413, "body_too_large"]);
    const chunks = new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (let sent = 0; sent < 7 * 2 ** 20; sent += 65_536) controller.enqueue(new Uint8Array(65_536));
        controller.close();
      },
    });
    expect(await authorize(chunks)).toEqual([413, "body_too_large"]);
  });

  test("names the field that is wrong", async () => {
    const { json } = await edge.ask("POST", "/v1/authorize", { token: home.key, body: { ...STATED, ttl_seconds: 0 } });
    expect(json).toMatchObject({ code: "invalid_argument", field: "ttl_seconds" });
  });

  test("is not read of somebody unknown", async () => {
    const { status } = await edge.ask("POST", "/v1/authorize", { body: "{", headers: JSON_TYPE });
    expect(status).toBe(401);
  });

  test("of an action without one may be left out or empty, and holds nothing else", async () => {
    const path = "/v1/admin/agents/helper/disablement";
    expect((await edge.ask("DELETE", path, { token: home.admin })).status).toBe(200);
    expect((await edge.ask("DELETE", path, { token: home.admin, body: {} })).status).toBe(200);
    expect((await edge.ask("DELETE", path, { token: home.admin, body: { x: 1 } })).json.code).toBe("invalid_argument");
  });
});

describe("a query", () => {
  for (const query of ["limit=0", "limit=501", "limit=x", "limit=1&limit=2", "nothing=1", "since=now"]) {
    test(`${query} is refused`, async () => {
      const { status, json } = await edge.ask("GET", `/v1/audit/events?${query}`, { token: home.admin });
      expect([status, json.code]).toEqual([400, "invalid_argument"]);
    });
  }
});
