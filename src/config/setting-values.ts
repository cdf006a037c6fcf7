import { WritError } from "#src/base/errors.ts";
import { type AddressRange, isLoopbackAddress, parseAddress, parseAddressRange } from "./address-range.ts";
import type { RawEnvironment } from "./env.ts";
import { findSetting, type SettingName } from "./settings.ts";

/** Where a server listens. */
export interface ListenAddress {
  /** `localhost` or an IP address, IPv6 without its brackets. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

const BYTE_UNITS: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
  ["TiB", 2 ** 40],
]);
const SECOND_UNITS: ReadonlyMap<string, number> = new Map([
  ["s", 1],
  ["m", 60],
  ["h", 3600],
  ["d", 86_400],
]);

/** The text of a variable, its default where it is unset, or undefined where it has neither. */
export function textOf(raw: RawEnvironment, name: SettingName): string | undefined {
  return raw.settings.get(name) ?? (findSetting(name)?.default || undefined);
}

/** The text of a variable that has a default. */
export function requiredTextOf(raw: RawEnvironment, name: SettingName): string {
  return textOf(raw, name) ?? fail(name, "is missing");
}

/** Throws `config_invalid` with the variable's name in front. */
export function fail(name: SettingName, problem: string): never {
  throw new WritError("config_invalid", `\`${name}\` ${problem}`);
}

/** `host:port`; the host is `localhost`, an IPv4 address, or an IPv6 address in brackets. */
export function parseListen(name: SettingName, text: string): ListenAddress {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(0|[1-9][0-9]{0,4})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return fail(name, "must be an address and a port, such as `127.0.0.1:8620`");
  const host = match[1] ?? match[2] ?? "";
  const bytes = parseAddress(host);
  const isRightForm = match[1] === undefined ? host === "localhost" || bytes !== undefined : host.includes(":");
  if (!isRightForm || (match[1] !== undefined && bytes === undefined)) {
    return fail(name, "must name `localhost`, an IPv4 address, or an IPv6 address in brackets");
  }
  return { host, port };
}

/** Whether only this machine can reach `host`. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.startsWith("[") ? host.slice(1, -1) : host;
  return bare === "localhost" || isLoopbackAddress(bare);
}

/** An absolute http or https URL without credentials, query and fragment, and with an empty path: its origin. */
export function parseOrigin(name: SettingName, text: string): string {
  const url = parseHttpUrl(name, text);
  if (url.username !== "" || url.password !== "") return fail(name, "must not hold a user name or password");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "" || /[?#]/.test(text)) {
    return fail(name, "must be an origin: scheme, host and port alone");
  }
  return url.origin;
}

/** An http or https proxy, credentials allowed. */
export function parseProxyUrl(name: SettingName, text: string): string {
  const url = parseHttpUrl(name, text);
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    return fail(name, "must be scheme, credentials, host and port alone");
  }
  return url.href;
}

function parseHttpUrl(name: SettingName, text: string): URL {
  const url = /^https?:\/\/[^\s\\]+$/.test(text) ? URL.parse(text) : null;
  if (url === null) return fail(name, "must be an http or https URL");
  return url;
}

/** Ranges separated by commas. A prefix of length 0 is refused: naming everyone names no one. */
export function parseRanges(name: SettingName, text: string | undefined): readonly AddressRange[] {
  if (text === undefined) return [];
  return text.split(",").map((part) => {
    const range = parseOneRange(name, part.trim());
    return range.prefixLength === 0 ? fail(name, `must not hold \`${range.text}\`, which is every address`) : range;
  });
}

function parseOneRange(name: SettingName, text: string): AddressRange {
  try {
    return parseAddressRange(text);
  } catch (cause) {
    throw new WritError("config_invalid", `\`${name}\`: ${(cause as Error).message}`, { cause });
  }
}

/** A number of bytes with its unit: `512MiB`. A bare number is bytes. */
export function parseBytes(name: SettingName, text: string, bounds: { min: number; max: number }): number {
  const match = /^(0|[1-9][0-9]{0,14}) ?(B|[KMGT]iB)?$/.exec(text);
  if (match === null) return fail(name, "must be a number of bytes, such as `512MiB`");
  return inBounds(name, Number(match[1]) * (BYTE_UNITS.get(match[2] ?? "B") ?? 1), bounds, "bytes");
}

/** A duration with its unit: `15m`. */
export function parseSeconds(name: SettingName, text: string, bounds: { min: number; max: number }): number {
  const match = /^([1-9][0-9]{0,8}) ?([smhd])$/.exec(text);
  if (match === null) return fail(name, "must be a duration, such as `15m`");
  return inBounds(name, Number(match[1]) * (SECOND_UNITS.get(match[2] ?? "s") ?? 1), bounds, "seconds");
}

/** A whole number in decimal. */
export function parseCount(name: SettingName, text: string, bounds: { min: number; max: number }): number {
  if (!/^(?:0|[1-9][0-9]{0,14})$/.test(text)) return fail(name, "must be a whole number");
  return inBounds(name, Number(text), bounds, "");
}

function inBounds(name: SettingName, value: number, bounds: { min: number; max: number }, unit: string): number {
  if (value < bounds.min || value > bounds.max) {
    return fail(name, `must be ${bounds.min} to ${bounds.max}${unit === "" ? "" : ` ${unit}`}`);
  }
  return value;
}

/** One of a few words. */
export function parseWord<Word extends string>(name: SettingName, text: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === text);
  return word ?? fail(name, `must be one of ${words.map((candidate) => `\`${candidate}\``).join(", ")}`);
}

/** A bearer token that the operator chose: 16 to 512 visible ASCII characters. */
export function parseBearer(name: SettingName, text: string | undefined): string | undefined {
  if (text !== undefined && !/^[\x21-\x7e]{16,512}$/.test(text)) {
    return fail(name, "must be 16 to 512 visible ASCII characters");
  }
  return text;
}

/** A path without NUL. Relative paths stay relative to where the program was started. */
export function parsePath(name: SettingName, text: string): string {
  if (text.includes("\0")) return fail(name, "must not hold a NUL");
  return text;
}
