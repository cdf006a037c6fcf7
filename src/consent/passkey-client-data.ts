import { equalBytes, fromBase64Url, fromUtf8 } from "#src/base/bytes.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";

/** What a browser signs beside the authenticator's own data (WebAuthn level 3, section 5.8.1). */
export interface ClientData {
  readonly type: string;
  /** Base64url. */
  readonly challenge: string;
  readonly origin: string;
}

/** What it must say. */
export interface ExpectedClientData {
  readonly type: "webauthn.create" | "webauthn.get";
  readonly challenge: Uint8Array;
  readonly origin: string;
}

/** A browser's is some 250 bytes. */
const MAX_CHARACTERS = 8192;

/**
 * Reads client data and holds it to what is expected. An answer given in a page that another origin framed is refused.
 *
 * Throws `passkey_refused`.
 */
export function readClientData(encoded: unknown, expected: ExpectedClientData): ClientData {
  const data = parseClientData(encoded);
  const isExpected =
    data.type === expected.type &&
    data.origin === expected.origin &&
    equalBytes(fromBase64Url(data.challenge), expected.challenge);
  if (!isExpected) throw new WritError("passkey_refused");
  return data;
}

/** The same without an expectation, to find the challenge that an answer is for. Throws `passkey_refused`. */
export function parseClientData(encoded: unknown): ClientData {
  if (typeof encoded !== "string" || encoded.length > MAX_CHARACTERS) throw new WritError("passkey_refused");
  try {
    const json = parseStrictJson(fromUtf8(fromBase64Url(encoded))) as Record<string, unknown> | null;
    const { type, challenge, origin, crossOrigin } = json ?? {};
    if (typeof type !== "string" || typeof challenge !== "string" || typeof origin !== "string") {
      throw new WritError("passkey_refused");
    }
    if (crossOrigin !== undefined && crossOrigin !== false) throw new WritError("passkey_refused");
    fromBase64Url(challenge);
    return { type, challenge, origin };
  } catch (cause) {
    if (isWritError(cause, "passkey_refused")) throw cause;
    throw new WritError("passkey_refused", undefined, { cause });
  }
}
