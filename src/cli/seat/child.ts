import { constants } from "node:os";
import { utf8 } from "#src/base/bytes.ts";
import type { Variables } from "./environment.ts";
import { createScrub } from "./scrub.ts";

/** What a program is run with. */
export interface ChildOptions {
  readonly words: readonly string[];
  readonly env: Variables;
  readonly cwd: string;
  /** Values that may not be seen in its output, in any form; none: the output is passed on as it is. */
  readonly knownValues: readonly string[] | undefined;
}

/** Signals that are the program's to answer. */
const PASSED: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
const SIGNAL_BASE = 128;

/** How a program ended. */
export interface ChildEnd {
  /** Its own, or 128 and the number of the signal that ended it. */
  readonly code: number;
  readonly signal: NodeJS.Signals | undefined;
}

/** Runs a program with this terminal, or these streams, to its end. Throws where it cannot be started. */
export async function runChild(options: ChildOptions): Promise<ChildEnd> {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (options.knownValues === undefined) return await runPlain(options);
  return isTerminal
    ? await runInTerminal(options, options.knownValues)
    : await runScrubbed(options, options.knownValues);
}

async function runPlain({ words, env, cwd }: ChildOptions): Promise<ChildEnd> {
  const child = Bun.spawn([...words], { cwd, env: { ...env }, stdin: "inherit", stdout: "inherit", stderr: "inherit" });
  return await passSignals(child);
}

/** Both streams on their own, so that what is piped stays apart. */
async function runScrubbed({ words, env, cwd }: ChildOptions, knownValues: readonly string[]): Promise<ChildEnd> {
  const child = Bun.spawn([...words], { cwd, env: { ...env }, stdin: "inherit", stdout: "pipe", stderr: "pipe" });
  const known = knownValues.map(utf8);
  const end = passSignals(child);
  const pump = async (from: ReadableStream<Uint8Array>, to: NodeJS.WriteStream): Promise<void> => {
    const scrub = createScrub(known, (bytes) => void to.write(bytes));
    for await (const chunk of from) {
      scrub.push(chunk);
      // A reader that is slower than the program holds the program up, and not this one's memory.
      if (to.writableNeedDrain) await new Promise((resolve) => to.once("drain", resolve));
    }
    scrub.finish();
  };
  await Promise.all([pump(child.stdout, process.stdout), pump(child.stderr, process.stderr)]);
  return await end;
}

/** A terminal of its own for the program, between it and this one. */
async function runInTerminal({ words, env, cwd }: ChildOptions, knownValues: readonly string[]): Promise<ChildEnd> {
  const { stdin, stdout } = process;
  const scrub = createScrub(knownValues.map(utf8), (bytes) => void stdout.write(bytes));
  const child = Bun.spawn([...words], {
    cwd,
    env: { ...env },
    terminal: { cols: stdout.columns, rows: stdout.rows, data: (_, data) => scrub.push(new Uint8Array(data)) },
  });
  const { terminal } = child;
  const onInput = (bytes: Buffer): void => void terminal?.write(new Uint8Array(bytes));
  const onResize = (): void => terminal?.resize(stdout.columns, stdout.rows);
  stdin.setRawMode(true);
  stdin.on("data", onInput).resume();
  stdout.on("resize", onResize);
  try {
    return await passSignals(child);
  } finally {
    stdin.setRawMode(false);
    stdin.off("data", onInput).pause();
    stdout.off("resize", onResize);
    scrub.finish();
    terminal?.close();
  }
}

async function passSignals(child: Bun.Subprocess): Promise<ChildEnd> {
  const handlers = PASSED.map((signal) => [signal, (): void => child.kill(signal)] as const);
  for (const [signal, pass] of handlers) process.on(signal, pass);
  try {
    await child.exited;
  } finally {
    for (const [signal, pass] of handlers) process.off(signal, pass);
  }
  const { signalCode } = child;
  if (signalCode === null) return { code: child.exitCode ?? 1, signal: undefined };
  const [name, number] = Object.entries(constants.signals).find((entry) => entry.includes(signalCode)) ?? [
    "SIGTERM",
    0,
  ];
  return { code: SIGNAL_BASE + number, signal: name as NodeJS.Signals };
}
