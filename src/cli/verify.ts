import { statSync } from "node:fs";
import { verifyBundleFile, verifyBundleStream, verifyDataFolder } from "#src/audit/verify.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import type { VerifyProblem, VerifyReport } from "#src/ledger/report.ts";
import type { BundleReport } from "#src/ledger/verify-bundle.ts";
import type { Command, ExitCode } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/** A chain as it is printed: of a data folder or of a bundle. */
type Chain = VerifyReport & { readonly name?: string; readonly blobs: number };

/** What was found at one path. */
interface Finding {
  readonly path: string;
  readonly kind: "folder" | "bundle";
  readonly ok: boolean;
  readonly instance: string;
  readonly chains: readonly Chain[];
  /** What concerns no single chain. */
  readonly problems: readonly VerifyProblem[];
}

/** Verifies evidence, with nothing but the evidence and the keys that its reader knows. */
export const verify: Command = {
  positionals: [{ name: "PATH", many: true }],
  options: [
    {
      name: "key",
      value: "KEY",
      many: true,
      help: "a seal key that is known from elsewhere: hex or base64, or its id",
    },
  ],
  notes: [
    "PATH is a data folder, with a server on it or without, or an evidence bundle (`writ audit export`); `-` is a bundle on",
    "standard input.",
    "Without --key the evidence is only shown to agree with itself: whoever made it could have made all of it.",
    "Exit: 0 verified, 1 not, 2 unreadable.",
  ],
  run: async ({ terminal }, args) => {
    const pinned = args.list("key");
    let code: ExitCode = 0;
    for (const path of args.allAt("PATH")) {
      const found = await tryVerify(terminal, path, pinned);
      if (args.has("json")) await terminal.printJson(found);
      else if ("error" in found) await terminal.note(`writ: ${found.path}: ${found.error}`);
      else await printFinding(terminal, found);
      code = worse(code, "error" in found ? 2 : found.ok ? 0 : 1);
    }
    return code;
  },
};

/** Evidence that is wrong weighs more than evidence that could not be read. */
function worse(a: ExitCode, b: ExitCode): ExitCode {
  if (a === 1 || b === 1) return 1;
  return a === 2 || b === 2 ? 2 : 0;
}

async function tryVerify(
  terminal: Terminal,
  path: string,
  pinned: readonly string[],
): Promise<Finding | { path: string; error: string }> {
  try {
    return await verifyPath(terminal, path, pinned);
  } catch (error) {
    return { path, error: messageOf(error) };
  }
}

async function verifyPath(terminal: Terminal, path: string, pinned: readonly string[]): Promise<Finding> {
  if (path === "-") return ofBundle(path, await verifyBundleStream(terminal.input(), path, { pinned }));
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new WritError("invalid_argument", "there is nothing here");
  if (status.isDirectory()) {
    const { ok, instance, chains, problems } = await verifyDataFolder(path, { pinned });
    return { path, kind: "folder", ok, instance, chains, problems };
  }
  return ofBundle(path, await verifyBundleFile(path, { pinned }));
}

function ofBundle(path: string, { instance, ...chain }: BundleReport): Finding {
  return { path, kind: "bundle", ok: chain.ok, instance, chains: [chain], problems: [] };
}

async function printFinding(
  terminal: Terminal,
  { path, ok, kind, instance, chains, problems }: Finding,
): Promise<void> {
  await terminal.printMarked(
    ok ? "good" : "bad",
    ok ? "verified" : "NOT VERIFIED",
    `  ${path}  (${kind}, ${instance})`,
  );
  for (const chain of chains) {
    await terminal.print();
    await terminal.printFields([
      ["  tenant", [chain.name, chain.tenant].filter(Boolean).join("  ")],
      ["  events", chain.last < chain.first ? "none" : `${chain.events}  (${chain.first} to ${chain.last})`],
      ["  head", chain.head],
      ["  root", chain.root],
      ["  sealed", sealedText(chain)],
      ["  keys", chain.keysUsed.join(", ")],
      ["  pinned", chain.pinned ? "yes" : "no: the evidence agrees with itself, who made it stays open"],
    ]);
    await printProblems(terminal, chain.problems);
  }
  await printProblems(terminal, problems);
}

function sealedText({ last, sealedThrough }: Chain): string {
  return sealedThrough >= last
    ? "all"
    : `to event ${sealedThrough}; no seal covers the ${last - sealedThrough} after it`;
}

async function printProblems(terminal: Terminal, [first, ...rest]: readonly VerifyProblem[]): Promise<void> {
  if (first === undefined) return;
  const where = first.seq === 0 ? "" : `event ${first.seq}: `;
  await terminal.printMarked("bad", "  fails", `  ${where}${first.message} (${first.code})`);
  if (rest.length > 0) await terminal.print(`  and ${rest.length} more; --json lists them`);
}
