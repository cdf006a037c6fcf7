import { fromBase64Url, toBase64Url } from "#src/base/bytes.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { parseCanonical } from "./canonical-text.ts";
import { isIdentifier, isTimestamp, requireMembers } from "./shape.ts";

/**
 * An enrolled passkey, as an auditor holds it: the key that checks what it signed, and whose it is. A file of these lines,
 * one each, is what `--approvers` reads; a bundle can hold them too.
 */
export interface EnrolmentLine {
  readonly tenant: string;
  readonly passkey: string;
  readonly person: string;
  /** What stands for the person in events. */
  readonly subject: string;
  /** What the person is called; left out where it was erased. */
  readonly name?: string;
  /** Base64url, as in an assertion's evidence. */
  readonly credentialId: string;
  /** COSE_Key (RFC 9052 section 7). */
  readonly publicKey: Uint8Array;
  /** COSE algorithm: -7 ES256, -8 EdDSA, -257 RS256. */
  readonly algorithm: number;
  /** What its answers are for. */
  readonly rpId: string;
  readonly origin: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly enrolledAt: string;
  /** From then on it signs nothing. */
  readonly removedAt?: string;
}

const ENROLMENT_VERSION = 1;
const ALGORITHMS: readonly unknown[] = [-7, -8, -257];
const REQUIRED = [
  "algorithm",
  "credential_id",
  "enrolled_at",
  "kind",
  "origin",
  "passkey",
  "person",
  "public_key",
  "rp_id",
  "subject",
  "tenant",
  "v",
];

/** The JSON of an enrolment line. */
export function enrolmentToJson(enrolment: EnrolmentLine): JsonObject {
  return {
    kind: "enrolment",
    v: ENROLMENT_VERSION,
    tenant: enrolment.tenant,
    passkey: enrolment.passkey,
    person: enrolment.person,
    subject: enrolment.subject,
    ...(enrolment.name === undefined ? {} : { name: enrolment.name }),
    credential_id: enrolment.credentialId,
    public_key: toBase64Url(enrolment.publicKey),
    algorithm: enrolment.algorithm,
    rp_id: enrolment.rpId,
    origin: enrolment.origin,
    enrolled_at: enrolment.enrolledAt,
    ...(enrolment.removedAt === undefined ? {} : { removed_at: enrolment.removedAt }),
  };
}

/** The line, in its RFC 8785 form, without its line feed. */
export function enrolmentLine(enrolment: EnrolmentLine): string {
  return canonicalize(enrolmentToJson(enrolment));
}

/** Reads a line, strictly. Throws `verification_failed`. */
export function parseEnrolmentLine(line: string): EnrolmentLine {
  return parseEnrolment(parseCanonical(line, "the enrolment") as JsonObject);
}

/** Reads the JSON of a line, strictly. Throws `verification_failed`. */
export function parseEnrolment(value: JsonObject): EnrolmentLine {
  const json = requireMembers(value, REQUIRED, "the enrolment", ["name", "removed_at"]);
  const text = (name: string): string => {
    const member = json[name];
    return typeof member === "string" && member !== "" ? member : refuse(`\`${name}\` is not text`);
  };
  if (json["kind"] !== "enrolment" || json["v"] !== ENROLMENT_VERSION) refuse("this version of it is not known");
  for (const name of ["tenant", "passkey", "person", "subject"]) {
    if (!isIdentifier(json[name])) refuse(`\`${name}\` is not an identifier`);
  }
  if (!ALGORITHMS.includes(json["algorithm"])) refuse("`algorithm` is not one of -7, -8, -257");
  if (!isTimestamp(json["enrolled_at"])) refuse("`enrolled_at` is not a time");
  if (json["removed_at"] !== undefined && !isTimestamp(json["removed_at"])) refuse("`removed_at` is not a time");
  decode(text("credential_id"), "credential_id");
  return {
    tenant: text("tenant"),
    passkey: text("passkey"),
    person: text("person"),
    subject: text("subject"),
    ...(json["name"] === undefined ? {} : { name: text("name") }),
    credentialId: text("credential_id"),
    publicKey: decode(text("public_key"), "public_key"),
    algorithm: json["algorithm"] as number,
    rpId: text("rp_id"),
    origin: text("origin"),
    enrolledAt: text("enrolled_at"),
    ...(json["removed_at"] === undefined ? {} : { removedAt: text("removed_at") }),
  };
}

function decode(text: string, name: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch (error) {
    if (!isWritError(error)) throw error;
    return refuse(`\`${name}\` is not base64url`);
  }
}

function refuse(problem: string): never {
  throw new WritError("verification_failed", `the enrolment is malformed: ${problem}`);
}
