import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { utf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { blobLine, eventLine, parseBundleLine } from "#src/ledger/bundle.ts";
import { readLines } from "#src/ledger/lines.ts";
import { type VerifyBundleOptions, verifyBundle } from "#src/ledger/verify-bundle.ts";
import { Chain, signerOf, smallChain } from "./chain-fixture.ts";

const chain = smallChain();
const BUNDLE = chain.bundle();
const PIN = [chain.keys[0]!.id];

async function codesOf(lines: string[], options: VerifyBundleOptions = {}) {
  const report = await verifyBundle(lines, options);
  expect(report.ok).toBe(report.problems.length === 0);
  return report.problems.map((problem) => `${problem.seq} ${problem.code}`);
}

function chunked(text: string, size: number): Uint8Array[] {
  const bytes = utf8(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}

async function readAll(chunks: Uint8Array[], maxBytes?: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(chunks, maxBytes)) lines.push(line);
  return lines;
}

setDefaultTimeout(30_000);

describe("a bundle", () => {
  test("verifies", async () => {
    const report = await verifyBundle(BUNDLE, { pinned: PIN });
    expect(report).toMatchObject({
      ok: true,
      tenant: "ten_a",
      instance: "i",
      events: 6,
      sealedThrough: 6,
      blobs: 1,
      pinned: true,
    });
  });

  test("verifies from a later event on", async () => {
    for (const first of [2, 3, 4, 5, 6]) {
      const lines = chain.bundleFrom(first);
      const report = await verifyBundle(lines, { requireBlobs: false, pinned: PIN });
      expect(report).toMatchObject({ ok: true, first, last: 6, sealedThrough: 6 });
      const other = lines[0]!.replace(/"frontier":\["../, '"frontier":["zz');
      expect(await codesOf([other, ...lines.slice(1)])).not.toEqual([]);
    }
  });

  test("with any byte of an event, key or seal line changed does not verify", async () => {
    let tried = 0;
    for (const [number, line] of BUNDLE.entries()) {
      const { kind } = JSON.parse(line);
      if (kind === "header") continue;
      for (let at = 0; at < line.length; at += 1) {
        const changed = line.slice(0, at) + nextCharacter(line, at) + line.slice(at + 1);
        const report = await verifyBundle(BUNDLE.with(number, changed));
        if (report.ok) throw new Error(`a change at ${at} of line ${number} (${kind}) is not found: ${changed}`);
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(3000);
  });

  test("with a byte of what the header proves changed does not verify", async () => {
    const header = BUNDLE[0]!;
    for (let at = 0; at < header.length; at += 1) {
      const changed = header.slice(0, at) + nextCharacter(header, at) + header.slice(at + 1);
      const report = await verifyBundle(BUNDLE.with(0, changed));
      if (report.ok)
        expect(changed.replace(/"(instance|made_at)":"[^"]*"/g, "")).toBe(
          header.replace(/"(instance|made_at)":"[^"]*"/g, ""),
        );
    }
  });

  test("with any two neighbours behind the header swapped, or a line twice, does not verify", async () => {
    for (let i = 0; i < BUNDLE.length; i += 1) {
      expect(await codesOf(BUNDLE.toSpliced(i, 0, BUNDLE[i]!))).not.toEqual([]);
      const next = BUNDLE[i + 1];
      if (next === undefined || JSON.parse(next).kind === "blob" || JSON.parse(next).kind === "key") continue;
      expect(await codesOf(BUNDLE.with(i, next).with(i + 1, BUNDLE[i]!))).not.toEqual([]);
    }
  });

  test("without any one line does not verify, but for a seal that a later one makes up for", async () => {
    for (const [i, line] of BUNDLE.entries()) {
      const report = await verifyBundle(BUNDLE.toSpliced(i, 1));
      const isLaterCovered = JSON.parse(line).kind === "seal" && line !== chain.lines.at(-1);
      expect(report.ok).toBe(isLaterCovered);
    }
  });

  test("names the event", async () => {
    const at = BUNDLE.indexOf(eventLine(chain.events[4]!.bytes, chain.events[4]!.hash));
    expect(await codesOf(BUNDLE.with(at, BUNDLE[at]!.replace("null", "true")))).toEqual(["5 hash_mismatch"]);
    expect(await codesOf(BUNDLE.toSpliced(at, 1))).toEqual(["5 event_missing"]);
  });

  test("of another tenant's header, keys or events does not verify", async () => {
    const other = new Chain("ten_b").add().seal();
    expect(await codesOf(BUNDLE.with(0, other.header()))).not.toEqual([]);
    expect(await codesOf(BUNDLE.with(4, other.lines[0]!))).not.toEqual([]);
    expect(await codesOf(BUNDLE, { pinned: [signerOf("other").publicKey.toHex()] })).toEqual(["0 keys_invalid"]);
  });

  test("needs the blobs that its events refer to, unless told otherwise, and only right ones", async () => {
    expect(await codesOf(BUNDLE.slice(0, -1))).toEqual(["2 blob_missing"]);
    expect(await codesOf(BUNDLE.slice(0, -1), { requireBlobs: false })).toEqual([]);
    const [sum] = [...chain.blobs.keys()] as [string];
    expect(await codesOf(BUNDLE.with(-1, blobLine(sum, utf8("[]"))), { requireBlobs: false })).toEqual([
      "7 blob_mismatch",
    ]);
    expect(await codesOf([...BUNDLE.slice(0, 3), BUNDLE.at(-1)!, ...BUNDLE.slice(3, -1)])).toEqual([]);
  });

  test("that states what nobody made is not broken by it", async () => {
    const claimed = new Chain().add({ context: { claimed: { ref: `sha256:${"0".repeat(64)}` } } }).seal();
    expect(await codesOf(claimed.bundle())).toEqual([]);
  });

  test.each(["checkpoint", "inclusion", "consistency", "enrolment", "assertion", "comment"])(
    "with a line of the kind %s is refused",
    async (kind) => {
      const report = await verifyBundle([...BUNDLE, `{"kind":"${kind}"}`]);
      expect(report.problems[0]?.message).toContain(kind);
      expect(report.ok).toBe(false);
    },
  );

  test("that is no bundle is refused", async () => {
    const deep = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
    for (const line of [
      "",
      "null",
      "[]",
      "{}",
      '"header"',
      '{"kind":null}',
      " ",
      deep,
      '{"event":',
      '{"event":{}}',
      "\0",
    ]) {
      expect(await verifyBundle([line]).catch((error) => error.code)).toBe("invalid_argument");
      expect(await codesOf([line, ...BUNDLE.slice(1)])).toEqual(["0 bundle_malformed"]);
      expect(await codesOf([...BUNDLE, line])).toEqual(["7 bundle_malformed"]);
    }
    expect(await verifyBundle([]).catch((error) => error.code)).toBe("invalid_argument");
    expect(await verifyBundle(["# Notes", "", "text"]).catch((error) => error.code)).toBe("invalid_argument");
    expect(await codesOf(BUNDLE.slice(1))).toEqual(["0 bundle_malformed"]);
    const deepEvent = eventLine(`{"a":${deep}}`, "0".repeat(64));
    expect(await codesOf([BUNDLE[0]!, deepEvent])).toEqual(["1 hash_mismatch"]);
  });

  test("whose source fails passes the failure on", async () => {
    async function* failing() {
      yield BUNDLE[0]!;
      throw new Error("the disk is gone");
    }
    expect(verifyBundle(failing())).rejects.toThrow("the disk is gone");
  });
});

describe("readLines", () => {
  const TEXT = BUNDLE.map((line) => `${line}\n`).join("");

  test("gives the same lines whatever the chunks", async () => {
    for (const size of [1, 2, 7, 64, 1000, 1 << 20]) expect(await readAll(chunked(TEXT, size))).toEqual(BUNDLE);
    expect((await verifyBundle(readLines(chunked(TEXT, 100)))).ok).toBe(true);
    expect(await readAll([])).toEqual([]);
    expect(await readAll([utf8("\n\n")])).toEqual(["", ""]);
  });

  test("does not keep a chunk that its source uses again", async () => {
    const buffer = new Uint8Array(3);
    function* reused() {
      for (const part of ["abc", "de\n"]) {
        buffer.set(utf8(part));
        yield buffer;
      }
    }
    const lines: string[] = [];
    for await (const line of readLines(reused())) lines.push(line);
    expect(lines).toEqual(["abcde"]);
  });

  test("refuses a huge line before holding it, bytes that are not UTF-8, and a cut end", async () => {
    let pulled = 0;
    function* endless() {
      for (;;) {
        pulled += 1;
        yield new Uint8Array(1024).fill(0x61);
      }
    }
    const refused = await verifyBundle(readLines(endless(), 10_000)).catch((error) => error);
    expect(refused.code).toBe("invalid_argument");
    expect(pulled).toBe(10);
    expect(readAll([utf8(`${"a".repeat(11)}\n`)], 10)).rejects.toThrow("line 1");
    expect(await readAll([utf8(`${"a".repeat(10)}\n`)], 10)).toEqual(["a".repeat(10)]);
    expect(readAll([Uint8Array.of(0x61, 0x0a, 0xff, 0x0a)])).rejects.toThrow("line 2 is not well-formed utf-8");
    function* endlessLine() {
      yield utf8(`${BUNDLE[0]}\n`);
      yield* endless();
    }
    const report = await verifyBundle(readLines(endlessLine(), 10_000));
    expect(report.problems[0]).toMatchObject({ code: "bundle_malformed", message: "line 2 has more than 10000 bytes" });
    for (let cut = 1; cut < 200; cut += 1)
      expect((await verifyBundle(readLines(chunked(TEXT.slice(0, -cut), 4096)))).ok).toBe(false);
  });
});

test("an event line must end as one", () => {
  const { bytes, hash } = chain.events[0]!;
  expect(parseBundleLine(eventLine(bytes, hash))).toEqual({ kind: "event", text: bytes, hash });
  for (const line of [
    eventLine(bytes, "x"),
    eventLine("", hash),
    eventLine(bytes, hash).replace(',"hash"', ', "hash"'),
    `${eventLine(bytes, hash)} `,
  ]) {
    expect(() => parseBundleLine(line)).toThrow(WritError);
  }
});

/** Another character that keeps most lines parseable: the neighbour in the alphabet, a digit for a digit. */
function nextCharacter(line: string, at: number): string {
  const code = line.charCodeAt(at);
  if (code > 126) return "x";
  return String.fromCharCode(code === 57 || code === 122 || code === 90 ? code - 1 : code === 126 ? 33 : code + 1);
}
