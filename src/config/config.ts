import type { LogLevel } from "#src/base/log.ts";
import { parseToken } from "#src/crypto/tokens.ts";
import type { AddressRange } from "./address-range.ts";
import { type ArchiveConfig, parseArchiveConfig, parseStoreLocation, type StoreLocation } from "./archive-config.ts";
import type { RawEnvironment } from "./env.ts";
import {
  fail,
  isLoopbackHost,
  type ListenAddress,
  parseBearer,
  parseBytes,
  parseCount,
  parseListen,
  parseOrigin,
  parsePath,
  parseProxyUrl,
  parseRanges,
  parseSeconds,
  parseWord,
  requiredTextOf,
  textOf,
} from "./setting-values.ts";
import type { SettingName } from "./settings.ts";

/** PEM files of a TLS server. Nothing has read them yet. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Bounds on what is accepted, kept and asked for. */
export interface Limits {
  /** Disk space of one tenant; 0 is unlimited. */
  readonly tenantQuotaBytes: number;
  /** Free disk space below which nothing new is granted. */
  readonly diskReserveBytes: number;
  /** Requests a minute from one source address; 0 is unlimited. */
  readonly ratePerSource: number;
  /** Requests a minute from one agent; 0 is unlimited. */
  readonly ratePerAgent: number;
  /** Requests a minute from one tenant; 0 is unlimited. */
  readonly ratePerTenant: number;
  /** How long an approval waits for a person. */
  readonly approvalTtlSeconds: number;
  /** How long a writ is good unless less is asked for. */
  readonly writTtlSeconds: number;
  /** How long a writ can be asked to be good. */
  readonly maxWritTtlSeconds: number;
  /** Largest body of a request to Writ itself. */
  readonly maxBodyBytes: number;
  /** Largest body of a call through the proxy that streams. */
  readonly maxUploadBytes: number;
  /** Largest body of a call that a person has to see first. */
  readonly maxSpoolBytes: number;
  /** Largest answer taken from an upstream. */
  readonly maxResponseBytes: number;
}

/** The forward proxy's settings. */
export interface ForwardConfig {
  readonly listen: ListenAddress;
  /** What becomes of hosts that no connection leads to. */
  readonly others: "refuse" | "tunnel";
  /** Where clients reach the proxy itself by TLS. */
  readonly tls: TlsFiles | undefined;
}

/** The settings of a server, checked one by one and against each other. No key is in it. */
export interface Config {
  readonly dataFolder: string;
  readonly listen: ListenAddress;
  /** The forward proxy; undefined where there is none. */
  readonly forward: ForwardConfig | undefined;
  /** An origin: `https://writ.example`. */
  readonly publicUrl: string;
  /** Addresses whose `X-Forwarded-*` headers are believed. */
  readonly trustProxy: readonly AddressRange[];
  readonly tls: TlsFiles | undefined;
  /** PEM file with authorities to trust for upstreams, beside the public ones. */
  readonly upstreamCaFile: string | undefined;
  /** The http or https proxy for upstream calls; may hold credentials. */
  readonly upstreamProxy: string | undefined;
  /** Private ranges that the instance operator lets connections reach. */
  readonly allowRanges: readonly AddressRange[];
  readonly logLevel: LogLevel;
  /** Bearer token of `/metrics`; without one it answers loopback only. */
  readonly metricsToken: string | undefined;
  /** How often each chain gets a checkpoint. */
  readonly checkpointEvery: "day" | "hour";
  readonly limits: Limits;
  /** Where and how events are archived; holds the store's credentials. Undefined where no archive is kept. */
  readonly archive: ArchiveConfig | undefined;
  /** Where backups go; holds the store's credentials. Undefined where none are made by themselves. */
  readonly backup: StoreLocation | undefined;
  /** A cron expression in UTC; without one a backup is made each day. */
  readonly backupSchedule: string | undefined;
  /** Whether telemetry is kept. */
  readonly keepsTelemetry: boolean;
}

/** The settings of the commands that talk to a server. */
export interface ClientConfig {
  /** Where the operator's socket is. */
  readonly dataFolder: string;
  /** The server's origin, where it is not the one behind the socket. */
  readonly url: string | undefined;
  readonly token: string | undefined;
  /** Where this machine's pairing is kept, where that is not the usual place. */
  readonly deviceFile: string | undefined;
  /** The run that an agent's hooks and calls belong to. */
  readonly run: string | undefined;
}

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const FORWARD_OTHERS = ["refuse", "tunnel"] as const;
const SWITCH = ["on", "off"] as const;
const CHECKPOINT_PERIODS = ["day", "hour"] as const;
const MIB = 2 ** 20;
const TIB = 2 ** 40;
const WRIT_TTL_SECONDS = 60;
const MAX_WRIT_TTL_SECONDS = 300;
const SPOOL_BYTES = 4 * MIB;
const RATE_BOUNDS = { min: 0, max: 1_000_000_000 };
const APPROVAL_BOUNDS = { min: 30, max: 7 * 86_400 };

/** The server's settings. Throws `config_invalid`, naming the variable and never a secret's value. */
export function parseConfig(raw: RawEnvironment): Config {
  const config: Config = {
    dataFolder: parsePath("WRIT_DATA", requiredTextOf(raw, "WRIT_DATA")),
    listen: parseListen("WRIT_LISTEN", requiredTextOf(raw, "WRIT_LISTEN")),
    forward: parseForward(raw),
    publicUrl: parseOrigin("WRIT_PUBLIC_URL", requiredTextOf(raw, "WRIT_PUBLIC_URL")),
    trustProxy: parseRanges("WRIT_TRUST_PROXY", textOf(raw, "WRIT_TRUST_PROXY")),
    tls: parseTls(raw),
    upstreamCaFile: optional(raw, "WRIT_UPSTREAM_CA", parsePath),
    upstreamProxy: optional(raw, "WRIT_PROXY", parseProxyUrl),
    allowRanges: parseRanges("WRIT_ALLOW_RANGES", textOf(raw, "WRIT_ALLOW_RANGES")),
    logLevel: parseWord("WRIT_LOG", requiredTextOf(raw, "WRIT_LOG"), LOG_LEVELS),
    metricsToken: parseBearer("WRIT_METRICS_TOKEN", textOf(raw, "WRIT_METRICS_TOKEN")),
    checkpointEvery: parseWord(
      "WRIT_CHECKPOINT_EVERY",
      requiredTextOf(raw, "WRIT_CHECKPOINT_EVERY"),
      CHECKPOINT_PERIODS,
    ),
    limits: parseLimits(raw),
    archive: parseArchiveConfig(raw),
    backup: parseBackupLocation(raw),
    backupSchedule: optional(raw, "WRIT_BACKUP_SCHEDULE", parseSchedule),
    keepsTelemetry: parseWord("WRIT_TELEMETRY", requiredTextOf(raw, "WRIT_TELEMETRY"), SWITCH) === "on",
  };
  checkListen(config);
  return config;
}

/**
 * The client's settings. Throws `config_invalid` for a malformed one, for a token without a server to present it to, and
 * for a token that would cross a network in the clear.
 */
export function parseClientConfig(raw: RawEnvironment): ClientConfig {
  const url = optional(raw, "WRIT_URL", parseOrigin);
  const token = textOf(raw, "WRIT_TOKEN");
  if (token !== undefined && parseToken(token) === undefined) fail("WRIT_TOKEN", "is not a credential of Writ");
  if (token !== undefined && url === undefined) fail("WRIT_TOKEN", "needs `WRIT_URL`");
  if (url !== undefined) checkServerUrl(url);
  return {
    dataFolder: parsePath("WRIT_DATA", requiredTextOf(raw, "WRIT_DATA")),
    url,
    token,
    deviceFile: optional(raw, "WRIT_DEVICE_FILE", parsePath),
    run: textOf(raw, "WRIT_RUN"),
  };
}

/** The origin of a server that commands talk to. Throws `config_invalid` for one that would be spoken to in the clear. */
export function parseServerUrl(text: string): string {
  const url = parseOrigin("WRIT_URL", text);
  checkServerUrl(url);
  return url;
}

function checkServerUrl(url: string): void {
  if (!url.startsWith("http:") || isLoopbackHost(new URL(url).hostname)) return;
  fail("WRIT_URL", "must be https, or http to this machine");
}

/** Agents present their keys to it: beyond this machine it speaks TLS, as an `https:` proxy. */
function parseForward(raw: RawEnvironment): Config["forward"] {
  const text = textOf(raw, "WRIT_FORWARD_LISTEN");
  const others = parseWord("WRIT_FORWARD_OTHERS", requiredTextOf(raw, "WRIT_FORWARD_OTHERS"), FORWARD_OTHERS);
  if (text === undefined) return undefined;
  const listen = parseListen("WRIT_FORWARD_LISTEN", text);
  const tls = isLoopbackHost(listen.host) ? undefined : parseTls(raw);
  if (tls === undefined && !isLoopbackHost(listen.host)) {
    fail("WRIT_FORWARD_LISTEN", "is not loopback: set `WRIT_TLS_CERT` and `WRIT_TLS_KEY`");
  }
  return { listen, others, tls };
}

function parseBackupLocation(raw: RawEnvironment): StoreLocation | undefined {
  const url = textOf(raw, "WRIT_BACKUP_URL");
  return url === undefined ? undefined : parseStoreLocation("WRIT_BACKUP_URL", url, raw);
}

/** Five fields; whether they ever come is for the scheduler to say, at the start. */
function parseSchedule(name: SettingName, text: string): string {
  if (/^(?:[A-Za-z0-9*,/#-]+\s+){4}[A-Za-z0-9*,/#-]+$/.test(text)) return text;
  return fail(name, "must be a cron expression of five fields, such as `30 2 * * *`");
}

function parseTls(raw: RawEnvironment): TlsFiles | undefined {
  const certFile = textOf(raw, "WRIT_TLS_CERT");
  const keyFile = textOf(raw, "WRIT_TLS_KEY");
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined) return fail("WRIT_TLS_CERT", "is missing, and `WRIT_TLS_KEY` is set");
  if (keyFile === undefined) return fail("WRIT_TLS_KEY", "is missing, and `WRIT_TLS_CERT` is set");
  return { certFile: parsePath("WRIT_TLS_CERT", certFile), keyFile: parsePath("WRIT_TLS_KEY", keyFile) };
}

function parseLimits(raw: RawEnvironment): Limits {
  const bytes = (name: SettingName, min: number, max: number) =>
    parseBytes(name, requiredTextOf(raw, name), { min, max });
  const rate = (name: SettingName) => parseCount(name, requiredTextOf(raw, name), RATE_BOUNDS);
  return {
    tenantQuotaBytes: bytes("WRIT_TENANT_QUOTA", 0, 1024 * TIB),
    diskReserveBytes: bytes("WRIT_DISK_RESERVE", MIB, TIB),
    ratePerSource: rate("WRIT_RATE_SOURCE"),
    ratePerAgent: rate("WRIT_RATE_AGENT"),
    ratePerTenant: rate("WRIT_RATE_TENANT"),
    approvalTtlSeconds: parseSeconds("WRIT_APPROVAL_TTL", requiredTextOf(raw, "WRIT_APPROVAL_TTL"), APPROVAL_BOUNDS),
    writTtlSeconds: WRIT_TTL_SECONDS,
    maxWritTtlSeconds: MAX_WRIT_TTL_SECONDS,
    maxBodyBytes: bytes("WRIT_MAX_BODY", 1024, 64 * MIB),
    maxUploadBytes: bytes("WRIT_MAX_UPLOAD", SPOOL_BYTES, TIB),
    maxSpoolBytes: SPOOL_BYTES,
    maxResponseBytes: bytes("WRIT_MAX_RESPONSE", 1024, TIB),
  };
}

/** Credentials must not cross a network in the clear: by TLS here, or by TLS in the proxy that the operator names. */
function checkListen(config: Config): void {
  if (isLoopbackHost(config.listen.host) || config.tls !== undefined || config.trustProxy.length > 0) return;
  fail(
    "WRIT_LISTEN",
    "is not loopback: set `WRIT_TLS_CERT` and `WRIT_TLS_KEY`, or name the proxy in `WRIT_TRUST_PROXY`",
  );
}

function optional(
  raw: RawEnvironment,
  name: SettingName,
  parse: (name: SettingName, text: string) => string,
): string | undefined {
  const text = textOf(raw, name);
  return text === undefined ? undefined : parse(name, text);
}
