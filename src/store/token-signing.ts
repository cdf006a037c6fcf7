import { toBase64Url } from "#src/base/bytes.ts";
import { invariant } from "#src/base/errors.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import { type SealedToken, signHalf } from "#src/ucan/envelope.ts";
import type { Work } from "./committer.ts";
import type { UnitResult } from "./unit.ts";

/** A batch whose events name the tokens that came into being with them. */
export interface SignedBatch {
  readonly work: readonly Work[];
  /** In the order of the work; undefined where there is none. */
  readonly tokens: readonly (SealedToken | undefined)[];
}

/** Signs the tokens of a batch and puts the CID of each where its event has room for it. */
export function signTokens(batch: readonly Work[], signers: ReadonlyMap<string, Signer>): SignedBatch {
  const tokens = batch.map((work) => {
    const draft = "touch" in work ? undefined : work.event.token;
    if (draft === undefined) return undefined;
    const signer = signers.get(draft.keyId);
    invariant(signer !== undefined, "a token names a key that the writer was given");
    return signHalf(draft.signedBytes, signer);
  });
  const work = batch.map((item, i) => {
    const token = tokens[i];
    if (token === undefined || "touch" in item || item.event.token === undefined) return item;
    const { dataJson, token: draft, ...event } = item.event;
    return { ...item, event: { ...event, dataJson: replaceAt(dataJson, draft.cidAt, token.cid) } };
  });
  return { work, tokens };
}

/** The results of a batch, each committed unit with its token: one that was refused gives none away. */
export function withTokens(
  results: readonly (UnitResult | undefined)[],
  tokens: SignedBatch["tokens"],
): (UnitResult | undefined)[] {
  return results.map((result, i) => {
    const token = tokens[i];
    if (token === undefined || result?.kind !== "committed") return result;
    return { ...result, token: { text: toBase64Url(token.bytes), cid: token.cid } };
  });
}

function replaceAt(text: string, at: number, part: string): string {
  return text.slice(0, at) + part + text.slice(at + part.length);
}
