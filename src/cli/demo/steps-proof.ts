import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { verifyBundleFile, verifyDataFolder } from "#src/audit/verify.ts";
import { fromUtf8 } from "#src/base/bytes.ts";
import type { Step } from "./story.ts";
import { findEvent, replaceEvent, replaceInDatabase } from "./tamper.ts";
import type { World } from "./world.ts";

const DELETE = '"command":"/github/repositories/delete"';
const SIMILAR = '"command":"/github/repositories/relete"';
const POST = '"method":"POST"';
const HEAD = '"method":"HEAD"';

/** What an auditor does with what happened, and what somebody would do who wants it to have happened otherwise. */
export const PROOF_STEPS: readonly Step<World>[] = [
  {
    name: "bundle",
    story: "an auditor takes the evidence along and verifies it offline with the seal key that was written down",
    expected: { verified: true, pinned: true, sealed: "all", credential_inside: false },
    run: async (world) => {
      const bytes = await world.download("/v1/audit/export");
      const path = join(world.dataFolder, "bundle.jsonl");
      writeFileSync(path, bytes, { mode: 0o600 });
      world.keep("bundle", path);
      const report = await verifyBundleFile(path, { pinned: [world.find("sealKey")] });
      return {
        verified: report.ok,
        pinned: report.pinned,
        sealed: report.sealedThrough === report.last ? "all" : "in part",
        credential_inside: fromUtf8(bytes).includes(world.upstream.token),
      };
    },
  },
  {
    name: "tampered_bundle",
    story: "tampering: somebody makes a denial in the bundle look otherwise, by one byte",
    expected: { verified: false, named: "the event that was changed" },
    run: async (world) => {
      const denial = findEvent(world.find("bundle"), "decision.denied", DELETE);
      const path = join(world.scratch, "bundle.jsonl");
      replaceEvent(world.find("bundle"), path, denial, denial.text.replace(DELETE, SIMILAR));
      const report = await verifyBundleFile(path, { pinned: [world.find("sealKey")] });
      return { verified: report.ok, named: nameOf(report.problems[0]?.seq, denial.seq) };
    },
  },
  {
    name: "shutdown",
    story: "writ stops; what it leaves on the disk verifies, every chain of it",
    expected: { verified: true, pinned: true, chains: 2, credential_inside: false },
    run: async (world) => {
      await world.find("app").stop();
      world.forget("app");
      const report = await verifyDataFolder(world.dataFolder, { pinned: [world.find("sealKey")] });
      return {
        verified: report.ok,
        pinned: report.pinned,
        chains: report.chains.length,
        credential_inside: world.storesInPlain(world.upstream.token),
      };
    },
  },
  {
    name: "tampered_database",
    story: "tampering: somebody with the disk turns a recorded POST into a HEAD, in one row of a copy",
    expected: { changed: true, verified: false, named: "the event that was changed" },
    run: async (world) => {
      const used = findEvent(world.find("bundle"), "writ.used", POST);
      const copy = join(world.scratch, "copy");
      cpSync(world.dataFolder, copy, { recursive: true, filter: (path) => !path.endsWith(".sock") });
      const places = replaceInDatabase(copy, used.text, used.text.replace(POST, HEAD));
      const report = await verifyDataFolder(copy, { pinned: [world.find("sealKey")] });
      const problems = report.chains.flatMap((chain) => chain.problems);
      return { changed: places > 0, verified: report.ok, named: nameOf(problems[0]?.seq, used.seq) };
    },
  },
];

function nameOf(found: number | undefined, changed: number): string {
  if (found === changed) return "the event that was changed";
  return found === undefined ? "none" : `event ${found} instead of ${changed}`;
}
