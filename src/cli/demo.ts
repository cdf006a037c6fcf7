import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createLog } from "#src/base/log.ts";
import type { Command, CommandContext, ExitCode } from "./command.ts";
import { createAgent } from "./demo/agent.ts";
import { CALL_STEPS } from "./demo/steps-calls.ts";
import { PROOF_STEPS } from "./demo/steps-proof.ts";
import { SETUP_STEPS } from "./demo/steps-setup.ts";
import { printStep, tell } from "./demo/story.ts";
import { startUpstream } from "./demo/upstream.ts";
import { World } from "./demo/world.ts";
import { UsageError } from "./usage-error.ts";

const STEPS = [...SETUP_STEPS, ...CALL_STEPS, ...PROOF_STEPS];

/** The whole story, with nothing in it that is not real but the upstream. */
export const demo: Command = {
  options: [
    { name: "keep", value: "DIR", help: "the data folder to make and keep; a temporary one, removed, without" },
  ],
  notes: [
    "Starts Writ and a small upstream on free ports of this machine, asks as an agent over HTTP and acts as the operator",
    "through the socket, then verifies what was recorded. No other setting of Writ's has any effect on it.",
    "--json: a line a step, with `step`, `expected`, `actual` and `ok`. Exit 0 when every step went as expected.",
  ],
  run: async (context, args) => {
    const kept = args.option("keep");
    const scratch = mkdtempSync(join(tmpdir(), "writ-demo-"));
    try {
      return await play(context, args.has("json"), kept === undefined ? join(scratch, "data") : emptyFolder(kept), {
        scratch,
        isKept: kept !== undefined,
      });
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

async function play(
  context: CommandContext,
  asJson: boolean,
  dataFolder: string,
  { scratch, isKept }: { readonly scratch: string; readonly isKept: boolean },
): Promise<ExitCode> {
  const { terminal } = context;
  const startedAt = performance.now();
  const logged: string[] = [];
  const log = createLog((line) => void logged.push(line), "warn");
  const world = new World({ dataFolder, scratch, log, context, upstream: startUpstream(), agent: createAgent() });
  let failed = 0;
  try {
    if (!asJson) {
      await terminal.print("An agent works on acme/app, and never holds its credential.");
      await terminal.print();
    }
    for await (const { step, result } of tell(STEPS, world)) {
      if (!result.ok) failed += 1;
      if (asJson) await terminal.printJson(result);
      else await printStep(terminal, step, result);
    }
  } finally {
    if (world.has("app")) await world.find("app").stop();
    world.agent.close();
    world.upstream.stop();
  }
  if (failed > 0) for (const line of logged) await terminal.note(line);
  if (!asJson) {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    await terminal.print();
    await terminal.print(`${STEPS.length - failed} of ${STEPS.length} steps went as expected, in ${seconds} s`);
    if (isKept && world.has("bundle")) {
      await terminal.print(
        `kept: try \`writ verify ${dataFolder}\` and \`writ verify ${join(dataFolder, "bundle.jsonl")}\``,
      );
    }
  }
  return failed === 0 ? 0 : 1;
}

/** A folder that is there and empty, or not there yet. */
function emptyFolder(path: string): string {
  const folder = resolve(path);
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new UsageError(`\`${path}\` is not empty`, "name a folder that is not there yet");
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
