import { fromUtf8, toBase64, utf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import type { AuthKind } from "#src/store/connections.ts";

/** What its owner gives for a connection; sealed at once. */
export type Credential =
  | { readonly kind: "none" }
  | { readonly kind: "bearer"; readonly value: string }
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "header"; readonly name: string; readonly value: string }
  | { readonly kind: "query"; readonly name: string; readonly value: string };

/** A credential as it goes into one call, and every form of it that must not come back. */
export interface Injection {
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Parameters, encoded, joined by `&`; empty for none. */
  readonly query: string;
  readonly knownValues: readonly Uint8Array[];
}

/** Printable ASCII without space around it: what a header can carry and nothing can split. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const QUERY_NAME = /^[A-Za-z0-9._~-]{1,100}$/;
/** Headers that frame a message or name its destination: a credential that went there would change what is sent. */
const FRAMING = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "te",
  "upgrade",
  "trailer",
  "expect",
]);
const MIN_VALUE_CHARACTERS = 8;
const MAX_VALUE_CHARACTERS = 16_384;

/** Checks what an owner gave. Throws `invalid_argument`, never with the value in it. */
export function checkCredential(credential: Credential): void {
  switch (credential.kind) {
    case "none":
      return;
    case "basic":
      if (/:|\p{Cc}/u.test(credential.username)) refuse("the username has a colon or a control character");
      if (/\p{Cc}/u.test(credential.password)) refuse("the password has a control character");
      checkLength(credential.username + credential.password);
      return;
    case "bearer":
      checkHeaderValue(credential.value);
      return;
    case "header":
      if (!HEADER_NAME.test(credential.name)) refuse("the header's name is malformed");
      if (FRAMING.has(credential.name.toLowerCase())) refuse("this header cannot carry a credential");
      checkHeaderValue(credential.value);
      return;
    case "query":
      if (!QUERY_NAME.test(credential.name)) refuse("the parameter's name is malformed");
      checkLength(credential.value);
      return;
  }
}

/** The name of the header or parameter, where the kind has one. */
export function credentialName(credential: Credential): string | null {
  return credential.kind === "header" || credential.kind === "query" ? credential.name : null;
}

/** The bytes that are sealed. */
export function encodeCredential(credential: Credential): Uint8Array {
  if (credential.kind === "none") return new Uint8Array(0);
  return utf8(credential.kind === "basic" ? `${credential.username}:${credential.password}` : credential.value);
}

/** Puts an unsealed credential into the form that its kind has in a call. */
export function injectCredential(kind: AuthKind, name: string | null, secret: Uint8Array): Injection {
  const value = fromUtf8(secret);
  switch (kind) {
    case "none":
      return { headers: [], query: "", knownValues: [] };
    case "bearer":
      return { headers: [["authorization", `Bearer ${value}`]], query: "", knownValues: [secret] };
    case "basic": {
      const password = value.slice(value.indexOf(":") + 1);
      const encoded = toBase64(secret);
      // A short password would match ordinary text: the pair and its encoding are looked for instead.
      const known = password.length >= 8 ? [utf8(password)] : [];
      return { headers: [["authorization", `Basic ${encoded}`]], query: "", knownValues: [secret, ...known] };
    }
    case "header":
      return { headers: [[(name ?? "").toLowerCase(), value]], query: "", knownValues: [secret, ...partsOf(value)] };
    case "query":
      return { headers: [], query: `${name}=${encodeURIComponent(value)}`, knownValues: [secret] };
  }
}

/** The secret within a header that has a scheme before it (`Token …`) or is made of pairs (`session=…; …`). */
function partsOf(value: string): Uint8Array[] {
  const parts = value.split(/[\s;]+/).flatMap((part) => [part, part.slice(part.indexOf("=") + 1)]);
  return [...new Set(parts)].filter((part) => part !== value && part.length >= MIN_VALUE_CHARACTERS).map(utf8);
}

function checkHeaderValue(value: string): void {
  if (!HEADER_VALUE.test(value)) refuse("the value is empty or has characters that a header cannot carry");
  checkLength(value);
}

function checkLength(value: string): void {
  if (value.length < MIN_VALUE_CHARACTERS) {
    refuse(`the value has fewer than ${MIN_VALUE_CHARACTERS} characters, too few to be recognised in an answer`);
  }
  if (value.length > MAX_VALUE_CHARACTERS) refuse(`the value is longer than ${MAX_VALUE_CHARACTERS} characters`);
}

function refuse(why: string): never {
  throw new WritError("invalid_argument", why);
}
