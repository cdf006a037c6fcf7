import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import { MemberPlaces, NOT_PROVEN, scanObject, scanValue } from "#src/ledger/canonical-scan.ts";
import { MAX_LEDGER_DEPTH, parseCanonical } from "#src/ledger/canonical-text.ts";
import {
  collectReferences,
  composeEvent,
  digestAndRead,
  digestEvent,
  hasMalformedWrit,
  parseEvent,
} from "#src/ledger/event.ts";
import { scanEvent } from "#src/ledger/event-scan.ts";

setDefaultTimeout(30_000);

const PARTS = {
  tenant: "ten_1",
  seq: 7,
  id: "evt_1",
  at: "2026-02-28T23:59:59.123Z",
  type: "decision.allowed",
  actor: "sub_1",
  prev: "ab".repeat(32),
};
const SUM = "0123456789abcdef".repeat(4);
const CID = `bafyrei${"b".repeat(51)}a`;

const isCanonical = (text: string): boolean => {
  try {
    parseCanonical(text, "it");
    return true;
  } catch {
    return false;
  }
};
const isProven = (text: string): boolean => {
  const bytes = utf8(text);
  return scanValue(bytes, 0, 0) === bytes.length;
};
const parsed = (text: string) => {
  try {
    return parseEvent(text);
  } catch {
    return undefined;
  }
};

/** Whatever the scan says of a text, the slow way says the same; gives whether the scan said anything. */
function agrees(text: string): boolean {
  const scanned = scanEvent(utf8(text), text);
  if (scanned === undefined) return false;
  const slow = parseEvent(text);
  const { v, tenant, seq, id, at, type, actor, prev, data } = scanned;
  expect({ v, tenant, seq, id, at, type, actor, prev, data }).toEqual({ ...slow });
  expect(scanned.references).toEqual(collectReferences(slow.data));
  expect(scanned.hasMalformedWrit).toBe(hasMalformedWrit(slow));
  return true;
}

describe("a value that a scan proves is canonical", () => {
  test("for JSON of any form", () => {
    const text = fc.oneof(
      fc.json(),
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc.jsonValue().map((value) => JSON.stringify(value, undefined, 1)),
    );
    fc.assert(fc.property(text, (given) => void (isProven(given) && expect(isCanonical(given)).toBe(true))));
  });

  test("for text of the characters that JSON is made of", () => {
    const text = fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0019e+-.an tf\n\u007f') });
    fc.assert(
      fc.property(text, (given) => void (isProven(given) && expect(isCanonical(given)).toBe(true))),
      { numRuns: 20_000 },
    );
  });

  test("for canonical text with one character changed, removed or added", () => {
    const change = fc.record({
      value: fc.jsonValue(),
      place: fc.nat(),
      gone: fc.nat(1),
      put: fc.constantFrom("", "0", "1", '"', ",", "-", ".", "e", "\\", " ", "}", "é", "\u0000"),
    });
    fc.assert(
      fc.property(change, ({ value, place, gone, put }) => {
        const text = JSON.stringify(value);
        const at = place % (text.length + 1);
        const changed = text.slice(0, at) + put + text.slice(at + gone);
        if (isProven(changed)) expect(isCanonical(changed)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  test("and proves what is usual", () => {
    const usual = [
      ...[
        "0",
        "-1",
        "1.5",
        "-0.25",
        "1e+21",
        "9007199254740992",
        "999999999999999",
        '""',
        '"a\\n\\"\\\\/"',
        "true",
        "[]",
      ],
      ...['{"":0,"A":1,"a":{"b":[null,false]},"ab":2}', '{"__proto__":1}'],
    ];
    for (const text of usual) {
      // An exponent is canonical, the integer that it makes is too large to be exact.
      expect([text, isProven(text)]).toEqual([text, isCanonical(text)]);
    }
  });

  test("and never what is not", () => {
    const bad = [
      ...["-0", "01", "1.0", "1e3", "1E+21", "1e400", "9007199254740993", "0.1e1", "+1", "1.", "-", ".5", "NaN"],
      ...['"\\/"', '"\\u000a"', '"\\u0041"', '"\\x"', '"a', '"\n"', "tru", "nul", "falsee", "", " 1", "1 "],
      ...[
        '{"b":1,"a":2}',
        '{"a":1,"a":2}',
        '{"a":1,}',
        '{"a" :1}',
        '{"ab":1,"a":2}',
        "{",
        "[1,]",
        "[1",
        "[,1]",
        '{"a"}',
      ],
    ];
    for (const text of bad) expect([text, isProven(text)]).toEqual([text, false]);
  });

  test("to the depth that is allowed and no deeper", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(isProven(nested(MAX_LEDGER_DEPTH))).toBe(true);
    expect(isProven(nested(MAX_LEDGER_DEPTH + 1))).toBe(false);
    expect(isProven('{"a":'.repeat(100_000))).toBe(false);
  });

  test("an object with more members than there is room for is left to the slow way", () => {
    const bytes = utf8('{"a":1,"b":2}');
    expect(scanObject(bytes, 0, 0, new MemberPlaces(2))).toBe(bytes.length);
    expect(scanObject(bytes, 0, 0, new MemberPlaces(1))).toBe(NOT_PROVEN);
  });
});

describe("an event that a scan reads", () => {
  const ascii = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
  const key = fc.constantFrom("agent", "entities", "n", "ref", "writ", "z");
  const member = fc.oneof(
    ascii,
    fc.integer(),
    fc.constant({ ref: `sha256:${SUM}` }),
    fc.constant({ ref: `sha256:${SUM}`, x: 1 }),
    fc.constant({ ref: `sha256:${SUM}0` }),
    fc.constant([{ ref: `sha256:${SUM}` }]),
    fc.constant({ cid: CID, single_use: true }),
    fc.record({ cid: fc.oneof(ascii, fc.integer()) }),
    fc.constant(null),
  );

  test("is what parsing gives, references and writs with it, and every usual one is read", () => {
    fc.assert(
      fc.property(fc.dictionary(key, member), fc.boolean(), (data, isDecision) => {
        const type = isDecision ? PARTS.type : "call.finished";
        expect(agrees(composeEvent({ ...PARTS, type, dataJson: canonicalize(data) }))).toBe(true);
      }),
    );
  });

  test("is none where parsing refuses, whatever was changed", () => {
    const good = composeEvent({
      ...PARTS,
      dataJson: `{"entities":{"ref":"sha256:${SUM}"},"n":10,"writ":{"cid":"${CID}"}}`,
    });
    expect(agrees(good)).toBe(true);
    const change = fc.record({
      place: fc.nat(good.length),
      gone: fc.nat(2),
      put: fc.string({ unit: fc.constantFrom(...'0aZ."\\{}:,_-é\n '), maxLength: 2 }),
    });
    fc.assert(
      fc.property(change, ({ place, gone, put }) => {
        const changed = good.slice(0, place) + put + good.slice(place + gone);
        if (parsed(changed) === undefined) expect(scanEvent(utf8(changed), changed)).toBeUndefined();
        else agrees(changed);
      }),
      { numRuns: 10_000 },
    );
  });

  test("is none with anything behind it, an identifier too long or empty, a seq of 0, or a day that there is not", () => {
    const wrong = [
      `${composeEvent({ ...PARTS, dataJson: "{}" })}\n`,
      composeEvent({ ...PARTS, dataJson: "[]" }),
      composeEvent({ ...PARTS, id: "a".repeat(129), dataJson: "{}" }),
      composeEvent({ ...PARTS, tenant: "", dataJson: "{}" }),
      composeEvent({ ...PARTS, seq: 0, dataJson: "{}" }),
      composeEvent({ ...PARTS, type: "decision.", dataJson: "{}" }),
      composeEvent({ ...PARTS, type: ".made", dataJson: "{}" }),
      composeEvent({ ...PARTS, at: "2026-02-30T00:00:00.000Z", dataJson: "{}" }),
    ];
    for (const text of wrong) expect(scanEvent(utf8(text), text)).toBeUndefined();
  });

  test("keeps its data when the next event takes the place of its bytes", () => {
    const texts = ['{"a":1}', '{"b":2}'].map((dataJson) => composeEvent({ ...PARTS, dataJson }));
    for (const source of [texts, texts.map(utf8)]) {
      const events = source.map((one) => digestAndRead(one, (encoded) => scanEvent(encoded, one)).read);
      expect(events.map((event) => ({ ...event?.data }))).toEqual([{ a: 1 }, { b: 2 }]);
    }
  });

  test("has the same sums at any size", () => {
    for (const length of [0, 21_000, 22_000, 65_536, 70_000, 200_000]) {
      for (const text of ["x".repeat(length), "é".repeat(length), "€".repeat(length)]) {
        const bytes = utf8(text);
        const { read, ...sums } = digestAndRead(text, (encoded) => encoded.slice());
        expect(Buffer.compare(read, bytes)).toBe(0);
        expect(digestEvent(bytes)).toEqual(sums);
      }
    }
  });
});
