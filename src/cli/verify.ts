import { statSync } from "node:fs";
import { verifyBundleFile, verifyBundleStream, verifyDataFolder } from "#src/audit/verify.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import { assertionCheck } from "#src/ledger/assertion-check.ts";
import type { AssertionSummary } from "#src/ledger/bundle-assertions.ts";
import { parseCheckpoint, type SignedCheckpoint } from "#src/ledger/checkpoint.ts";
import { type EnrolmentLine, parseEnrolmentLine } from "#src/ledger/enrolment.ts";
import type { EventCheck } from "#src/ledger/event-check.ts";
import { parsePin } from "#src/ledger/keys.ts";
import type { VerifyProblem, VerifyReport } from "#src/ledger/report.ts";
import type { BundleReport } from "#src/ledger/verify-bundle.ts";
import type { Command, CommandContext, ExitCode } from "./command.ts";
import { readText } from "./input.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";
import { isArchivePath, verifyArchivePath } from "./verify-archive.ts";
import { showVerifyProgress } from "./verify-progress.ts";

const MAX_NOTE_BYTES = 256 * 1024;
const MAX_APPROVERS_BYTES = 64 * 2 ** 20;

/** What evidence is verified against. */
interface VerifyOptions {
  readonly pinned: readonly string[];
  readonly expectCheckpoints: readonly SignedCheckpoint[];
  readonly checks: readonly EventCheck[];
}

/** A chain as it is printed: of a data folder or of a bundle. */
type Chain = VerifyReport & {
  readonly name?: string;
  readonly blobs: number;
  readonly assertions?: AssertionSummary;
  readonly segments?: number;
  readonly archived?: { readonly through: number; readonly date: string };
};

/** What was found at one path. */
interface Finding {
  readonly path: string;
  readonly kind: "folder" | "bundle" | "archive";
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
      help: "a seal key that is known from elsewhere: hex, base64, or its id; rotations from it on are followed",
    },
    {
      name: "expect-checkpoint",
      value: "FILE",
      many: true,
      help: "a checkpoint that was kept elsewhere: what it covers must be there, unchanged",
    },
    {
      name: "approvers",
      value: "FILE",
      many: true,
      help: "enrolled passkeys, from `writ person passkeys export`: what people decided must be signed by them",
    },
  ],
  notes: [
    "PATH is a data folder, with a server on it or without, or an evidence bundle (`writ audit export`); `-` is a bundle on",
    "standard input; or segments of an archive: a folder of them, or s3://bucket/prefix with WRIT_ARCHIVE_ENDPOINT and keys.",
    "A bundle brings the passkeys that checked what people decided; --approvers says which an auditor knows.",
    "Without --key the evidence is only shown to agree with itself: whoever made it could have made all of it.",
    "Exit: 0 verified, 1 not, 2 unreadable.",
  ],
  run: async (context, args) => {
    const { terminal } = context;
    const options = {
      pinned: args.list("key").map(pinOf),
      expectCheckpoints: await Promise.all(
        args.list("expect-checkpoint").map((path) => readCheckpoint(terminal, path)),
      ),
      checks: await readChecks(terminal, args.list("approvers")),
    };
    let code: ExitCode = 0;
    for (const path of args.allAt("PATH")) {
      const found = await tryVerify(context, path, options);
      if (args.has("json")) await terminal.printJson(found);
      else if ("error" in found) await terminal.note(`writ: ${found.path}: ${found.error}`);
      else await printFinding(terminal, found, args.list("approvers").length > 0);
      code = worse(code, "error" in found ? 2 : found.ok ? 0 : 1);
    }
    return code;
  },
};

function pinOf(text: string): string {
  const pin = parsePin(text);
  if (pin === undefined)
    throw new UsageError(`\`${text.slice(0, 100)}\` is no key: 16 or 64 hex digits, or base64 of 32 bytes`);
  return pin;
}

async function readCheckpoint(terminal: Terminal, path: string): Promise<SignedCheckpoint> {
  const note = await readText(terminal, path, MAX_NOTE_BYTES);
  try {
    return parseCheckpoint(note);
  } catch (error) {
    throw new WritError("invalid_argument", `\`${path}\` is no checkpoint: ${messageOf(error)}`, { cause: error });
  }
}

/** The check of what people signed, with the passkeys of all files; without a file there is none. */
async function readChecks(terminal: Terminal, paths: readonly string[]): Promise<readonly EventCheck[]> {
  if (paths.length === 0) return [];
  const enrolments = await Promise.all(paths.map((path) => readEnrolments(terminal, path)));
  return [assertionCheck(enrolments.flat())];
}

async function readEnrolments(terminal: Terminal, path: string): Promise<EnrolmentLine[]> {
  const text = await readText(terminal, path, MAX_APPROVERS_BYTES);
  const lines = text.split("\n").filter((line) => line !== "");
  try {
    return lines.map(parseEnrolmentLine);
  } catch (error) {
    throw new WritError("invalid_argument", `\`${path}\` is no file of approvers: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Evidence that is wrong weighs more than evidence that could not be read. */
function worse(a: ExitCode, b: ExitCode): ExitCode {
  if (a === 1 || b === 1) return 1;
  return a === 2 || b === 2 ? 2 : 0;
}

async function tryVerify(
  context: CommandContext,
  path: string,
  options: VerifyOptions,
): Promise<Finding | { path: string; error: string }> {
  const progress = showVerifyProgress(context.terminal, path);
  try {
    return await verifyPath(context, path, { ...options, onProgress: progress.reached });
  } catch (error) {
    return { path, error: messageOf(error) };
  } finally {
    progress.end();
  }
}

async function verifyPath(
  context: CommandContext,
  path: string,
  options: VerifyOptions & { readonly onProgress: (seq: number) => void },
): Promise<Finding> {
  const { terminal } = context;
  if (isArchivePath(path)) {
    const report = await verifyArchivePath(context, path, options);
    return { path, kind: "archive", ...report };
  }
  if (path === "-") return ofBundle(path, await verifyBundleStream(terminal.input(), path, options));
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new WritError("invalid_argument", "there is nothing here");
  if (status.isDirectory()) {
    const { ok, instance, chains, problems } = await verifyDataFolder(path, options);
    return { path, kind: "folder", ok, instance, chains, problems };
  }
  return ofBundle(path, await verifyBundleFile(path, options));
}

function ofBundle(path: string, { instance, ...chain }: BundleReport): Finding {
  return { path, kind: "bundle", ok: chain.ok, instance, chains: [chain], problems: [] };
}

async function printFinding(
  terminal: Terminal,
  { path, ok, kind, instance, chains, problems }: Finding,
  hasApprovers: boolean,
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
      ["  segments", chain.segments],
      ["  archived", archivedText(chain)],
      ["  head", chain.head],
      ["  root", chain.root],
      ["  sealed", sealedText(chain)],
      ["  checkpoint", checkpointText(chain)],
      ["  people", signedText(chain, hasApprovers)],
      ["  keys", chain.keysUsed.join(", ")],
      ["  pinned", chain.pinned ? "yes" : "no: the evidence agrees with itself, who made it stays open"],
    ]);
    await printProblems(terminal, chain.problems);
  }
  await printProblems(terminal, problems);
}

function archivedText({ archived }: Chain): string | undefined {
  if (archived === undefined) return undefined;
  return `the events 1 to ${archived.through} lie in the archive alone, in segments up to ${archived.date}`;
}

function signedText({ assertions }: Chain, hasApprovers: boolean): string | undefined {
  if (assertions === undefined || assertions.signed === 0) return undefined;
  const { signed, checked } = assertions;
  if (hasApprovers) return `${signed} signed by passkeys, checked with those that were given`;
  return `${checked} of ${signed} signed decisions checked with passkeys from the bundle itself: --approvers pins them`;
}

function sealedText({ last, sealedThrough }: Chain): string {
  return sealedThrough >= last
    ? "all"
    : `to event ${sealedThrough}; no seal covers the ${last - sealedThrough} after it`;
}

function checkpointText({ first, last, checkpoints }: Chain): string {
  const { count, coveredThrough, newest } = checkpoints;
  const made = newest === undefined ? "none" : `${count}, the newest of ${newest.size} events at ${newest.at}`;
  if (coveredThrough >= last) return made;
  return `${made}; no checkpoint covers the events ${Math.max(coveredThrough + 1, first)} to ${last} yet`;
}

async function printProblems(terminal: Terminal, [first, ...rest]: readonly VerifyProblem[]): Promise<void> {
  if (first === undefined) return;
  const where = first.seq === 0 ? "" : `event ${first.seq}: `;
  await terminal.printMarked("bad", "  fails", `  ${where}${first.message} (${first.code})`);
  if (rest.length > 0) await terminal.print(`  and ${rest.length} more; --json lists them`);
}
