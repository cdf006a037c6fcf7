import { fromBase64, fromUtf8, toBase64, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type Json, type JsonObject } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { isId } from "#src/base/ids.ts";
import { parseName } from "#src/base/names.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { isAcceptableKey, type Signer, verifySignature } from "#src/crypto/ed25519.ts";
import { sha256Hex } from "#src/crypto/hash.ts";

/** What a bundle takes back, wherever it is imported. What an instance has never heard of is passed over there. */
export interface BundleRevocations {
  /** CIDs of writs and delegations. */
  readonly writs: readonly string[];
  /** Ids of keys and tokens: `tok_…`. */
  readonly keys: readonly string[];
  /** Agents by `did:key:…`, which is the same everywhere, or by their id. */
  readonly agents: readonly string[];
}

/** How AuthZEN's names are called in Cedar: pairs of theirs and ours. */
export interface BundleTypeMap {
  readonly subject_types: readonly (readonly [string, string])[];
  readonly resource_types: readonly (readonly [string, string])[];
  readonly actions: readonly (readonly [string, string])[];
}

/** Policies and all that goes with them, as a publisher signs them. */
export interface PolicyBundle {
  /** Whom it is for: a tenant trusts a key for one channel. */
  readonly channel: string;
  /** Grows from one bundle of a channel to the next. */
  readonly version: number;
  /** Milliseconds. */
  readonly madeAt: number;
  /** So long after it was made its policies decide nothing any more; null for ever. */
  readonly maxAgeSeconds: number | null;
  readonly policies: string;
  /** Cedar's schema syntax; null leaves the tenant's own. */
  readonly schema: string | null;
  /** Null leaves the tenant's own. */
  readonly typeMap: BundleTypeMap | null;
  readonly revocations: BundleRevocations;
}

/** A bundle as it was read, with what it is known by. */
export interface ReadBundle extends PolicyBundle {
  /** Id of the key that signed it. */
  readonly key: string;
  readonly publicKey: Uint8Array;
  /** Of the whole file, hex. */
  readonly sha256: string;
}

/** A bundle is no longer than this, in bytes: as a blob, in base64, it fits into one line of evidence. */
export const MAX_BUNDLE_BYTES = 11 * 2 ** 20;
/** Of each kind. */
export const MAX_REVOCATIONS = 20_000;
const MAX_PAIRS = 1000;
const MAX_AGE_SECONDS = 10 * 366 * 86_400;
const CONTEXT = "writ.policy-bundle.v1\n";
const FORMAT = 1;
const CID = /^bafyrei[a-z2-7]{52}$/;
const DID = /^did:key:z[1-9A-HJ-NP-Za-km-z]{40,60}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const MEMBERS = [
  "channel",
  "key",
  "kind",
  "made_at",
  "max_age_seconds",
  "policies",
  "revocations",
  "schema",
  "type_map",
  "v",
  "version",
] as const;

/** The id that a publisher's key is known by: the first 16 hex digits of SHA-256 over the public key. */
export function publisherKeyId(publicKey: Uint8Array): string {
  return sha256Hex(publicKey).slice(0, 16);
}

/**
 * The file of a bundle: two lines of canonical JSON, what is said and who signs it. Throws `bundle_invalid` for what
 * {@link readBundle} would not take.
 */
export function signBundle(bundle: PolicyBundle, signer: Signer): string {
  const key = publisherKeyId(signer.publicKey);
  const said = canonicalize({
    channel: bundle.channel,
    key,
    kind: "policy-bundle",
    made_at: toRfc3339(bundle.madeAt),
    max_age_seconds: bundle.maxAgeSeconds,
    policies: bundle.policies,
    revocations: bundle.revocations,
    schema: bundle.schema,
    type_map: bundle.typeMap,
    v: FORMAT,
    version: bundle.version,
  });
  const signature = toBase64(signer.sign(utf8(CONTEXT + said)));
  const signed = canonicalize({ key, kind: "signature", public_key: toBase64(signer.publicKey), signature });
  const text = `${said}\n${signed}\n`;
  readBundle(utf8(text));
  return text;
}

/**
 * Reads a bundle and checks its signature, before anything else of it is looked at. Whether the key may be believed is for
 * the caller to say: here it only agrees with itself.
 *
 * Throws `bundle_invalid` for a file that is no bundle, is cut off or too long, is not canonical, or says more or less than
 * the format has; `bundle_untrusted` for a signature that is not of these bytes.
 */
export function readBundle(file: Uint8Array): ReadBundle {
  if (file.length > MAX_BUNDLE_BYTES) invalid(`it is longer than ${MAX_BUNDLE_BYTES} bytes`);
  const [said, signed] = linesOf(file);
  const { key, publicKey, signature } = readSignature(signed);
  if (!verifySignature(signature, utf8(CONTEXT + said), publicKey)) {
    throw new WritError("bundle_untrusted", "the signature is not of this bundle");
  }
  const members = exactly(readCanonical(said), MEMBERS, "the bundle");
  if (members["kind"] !== "policy-bundle" || members["v"] !== FORMAT) invalid("it is of another format");
  if (members["key"] !== key) invalid("it names another key than the one that signed it");
  return { ...readMembers(members), key, publicKey, sha256: sha256Hex(file) };
}

function linesOf(file: Uint8Array): readonly [said: string, signed: string] {
  let text: string;
  try {
    text = fromUtf8(file);
  } catch {
    return invalid("it is not UTF-8");
  }
  const [said, signed, end, ...more] = text.split("\n", 4);
  if (said === undefined || signed === undefined || end !== "" || more.length > 0) {
    return invalid("it is not two lines, each with its line feed: it may be cut off");
  }
  return [said, signed];
}

function readSignature(line: string) {
  const members = exactly(readCanonical(line), ["key", "kind", "public_key", "signature"], "the signature");
  if (members["kind"] !== "signature") invalid("its second line is no signature");
  const publicKey = bytesOf(members["public_key"]);
  if (!isAcceptableKey(publicKey)) invalid("its key is no Ed25519 key");
  const key = members["key"];
  if (key !== publisherKeyId(publicKey)) return invalid("its key's id is not that key's");
  return { key, publicKey, signature: bytesOf(members["signature"]) };
}

function readMembers(members: JsonObject): PolicyBundle {
  const policies = members["policies"];
  if (typeof policies !== "string") return invalid("`policies` is no text");
  const schema = members["schema"];
  if (schema !== null && typeof schema !== "string") return invalid("`schema` is no text");
  const age = members["max_age_seconds"];
  return {
    channel: channelOf(members["channel"]),
    version: wholeOf(members["version"], "version", Number.MAX_SAFE_INTEGER),
    madeAt: timeOf(members["made_at"]),
    maxAgeSeconds: age === null ? null : wholeOf(age, "max_age_seconds", MAX_AGE_SECONDS),
    policies,
    schema,
    typeMap: members["type_map"] === null ? null : typeMapOf(members["type_map"]),
    revocations: revocationsOf(members["revocations"]),
  };
}

function revocationsOf(json: Json | undefined): BundleRevocations {
  const members = exactly(json, ["agents", "keys", "writs"], "`revocations`");
  const listed = (name: string, isOne: (text: string) => boolean): readonly string[] => {
    const list = members[name];
    if (!Array.isArray(list) || list.length > MAX_REVOCATIONS) return invalid(`\`revocations.${name}\` is no list`);
    return list.map((entry) =>
      typeof entry === "string" && isOne(entry) ? entry : invalid(`\`revocations.${name}\` names what is none`),
    );
  };
  return {
    writs: listed("writs", (text) => CID.test(text)),
    keys: listed("keys", (text) => isId("token", text)),
    agents: listed("agents", (text) => DID.test(text) || isId("agent", text)),
  };
}

function typeMapOf(json: Json | undefined): BundleTypeMap {
  const members = exactly(json, ["actions", "resource_types", "subject_types"], "`type_map`");
  const pairs = (name: string): readonly (readonly [string, string])[] => {
    const list = members[name];
    if (!Array.isArray(list) || list.length > MAX_PAIRS) return invalid(`\`type_map.${name}\` is no list`);
    return list.map((pair) => {
      const [theirs, ours, ...more] = Array.isArray(pair) ? pair : [];
      const isPair = typeof theirs === "string" && typeof ours === "string" && more.length === 0;
      return isPair ? ([theirs, ours] as const) : invalid(`\`type_map.${name}\` has what is no pair`);
    });
  };
  return {
    subject_types: pairs("subject_types"),
    resource_types: pairs("resource_types"),
    actions: pairs("actions"),
  };
}

function channelOf(json: Json | undefined): string {
  try {
    return parseName(json, "channel");
  } catch {
    return invalid("`channel` is no name");
  }
}

function wholeOf(json: Json | undefined, name: string, max: number): number {
  if (typeof json === "number" && Number.isSafeInteger(json) && json >= 1 && json <= max) return json;
  return invalid(`\`${name}\` is no whole number from 1 to ${max}`);
}

function timeOf(json: Json | undefined): number {
  const time = typeof json === "string" && TIME.test(json) ? Date.parse(json) : Number.NaN;
  if (Number.isNaN(time) || toRfc3339(time) !== json) return invalid("`made_at` is no time");
  return time;
}

function bytesOf(json: Json | undefined): Uint8Array {
  try {
    return fromBase64(typeof json === "string" ? json : "-");
  } catch {
    return invalid("a key or signature is no base64");
  }
}

/** A line's value; the one text that stands for it is the line itself. */
function readCanonical(line: string): Json {
  let value: Json;
  try {
    value = parseStrictJson(line);
  } catch (error) {
    return invalid(isWritError(error) ? error.message : "it is not JSON");
  }
  return canonicalize(value) === line ? value : invalid("it is not in canonical form");
}

function exactly(json: Json | undefined, names: readonly string[], what: string): JsonObject {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return invalid(`${what} is no object`);
  const missing = names.find((name) => !Object.hasOwn(json, name));
  if (missing !== undefined) return invalid(`${what} has no \`${missing}\``);
  const unknown = Object.keys(json).find((name) => !names.includes(name));
  if (unknown !== undefined) return invalid(`${what} has a member \`${unknown.slice(0, 60)}\` that the format has not`);
  return json as JsonObject;
}

function invalid(why: string): never {
  throw new WritError("bundle_invalid", `the policy bundle cannot be used: ${why}`);
}
