import { existsSync, lstatSync, mkdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { WritError } from "#src/base/errors.ts";
import type { FileGate } from "#src/classify/file-rules.ts";
import { findMasks, type Mask } from "./masks.ts";

/** Where Writ's own things are inside of a container. */
export const INSIDE = "/run/writ";
/** Ports of the container's own loopback: the server's interface, and the forward proxy. */
export const INSIDE_API_PORT = 8620;
export const INSIDE_PROXY_PORT = 8621;
/** Sockets in {@link INSIDE} that lead out of the container, to the same. */
export const API_SOCKET = "api.sock";
export const PROXY_SOCKET = "proxy.sock";
/** What the program's environment is, as JSON, in the same folder. */
export const ENVIRONMENT_FILE = "environment.json";

/** What a container is made of. */
export interface ContainerOptions {
  /** The project: what the agent works in. */
  readonly cwd: string;
  readonly home: string;
  /** Folders and files besides, to read and write, and to read alone. */
  readonly shared: readonly string[];
  readonly readable: readonly string[];
  readonly gate: FileGate;
  /** What is {@link INSIDE}. */
  readonly folder: string;
  /** This program. */
  readonly program: string;
  /** Writ's data, where it is on this host: never inside. */
  readonly dataFolder: string;
  /** Whether the program gets a terminal of its own. */
  readonly hasTerminal: boolean;
}

const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/etc", "/nix/store"] as const;
const BASE = [
  ...["bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"],
  ...["--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/var", "--dir", "/var/tmp"],
];

/**
 * The command that makes a container (bubblewrap): namespaces of its own for processes, users and the network, which has
 * nothing but a loopback; the system's programs read-only; the project, with what the gates close taken out by mounts; an
 * empty home. Throws `invalid_argument` for a folder that cannot be contained, and where this host makes no namespaces.
 */
export function containerCommand(options: ContainerOptions): readonly string[] {
  const { cwd, home, shared, readable, gate, folder, program, dataFolder, hasTerminal } = options;
  if (cwd === "/" || cwd === home || home.startsWith(`${cwd}/`)) {
    throw new WritError("invalid_argument", `\`${cwd}\` holds everything of this user: run in a project's folder`);
  }
  const system = SYSTEM.flatMap(systemMount);
  requireNamespaces(system);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Mount points have to be there before they are mounted on.
  writeFileSync(join(folder, "writ"), "", { mode: 0o500 });
  const masks = [...findMasks("/etc", gate, home), ...findMasks(cwd, gate, home)];
  const data = resolve(dataFolder);
  return [
    ...BASE,
    ...(hasTerminal ? [] : ["--new-session"]),
    ...system,
    ...["--tmpfs", home],
    ...readable.flatMap((path) => ["--ro-bind", resolve(path), resolve(path)]),
    ...["--bind", cwd, cwd],
    ...shared.flatMap((path) => ["--bind", resolve(path), resolve(path)]),
    ...masks.flatMap(maskMount),
    ...(existsSync(data) && isMounted(data, [cwd, ...shared, ...readable]) ? ["--tmpfs", data] : []),
    ...["--ro-bind", folder, INSIDE, "--ro-bind", program, join(INSIDE, "writ")],
    ...(existsSync(join(folder, "hosts")) ? ["--ro-bind", join(folder, "hosts"), "/etc/hosts"] : []),
    ...["--chdir", cwd, "--", join(INSIDE, "writ"), "run", "--inside", INSIDE, "--"],
  ];
}

function systemMount(path: string): readonly string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  return found.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
}

function maskMount({ path, kind, access }: Mask): readonly string[] {
  if (access === "read") return ["--ro-bind", path, path];
  return kind === "folder" ? ["--tmpfs", path, "--remount-ro", path] : ["--ro-bind", "/dev/null", path];
}

function isMounted(path: string, roots: readonly string[]): boolean {
  return roots.map((root) => resolve(root)).some((root) => path === root || path.startsWith(`${root}/`));
}

/** Tries it before anything is opened. */
function requireNamespaces(system: readonly string[]): void {
  if (Bun.which("bwrap") === null) {
    throw new WritError("invalid_argument", "an agent is contained by bubblewrap, which is not installed");
  }
  const { exitCode, stderr } = Bun.spawnSync([...BASE, ...system, "--", "true"]);
  if (exitCode === 0) return;
  const why = stderr.toString().trim().slice(0, 300);
  throw new WritError("invalid_argument", `this host makes no namespaces, so nothing can be contained: ${why}`);
}
