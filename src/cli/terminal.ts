import { writeSync } from "node:fs";
import { WritError } from "#src/base/errors.ts";
import { jsonLine, printable } from "./printable.ts";

/** How a word stands out. */
export type Mark = "good" | "bad" | "warn";

/** A name and its value; one that is undefined, null or empty is left out. */
export type Field = readonly [name: string, value: string | number | boolean | null | undefined];

/** Whoever read the output has gone: nothing more can be said to them. */
export class OutputClosedError extends Error {}

/** Where a command reads and writes. Text that it is given to print cannot move the cursor or reorder the line. */
export interface Terminal {
  /** Writes as it is; resolves when it was handed over. */
  write(text: string | Uint8Array): Promise<void>;
  print(line?: string): Promise<void>;
  /** A line that begins with a word in the colour of its mark, where the output is a terminal that wants any. */
  printMarked(mark: Mark, word: string, rest: string): Promise<void>;
  /** One object as a line. */
  printJson(value: unknown): Promise<void>;
  /** Columns under their headings, aligned; `nothing` where there are no rows. */
  printTable(headings: readonly string[], rows: readonly (readonly string[])[], nothing: string): Promise<void>;
  /** Names and values, aligned. */
  printFields(fields: readonly Field[]): Promise<void>;
  /** A line on standard error. */
  note(line: string): Promise<void>;
  /**
   * A line on standard error that the next one replaces and `""` takes away; nothing where that is no terminal. Written
   * before it returns, so that work which holds the thread can tell how far it is.
   */
  showProgress(line: string): void;
  /** Standard input, chunk by chunk. */
  input(): AsyncIterable<Uint8Array>;
  /** A line that is typed without being shown; undefined where no terminal is there to type on. */
  askSecret(question: string): Promise<string | undefined>;
}

const COLOURS: Readonly<Record<Mark, string>> = { good: "32", bad: "31", warn: "33" };
const CONTROL_C = "\u0003";
const CONTROL_D = "\u0004";
const BACKSPACE = new Set(["\u007f", "\b"]);

/** The process's own streams. */
export function createTerminal(): Terminal {
  // `NO_COLOR` is in what the runtime says.
  const hasColours = process.stdout.isTTY === true && Bun.enableANSIColors;
  // Without a listener a reader that went away would end the process with a stack.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  const write = (text: string | Uint8Array): Promise<void> => writeTo(process.stdout, text);

  return {
    write,
    print: (line = "") => write(`${printable(line)}\n`),
    printMarked: (mark, word, rest) =>
      write(`${hasColours ? `\u001b[${COLOURS[mark]}m${word}\u001b[0m` : word}${printable(rest)}\n`),
    printJson: (value) => write(`${jsonLine(value)}\n`),
    printTable: async (headings, rows, nothing) => {
      if (rows.length === 0) await writeTo(process.stderr, `${nothing}\n`);
      else await write(`${formatTable([headings, ...rows]).join("\n")}\n`);
    },
    printFields: async (fields) => {
      const rows = fields.flatMap(([name, value]) =>
        value === undefined || value === null || value === "" ? [] : [[name, String(value)]],
      );
      if (rows.length > 0) await write(`${formatTable(rows).join("\n")}\n`);
    },
    note: (line) => writeTo(process.stderr, `${printable(line)}\n`),
    showProgress: (line) => {
      // Back to the beginning of the line, and erase what is on it.
      if (process.stderr.isTTY === true) writeAtOnce(process.stderr.fd, `\r\u001b[K${printable(line)}`);
    },
    input: () => Bun.stdin.stream(),
    askSecret: async (question) => {
      if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return undefined;
      await writeTo(process.stderr, question);
      try {
        return await readHidden();
      } finally {
        await writeTo(process.stderr, "\n");
      }
    },
  };
}

/** All of standard input. Throws `body_too_large` beyond so many bytes. */
export async function readAll(terminal: Terminal, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of terminal.input()) {
    length += chunk.length;
    if (length > maxBytes) throw new WritError("body_too_large", `the input is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Columns: two spaces between them, nothing behind the last; what could deceive on a terminal is escaped. */
export function formatTable(rows: readonly (readonly string[])[]): readonly string[] {
  const cells = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, Bun.stringWidth(cell));
  }
  return cells.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell)))
      .join("  ")
      .trimEnd(),
  );
}

function writeAtOnce(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // A terminal that is gone or takes nothing now: progress is nothing to fail for.
  }
}

function writeTo(stream: NodeJS.WriteStream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error) reject(new OutputClosedError("the output was closed"));
      else resolve();
    });
  });
}

async function readHidden(): Promise<string | undefined> {
  const { stdin } = process;
  stdin.setRawMode(true);
  try {
    let typed = "";
    for await (const chunk of stdin) {
      for (const character of String(chunk)) {
        if (character === "\r" || character === "\n") return typed;
        if (character === CONTROL_C || (character === CONTROL_D && typed === "")) return undefined;
        typed = BACKSPACE.has(character) ? typed.slice(0, -1) : typed + character;
      }
    }
    return typed;
  } finally {
    stdin.setRawMode(false);
  }
}
