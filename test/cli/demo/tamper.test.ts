import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isWritError } from "#src/base/errors.ts";
import { findEvent, replaceEvent, replaceInDatabase } from "#src/cli/demo/tamper.ts";
import { eventLine } from "#src/ledger/bundle.ts";
import { cleanUp, freshFolder } from "#test/support/binary.ts";

const HASH = "0".repeat(64);
const EVENTS = [
  '{"data":{"method":"GET"},"seq":1,"type":"writ.used"}',
  '{"data":{"method":"POST"},"seq":2,"type":"writ.used"}',
  '{"data":{"method":"POST"},"seq":3,"type":"call.finished"}',
];

afterAll(cleanUp);

function bundleOf(events: readonly string[]): string {
  const path = join(freshFolder("tamper"), "bundle.jsonl");
  writeFileSync(path, `${events.map((text) => eventLine(text, HASH)).join("\n")}\n`);
  return path;
}

describe("what is changed", () => {
  test("is one event, found by its type and a part of it", () => {
    const bundle = bundleOf(EVENTS);
    expect(findEvent(bundle, "writ.used", '"POST"')).toEqual({ seq: 2, text: EVENTS[1] ?? "" });
    expect(findEvent(bundle, "call.finished", "")).toMatchObject({ seq: 3 });
    try {
      findEvent(bundle, "writ.used", '"PUT"');
      expect.unreachable();
    } catch (error) {
      expect(isWritError(error, "not_found")).toBeTrue();
    }
  });

  test("leaves the rest of a bundle as it was", () => {
    const bundle = bundleOf(EVENTS);
    const copy = `${bundle}.copy`;
    replaceEvent(bundle, copy, findEvent(bundle, "writ.used", '"POST"'), '{"$&":"$1"}');
    const [first, second, third] = readFileSync(copy, "utf8").split("\n");
    expect([first, third]).toEqual([eventLine(EVENTS[0] ?? "", HASH), eventLine(EVENTS[2] ?? "", HASH)]);
    expect(second).toBe(eventLine('{"$&":"$1"}', HASH));
  });

  test("stands in a database wherever it is, and nothing moves", () => {
    const folder = freshFolder("tamper");
    mkdirSync(folder, { recursive: true });
    const path = join(folder, "writ.db");
    writeFileSync(path, Buffer.concat([Buffer.from([0xff, 0]), Buffer.from("abcabc"), Buffer.from([0x80])]));
    expect(replaceInDatabase(folder, "abc", "axc")).toBe(2);
    expect(readFileSync(path)).toEqual(
      Buffer.concat([Buffer.from([0xff, 0]), Buffer.from("axcaxc"), Buffer.from([0x80])]),
    );
    expect(replaceInDatabase(folder, "nowhere", "anywhre")).toBe(0);
    expect(() => replaceInDatabase(folder, "axc", "axcd")).toThrow();
    expect(() => replaceInDatabase(folder, "axc", "axc")).toThrow();
  });
});
