import { join } from "node:path";
import {
  freshFolder,
  type Outcome,
  type RunningServer,
  type RunOptions,
  runProgram,
  startServer,
  writBinary,
} from "./binary.ts";

/** One line of JSON that a command printed. */
export type Printed = Readonly<Record<string, unknown>>;

/** A data folder and the compiled executable on it, in an environment that has nothing else in it. */
export interface Instance {
  readonly folder: string;
  readonly dataFolder: string;
  readonly env: Readonly<Record<string, string>>;
  start(): Promise<RunningServer>;
  /** Runs one command line. */
  run(args: readonly string[], options?: Partial<RunOptions>): Promise<Outcome>;
  /** Runs one with `--json` and gives the object of its first line. Throws where it did not exit with 0. */
  ask(args: readonly string[], input?: string): Promise<Printed>;
  /** The same, every line. */
  list(args: readonly string[]): Promise<readonly Printed[]>;
}

/** Makes the folder for one; nothing is started. */
export function createInstance(env: Readonly<Record<string, string>> = {}): Instance {
  const folder = freshFolder("instance");
  const dataFolder = join(folder, "data");
  const whole = { WRIT_DATA: dataFolder, WRIT_LISTEN: "127.0.0.1:0", WRIT_ALLOW_RANGES: "127.0.0.0/8", ...env };
  const run: Instance["run"] = async (args, options) =>
    runProgram([await writBinary(), ...args], { cwd: folder, env: whole, ...options });
  const list = async (args: readonly string[], input?: string): Promise<readonly Printed[]> => {
    const { code, stdout, stderr } = await run([...args, "--json"], input === undefined ? {} : { input });
    if (code !== 0) throw new Error(`writ ${args.join(" ")} exited with ${code}: ${stderr}${stdout}`);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Printed);
  };
  return {
    folder,
    dataFolder,
    env: whole,
    start: () => startServer({ cwd: folder, env: whole }),
    run,
    list,
    ask: async (args, input) => {
      const [first] = await list(args, input);
      if (first === undefined) throw new Error(`writ ${args.join(" ")} printed nothing`);
      return first;
    },
  };
}
