import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { parseAddress } from "#src/config/address-range.ts";
import {
  type CertificateHost,
  type CertificateKey,
  createCertificateKey,
  isCertificateKey,
  issueAuthority,
  issueServer,
  shortKeyId,
} from "#src/crypto/certificate.ts";
import { writeFileDurably } from "./durable-file.ts";

/** A server's certificate with its key, as TLS servers take them. */
export interface ServerCertificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** When another one should take its place, in milliseconds. */
  readonly renewAt: number;
}

/** The authority of the forward proxy: its key never leaves this host. */
export interface TlsAuthority {
  /** Its certificate, as PEM, good for these hosts and what is below them alone. */
  certificateFor(hosts: readonly string[]): string;
  /** A server's certificate for one host. */
  issue(host: string): ServerCertificate;
}

const KEY_FILE = "forward-authority.key";
const DAY_MS = 86_400_000;
/** Clocks of clients may be behind. */
const BEHIND_MS = DAY_MS;
const AUTHORITY_MS = 3650 * DAY_MS;
const SERVER_MS = 30 * DAY_MS;

/**
 * The authority of a data folder; its key is made on first use, mode 0600. Throws `key_material_unsafe` for a key that
 * others can read, `config_invalid` for a file that holds none.
 */
export async function openTlsAuthority(dataFolder: string, clock: Clock): Promise<TlsAuthority> {
  const key = await readOrCreateKey(join(dataFolder, KEY_FILE));
  const name = `Writ forward proxy ${shortKeyId(key)}`;
  // One key for every host: what tells hosts apart is their certificate.
  const serverKey = createCertificateKey();
  return {
    certificateFor: (hosts) => {
      const now = clock.now();
      return issueAuthority(key, name, hosts.map(hostOf), { from: now - BEHIND_MS, to: now + AUTHORITY_MS });
    },
    issue: (host) => {
      const now = clock.now();
      const validity = { from: now - BEHIND_MS, to: now + SERVER_MS };
      const cert = issueServer(key, name, serverKey, hostOf(host), validity);
      return { cert, key: serverKey.pem, renewAt: now + SERVER_MS / 2 };
    },
  };
}

/** Authorities for programs that trust one file alone: the public ones and this one. */
export function trustBundle(authority: string): string {
  return [...rootCertificates.map((root) => `${root.trim()}\n`), authority].join("");
}

async function readOrCreateKey(path: string): Promise<CertificateKey> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    const key = createCertificateKey();
    await writeFileDurably(path, utf8(key.pem));
    return key;
  }
  if ((found.mode & 0o077) !== 0) {
    throw new WritError("key_material_unsafe", `\`${path}\` can be read by other users of this host`);
  }
  const pem = fromUtf8(new Uint8Array(await readFile(path)));
  if (!isCertificateKey(pem)) throw new WritError("config_invalid", `\`${path}\` holds no key of a forward proxy`);
  return { pem };
}

function hostOf(host: string): CertificateHost {
  const bytes = parseAddress(host);
  return bytes === undefined ? { kind: "name", name: host } : { kind: "address", bytes };
}
