import { expect, test } from "bun:test";
import { WritError } from "#src/base/errors.ts";
import { createLog, type LogLevel, silentLog } from "#src/base/log.ts";
import { createKey, formatKeyLines } from "#src/config/key-line.ts";
import { randomBytes, systemIdSource } from "#src/crypto/random.ts";
import { issueToken, TOKEN_KINDS } from "#src/crypto/tokens.ts";

function record(level: LogLevel = "debug") {
  const lines: string[] = [];
  return {
    lines,
    log: createLog(
      (line) => lines.push(line),
      level,
      () => 0,
    ),
  };
}

test("a line is one JSON object, whatever is in it", () => {
  const { lines, log } = record();
  log.info('two\nlines "quoted" \u2028', { count: 1, absent: undefined, nothing: null });
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain("\n");
  expect(JSON.parse(lines[0]!)).toEqual({
    at: "1970-01-01T00:00:00.000Z",
    level: "info",
    message: 'two\nlines "quoted" \u2028',
    count: 1,
    nothing: null,
  });
});

test("levels below the threshold are silent", () => {
  for (const [level, count] of [
    ["debug", 4],
    ["info", 3],
    ["warn", 2],
    ["error", 1],
  ] as const) {
    const { lines, log } = record(level);
    log.debug("a");
    log.info("b");
    log.warn("c");
    log.error("d");
    expect(lines).toHaveLength(count);
  }
  silentLog.error("nothing");
});

test("fields cannot stand in for the time, the level or the message", () => {
  const { lines, log } = record();
  log.warn("real", { at: "then", level: "debug", message: "forged" });
  expect(JSON.parse(lines[0]!)).toMatchObject({ at: "1970-01-01T00:00:00.000Z", level: "warn", message: "real" });
});

test("every credential that Writ issues is scrubbed, in messages, fields and errors", () => {
  for (const kind of TOKEN_KINDS) {
    const { text } = issueToken(kind, systemIdSource);
    const { lines, log } = record();
    log.info(`got ${text}, twice ${text}`, { header: `Bearer ${text}` });
    log.error("failed", new Error(`bad token ${text}`), { [text]: 1 });
    expect(lines.join()).not.toContain(text.slice(-43));
    expect(lines.join()).toContain("redacted");
    for (const line of lines) JSON.parse(line);
  }
});

test("a writ and a key line are scrubbed too", () => {
  // A writ is a DAG-CBOR pair whose first element is a byte string of 64: it starts with these three bytes.
  const writ = Uint8Array.of(0x82, 0x58, 0x40, ...randomBytes(250)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
  const { lines, log } = record();
  log.info(`presented ${writ}`, { writ });
  expect(lines[0]).not.toContain(writ.slice(4, 44));
  const key = createKey("seal", { now: () => 0, random: randomBytes });
  log.error("bad key", new Error(formatKeyLines([key])));
  expect(lines[1]).not.toContain(key.secret.toBase64({ alphabet: "base64url", omitPadding: true }));
  for (const line of lines) JSON.parse(line);
});

test("an error is logged with its code and its causes, which no caller sees", () => {
  const { lines, log } = record();
  const root = new Error("ENOSPC");
  log.error(
    "commit failed",
    new WritError("store_failed", "not durable", { cause: new Error("fsync", { cause: root }) }),
  );
  const line = JSON.parse(lines[0]!);
  expect(line).toMatchObject({ error: "not durable", code: "store_failed", cause: "fsync: ENOSPC" });
  log.error("odd", "a string");
  expect(JSON.parse(lines[1]!).error).toBe("a string");
});

test("causes that form a ring end", () => {
  const { lines, log } = record();
  const error = new Error("ring");
  error.cause = error;
  log.error("odd", error);
  expect(lines[0]!.length).toBeLessThan(500);
});
