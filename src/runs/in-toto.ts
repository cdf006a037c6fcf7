import { type Bytes, concatBytes, toBase64, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import { keyId } from "#src/ledger/keys.ts";
import { type Run, renderRoute } from "./run.ts";
import type { ReceiptEvidence } from "./timeline.ts";

/** Type of an in-toto Statement, version 1. */
export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
/** Type of what a statement of a receipt says. */
export const RECEIPT_PREDICATE = "urn:writ:receipt:v1";
/** What a DSSE envelope says that it holds. */
export const IN_TOTO_PAYLOAD = "application/vnd.in-toto+json";

/** A DSSE envelope (version 1.0.2) with one signature. */
export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly [{ readonly keyid: string; readonly sig: string }];
}

/**
 * A receipt as an in-toto Statement (attestation framework, version 1). Its subjects are the artifacts; of a receipt without
 * any, the event that it is, by the event's hash; undefined where there is neither.
 */
export function receiptStatement(
  tenant: TenantId,
  run: Run,
  { receipt, decision, event }: ReceiptEvidence,
): JsonObject | undefined {
  const { artifacts = [], ...details } = (receipt.details ?? {}) as { readonly artifacts?: readonly JsonObject[] };
  const made = artifacts.map(({ name = "", sha256 = "", media_type: mediaType = "" }) => ({
    name,
    mediaType,
    digest: { sha256 },
  }));
  const subject =
    made.length > 0 || event === undefined ? made : [{ name: `event ${receipt.id}`, digest: { sha256: event.hash } }];
  if (subject.length === 0) return undefined;
  return {
    _type: STATEMENT_TYPE,
    subject,
    predicateType: RECEIPT_PREDICATE,
    predicate: {
      receipt: receipt.id,
      at: toRfc3339(receipt.at),
      tenant,
      run: {
        id: run.id,
        root: run.root,
        agent: run.agent,
        ...(run.device === null ? {} : { device: run.device }),
        ...(run.person === null ? {} : { person: run.person }),
        ...(run.parent === null ? {} : { parent: run.parent }),
        ...(run.level === null ? {} : { level: run.level }),
        route: renderRoute(run.route),
      },
      tier: receipt.tier,
      success: receipt.success,
      duration_ms: receipt.durationMs,
      ...details,
      ...(decision === null
        ? {}
        : { decision: { id: decision.id, outcome: decision.decision, command: decision.command } }),
      ...(receipt.approval === null
        ? {}
        : {
            approval: {
              id: receipt.approval,
              ...(decision?.approvedBy == null ? {} : { approved_by: decision.approvedBy }),
            },
          }),
      ...(event === undefined ? {} : { event: { seq: event.seq, hash: event.hash } }),
    },
  };
}

/** Signs a statement: a DSSE envelope over its RFC 8785 form. */
export function signStatement(signer: Signer, statement: JsonObject): Envelope {
  const payload = utf8(canonicalize(statement));
  const signature = signer.sign(preAuthEncoding(IN_TOTO_PAYLOAD, payload));
  return {
    payloadType: IN_TOTO_PAYLOAD,
    payload: toBase64(payload),
    signatures: [{ keyid: keyId(signer.publicKey), sig: toBase64(signature) }],
  };
}

/** What a DSSE signature is over: `PAE(type, payload)`, DSSE version 1.0.2. Nothing else that Writ signs begins so. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Bytes {
  const type = utf8(payloadType);
  return concatBytes(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload);
}
