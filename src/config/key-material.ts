import { mkdirSync, readdirSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import type { Bytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { equalInConstantTime } from "#src/crypto/hash.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { syncFolder, writeFileDurably } from "./durable-write.ts";
import type { RawEnvironment } from "./env.ts";
import { checkKeyFolder, readCredentialFile, readKeyFile } from "./key-file.ts";
import {
  createKey,
  formatKeyLines,
  KEY_PURPOSES,
  type KeyList,
  type KeyPurpose,
  type MaterialKey,
  parseKeyLines,
} from "./key-line.ts";
import type { SettingName } from "./settings.ts";

/** Where the keys of a purpose come from; the first that has any is the only one that counts. */
export type KeySource = "environment" | "credential" | "file";

/** Every key that the instance holds. Kept out of `Config`, handed only to what seals, signs and unwraps. */
export interface KeyMaterial {
  readonly master: KeyList;
  readonly ucan: KeyList;
  readonly seal: KeyList;
  readonly sources: Readonly<Record<KeyPurpose, KeySource>>;
}

/** What the functions here need. */
export interface KeyLocation {
  readonly dataFolder: string;
  readonly raw: RawEnvironment;
}

/** Time and randomness of a new key. */
export interface KeyEntropy {
  now(): number;
  random(length: number): Bytes;
}

interface FoundKeys {
  readonly keys: KeyList;
  readonly source: KeySource;
}

const VARIABLES: Readonly<Record<KeyPurpose, SettingName>> = {
  master: "WRIT_KEY_MASTER",
  ucan: "WRIT_KEY_UCAN",
  seal: "WRIT_KEY_SEAL",
};
const DATABASE = /\.(?:db|sqlite3?)(?:-(?:wal|shm|journal))?$/;
/** Databases whose content no key protects: they may be there before the first key is. */
const KEYLESS_DATABASE = /^(?:lock|telemetry)\.db(?:-(?:wal|shm|journal))?$/;
const SYSTEM_ENTROPY: KeyEntropy = {
  now: systemIdSource.now,
  random: (length) => systemIdSource.random(length) as Bytes,
};

/**
 * Loads the keys of every purpose: from `WRIT_KEY_<PURPOSE>`, else systemd's credential `writ-<purpose>.key`, else
 * `keys/<purpose>.key` in the data folder.
 *
 * Throws `key_material_missing` naming the purposes that have no key, `key_material_unsafe` for files that others can
 * reach, `key_material_invalid` for malformed ones and for one secret that serves two purposes.
 */
export function loadKeyMaterial(location: KeyLocation): KeyMaterial {
  const found = KEY_PURPOSES.map((purpose) => ({ purpose, found: findKeys(location, purpose) }));
  const missing = found.filter((entry) => entry.found === undefined).map((entry) => entry.purpose);
  if (missing.length > 0) throw missingKeys(missing);
  const [master, ucan, seal] = found.map((entry) => entry.found) as [FoundKeys, FoundKeys, FoundKeys];
  refuseSharedSecrets([...master.keys, ...ucan.keys, ...seal.keys]);
  return {
    master: master.keys,
    ucan: ucan.keys,
    seal: seal.keys,
    sources: { master: master.source, ucan: ucan.source, seal: seal.source },
  };
}

/**
 * Makes a key file for each purpose that has no key anywhere, and returns the paths it wrote. The caller holds the data
 * folder's lock.
 *
 * Throws `key_material_missing` where a database is there already: what it holds was sealed and signed by the missing
 * key, and a new one would hide that loss.
 */
export function createMissingKeyFiles(location: KeyLocation, entropy: KeyEntropy = SYSTEM_ENTROPY): readonly string[] {
  const missing = KEY_PURPOSES.filter((purpose) => findKeys(location, purpose) === undefined);
  if (missing.length === 0) return [];
  if (hasDatabase(location.dataFolder)) throw missingKeys(missing);
  prepareKeyFolder(location.dataFolder);
  return missing.map((purpose) => {
    const path = keyFilePath(location.dataFolder, purpose);
    writeFileDurably(path, formatKeyLines([createKey(purpose, entropy)]));
    return path;
  });
}

/**
 * Rotates: puts a new key in front of a purpose's key file and returns it; the older ones stay, for what they sealed and
 * signed. The caller holds the data folder's lock.
 *
 * Throws `key_material_missing` where there is none to rotate, `config_invalid` where the keys come from the environment
 * or a credential: who keeps them there adds the new line there.
 */
export function addKey(location: KeyLocation, purpose: KeyPurpose, entropy: KeyEntropy = SYSTEM_ENTROPY): MaterialKey {
  const found = findKeys(location, purpose);
  if (found === undefined) throw missingKeys([purpose]);
  if (found.source !== "file") {
    throw new WritError(
      "config_invalid",
      `the \`${purpose}\` keys are not in a file here: add the new one where they are`,
    );
  }
  const key = createKey(purpose, entropy);
  const path = keyFilePath(location.dataFolder, purpose);
  const text = formatKeyLines([key, ...found.keys]);
  parseKeyLines(text, purpose, `\`${path}\``);
  writeFileDurably(path, text);
  return key;
}

/** The path of a purpose's key file. */
export function keyFilePath(dataFolder: string, purpose: KeyPurpose): string {
  return join(dataFolder, "keys", `${purpose}.key`);
}

function findKeys({ dataFolder, raw }: KeyLocation, purpose: KeyPurpose): FoundKeys | undefined {
  const variable = VARIABLES[purpose];
  const lines = raw.settings.get(variable);
  if (lines !== undefined) return { keys: parseKeyLines(lines, purpose, `\`${variable}\``), source: "environment" };
  const credential = credentialPath(raw, purpose);
  const credentialText = credential === undefined ? undefined : readCredentialFile(credential);
  if (credentialText !== undefined) {
    return { keys: parseKeyLines(credentialText, purpose, `\`${credential}\``), source: "credential" };
  }
  if (!checkKeyFolder(join(dataFolder, "keys"))) return undefined;
  const path = keyFilePath(dataFolder, purpose);
  const text = readKeyFile(path);
  return text === undefined ? undefined : { keys: parseKeyLines(text, purpose, `\`${path}\``), source: "file" };
}

function credentialPath(raw: RawEnvironment, purpose: KeyPurpose): string | undefined {
  const folder = raw.credentialsDirectory;
  if (folder === undefined) return undefined;
  if (!isAbsolute(folder)) throw new WritError("config_invalid", "`CREDENTIALS_DIRECTORY` must be an absolute path");
  return join(folder, `writ-${purpose}.key`);
}

function refuseSharedSecrets(keys: readonly MaterialKey[]): void {
  for (const [index, key] of keys.entries()) {
    const twin = keys.slice(index + 1).find((other) => equalInConstantTime(key.secret, other.secret));
    if (twin === undefined) continue;
    throw new WritError(
      "key_material_invalid",
      `the keys \`${key.id}\` (${key.purpose}) and \`${twin.id}\` (${twin.purpose}) are one secret`,
    );
  }
}

function missingKeys(purposes: readonly KeyPurpose[]): WritError {
  return new WritError(
    "key_material_missing",
    `there is no key for ${purposes.map((name) => `\`${name}\``).join(", ")}`,
  );
}

function hasDatabase(dataFolder: string): boolean {
  return entriesOf(dataFolder).some((name) => DATABASE.test(name) && !KEYLESS_DATABASE.test(name));
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw cause;
  }
}

function prepareKeyFolder(dataFolder: string): void {
  const firstMade = mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const folder = join(dataFolder, "keys");
  if (checkKeyFolder(folder)) return;
  mkdirSync(folder, { mode: 0o700 });
  syncFolder(dataFolder);
  if (firstMade !== undefined) syncFolder(dirname(firstMade));
}
