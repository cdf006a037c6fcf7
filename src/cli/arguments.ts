import { nearestWord } from "./nearest.ts";
import { type Accepted, COMMON_OPTIONS, type Option, type Positional } from "./option.ts";
import { printable } from "./printable.ts";
import { UsageError } from "./usage-error.ts";

/** A command line, taken apart by what its command declares. What a command does not declare cannot be asked for. */
export class Arguments {
  private readonly options: ReadonlyMap<string, readonly string[]>;
  private readonly positionals: ReadonlyMap<string, readonly string[]>;

  constructor(options: ReadonlyMap<string, readonly string[]>, positionals: ReadonlyMap<string, readonly string[]>) {
    this.options = options;
    this.positionals = positionals;
  }

  /** Whether a switch is set. */
  has(name: string): boolean {
    return this.options.has(name);
  }

  /** The value of an option, undefined where it is not given. */
  option(name: string): string | undefined {
    return this.options.get(name)?.[0];
  }

  /** Every value of an option that may be given more than once. */
  list(name: string): readonly string[] {
    return this.options.get(name) ?? [];
  }

  /** The value of an option that is a whole number from `min` to `max`. */
  count(name: string, { min, max }: { readonly min: number; readonly max: number }): number | undefined {
    const text = this.option(name);
    if (text === undefined) return undefined;
    const value = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max && Number.isSafeInteger(value)) return value;
    throw new UsageError(`\`--${name}\` must be a whole number from ${min} to ${max}`);
  }

  /** The value of an option that is a duration such as `30d`, in seconds. */
  seconds(name: string): number | undefined {
    const text = this.option(name);
    if (text === undefined) return undefined;
    const match = /^([1-9][0-9]{0,8})([smhd])$/.exec(text);
    if (match !== null) return Number(match[1]) * (SECONDS.get(match[2] ?? "") ?? 1);
    throw new UsageError(`\`--${name}\` must be a number with s, m, h or d, such as \`30d\``);
  }

  /** What stands at a required place. */
  at(name: string): string {
    return this.positionals.get(name)?.[0] ?? "";
  }

  /** What stands at a place that may be empty. */
  maybeAt(name: string): string | undefined {
    return this.positionals.get(name)?.[0];
  }

  /** All that stands at a place that takes several. */
  allAt(name: string): readonly string[] {
    return this.positionals.get(name) ?? [];
  }
}

const SECONDS: ReadonlyMap<string, number> = new Map([
  ["s", 1],
  ["m", 60],
  ["h", 3600],
  ["d", 86_400],
]);

/**
 * Takes a command line apart. Options are `--name`, `--name VALUE` or `--name=VALUE`, anywhere; `-h` is `--help`; all that
 * follows `--` is no option. With `--help` nothing that is missing matters.
 *
 * Throws {@link UsageError} for an option that the command does not have, for one given twice, and for what is missing or
 * too much. A value is not repeated in the message: it may be a secret that was put in the wrong place.
 */
export function parseArguments(command: Accepted, words: readonly string[]): Arguments {
  const known = new Map([...(command.options ?? []), ...COMMON_OPTIONS].map((option) => [option.name, option]));
  const { options, places } = sortWords(known, words);
  const positionals = options.has("help") ? new Map() : placeWords(command.positionals ?? [], places);
  if (!options.has("help")) checkOptions(known.values(), options);
  return new Arguments(options, positionals);
}

/** Which words are options with their values, and which are not. */
function sortWords(known: ReadonlyMap<string, Option>, words: readonly string[]) {
  const options = new Map<string, string[]>();
  const places: string[] = [];
  const queue = words.values();
  for (const word of queue) {
    if (word === "--") {
      places.push(...queue);
    } else if (!word.startsWith("-") || word === "-") {
      places.push(word);
    } else {
      const { option, inline } = readOption(known, word);
      if (option.value === undefined && inline !== undefined)
        throw new UsageError(`\`--${option.name}\` takes no value`);
      const value = option.value === undefined ? "" : (inline ?? queue.next().value);
      if (value === undefined) throw new UsageError(`\`--${option.name}\` needs a value: ${option.value}`);
      addValue(options, option, value);
    }
  }
  return { options, places };
}

function readOption(known: ReadonlyMap<string, Option>, word: string) {
  const equals = word.indexOf("=");
  const dashed = equals < 0 ? word : word.slice(0, equals);
  const option = known.get(dashed === "-h" ? "help" : dashed.replace(/^--/, ""));
  if (option === undefined || (dashed !== "-h" && !dashed.startsWith("--"))) throw unknownOption(known, dashed);
  return { option, inline: equals < 0 ? undefined : word.slice(equals + 1) };
}

function unknownOption(known: ReadonlyMap<string, Option>, dashed: string): UsageError {
  const nearest = nearestWord(dashed.replace(/^-+/, ""), known.keys());
  return new UsageError(
    `there is no option \`${printable(dashed.slice(0, 60))}\``,
    nearest === undefined ? undefined : `did you mean \`--${nearest}\`?`,
  );
}

function addValue(options: Map<string, string[]>, option: Option, value: string): void {
  if (value.includes("\0")) throw new UsageError(`\`--${option.name}\` must not hold a NUL`);
  if (option.choices !== undefined && !option.choices.includes(value)) {
    throw new UsageError(`\`--${option.name}\` is one of ${option.choices.join(", ")}`);
  }
  const values = options.get(option.name);
  if (values === undefined) options.set(option.name, [value]);
  else if (option.many) values.push(value);
  else if (option.value !== undefined) throw new UsageError(`\`--${option.name}\` is given twice`);
}

function checkOptions(known: Iterable<Option>, given: ReadonlyMap<string, readonly string[]>): void {
  for (const option of known) {
    if (option.required && !given.has(option.name))
      throw new UsageError(`\`--${option.name} ${option.value}\` is missing`);
  }
}

function placeWords(
  positionals: readonly Positional[],
  words: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const placed = new Map<string, readonly string[]>();
  let rest = words;
  for (const { name, optional, many } of positionals) {
    const taken = many ? rest : rest.slice(0, 1);
    rest = rest.slice(taken.length);
    if (taken.length === 0 && !optional) throw new UsageError(`${name} is missing`);
    if (taken.some((word) => word === "")) throw new UsageError(`${name} is empty`);
    if (taken.length > 0) placed.set(name, taken);
  }
  if (rest.length > 0) throw new UsageError("there is more on the command line than this command takes");
  return placed;
}
