import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBase64Url, utf8 } from "#src/base/bytes.ts";
import { isWritError, type WritError } from "#src/base/errors.ts";
import { readEnvironment } from "#src/config/env.ts";
import { createKey, formatKeyLines, KEY_PURPOSES, keyIdOf, parseKeyLines } from "#src/config/key-line.ts";
import {
  addKey,
  createMissingKeyFiles,
  type KeyLocation,
  keyFilePath,
  loadKeyMaterial,
} from "#src/config/key-material.ts";
import { createSigner } from "#src/crypto/ed25519.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { randomBytes } from "#src/crypto/random.ts";

let root: string;
let location: KeyLocation;
const entropy = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6), random: randomBytes };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "writ-keys-"));
  location = { dataFolder: join(root, "data"), raw: readEnvironment({}) };
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function refusal(run: () => unknown): WritError {
  try {
    run();
  } catch (error) {
    if (isWritError(error)) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("key lines", () => {
  test("ids are derived as documented", () => {
    const secret = randomBytes(32);
    expect(keyIdOf("seal", secret)).toBe(sha256Hex(createSigner(secret).publicKey).slice(0, 16));
    expect(keyIdOf("master", secret)).toBe(sha256Hex(utf8("writ.key-id.v1\nmaster"), secret).slice(0, 16));
    expect(keyIdOf("ucan", secret)).not.toBe(keyIdOf("master", secret));
  });

  test.each(KEY_PURPOSES)("%s keys survive writing and reading, in order", (purpose) => {
    const keys = [createKey(purpose, entropy), createKey(purpose, entropy), createKey(purpose, entropy)];
    expect(parseKeyLines(formatKeyLines(keys), purpose, "here")).toEqual(keys as never);
    expect(parseKeyLines(formatKeyLines(keys).replaceAll("\n", "\r\n\r\n"), purpose, "here")).toHaveLength(3);
    expect(keys[0]?.createdAt).toBe("2026-01-02T03:04:05.006Z");
  });

  test("what is malformed is refused without being quoted", () => {
    const key = createKey("master", entropy);
    const line = formatKeyLines([key]).trimEnd();
    const encoded = toBase64Url(key.secret);
    const hostile = [
      "",
      "\n\n",
      line.replace("v1", "v2"),
      line.replace("master", "seal"),
      line.replace("master", "__proto__"),
      line.replace(key.id, "0".repeat(16)),
      line.replace(key.id, key.id.toUpperCase() === key.id ? "A".repeat(16) : key.id.toUpperCase()),
      line.replace(encoded, encoded.slice(1)),
      line.replace(encoded, `${encoded}A`),
      line.replace(encoded, toBase64Url(randomBytes(32))),
      // The last of 43 characters holds four bits: the spare ones must be zero.
      line.replace(encoded, encoded.slice(0, 42) + nextCharacter(encoded.slice(42))),
      line.replace("2026-01-02", "2026-13-02"),
      line.replace("2026-01-02T", "2026-01-02 "),
      `${line} trailing`,
      ` ${line}`,
      line.replaceAll(" ", "\t"),
      `${line}\n${line}`,
      `${line}\n# a remark`,
    ];
    for (const text of hostile) {
      const error = refusal(() => parseKeyLines(text, "master", "`WRIT_KEY_MASTER`"));
      expect(error.code).toBe("key_material_invalid");
      expect(error.message).toStartWith("`WRIT_KEY_MASTER`");
      expect(error.message).not.toContain(encoded.slice(1, 20));
    }
  });
});

describe("first run", () => {
  test("makes three files, 0600 in a 0700 folder, and loads them", () => {
    const paths = createMissingKeyFiles(location, entropy);
    expect(paths).toEqual(KEY_PURPOSES.map((purpose) => keyFilePath(location.dataFolder, purpose)));
    expect(statSync(join(location.dataFolder, "keys")).mode & 0o777).toBe(0o700);
    for (const path of paths) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(location.dataFolder, "keys")).sort()).toEqual(["master.key", "seal.key", "ucan.key"]);
    const material = loadKeyMaterial(location);
    expect(material.sources).toEqual({ master: "file", ucan: "file", seal: "file" });
    const secrets = KEY_PURPOSES.map((purpose) => material[purpose][0].secret.toHex());
    expect(new Set(secrets).size).toBe(3);
  });

  test("a second run makes nothing; one cut short is completed", () => {
    createMissingKeyFiles(location);
    const before = loadKeyMaterial(location);
    expect(createMissingKeyFiles(location)).toEqual([]);
    rmSync(keyFilePath(location.dataFolder, "seal"));
    expect(createMissingKeyFiles(location)).toHaveLength(1);
    expect(loadKeyMaterial(location).master).toEqual(before.master);
  });

  test.each(["writ.db", "writ.sqlite", "audit.db-wal"])("with %s there and a key gone, nothing is made", (name) => {
    createMissingKeyFiles(location);
    rmSync(keyFilePath(location.dataFolder, "master"));
    writeFileSync(join(location.dataFolder, name), "");
    const error = refusal(() => createMissingKeyFiles(location));
    expect(error.code).toBe("key_material_missing");
    expect(error.message).toContain("`master`");
    expect(readdirSync(join(location.dataFolder, "keys")).sort()).toEqual(["seal.key", "ucan.key"]);
  });

  test("the lock and the telemetry do not count as a database", () => {
    mkdirSync(location.dataFolder);
    for (const name of ["lock.db", "telemetry.db", "telemetry.db-wal"])
      writeFileSync(join(location.dataFolder, name), "");
    expect(createMissingKeyFiles(location)).toHaveLength(3);
  });

  test("loading without keys names what is missing and makes nothing", () => {
    const error = refusal(() => loadKeyMaterial(location));
    expect(error.code).toBe("key_material_missing");
    expect(error.message).toContain("`master`, `ucan`, `seal`");
    expect(readdirSync(root)).toEqual([]);
  });
});

describe("sources", () => {
  test("the environment comes before credentials, credentials before files", () => {
    createMissingKeyFiles(location);
    const credentials = join(root, "credentials");
    mkdirSync(credentials);
    const fromEnvironment = createKey("master", entropy);
    const hidden = createKey("master", entropy);
    const seal = createKey("seal", entropy);
    writeFileSync(join(credentials, "writ-master.key"), formatKeyLines([hidden]), { mode: 0o400 });
    writeFileSync(join(credentials, "writ-seal.key"), formatKeyLines([seal]), { mode: 0o440 });
    const raw = readEnvironment({
      WRIT_KEY_MASTER: formatKeyLines([fromEnvironment]),
      CREDENTIALS_DIRECTORY: credentials,
    });
    const material = loadKeyMaterial({ ...location, raw });
    expect(material.sources).toEqual({ master: "environment", ucan: "file", seal: "credential" });
    expect(material.master).toEqual([fromEnvironment]);
    expect(material.seal).toEqual([seal]);
  });

  test("a malformed source is an error, not a reason to try the next", () => {
    createMissingKeyFiles(location);
    const raw = readEnvironment({ WRIT_KEY_SEAL: "nonsense" });
    expect(refusal(() => loadKeyMaterial({ ...location, raw })).code).toBe("key_material_invalid");
  });

  test("a world-readable credential and a relative folder are refused", () => {
    createMissingKeyFiles(location);
    const path = join(root, "writ-seal.key");
    writeFileSync(path, formatKeyLines([createKey("seal", entropy)]));
    chmodSync(path, 0o444);
    const unsafe = { ...location, raw: readEnvironment({ CREDENTIALS_DIRECTORY: root }) };
    expect(refusal(() => loadKeyMaterial(unsafe)).code).toBe("key_material_unsafe");
    const relative = { ...location, raw: readEnvironment({ CREDENTIALS_DIRECTORY: "credentials" }) };
    expect(refusal(() => loadKeyMaterial(relative)).code).toBe("config_invalid");
  });

  test("one secret for two purposes is refused", () => {
    const secret = randomBytes(32);
    const same = { now: entropy.now, random: () => Uint8Array.from(secret) };
    const raw = readEnvironment({
      WRIT_KEY_MASTER: formatKeyLines([createKey("master", same)]),
      WRIT_KEY_UCAN: formatKeyLines([createKey("ucan", same)]),
      WRIT_KEY_SEAL: formatKeyLines([createKey("seal", entropy)]),
    });
    const error = refusal(() => loadKeyMaterial({ ...location, raw }));
    expect(error.code).toBe("key_material_invalid");
    expect(error.message).not.toContain(toBase64Url(secret));
  });
});

describe("files that others could reach", () => {
  const keyPath = () => keyFilePath(location.dataFolder, "ucan");
  const folder = () => join(location.dataFolder, "keys");

  test.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o666])("mode %o is refused", (mode) => {
    createMissingKeyFiles(location);
    chmodSync(keyPath(), mode);
    const error = refusal(() => loadKeyMaterial(location));
    expect(error.code).toBe("key_material_unsafe");
    expect(error.message).toContain(mode.toString(8));
    expect(refusal(() => addKey(location, "ucan")).code).toBe("key_material_unsafe");
  });

  test.each([0o750, 0o701, 0o755])("a folder of mode %o is refused", (mode) => {
    createMissingKeyFiles(location);
    chmodSync(folder(), mode);
    expect(refusal(() => loadKeyMaterial(location)).code).toBe("key_material_unsafe");
  });

  // Only root can give a file away.
  test.skipIf(process.geteuid?.() !== 0)("a file of another user is refused", () => {
    createMissingKeyFiles(location);
    chownSync(keyPath(), 12_345, 0);
    expect(refusal(() => loadKeyMaterial(location)).message).toContain("belongs to another user");
  });

  test("0400 is accepted", () => {
    createMissingKeyFiles(location);
    chmodSync(keyPath(), 0o400);
    expect(loadKeyMaterial(location).ucan).toHaveLength(1);
  });

  test("symbolic links, folders, pipes, large and binary files are refused", () => {
    createMissingKeyFiles(location);
    const elsewhere = join(root, "elsewhere");
    renameSync(keyPath(), elsewhere);
    symlinkSync(elsewhere, keyPath());
    expect(refusal(() => loadKeyMaterial(location)).code).toBe("key_material_unsafe");
    rmSync(keyPath());
    symlinkSync(join(root, "nowhere"), keyPath());
    expect(refusal(() => createMissingKeyFiles(location)).code).toBe("key_material_unsafe");
    rmSync(keyPath());
    mkdirSync(keyPath(), { mode: 0o700 });
    expect(refusal(() => loadKeyMaterial(location)).code).toBe("key_material_unsafe");
    rmSync(keyPath(), { recursive: true });
    Bun.spawnSync(["mkfifo", "-m", "600", keyPath()]);
    expect(refusal(() => loadKeyMaterial(location)).code).toBe("key_material_unsafe");
    rmSync(keyPath());
    writeFileSync(keyPath(), "x".repeat(65_537), { mode: 0o600 });
    expect(refusal(() => loadKeyMaterial(location)).message).toContain("larger than");
    writeFileSync(keyPath(), Uint8Array.of(0xff, 0xfe));
    expect(refusal(() => loadKeyMaterial(location)).code).toBe("key_material_invalid");
    writeFileSync(keyPath(), "");
    expect(refusal(() => loadKeyMaterial(location)).code).toBe("key_material_invalid");
  });

  test("a key folder that is a symbolic link is refused", () => {
    createMissingKeyFiles(location);
    renameSync(folder(), join(root, "keys"));
    symlinkSync(join(root, "keys"), folder());
    expect(refusal(() => loadKeyMaterial(location)).code).toBe("key_material_unsafe");
  });
});

describe("addKey", () => {
  test("puts the new key first, keeps the old, and leaves no temporary file", () => {
    createMissingKeyFiles(location);
    const [old] = loadKeyMaterial(location).seal;
    const added = addKey(location, "seal", entropy);
    expect(loadKeyMaterial(location).seal).toEqual([added, old]);
    expect(readdirSync(join(location.dataFolder, "keys"))).toHaveLength(3);
    expect(statSync(keyFilePath(location.dataFolder, "seal")).mode & 0o777).toBe(0o600);
  });

  test("refuses where there is none, or where it does not own the source", () => {
    expect(refusal(() => addKey(location, "seal")).code).toBe("key_material_missing");
    const raw = readEnvironment({ WRIT_KEY_SEAL: formatKeyLines([createKey("seal", entropy)]) });
    expect(refusal(() => addKey({ ...location, raw }, "seal")).code).toBe("config_invalid");
  });

  test("a generator that repeats itself changes nothing", () => {
    createMissingKeyFiles(location);
    const path = keyFilePath(location.dataFolder, "master");
    const before = readFileSync(path, "utf8");
    const [key] = loadKeyMaterial(location).master;
    const stuck = { now: entropy.now, random: () => Uint8Array.from(key.secret) };
    expect(refusal(() => addKey(location, "master", stuck)).code).toBe("key_material_invalid");
    expect(readFileSync(path, "utf8")).toBe(before);
  });
});

function nextCharacter(character: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return alphabet.charAt(alphabet.indexOf(character) + 1);
}
