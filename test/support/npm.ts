import { describe, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freshFolder, type Outcome, runProgram } from "./binary.ts";
import { describePeer } from "./peer.ts";

/** The machine's npm with a home, a cache and settings of its own. */
export interface Npm {
  readonly folder: string;
  /** Runs a command line of npm; its output is kept for {@link Npm.traces}. */
  run(args: readonly string[], cwd: string): Promise<Outcome>;
  /** A folder with a `package.json` and a file beside it. */
  makePackage(manifest: Readonly<Record<string, unknown>>, files?: Readonly<Record<string, string>>): string;
  /** An empty folder below npm's own. */
  makeFolder(): string;
  /** The places of all that npm wrote: every file below its folder (cache, logs, what it installed) and its output. */
  traces(): readonly { readonly place: string; readonly bytes: Buffer }[];
}

/** The path of the machine's npm, undefined where it has none. */
export function findNpm(): string | undefined {
  return Bun.which("npm") ?? undefined;
}

/**
 * A `describe` whose tests run npm against a registry. Where either is missing they are skipped, saying which; in CI that
 * fails.
 */
export function describeNpm(name: string, body: () => void): void {
  if (findNpm() !== undefined) {
    describePeer(["node", "verdaccio"], name, body);
    return;
  }
  const reason = "needs npm on this machine";
  describe(`${name} (skipped: ${reason})`, () => {
    if (process.env["CI"] === undefined) test.skip(reason, () => {});
    else {
      test(reason, () => {
        throw new Error("npm is not installed in CI");
      });
    }
  });
}

/**
 * Sets npm up as somebody would who has an agent's key and no other credential: a registry, and the key as its token.
 *
 * @param registry ends with a slash
 */
export function createNpm(registry: string, key: string): Npm {
  const folder = freshFolder("npm");
  const npm = findNpm();
  const home = join(folder, "home");
  mkdirSync(home);
  const settings = [
    `registry=${registry}`,
    `${registry.replace(/^http:/, "")}:_authToken=${key}`,
    `cache=${join(folder, "cache")}`,
    "loglevel=silly",
    "logs-max=1000",
    "audit=true",
    "fund=false",
    "update-notifier=false",
    "fetch-retry-mintimeout=10",
    "fetch-retry-maxtimeout=100",
  ];
  writeFileSync(join(home, ".npmrc"), `${settings.join("\n")}\n`);
  const outputs: string[] = [];
  let folders = 0;
  const makeFolder = (): string => {
    folders += 1;
    const path = join(folder, `work-${folders}`);
    mkdirSync(path);
    return path;
  };
  return {
    folder,
    makeFolder,
    run: async (args, cwd) => {
      if (npm === undefined) throw new Error("there is no npm on this machine");
      const outcome = await runProgram([npm, ...args], {
        cwd,
        env: { HOME: home, PATH: process.env["PATH"] ?? "/usr/bin:/bin", npm_config_globalconfig: join(home, "none") },
      });
      outputs.push(outcome.stdout, outcome.stderr);
      return outcome;
    },
    makePackage: (manifest, files = {}) => {
      const path = makeFolder();
      writeFileSync(join(path, "package.json"), JSON.stringify(manifest, null, 2));
      for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
      return path;
    },
    traces: () => [
      ...readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((place) => ({ place, bytes: readFileSync(place) })),
      { place: "output", bytes: Buffer.from(outputs.join("\n")) },
    ],
  };
}
