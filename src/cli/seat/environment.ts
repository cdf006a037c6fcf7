import { redactText } from "#src/redact/redact.ts";

/** Variables by name. */
export type Variables = Readonly<Record<string, string>>;

/** A variable that the agent does not get, and why. */
export interface RefusedVariable {
  readonly name: string;
  readonly because: string;
}

/** Names that say what a value is for. */
const CREDENTIAL_NAME =
  /(?:^|_)(?:TOKENS?|SECRETS?|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|CREDENTIALS?|CREDS|APIKEY|KEY|KEYS|PAT|AUTH|BEARER|COOKIE|DSN|JWT|PIN|OTP)(?:_|\d*$)/i;
const GLUED_NAME = /(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|APIKEY|CREDENTIAL)/i;
/** Names that look like that and are not. */
const HARMLESS_NAME =
  /^(?:PWD|OLDPWD|SSH_ASKPASS|SSH_AGENT_PID|XDG_[A-Z_]+|KEYBOARD_.*|COLORFGBG|LS_COLORS|TERM_SESSION_ID)$/;
/** What would let others act as this user, or load code into every program. */
const OPENING: ReadonlyMap<string, string> = new Map([
  ...["SSH_AUTH_SOCK", "GPG_AGENT_INFO", "DOCKER_HOST", "DBUS_SESSION_BUS_ADDRESS"].map(
    (name) => [name, "it leads to an agent that acts as this user"] as const,
  ),
  ...["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH", "BASH_ENV", "ENV"].map(
    (name) => [name, "it loads code into what is run"] as const,
  ),
  ...["NODE_OPTIONS", "BUN_OPTIONS", "PYTHONSTARTUP", "PERL5OPT", "RUBYOPT", "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT"].map(
    (name) => [name, "it loads code into what is run"] as const,
  ),
]);
const PROXY_NAME = /^(?:https?|all|no|ftp)_proxy$/i;
const URL_CREDENTIAL = /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i;
/** From so many characters on a value that has no words in it may be a secret whatever its name. */
const MIN_RANDOM = 24;
const MAX_RANDOM = 512;
/** Bits a character: hex of a random key has 4, base64 near 6, words and paths less. */
const RANDOM_HEX_BITS = 3.2;
const RANDOM_BITS = 4.2;

/**
 * The environment that an agent gets: everything that is no credential by its name or its value, and nothing that lets it
 * act by somebody else's hand. What is named in `allowed` passes, whatever it looks like.
 */
export function cleanEnvironment(
  variables: Readonly<Record<string, string | undefined>>,
  allowed: ReadonlySet<string>,
): { readonly kept: Variables; readonly refused: readonly RefusedVariable[] } {
  const kept: Record<string, string> = Object.create(null);
  const refused: RefusedVariable[] = [];
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) continue;
    const because = allowed.has(name) ? undefined : whyRefused(name, value);
    if (because === undefined) kept[name] = value;
    else refused.push({ name, because });
  }
  return { kept, refused };
}

/** Whether a variable is Writ's to set for the program. */
export function isReplaced(name: string): boolean {
  return name.startsWith("WRIT_") || PROXY_NAME.test(name);
}

/** Why a variable is not passed on; undefined for one that is. The value is not in it. */
export function whyRefused(name: string, value: string): string | undefined {
  const opening = OPENING.get(name);
  if (opening !== undefined) return opening;
  if (/^BASH_FUNC_/.test(name)) return "it loads code into what is run";
  if (name.startsWith("WRIT_")) return "it is a setting of Writ";
  if (PROXY_NAME.test(name)) return "calls go through Writ";
  if (value === "") return undefined;
  if (!HARMLESS_NAME.test(name) && (CREDENTIAL_NAME.test(name) || GLUED_NAME.test(name))) {
    return "its name is that of a credential";
  }
  if (URL_CREDENTIAL.test(value)) return "its value is an address with a password in it";
  const { findings } = redactText(value);
  findings.delete("invisible");
  const [found] = findings.keys();
  if (found !== undefined) return `its value is a credential by its form (${found})`;
  return isRandom(value) ? "its value looks random, as keys do" : undefined;
}

/** Whether a value is one word without structure, as keys and tokens are. */
function isRandom(value: string): boolean {
  if (value.length < MIN_RANDOM || value.length > MAX_RANDOM) return false;
  if (/^[0-9a-f]+$/i.test(value))
    return /\d/.test(value) && /[a-f]/i.test(value) && entropyOf(value) >= RANDOM_HEX_BITS;
  if (!/^[A-Za-z0-9+/=_-]+$/.test(value) || value.startsWith("/")) return false;
  return /\d/.test(value) && /[a-z]/.test(value) && /[A-Z]/.test(value) && entropyOf(value) >= RANDOM_BITS;
}

/** Shannon's, in bits a character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
