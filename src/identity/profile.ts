import { WritError } from "#src/base/errors.ts";

/** What people are called, by others and by e-mail. */
export interface Profile {
  readonly name: string;
  readonly email?: string;
}

const MAX_NAME = 80;
const MAX_EMAIL = 254;
/** One `@` with something that has no white space on either side: whether it is somebody's, the invitation shows. */
const EMAIL = /^[^\s@<>"]+@[^\s@<>"]+$/;
/** Control and formatting characters, line ends, lone surrogates: what could make a name look like another, or like markup of a terminal. */
const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

/** A profile with its names trimmed. Throws `invalid_argument`. */
export function parseProfile({ name, email }: Profile): Profile {
  return {
    name: parseLabel(name, "name"),
    ...(email === undefined ? {} : { email: parseEmail(email) }),
  };
}

/** A name that people read: 1 to 80 characters without control or formatting characters. Throws `invalid_argument`. */
export function parseLabel(value: string, field: string): string {
  const label = value.normalize("NFC").trim();
  if (label.length >= 1 && label.length <= MAX_NAME && !UNFIT.test(label)) return label;
  throw new WritError("invalid_argument", `\`${field}\` must have 1 to ${MAX_NAME} characters, none of them invisible`);
}

function parseEmail(value: string): string {
  const email = value.trim();
  if (email.length <= MAX_EMAIL && EMAIL.test(email) && !UNFIT.test(email)) return email;
  throw new WritError("invalid_argument", "`email` is no e-mail address");
}
