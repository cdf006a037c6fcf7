import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { backupName, timeOfBackup } from "#src/archive/backup-key.ts";
import { parseEventsKey, segmentKeys, startOfDay } from "#src/archive/layout.ts";
import { parseArchiveConfig } from "#src/config/archive-config.ts";
import { readEnvironment } from "#src/config/env.ts";
import { publishKey } from "#src/ledger/keys.ts";
import { signSeal } from "#src/ledger/seal.ts";
import { deriveColumns, parseStatement, statementToMetadata } from "#src/store/jobs/archive-columns.ts";
import { SEAL_SIGNER } from "#test/support/store.ts";

describe("names", () => {
  test("what a segment is called says what it holds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 0, max: 2 ** 20 }), (first, more) => {
        const keys = segmentKeys({ tenant: "ten_1", date: "2026-01-31", first, last: first + more });
        expect(parseEventsKey(keys.events)).toEqual({
          folder: "tenant=ten_1/date=2026-01-31/",
          tenant: "ten_1",
          first,
          last: first + more,
        });
      }),
    );
  });

  test("names of other things are none", () => {
    for (const key of [
      "events-2-1.parquet",
      "events-0-1.parquet",
      "x/blobs-1-2.parquet",
      "events-1-2.parquet.tmp",
      "",
    ]) {
      expect(parseEventsKey(key), key).toBeUndefined();
    }
    expect(parseEventsKey("events-1-2.parquet")).toEqual({ folder: "", tenant: undefined, first: 1, last: 2 });
  });

  test("a day begins at midnight UTC, and a backup's name sorts by its time", () => {
    expect(startOfDay(Date.parse("2026-03-01T23:59:59.999Z"))).toBe(Date.parse("2026-03-01T00:00:00Z"));
    expect(timeOfBackup(backupName("ins_1", "2026-03-01T23:59:59.999Z"))).toBe("2026-03-01T23-59-59-999Z");
    expect(timeOfBackup("writ-ins_1-2026.backup")).toBeUndefined();
  });
});

describe("what a segment says of itself", () => {
  const head = { tenant: "ten_1", seq: 9, hash: "a".repeat(64), root: "b".repeat(64) };
  const statement = {
    instance: "ins_1",
    tenant: "ten_1",
    first: 5,
    last: 9,
    prev: "c".repeat(64),
    frontier: new Uint8Array(32).fill(7),
    seal: signSeal(SEAL_SIGNER, [head]),
    keys: [publishKey(SEAL_SIGNER, "2026-01-01T00:00:00.000Z")],
  };

  test("is read as it was written", () => {
    expect(parseStatement(statementToMetadata(statement))).toEqual(statement);
  });

  test("is refused where anything of it is missing or malformed", () => {
    const metadata = statementToMetadata(statement);
    for (const { key } of metadata) {
      expect(() => parseStatement(metadata.filter((entry) => entry.key !== key)), key).toThrow("malformed");
    }
    for (const key of ["writ.version", "writ.first", "writ.last", "writ.frontier", "writ.seal", "writ.keys"]) {
      const changed = metadata.map((entry) => (entry.key === key ? { key, value: "{" } : entry));
      expect(() => parseStatement(changed), key).toThrow("malformed");
    }
  });

  test("columns hold texts as they stand in the event, and nothing of what is sealed", () => {
    expect(deriveColumns({ command: "/a", decision: "deny", resource: { sealed: "x", subject: "sub_1" } })).toEqual({
      command: "/a",
      resource: null,
      decision: "deny",
    });
    expect(deriveColumns({ command: 5, resource: "" })).toEqual({ command: null, resource: "", decision: null });
  });
});

describe("settings", () => {
  const parse = (env: Record<string, string>) => parseArchiveConfig(readEnvironment(env));
  const keys = { WRIT_ARCHIVE_ACCESS_KEY: "k", WRIT_ARCHIVE_SECRET_KEY: "s" };

  test("no archive is asked for unless it is", () => {
    expect(parse({})).toBeUndefined();
    expect(parse({ WRIT_ARCHIVE_URL: "/srv/lake" })).toMatchObject({
      location: { kind: "folder", path: "/srv/lake" },
      lock: undefined,
      retentionSeconds: 2557 * 86_400,
      prunes: false,
    });
  });

  test("a bucket is Amazon's by its name, or another store's by its path", () => {
    expect(parse({ ...keys, WRIT_ARCHIVE_URL: "s3://lake/a/b/", WRIT_ARCHIVE_REGION: "eu-central-1" })).toMatchObject({
      location: { bucket: "lake", prefix: "a/b/", style: "host", endpoint: "https://s3.eu-central-1.amazonaws.com" },
    });
    const own = { ...keys, WRIT_ARCHIVE_URL: "s3://lake", WRIT_ARCHIVE_ENDPOINT: "https://minio.example" };
    expect(parse(own)).toMatchObject({ location: { prefix: "", style: "path", endpoint: "https://minio.example" } });
  });

  test("what cannot be meant stops the start, and names no secret", () => {
    const wrong: [Record<string, string>, string][] = [
      [{ WRIT_ARCHIVE_URL: "s3://lake" }, "WRIT_ARCHIVE_ACCESS_KEY"],
      [{ ...keys, WRIT_ARCHIVE_URL: "s3://UPPER" }, "WRIT_ARCHIVE_URL"],
      [{ ...keys, WRIT_ARCHIVE_URL: "s3://lake/../x" }, "WRIT_ARCHIVE_URL"],
      [{ WRIT_ARCHIVE_URL: "https://lake" }, "WRIT_ARCHIVE_URL"],
      [{ WRIT_ARCHIVE_URL: "/lake", WRIT_ARCHIVE_LOCK: "compliance" }, "WRIT_ARCHIVE_LOCK"],
      [{ ...keys, WRIT_ARCHIVE_URL: "s3://lake", WRIT_ARCHIVE_HOLD: "on" }, "WRIT_ARCHIVE_HOLD"],
      [{ ...keys, WRIT_ARCHIVE_URL: "s3://lake", WRIT_ARCHIVE_ENDPOINT: "http://10.0.0.1" }, "WRIT_ARCHIVE_ENDPOINT"],
      [{ ...keys, WRIT_ARCHIVE_URL: "s3://lake", WRIT_ARCHIVE_ENCRYPTION: "rot13" }, "WRIT_ARCHIVE_ENCRYPTION"],
      [
        { WRIT_ARCHIVE_URL: "s3://lake", WRIT_ARCHIVE_ACCESS_KEY: "k", WRIT_ARCHIVE_SECRET_KEY: "se cret" },
        "WRIT_ARCHIVE_SECRET_KEY",
      ],
    ];
    for (const [env, name] of wrong) {
      let message = "";
      try {
        parse(env);
      } catch (error) {
        message = String(error);
      }
      expect(message).toContain(`\`${name}\``);
      expect(message).not.toContain("se cret");
    }
  });
});
