import { equalBytes, fromBase64Url, fromUtf8, toBase64Url } from "#src/base/bytes.ts";
import { canonicalize, type Json, type JsonObject } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { type CoseVerifier, coseVerifier } from "#src/crypto/cose.ts";
import { sha256 } from "#src/crypto/hash.ts";
import { approvalChallenge, type ChallengePurpose } from "./approval-challenge.ts";
import type { EnrolmentLine } from "./enrolment.ts";
import type { ParsedEvent } from "./event.ts";
import type { EventCheck } from "./event-check.ts";
import type { ProblemCode, VerifyProblem } from "./report.ts";
import { isJsonObject } from "./shape.ts";

/** What a signed event must say besides its signature. */
interface SignedKind {
  readonly purpose: ChallengePurpose;
  /** The preimage's member that names who signed. */
  readonly signer: string;
  /** Members that event and preimage must agree on. */
  readonly same: readonly string[];
  readonly verdict?: "approved" | "denied";
}

const APPROVAL = {
  purpose: "approval",
  signer: "approver",
  same: ["approval", "call_digest", "policy_version"],
} as const;
const YES: SignedKind = { ...APPROVAL, same: [...APPROVAL.same, "grant", "expires_at"], verdict: "approved" };

/** The events that a person's passkey signs. */
const SIGNED: ReadonlyMap<string, SignedKind> = new Map<string, SignedKind>([
  ["approval.approved", YES],
  ["approval.vouched", YES],
  ["approval.denied", { ...APPROVAL, verdict: "denied" }],
  [
    "emergency.opened",
    { purpose: "emergency", signer: "owner", same: ["emergency", "agent", "command", "expires_at"] },
  ],
  ["emergency.reviewed", { purpose: "review", signer: "reviewer", same: ["emergency"] }],
]);

const OTHERWISE = "the enrolment that was given is not the one that the chain has";
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const RP_ID_HASH_BYTES = 32;
const MIN_AUTHENTICATOR_DATA_BYTES = 37;

/**
 * Checks that whoever is said to have decided did sign it: for each approval, denial, emergency grant and review, that the
 * challenge is the digest of the preimage, that the preimage says what the event says, and that the assertion verifies
 * (WebAuthn level 3, section 7.2: type, challenge, origin, RP id, user present and verified, signature) with a passkey that
 * the auditor holds, of that person, enrolled and not removed at the time. An enrolment that the chain has otherwise is a
 * finding as well.
 */
export function assertionCheck(enrolments: readonly EnrolmentLine[]): EventCheck {
  const byCredential = new Map(enrolments.map((line) => [`${line.tenant} ${line.credentialId}`, line]));
  return assertionCheckBy(
    (tenant, credential) => byCredential.get(`${tenant} ${credential}`),
    (tenant, at) => enrolments.some((line) => line.tenant === tenant && line.enrolledAt < at),
  );
}

/**
 * What a person signed in an event that a person decides; `isSigned` is false for any other event, and there is no
 * assertion where nobody's passkey is said to have signed it.
 */
export function signedAssertionOf({ type, data }: Pick<ParsedEvent, "type" | "data">): {
  readonly isSigned: boolean;
  readonly assertion: JsonObject | undefined;
} {
  if (!SIGNED.has(type)) return { isSigned: false, assertion: undefined };
  const { method, assertion } = data;
  return { isSigned: true, assertion: method === "passkey" && isJsonObject(assertion) ? assertion : undefined };
}

/**
 * The same check, for enrolments that come with what is checked.
 *
 * @param findLine the enrolment of a credential in a tenant, as far as it is known by then
 * @param hadPasskey whether somebody of the tenant is known to have had a passkey before a time, besides what the chain says
 */
export function assertionCheckBy(
  findLine: (tenant: string, credential: string) => EnrolmentLine | undefined,
  hadPasskey: (tenant: string, at: string) => boolean = () => false,
): EventCheck {
  const verifiers = new Map<string, CoseVerifier>();
  const verifierOf = (line: EnrolmentLine): CoseVerifier => {
    const known = verifiers.get(line.credentialId);
    if (known !== undefined) return known;
    const verifier = coseVerifier(line.publicKey, line.algorithm);
    verifiers.set(line.credentialId, verifier);
    return verifier;
  };
  return {
    name: "assertions",
    begin: (tenant) => {
      const seen = new Set<string>();
      const enrolled = new Map<string, ParsedEvent>();
      const gone = new Set<string>();
      return {
        event: (event) => {
          const credential = textOf(event.data, "credential_id");
          if (event.type === "passkey.enrolled") {
            enrolled.set(credential, event);
            const line = findLine(tenant, credential);
            return line === undefined || isEnrolledSo(event, line)
              ? []
              : [problem(event, "assertion_invalid", OTHERWISE)];
          }
          if (event.type === "passkey.removed") gone.add(credential);
          if (event.type === "person.revoked") gone.add(textOf(event.data, "subject"));
          const kind = SIGNED.get(event.type);
          if (kind === undefined) return [];
          if (event.data["method"] !== "passkey") {
            const isLate = enrolled.size > 0 || hadPasskey(tenant, event.at);
            return isLate ? [problem(event, "assertion_missing", "nobody's passkey signed it")] : [];
          }
          try {
            return checkSigned(event, kind, seen, (id) => {
              const line = findLine(tenant, id);
              if (line === undefined) return undefined;
              const before = enrolled.get(id);
              const isOther = before !== undefined && !isEnrolledSo(before, line);
              const complaint = isOther
                ? OTHERWISE
                : gone.has(id) || gone.has(line.subject)
                  ? "its passkey had been removed before"
                  : undefined;
              return { line, verify: verifierOf(line), complaint };
            });
          } catch (error) {
            if (!isWritError(error)) throw error;
            return [problem(event, "assertion_invalid", error.message)];
          }
        },
      };
    },
  };
}

type FindKey = (
  credential: string,
) =>
  | { readonly line: EnrolmentLine; readonly verify: CoseVerifier; readonly complaint: string | undefined }
  | undefined;

function checkSigned(
  event: ParsedEvent,
  kind: SignedKind,
  seen: Set<string>,
  findKey: FindKey,
): readonly VerifyProblem[] {
  const { preimage, assertion } = event.data;
  if (!isJsonObject(preimage) || !isJsonObject(assertion)) {
    return [problem(event, "assertion_missing", "it holds no preimage or no assertion")];
  }
  const disagreement = disagreementOf(event, kind, preimage);
  if (disagreement !== undefined) return [problem(event, "assertion_invalid", disagreement)];
  const key = findKey(textOf(assertion, "credential_id"));
  if (key === undefined) return [problem(event, "approver_unknown", "its passkey is not among those given")];
  const challenge = toBase64Url(approvalChallenge(kind.purpose, preimage));
  if (seen.has(challenge)) return [problem(event, "assertion_invalid", "the same challenge was answered before")];
  seen.add(challenge);
  const complaint =
    keyComplaint(event, key.line) ?? assertionComplaint(assertion, challenge, key.line, key.verify) ?? key.complaint;
  return complaint === undefined ? [] : [problem(event, "assertion_invalid", complaint)];
}

function disagreementOf(event: ParsedEvent, kind: SignedKind, preimage: JsonObject): string | undefined {
  if (preimage[kind.signer] !== event.actor) return "somebody else signed it than the event says";
  if (kind.verdict !== undefined && preimage["verdict"] !== kind.verdict) return "the other verdict was signed";
  if (kind.verdict === "denied" && preimage["grant"] !== null) return "a denial was signed with a grant";
  const other = kind.same.find((name) => !isSame(preimage[name], event.data[name]));
  return other === undefined ? undefined : `\`${other}\` was signed with another value`;
}

function keyComplaint({ actor, at }: ParsedEvent, line: EnrolmentLine): string | undefined {
  if (line.subject !== actor) return "its passkey is another person's";
  if (line.enrolledAt > at) return "its passkey was enrolled later";
  if (line.removedAt !== undefined && line.removedAt < at) return "its passkey had been removed before";
  return undefined;
}

function assertionComplaint(
  assertion: JsonObject,
  challenge: string,
  { origin, rpId }: EnrolmentLine,
  verify: CoseVerifier,
): string | undefined {
  const clientBytes = fromBase64Url(textOf(assertion, "client_data"));
  const client = parseStrictJson(fromUtf8(clientBytes));
  if (!isJsonObject(client)) return "the client data is no object";
  if (client["type"] !== "webauthn.get") return "the client data is not an assertion's";
  if (client["challenge"] !== challenge) return "the challenge is not the digest of the preimage";
  if (client["origin"] !== origin) return "it was signed for another origin";
  if (client["crossOrigin"] === true) return "it was signed inside another site's page";
  const data = fromBase64Url(textOf(assertion, "authenticator_data"));
  if (data.length < MIN_AUTHENTICATOR_DATA_BYTES) return "the authenticator data is too short";
  if (!equalBytes(data.subarray(0, RP_ID_HASH_BYTES), sha256(rpId))) return "it was signed for another RP id";
  const flags = data[RP_ID_HASH_BYTES] ?? 0;
  if ((flags & USER_PRESENT) === 0 || (flags & USER_VERIFIED) === 0) return "the user was not verified";
  const signed = new Uint8Array([...data, ...sha256(clientBytes)]);
  return verify(signed, fromBase64Url(textOf(assertion, "signature"))) ? undefined : "the signature does not verify";
}

function isEnrolledSo({ data }: ParsedEvent, line: EnrolmentLine): boolean {
  const { subject, algorithm, rpId, origin } = line;
  const given: JsonObject = { subject, algorithm, rp_id: rpId, origin, public_key: toBase64Url(line.publicKey) };
  return Object.entries(given).every(([name, value]) => isSame(data[name], value));
}

function isSame(a: Json | undefined, b: Json | undefined): boolean {
  return a !== undefined && b !== undefined && canonicalize(a) === canonicalize(b);
}

function textOf(object: JsonObject, name: string): string {
  const value = object[name];
  return typeof value === "string" ? value : "";
}

function problem({ seq }: ParsedEvent, code: ProblemCode, what: string): VerifyProblem {
  return { seq, code, message: `event ${seq}: ${what}` };
}
