import type { RawEnvironment } from "./env.ts";
import {
  fail,
  isLoopbackHost,
  parseOrigin,
  parsePath,
  parseSeconds,
  parseWord,
  requiredTextOf,
  textOf,
} from "./setting-values.ts";
import type { SettingName } from "./settings.ts";

/** Where objects lie: a folder of this machine, or a bucket. Credentials are in it: never log it whole. */
export type StoreLocation =
  | { readonly kind: "folder"; readonly path: string }
  | {
      readonly kind: "s3";
      readonly endpoint: string;
      readonly region: string;
      readonly bucket: string;
      /** Empty, or ends with `/`. */
      readonly prefix: string;
      readonly style: "path" | "host";
      readonly credentials: { readonly accessKey: string; readonly secretKey: string };
      readonly encryption: string | undefined;
    };

/** How the archive is kept. */
export interface ArchiveConfig {
  readonly location: StoreLocation;
  /** How objects are locked; undefined: not at all. */
  readonly lock: "GOVERNANCE" | "COMPLIANCE" | undefined;
  readonly legalHold: boolean;
  /** How long segments are kept, locked and then expired by the store. */
  readonly retentionSeconds: number;
  /** How long a segment was in the archive before its local rows may go. */
  readonly graceSeconds: number;
  /** Whether the scheduler prunes; otherwise only a command does. */
  readonly prunes: boolean;
}

const DAY_SECONDS = 86_400;
const RETENTION_BOUNDS = { min: DAY_SECONDS, max: 100 * 366 * DAY_SECONDS };
const GRACE_BOUNDS = { min: 1, max: 10 * 366 * DAY_SECONDS };
const BUCKET_URL = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/((?:[A-Za-z0-9=_.-]+\/)*[A-Za-z0-9=_.-]+)?\/?)?$/;

/** The archive's settings; undefined where none is asked for. Throws `config_invalid`. */
export function parseArchiveConfig(raw: RawEnvironment): ArchiveConfig | undefined {
  const url = textOf(raw, "WRIT_ARCHIVE_URL");
  if (url === undefined) return undefined;
  const location = parseStoreLocation("WRIT_ARCHIVE_URL", url, raw);
  const lock = parseWord("WRIT_ARCHIVE_LOCK", requiredTextOf(raw, "WRIT_ARCHIVE_LOCK"), LOCKS);
  const legalHold = parseWord("WRIT_ARCHIVE_HOLD", requiredTextOf(raw, "WRIT_ARCHIVE_HOLD"), SWITCH) === "on";
  if (location.kind === "folder" && (lock !== "off" || legalHold)) {
    fail("WRIT_ARCHIVE_LOCK", "needs a bucket: a folder holds nothing against its owner");
  }
  if (legalHold && lock === "off") fail("WRIT_ARCHIVE_HOLD", "needs `WRIT_ARCHIVE_LOCK`");
  const seconds = (name: SettingName, bounds: { min: number; max: number }) =>
    parseSeconds(name, requiredTextOf(raw, name), bounds);
  return {
    location,
    lock: lock === "off" ? undefined : lock === "governance" ? "GOVERNANCE" : "COMPLIANCE",
    legalHold,
    retentionSeconds: seconds("WRIT_ARCHIVE_RETENTION", RETENTION_BOUNDS),
    graceSeconds: seconds("WRIT_ARCHIVE_GRACE", GRACE_BOUNDS),
    prunes: parseWord("WRIT_ARCHIVE_PRUNE", requiredTextOf(raw, "WRIT_ARCHIVE_PRUNE"), SWITCH) === "on",
  };
}

/**
 * A folder's path or `s3://bucket/prefix`; how the bucket is reached and with which credentials is in other settings.
 * Throws `config_invalid` with `name` in front.
 */
export function parseStoreLocation(name: SettingName, url: string, raw: RawEnvironment): StoreLocation {
  if (!url.startsWith("s3:")) {
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) fail(name, "must be a folder, or `s3://bucket/prefix`");
    return { kind: "folder", path: parsePath(name, url) };
  }
  const [, bucket, prefix] = BUCKET_URL.exec(url) ?? [];
  const isAmbiguous = prefix?.split("/").some((part) => /^\.{1,2}$/.test(part)) === true;
  if (bucket === undefined || isAmbiguous) return fail(name, "must be a folder, or `s3://bucket/prefix`");
  const region = requiredTextOf(raw, "WRIT_ARCHIVE_REGION");
  if (!/^[a-z0-9-]{1,40}$/.test(region)) fail("WRIT_ARCHIVE_REGION", "must be the name of a region");
  const given = textOf(raw, "WRIT_ARCHIVE_ENDPOINT");
  const endpoint = given === undefined ? `https://s3.${region}.amazonaws.com` : parseEndpoint(given);
  const style = textOf(raw, "WRIT_ARCHIVE_STYLE") ?? (given === undefined ? "host" : "path");
  return {
    kind: "s3",
    endpoint,
    region,
    bucket,
    prefix: prefix === undefined ? "" : `${prefix}/`,
    style: parseWord("WRIT_ARCHIVE_STYLE", style, ["path", "host"]),
    credentials: {
      accessKey: parseCredential("WRIT_ARCHIVE_ACCESS_KEY", raw),
      secretKey: parseCredential("WRIT_ARCHIVE_SECRET_KEY", raw),
    },
    encryption: parseEncryption(textOf(raw, "WRIT_ARCHIVE_ENCRYPTION")),
  };
}

const LOCKS = ["off", "governance", "compliance"] as const;
const SWITCH = ["on", "off"] as const;

/** What is archived must not cross a network in the clear. */
function parseEndpoint(text: string): string {
  const origin = parseOrigin("WRIT_ARCHIVE_ENDPOINT", text);
  if (origin.startsWith("http:") && !isLoopbackHost(new URL(origin).hostname)) {
    fail("WRIT_ARCHIVE_ENDPOINT", "must be https, or http to this machine");
  }
  return origin;
}

function parseCredential(
  name: Extract<SettingName, "WRIT_ARCHIVE_ACCESS_KEY" | "WRIT_ARCHIVE_SECRET_KEY">,
  raw: RawEnvironment,
): string {
  const text = textOf(raw, name);
  if (text === undefined) return fail(name, "is missing, and the store is a bucket");
  return /^[\x21-\x7e]{1,256}$/.test(text) ? text : fail(name, "must be visible ASCII characters");
}

function parseEncryption(text: string | undefined): string | undefined {
  if (text === undefined || text === "AES256" || /^aws:kms(?::[A-Za-z0-9:/_-]{1,200})?$/.test(text)) return text;
  return fail("WRIT_ARCHIVE_ENCRYPTION", "must be `AES256`, `aws:kms` or `aws:kms:KEY`");
}
