import { WritError } from "#src/base/errors.ts";
import { isSettingName, type SettingName, suggestSetting } from "./settings.ts";

/** What the environment says, unparsed. It holds secrets: never log it whole. */
export interface RawEnvironment {
  /** The variables of `SETTINGS` that are set and not empty. */
  readonly settings: ReadonlyMap<SettingName, string>;
  /** systemd's socket for readiness (`NOTIFY_SOCKET`, sd_notify(3)). */
  readonly notifySocket: string | undefined;
  /** The folder of systemd's credentials (`CREDENTIALS_DIRECTORY`, systemd.exec(5)). */
  readonly credentialsDirectory: string | undefined;
}

/** Variables by name, as `process.env` gives them. */
export type EnvironmentVariables = Record<string, string | undefined>;

const PREFIX = "WRIT_";
const PROXY_VARIABLES: ReadonlySet<string> = new Set(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]);

/**
 * Reads the environment; the only place that does. An empty variable counts as unset, as systemd and shells leave them.
 *
 * Throws `config_invalid` for a variable that starts with `WRIT_` and is not one that Writ reads: a mistyped restriction
 * must not be a restriction that is silently absent. The variable's value is not in the message.
 */
export function readEnvironment(env: EnvironmentVariables = process.env): RawEnvironment {
  const settings = new Map<SettingName, string>();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX)) continue;
    if (!isSettingName(name)) throw new WritError("config_invalid", describeUnknown(name));
    if (value !== undefined && value !== "") settings.set(name, value);
  }
  return {
    settings,
    notifySocket: env["NOTIFY_SOCKET"] || undefined,
    credentialsDirectory: env["CREDENTIALS_DIRECTORY"] || undefined,
  };
}

/** The variables that a program which is started from here would inherit. They hold secrets: never log them. */
export function inheritedVariables(env: EnvironmentVariables = process.env): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/**
 * Deletes the variables that redirect HTTP clients, in any case, and returns the names it found. The runtime's fetch
 * obeys them even for loopback; calls to upstreams go through `WRIT_PROXY` or nothing.
 */
export function removeProxyVariables(env: EnvironmentVariables = process.env): readonly string[] {
  const found = Object.keys(env).filter((name) => PROXY_VARIABLES.has(name.toUpperCase()));
  for (const name of found) delete env[name];
  return found;
}

function describeUnknown(name: string): string {
  const nearest = suggestSetting(name);
  const hint = nearest === undefined ? "" : `, did you mean \`${nearest}\``;
  return `\`${name.slice(0, 60)}\` is not a setting${hint}`;
}
