import { fromBase64, toBase64, utf8 } from "#src/base/bytes.ts";
import { type Signer, verifySignature } from "#src/crypto/ed25519.ts";

/**
 * Proof that a device made a request: an HTTP Message Signature (RFC 9421) with Ed25519 over method, path, query, credential,
 * digest of the body (RFC 9530) and the agent and run that it acts for, with a time and a nonce. One label, `writ`, and one order
 * of components, so that there is one text to sign for each request.
 */
export interface SignedParts {
  readonly method: string;
  /** As it stands in the request's line. */
  readonly path: string;
  /** With its `?`; empty for none. */
  readonly query: string;
  /** Header fields by lower-case name; those of {@link COVERED} that are there are signed. */
  readonly header: (name: string) => string | undefined;
}

/** When a proof was made, and what makes it one of a kind. */
export interface ProofStamp {
  /** Seconds since 1970. */
  readonly created: number;
  /** 16 to 64 characters of base64url. */
  readonly nonce: string;
}

/** A proof as it stands in the request's header. */
export interface ReadProof extends ProofStamp {
  readonly signature: Uint8Array;
}

/** The header fields that a proof covers where the request has them. */
export const COVERED = ["authorization", "content-digest", "writ-agent", "writ-run"] as const;

const LABEL = "writ";
const NONCE = "[A-Za-z0-9_-]{16,64}";

/** The value of `Content-Digest` (RFC 9530) for a body. @param sha256 its 32 bytes */
export function contentDigest(sha256: Uint8Array): string {
  return `sha-256=:${toBase64(sha256)}:`;
}

/** The 32 bytes in a `Content-Digest` of exactly one SHA-256; undefined for any other text. */
export function parseContentDigest(text: string): Uint8Array | undefined {
  const encoded = /^sha-256=:([A-Za-z0-9+/]{43}=):$/.exec(text)?.[1];
  if (encoded === undefined) return undefined;
  try {
    return fromBase64(encoded);
  } catch {
    return undefined;
  }
}

/** The header fields that prove it: `Signature-Input` and `Signature`. */
export function signParts(signer: Signer, parts: SignedParts, stamp: ProofStamp): Readonly<Record<string, string>> {
  const params = paramsOf(parts, stamp);
  return {
    "signature-input": `${LABEL}=${params}`,
    signature: `${LABEL}=:${toBase64(signer.sign(utf8(signatureBase(parts, params))))}:`,
  };
}

/** What the two header fields say; undefined where they are not exactly a proof of these parts. Nothing is verified yet. */
export function readProof(parts: SignedParts): ReadProof | undefined {
  const input = parts.header("signature-input") ?? "";
  const encoded = /^writ=:([A-Za-z0-9+/]{86}==):$/.exec(parts.header("signature") ?? "")?.[1];
  const stamp = new RegExp(`;created=([1-9][0-9]{0,11});nonce="(${NONCE})";alg="ed25519"$`).exec(input);
  if (encoded === undefined || stamp === null) return undefined;
  const [, created = "", nonce = ""] = stamp;
  const proof = { created: Number(created), nonce };
  if (input !== `${LABEL}=${paramsOf(parts, proof)}`) return undefined;
  try {
    return { ...proof, signature: fromBase64(encoded) };
  } catch {
    return undefined;
  }
}

/** Whether the key made the proof, for these parts. */
export function verifyProof(publicKey: Uint8Array, parts: SignedParts, proof: ReadProof): boolean {
  return verifySignature(proof.signature, utf8(signatureBase(parts, paramsOf(parts, proof))), publicKey);
}

/** RFC 9421 section 2.3. */
function paramsOf(parts: SignedParts, { created, nonce }: ProofStamp): string {
  const names = componentsOf(parts).map(([name]) => `"${name}"`);
  return `(${names.join(" ")});created=${created};nonce="${nonce}";alg="ed25519"`;
}

/** RFC 9421 section 2.5. */
function signatureBase(parts: SignedParts, params: string): string {
  return [...componentsOf(parts).map(([name, value]) => `"${name}": ${value}`), `"@signature-params": ${params}`].join(
    "\n",
  );
}

function componentsOf({ method, path, query, header }: SignedParts): readonly (readonly [string, string])[] {
  const fields = COVERED.map((name) => [name, header(name)] as const).filter(
    (field): field is readonly [(typeof COVERED)[number], string] => field[1] !== undefined,
  );
  return [
    ["@method", method],
    ["@path", path],
    // RFC 9421 section 2.2.7: a query that is not there is `?`.
    ["@query", query === "" ? "?" : query],
    ...fields.map(([name, value]) => [name, value.trim()] as const),
  ];
}
