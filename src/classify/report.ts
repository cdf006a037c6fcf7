import { plainPath } from "./paths.ts";
import {
  type Classification,
  type CommandSeen,
  type FileAccess,
  higherTier,
  type Reason,
  type ReasonCode,
  type Tier,
} from "./tier.ts";
import type { Argument } from "./words.ts";

/** Most entries of each list; more change neither the tier nor what a person would read. */
const MAX_ENTRIES = 200;
const MAX_MESSAGE = 200;

interface OpenCommand {
  readonly name: string;
  readonly argv: readonly string[];
  tier: Tier;
}

/** Collects what a line does while it is judged. */
export class Report {
  readonly #reasons = new Map<string, Reason>();
  readonly #files = new Map<string, FileAccess>();
  readonly #commands: OpenCommand[] = [];
  readonly #open: OpenCommand[] = [];
  readonly #written = new Set<string>();
  readonly #executed = new Set<string>();
  #tier: Tier = "read";

  raise(tier: Tier, code: ReasonCode, message: string): void {
    if (tier === "read") return;
    this.#tier = higherTier(this.#tier, tier);
    for (const command of this.#open) command.tier = higherTier(command.tier, tier);
    const key = `${tier} ${code} ${message}`;
    if (this.#reasons.size < MAX_ENTRIES || tier === "danger") {
      if (!this.#reasons.has(key) && this.#reasons.size < 2 * MAX_ENTRIES) {
        this.#reasons.set(key, { tier, code, message: shorten(message) });
      }
    }
  }

  file(access: FileAccess): void {
    const plain = plainPath(access.path);
    if (access.mode === "write") this.#written.add(plain);
    if (access.mode === "execute") this.#executed.add(plain);
    const key = `${access.mode} ${access.path}`;
    if (this.#files.has(key)) return;
    // INVARIANT: what is not listed cannot be looked at by whoever guards files.
    if (this.#files.size < MAX_ENTRIES) this.#files.set(key, access);
    else this.raise("danger", "too_complex", `names more than ${MAX_ENTRIES} files`);
  }

  openCommand(args: readonly Argument[]): number {
    const argv = args.slice(0, MAX_ENTRIES).map(({ text }) => text);
    const command: OpenCommand = { name: argv[0] ?? "", argv, tier: "read" };
    if (this.#commands.length < MAX_ENTRIES) this.#commands.push(command);
    else this.raise("danger", "too_complex", `runs more than ${MAX_ENTRIES} commands`);
    return this.#open.push(command);
  }

  closeCommand(length: number): void {
    this.#open.length = length - 1;
  }

  /** What was found. A file that is both written and run counts whatever the order: a loop would turn it round. */
  finish(): Classification {
    for (const path of this.#executed) {
      if (this.#written.has(path)) this.raise("danger", "written_then_run", `runs \`${path}\`, which it writes`);
    }
    const commands: readonly CommandSeen[] = this.#commands;
    return { tier: this.#tier, reasons: [...this.#reasons.values()], files: [...this.#files.values()], commands };
  }
}

function shorten(message: string): string {
  return message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message;
}
