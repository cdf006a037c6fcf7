/**
 * Writes the CycloneDX 1.6 bill of materials of the executable to standard output: the packages that are compiled into
 * it, from `bun.lock`, and the runtime. Nothing in it depends on the time or the machine.
 */
import { join } from "node:path";

/** What of `package.json` the bill needs. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

interface LockedPackage {
  /** Its place below `node_modules`, as the lock file writes it: `a` or, below another package, `a/b`. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
  /** `sha512-` and base64, as npm writes it. */
  readonly integrity: string;
  /** Names of the packages it asks for, optional ones left out. */
  readonly wants: readonly string[];
}

interface Component {
  readonly type: "application" | "library" | "platform";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: readonly ({ readonly license: { readonly id: string } } | { readonly expression: string })[];
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
}

/** A CycloneDX 1.6 document, as far as it is used here. */
export interface Sbom {
  readonly $schema: string;
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/**
 * The bill of materials of what `manifest.dependencies` reaches in the lock file.
 *
 * @param licenseOf the SPDX id or expression of the package at a place below `node_modules`
 * @throws Error where the lock file lacks a package that is asked for, or its integrity is not SHA-512
 */
export function buildSbom(
  manifest: Manifest,
  lockText: string,
  bunVersion: string,
  licenseOf: (key: string) => string,
): Sbom {
  const locked = readLock(lockText);
  const reached = new Map<string, readonly string[]>();
  const visit = (name: string, from: string): string => {
    const found = resolve(locked, name, from);
    if (!reached.has(found.key)) {
      reached.set(found.key, []);
      reached.set(
        found.key,
        found.wants.map((want) => visit(want, found.key)),
      );
    }
    return found.key;
  };
  const direct = Object.keys(manifest.dependencies).map((name) => visit(name, ""));

  const purlOf = (key: string): string => npmPurl(entry(locked, key).name, entry(locked, key).version);
  const root = component("application", manifest.name, manifest.version, manifest.license);
  const bun = component("platform", "bun", bunVersion, "MIT");
  const keys = [...reached.keys()].sort();
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: root },
    components: [
      bun,
      ...keys.map((key) => {
        const { name, version, integrity } = entry(locked, key);
        const hashes = [{ alg: "SHA-512" as const, content: integrityHex(name, integrity) }];
        return { ...component("library", name, version, licenseOf(key)), hashes };
      }),
    ],
    dependencies: [
      { ref: root["bom-ref"], dependsOn: [bun["bom-ref"], ...direct.map(purlOf)].sort() },
      ...keys.map((key) => ({ ref: purlOf(key), dependsOn: (reached.get(key) ?? []).map(purlOf).sort() })),
    ],
  };
}

function readLock(text: string): Map<string, LockedPackage> {
  const lock = Bun.JSONC.parse(text) as { readonly packages: Record<string, readonly unknown[]> };
  const packages = new Map<string, LockedPackage>();
  for (const [key, [id, , meta, integrity]] of Object.entries(lock.packages)) {
    const at = String(id).lastIndexOf("@");
    const { dependencies, peerDependencies, optionalPeers } = (meta ?? {}) as {
      readonly dependencies?: Record<string, string>;
      readonly peerDependencies?: Record<string, string>;
      readonly optionalPeers?: readonly string[];
    };
    const peers = Object.keys(peerDependencies ?? {}).filter((name) => !(optionalPeers ?? []).includes(name));
    packages.set(key, {
      key,
      name: String(id).slice(0, at),
      version: String(id).slice(at + 1),
      integrity: String(integrity),
      wants: [...new Set([...Object.keys(dependencies ?? {}), ...peers])],
    });
  }
  return packages;
}

/** The package that `name` means inside the package at `from`: the nearest one on the way up, as Node resolves it. */
function resolve(locked: ReadonlyMap<string, LockedPackage>, name: string, from: string): LockedPackage {
  for (let at = from; at !== ""; at = at.includes("/") ? at.slice(0, at.lastIndexOf("/")) : "") {
    const nested = locked.get(`${at}/${name}`);
    if (nested !== undefined) return nested;
  }
  return entry(locked, name);
}

function entry(locked: ReadonlyMap<string, LockedPackage>, key: string): LockedPackage {
  const found = locked.get(key);
  if (found === undefined) throw new Error(`bun.lock lacks \`${key}\``);
  return found;
}

function component(type: Component["type"], name: string, version: string, license: string): Component {
  const purl = npmPurl(name, version);
  const licenses = [license.includes(" ") ? { expression: license } : { license: { id: license } }];
  return { type, "bom-ref": purl, name, version, purl, licenses };
}

/** A package URL of type npm: the scope's `@` is percent-encoded. */
function npmPurl(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function integrityHex(name: string, integrity: string): string {
  const base64 = /^sha512-([A-Za-z0-9+/]{86}==)$/.exec(integrity)?.[1];
  if (base64 === undefined) throw new Error(`the integrity of \`${name}\` in bun.lock is not SHA-512`);
  return Buffer.from(base64, "base64").toString("hex");
}

/** Where a key of `bun.lock` is installed: `a/@s/b` is the package `@s/b` within `a`. */
export function folderOf(key: string): string {
  return (key.match(/(?:@[^/]+\/)?[^/]+/g) ?? []).join("/node_modules/");
}

if (import.meta.main) {
  const top = join(import.meta.dir, "..");
  const manifest = (await Bun.file(join(top, "package.json")).json()) as Manifest;
  const licenses = new Map<string, string>();
  const lockText = await Bun.file(join(top, "bun.lock")).text();
  for (const key of readLock(lockText).keys()) {
    const file = Bun.file(join(top, "node_modules", folderOf(key), "package.json"));
    if (await file.exists()) licenses.set(key, ((await file.json()) as { readonly license: string }).license);
  }
  const bill = buildSbom(manifest, lockText, Bun.version, (key) => {
    const license = licenses.get(key);
    if (typeof license !== "string") throw new Error(`\`${key}\` is not installed or states no licence`);
    return license;
  });
  process.stdout.write(`${JSON.stringify(bill, null, 2)}\n`);
}
