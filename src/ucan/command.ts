import { WritError } from "#src/base/errors.ts";

/** How long a command may be, in UTF-16 code units. */
export const MAX_COMMAND_CHARACTERS = 512;

const FORM = /^(?:\/|(?:\/[^/\s\p{Cc}\p{Surrogate}]+)+)$/u;

/**
 * Whether `command` is well-formed (UCAN specification, "Command"): lower case, begins with `/`, has no empty segment and,
 * unless it is the top command `/`, no trailing slash. White space and control characters are refused too.
 */
export function isCommand(command: unknown): command is string {
  if (typeof command !== "string" || command.length > MAX_COMMAND_CHARACTERS) return false;
  return FORM.test(command) && command === command.toLowerCase();
}

/** `command` if it is well-formed; throws `writ_invalid`. */
export function parseCommand(command: unknown): string {
  if (!isCommand(command)) throw new WritError("writ_invalid", "the command is malformed");
  return command;
}

/**
 * Whether a delegation of `proof` covers `command`: they are the same, or `command` goes on after a whole segment. `/foo`
 * covers `/foo/bar` and not `/foobar`; `/` covers everything.
 */
export function commandCovers(proof: string, command: string): boolean {
  return proof === "/" || command === proof || (command.startsWith(proof) && command.charCodeAt(proof.length) === 0x2f);
}
