import type { Bytes } from "#src/base/bytes.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { sha256 } from "#src/crypto/hash.ts";

/** What a person's authenticator signs for. */
export type ChallengePurpose = "approval" | "emergency" | "review";

const DOMAINS: Readonly<Record<ChallengePurpose, string>> = {
  approval: "writ.approval.v1\n",
  emergency: "writ.emergency.v1\n",
  review: "writ.review.v1\n",
};

/** The WebAuthn challenge: `SHA-256(domain || JCS(preimage))`, so that the signature is over every member of the preimage. */
export function approvalChallenge(purpose: ChallengePurpose, preimage: JsonObject): Bytes {
  return sha256(`${DOMAINS[purpose]}${canonicalize(preimage)}`);
}
