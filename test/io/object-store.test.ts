import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { WritError } from "#src/base/errors.ts";
import { createAddressPolicy } from "#src/io/addresses.ts";
import { createDialer } from "#src/io/dial.ts";
import { bodyOfBytes, checkKey, type ObjectStore, readObject } from "#src/io/object-store.ts";
import { createFolderStore } from "#src/io/object-store-folder.ts";
import { createS3Store } from "#src/io/object-store-s3.ts";
import { signRequest } from "#src/io/object-store-sign.ts";
import { elementsOf, escapeXml, textOf } from "#src/io/object-store-xml.ts";
import { cleanUp, freshFolder } from "#test/support/binary.ts";
import { startS3rver, startVersitygw, type TestBucket } from "#test/support/object-stores.ts";
import { describePeer } from "#test/support/peer.ts";

afterAll(cleanUp);

const TEXT = { contentType: "text/plain" };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const large = new Uint8Array(17 * 2 ** 20).map((_, i) => (i * 31) % 251);

/** What every store does. */
function storeTests(open: () => ObjectStore): void {
  test("gives back what it was given, whole and in part", async () => {
    const store = open();
    await store.put("a/b=1/c.txt", bodyOfBytes(bytesOf("hello")), TEXT);
    const download = await store.get("a/b=1/c.txt");
    expect(download?.bytes).toBe(5);
    if (download === undefined) throw new Error("absent");
    expect(Buffer.from(await readObject(download, 10)).toString()).toBe("hello");
    const part = await store.get("a/b=1/c.txt", { start: 1, end: 3 });
    if (part === undefined) throw new Error("absent");
    expect(Buffer.from(await readObject(part, 10)).toString()).toBe("el");
    expect(await store.head("a/b=1/c.txt")).toEqual({ key: "a/b=1/c.txt", bytes: 5 });
  });

  test("puts in parts, again and again the same", async () => {
    const store = open();
    for (let i = 0; i < 2; i += 1) {
      await store.put("large.bin", bodyOfBytes(large), { contentType: "application/octet-stream" });
    }
    const download = await store.get("large.bin");
    if (download === undefined) throw new Error("absent");
    expect(Bun.hash(await readObject(download, large.length))).toBe(Bun.hash(large));
  });

  test("lists by prefix in order, says nothing of what is not there, and removes", async () => {
    const store = open();
    for (const name of ["l/2", "l/10", "l/1", "m/1"]) await store.put(name, bodyOfBytes(bytesOf(name)), TEXT);
    const listed: string[] = [];
    for await (const { key } of store.list("l/")) listed.push(key);
    expect(listed).toEqual(["l/1", "l/10", "l/2"]);
    expect(await store.get("l/3")).toBeUndefined();
    expect(await store.head("l/3")).toBeUndefined();
    await store.delete("l/2");
    await store.delete("l/2");
    expect(await store.head("l/2")).toBeUndefined();
  });
}

describe("a folder", () => {
  storeTests(() => createFolderStore(freshFolder("objects")));

  test("keeps nothing of a put that failed", async () => {
    const folder = freshFolder("objects");
    const body = { ...bodyOfBytes(large), read: () => Promise.reject(new WritError("store_failed")) };
    expect(
      await createFolderStore(folder)
        .put("x/y", body, TEXT)
        .catch((error) => error),
    ).toMatchObject({
      code: "store_failed",
    });
    expect(readdirSync(join(folder, "x"))).toEqual([]);
  });
});

describePeer("versitygw", "versitygw", () => {
  let bucket: TestBucket;
  beforeAll(async () => {
    bucket = await startVersitygw(freshFolder("versitygw"));
  }, 30_000);
  afterAll(() => bucket.stop());
  storeTests(() => bucket.open("some/prefix/"));

  test("holds what is locked, and says so", async () => {
    const store = bucket.open();
    const lock = { mode: "COMPLIANCE" as const, until: Date.now() + 86_400_000, legalHold: true };
    await store.put("locked", bodyOfBytes(bytesOf("x")), { ...TEXT, lock });
    await store.put("locked-large", bodyOfBytes(large), { ...TEXT, lock: { ...lock, legalHold: false } });
    expect(await store.readLock("locked")).toEqual(lock);
    expect(await store.readLock("locked-large")).toEqual({ ...lock, legalHold: false });
    expect(await store.readLock("large.bin")).toBeUndefined();
    expect(await store.expireAfter(2557)).toBe(false);
  });

  test("takes up an upload where it ended", async () => {
    const store = bucket.open();
    const body = bodyOfBytes(large);
    const cut = {
      ...body,
      read: (start: number, end: number) =>
        start > 0 ? Promise.reject(new WritError("store_failed")) : body.read(start, end),
    };
    await store.put("resumed", cut, TEXT).catch(() => undefined);
    const read: number[] = [];
    const counted = {
      ...body,
      read: (start: number, end: number) => {
        read.push(start);
        return body.read(start, end);
      },
    };
    await store.put("resumed", counted, TEXT);
    expect(read).toEqual([8 * 2 ** 20, 16 * 2 ** 20]);
    const download = await store.get("resumed");
    if (download === undefined) throw new Error("absent");
    expect(Bun.hash(await readObject(download, large.length))).toBe(Bun.hash(large));
  });

  test("refuses a wrong secret with the store's own word, and that word stands in the message", async () => {
    const { location } = bucket;
    const store = createS3Store(
      { ...location, credentials: { ...location.credentials, secretKey: "wrong" } },
      { dialer: dialerTo(["127.0.0.0/8"]), now: Date.now, random: () => 0 },
    );
    const error = await store.put("x", bodyOfBytes(bytesOf("x")), TEXT).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "object_store_failed", details: { store_code: "SignatureDoesNotMatch" } });
    expect(String(error)).not.toContain("wrong");
  });
});

describePeer(["node", "s3rver"], "s3rver", () => {
  let bucket: TestBucket;
  beforeAll(async () => {
    bucket = await startS3rver(freshFolder("s3rver"));
  }, 30_000);
  afterAll(() => bucket.stop());
  storeTests(() => bucket.open("p/"));

  test("takes a lock without a word, and holds nothing", async () => {
    const store = bucket.open();
    const lock = { mode: "COMPLIANCE" as const, until: Date.now() + 86_400_000, legalHold: true };
    await store.put("locked", bodyOfBytes(bytesOf("x")), { ...TEXT, lock });
    expect(await store.readLock("locked")).toBeUndefined();
  });
});

describe("a store that does not answer well", () => {
  test("is asked again while it is busy, with growing pauses, and given up in the end", async () => {
    const answers = [503, 500, 429, 200];
    let asked = 0;
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => {
        const status = answers[Math.min(asked, answers.length - 1)] ?? 200;
        asked += 1;
        return new Response("<Error><Code>SlowDown</Code></Error>", { status });
      },
    });
    const pauses: number[] = [];
    const open = (): ObjectStore =>
      createS3Store(
        {
          endpoint: `http://127.0.0.1:${server.port}`,
          region: "r",
          bucket: "b",
          prefix: "",
          style: "path",
          credentials: { accessKey: "a", secretKey: "s" },
          encryption: undefined,
        },
        {
          dialer: dialerTo(["127.0.0.0/8"]),
          now: Date.now,
          random: () => 1,
          sleep: async (milliseconds) => void pauses.push(milliseconds),
        },
      );
    await open().put("k", bodyOfBytes(bytesOf("x")), TEXT);
    expect(asked).toBe(4);
    expect(pauses).toEqual([200, 400, 800]);
    answers.splice(0, answers.length, 503);
    expect(
      await open()
        .put("k", bodyOfBytes(bytesOf("x")), TEXT)
        .catch((error) => error),
    ).toMatchObject({
      code: "object_store_failed",
    });
  });

  test("is not connected to where its address is not granted", async () => {
    const location = {
      endpoint: "http://127.0.0.1:9",
      region: "r",
      bucket: "b",
      prefix: "",
      style: "path" as const,
      credentials: { accessKey: "a", secretKey: "s" },
      encryption: undefined,
    };
    const store = createS3Store(location, { dialer: dialerTo([]), now: Date.now, random: () => 0 });
    expect(await store.head("x").catch((error) => error)).toMatchObject({ code: "destination_refused" });
  });
});

describe("keys, signatures, XML", () => {
  test("a key that a path could read as something else is refused", () => {
    for (const key of ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a b", "a\\b", "ä", `${"a/".repeat(500)}a`]) {
      expect(() => checkKey(key), key).toThrow();
    }
    for (const key of ["a", "a/b", "tenant=t/date=2026-01-01/events-1-2.parquet", "a..b"])
      expect(checkKey(key)).toBe(key);
  });

  test("a signature is that of the published example (AWS, GET object with a range)", () => {
    const { headers } = signRequest(
      {
        method: "GET",
        authority: "examplebucket.s3.amazonaws.com",
        path: "/test.txt",
        query: [],
        headers: [["range", "bytes=0-9"]],
        bodyHash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      },
      { accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" },
      { region: "us-east-1", now: Date.parse("2013-05-24T00:00:00Z") },
    );
    expect(Object.fromEntries(headers)["authorization"]).toEndWith(
      "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
  });

  test("text survives XML, whatever it is", () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => text === text.trim()),
        (text) => {
          expect(textOf(`<A><Key>${escapeXml(text)}</Key></A>`, "Key")).toBe(text);
        },
      ),
    );
    expect(elementsOf("<Part><PartNumber>1</PartNumber></Part><Part/>", "Part")).toEqual([
      "<PartNumber>1</PartNumber>",
      "",
    ]);
  });
});

function dialerTo(grantedRanges: readonly string[]) {
  return createDialer({ addressPolicy: createAddressPolicy({ grantedRanges: [...grantedRanges], ownAddresses: [] }) });
}
