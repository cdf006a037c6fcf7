import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fromBase64Url, toBase64Url } from "#src/base/bytes.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import { parseServerUrl } from "#src/config/config.ts";
import { writeFileDurably } from "#src/config/durable-write.ts";
import { createSigner, KEY_BYTES } from "#src/crypto/ed25519.ts";
import { sha256 } from "#src/crypto/hash.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { parseToken } from "#src/crypto/tokens.ts";
import { COVERED, contentDigest, signParts } from "#src/identity/device-proof.ts";
import type { Caller, RequestProver } from "./client.ts";

/** What a paired machine keeps: where, as whom, and the key that is nobody else's. No provider's credential is in it. */
export interface DeviceIdentity {
  readonly url: string;
  readonly device: string;
  readonly name: string;
  readonly token: string;
  /** Base64url of 32 bytes. */
  readonly seed: string;
  readonly agents: readonly { readonly id: string; readonly name: string }[];
}

const MAX_FILE_BYTES = 64 * 1024;
const OTHERS = 0o077;

/** The file of this machine's pairing. @param configured `WRIT_DEVICE_FILE`, where it is set */
export function deviceFile(configured: string | undefined): string {
  return configured ?? join(homedir(), ".config", "writ", "device.json");
}

/** Undefined where the machine is not paired. Throws `key_material_unsafe` for a file that others can read, `key_material_invalid`. */
export function readIdentity(path: string): DeviceIdentity | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (process.platform !== "win32" && (found.mode & OTHERS) !== 0) {
    throw new WritError("key_material_unsafe", `others can read \`${path}\`: chmod 600, or pair anew`);
  }
  if (!found.isFile() || found.size > MAX_FILE_BYTES) throw notAPairing(path);
  try {
    return parseIdentity(JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, unknown>>, path);
  } catch (error) {
    if (error instanceof WritError) throw error;
    throw new WritError("key_material_invalid", `\`${path}\` does not read: ${messageOf(error)}`);
  }
}

/** Writes it for this user alone. */
export function writeIdentity(path: string, identity: DeviceIdentity): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileDurably(path, `${JSON.stringify({ v: 1, ...identity }, null, 2)}\n`);
}

export function removeIdentity(path: string): void {
  rmSync(path);
}

/** Who asks as this machine. @param agent the one that it acts for, where it acts for several */
export function deviceCaller(identity: DeviceIdentity, agent?: string): Caller {
  return { token: identity.token, url: identity.url, prover: createProver(fromBase64Url(identity.seed), agent) };
}

/** Proves requests with a device's key. @param seed 32 bytes */
export function createProver(seed: Uint8Array, agent?: string): RequestProver {
  const signer = createSigner(seed);
  let offset = 0;
  return {
    headers: ({ method, target, body, token }) => {
      const { pathname, search } = new URL(target, "http://localhost");
      const fields = new Map<string, string>();
      if (token !== undefined) fields.set("authorization", `Bearer ${token}`);
      if (body !== undefined) fields.set("content-digest", contentDigest(sha256(body)));
      if (agent !== undefined) fields.set("writ-agent", agent);
      const stamp = { created: Math.floor(Date.now() / 1000) + offset, nonce: toBase64Url(randomBytes(18)) };
      const parts = { method, path: pathname, query: search, header: (name: string) => fields.get(name) };
      const covered = COVERED.flatMap((name) => {
        const value = fields.get(name);
        return value === undefined || name === "authorization" ? [] : [[name, value] as const];
      });
      return { ...Object.fromEntries(covered), ...signParts(signer, parts, stamp) };
    },
    adjust: (serverTime) => {
      offset = serverTime - Math.floor(Date.now() / 1000);
    },
  };
}

function parseIdentity(value: Readonly<Record<string, unknown>>, path: string): DeviceIdentity {
  const { v, url, device, name, token, seed, agents } = value;
  const isWhole =
    v === 1 &&
    typeof url === "string" &&
    typeof device === "string" &&
    typeof name === "string" &&
    typeof token === "string" &&
    parseToken(token)?.kind === "device" &&
    typeof seed === "string" &&
    fromBase64Url(seed).length === KEY_BYTES &&
    Array.isArray(agents);
  if (!isWhole) throw notAPairing(path);
  return { url: parseServerUrl(url), device, name, token, seed, agents: agents as DeviceIdentity["agents"] };
}

function notAPairing(path: string): WritError {
  return new WritError("key_material_invalid", `\`${path}\` is no pairing of this machine`);
}
