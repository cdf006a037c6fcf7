import { utf8 } from "#src/base/bytes.ts";
import { createSigner, type Signer } from "#src/crypto/ed25519.ts";
import { type PolicyBundle, publisherKeyId, signBundle } from "#src/policy/bundle.ts";

/** A publisher with a key of its own. */
export interface TestPublisher {
  readonly signer: Signer;
  readonly key: { readonly id: string; readonly publicKey: Uint8Array };
  /** A signed bundle; the rest is usual. */
  bundle(changes: Partial<PolicyBundle> & Pick<PolicyBundle, "version">): Uint8Array;
}

/** Permits lists of issues, and nothing else. */
export const LISTS = `@id("lists") permit (principal, action == Action::"/github/issues/list", resource);`;
/** Permits all. */
export const EVERYTHING = `@id("everything") permit (principal, action, resource);`;

/** Makes one whose key is made of this byte. */
export function createPublisher(seed: number, madeAt: () => number): TestPublisher {
  const signer = createSigner(new Uint8Array(32).fill(seed));
  return {
    signer,
    key: { id: publisherKeyId(signer.publicKey), publicKey: signer.publicKey },
    bundle: (changes) =>
      utf8(
        signBundle(
          {
            channel: "default",
            madeAt: madeAt(),
            maxAgeSeconds: null,
            policies: LISTS,
            schema: null,
            typeMap: null,
            revocations: { writs: [], keys: [], agents: [] },
            ...changes,
          },
          signer,
        ),
      ),
  };
}
