import type { Bytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { MaterialKey } from "#src/config/key-line.ts";
import type { KeyMaterial } from "#src/config/key-material.ts";
import { createSigner, type Signer } from "#src/crypto/ed25519.ts";
import { deriveKey } from "#src/crypto/hash.ts";
import { open, seal } from "#src/crypto/sealing.ts";

/** A key as its table stores it: encrypted by the master key that is named beside it. */
export interface WrappedKey {
  readonly masterKeyId: string;
  readonly wrapped: Uint8Array;
}

/**
 * The instance's own keys at work: wraps and unwraps keys that are stored, derives each tenant's signing key. Key material
 * never leaves it. INVARIANT: what it wraps for one tenant and record opens for no other.
 */
export class Keyring {
  private material: KeyMaterial;
  private readonly signers = new Map<string, Signer>();
  private readonly handedOver = new Set<string>();
  private handOver: (id: string, seed: Uint8Array) => void = () => {};

  constructor(material: KeyMaterial) {
    this.material = material;
  }

  /** The newer material after a rotation: old keys are still in it. */
  replaceMaterial(material: KeyMaterial): void {
    this.material = material;
    this.signers.clear();
  }

  /** The id of the master key that wraps. */
  get masterKeyId(): string {
    return this.material.master[0].id;
  }

  /** The id of the UCAN root that tenants' signing keys are derived from. */
  get ucanKeyId(): string {
    return this.material.ucan[0].id;
  }

  /** The key that seals commits: its id and seed, for the writer's thread. */
  get sealKey(): { readonly id: string; readonly seed: Bytes; readonly signer: Signer } {
    const key = this.material.seal[0];
    return { id: key.id, seed: key.secret, signer: createSigner(key.secret) };
  }

  /** The ids of all master keys that are held, newest first. */
  masterKeyIds(): readonly string[] {
    return this.material.master.map((key) => key.id);
  }

  /** The seed of a seal key that is held. */
  sealSeed(id: string): Bytes | undefined {
    return this.material.seal.find((key) => key.id === id)?.secret;
  }

  /** Every seal key that is held, newest first. */
  sealSigners(): readonly { readonly id: string; readonly at: string; readonly signer: Signer }[] {
    return this.material.seal.map((key) => ({
      id: key.id,
      at: key.createdAt,
      signer: createSigner(key.secret),
    }));
  }

  /** Wraps a key of 32 bytes for one record. */
  wrap(tenant: TenantId, record: string, key: Uint8Array): WrappedKey {
    const master = this.material.master[0];
    return { masterKeyId: master.id, wrapped: seal(wrappingKey(master), key, ["key", tenant, record]) };
  }

  /** The inverse; throws `key_material_missing` where the master key is not held, `crypto_failed` where it does not open. */
  unwrap(tenant: TenantId, record: string, wrapped: WrappedKey): Bytes {
    const master = this.material.master.find((key) => key.id === wrapped.masterKeyId);
    if (master === undefined) {
      throw new WritError("key_material_missing", `the master key \`${wrapped.masterKeyId}\` is not here`);
    }
    return open(wrappingKey(master), wrapped.wrapped, ["key", tenant, record]);
  }

  /** A tenant's newest UCAN signing key. */
  ucanSigner(tenant: TenantId): Signer {
    return this.signerFrom(this.material.ucan[0], tenant);
  }

  /** The same with a name for it, and given to whoever signs with it before it is first named. */
  tokenKey(tenant: TenantId): { readonly id: string; readonly signer: Signer } {
    const root = this.material.ucan[0];
    const id = `${root.id} ${tenant}`;
    if (!this.handedOver.has(id)) {
      this.handedOver.add(id);
      this.handOver(id, deriveKey(root.secret, "writ.ucan.v1", tenant));
    }
    return { id, signer: this.signerFrom(root, tenant) };
  }

  /** Sets who signs tokens: gets each key once, with its name. */
  useTokenSigner(handOver: (id: string, seed: Uint8Array) => void): void {
    this.handOver = handOver;
    this.handedOver.clear();
  }

  /** All of a tenant's UCAN signing keys, newest first: a writ made before a rotation is good until it expires. */
  ucanSigners(tenant: TenantId): readonly Signer[] {
    return this.material.ucan.map((root) => this.signerFrom(root, tenant));
  }

  /** A tenant's newest cosigner key: signs that a person vouched. */
  cosignerSigner(tenant: TenantId): Signer {
    return this.signerFrom(this.material.ucan[0], tenant, "writ.cosigner.v1");
  }

  /** All of a tenant's cosigner keys, newest first. */
  cosignerSigners(tenant: TenantId): readonly Signer[] {
    return this.material.ucan.map((root) => this.signerFrom(root, tenant, "writ.cosigner.v1"));
  }

  private signerFrom(root: MaterialKey, tenant: TenantId, purpose = "writ.ucan.v1"): Signer {
    const id = `${purpose} ${root.id} ${tenant}`;
    let signer = this.signers.get(id);
    if (signer === undefined) {
      signer = createSigner(deriveKey(root.secret, purpose, tenant));
      this.signers.set(id, signer);
    }
    return signer;
  }
}

/** The master key encrypts nothing itself: a key for wrapping alone is derived from it. */
function wrappingKey(master: MaterialKey): Bytes {
  return deriveKey(master.secret, "writ.wrap.v1", "");
}
