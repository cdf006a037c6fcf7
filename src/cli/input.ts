import { open } from "node:fs/promises";
import { fromUtf8 } from "#src/base/bytes.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import { readAll, type Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const MAX_TEXT_BYTES = 16 * 2 ** 20;
const MAX_SECRET_BYTES = 64 * 2 ** 10;

/** The bytes of a file, or of standard input for `-`. Throws `invalid_argument` where it cannot be read. */
export async function readBytes(terminal: Terminal, path: string, maxBytes = MAX_TEXT_BYTES): Promise<Uint8Array> {
  return path === "-" ? readAll(terminal, maxBytes) : readBounded(path, maxBytes);
}

/** The same as text. Throws `invalid_argument` for what is not UTF-8. */
export async function readText(terminal: Terminal, path: string, maxBytes = MAX_TEXT_BYTES): Promise<string> {
  const bytes = await readBytes(terminal, path, maxBytes);
  try {
    return fromUtf8(bytes);
  } catch {
    throw new WritError("invalid_argument", `\`${path}\` is not UTF-8`);
  }
}

/**
 * A secret: from the file, else typed without being shown, else from standard input; never from the command line, where
 * every process of the machine sees it. One line feed at its end does not belong to it.
 */
export async function readSecret(terminal: Terminal, file: string | undefined, question: string): Promise<string> {
  const text =
    file === undefined
      ? ((await terminal.askSecret(question)) ?? (await readPiped(terminal)))
      : await readText(terminal, file, MAX_SECRET_BYTES);
  const secret = text.replace(/\r?\n$/, "");
  if (secret === "")
    throw new UsageError("the secret is empty", "pipe it in, type it, or name a file: --secret-file FILE");
  return secret;
}

async function readPiped(terminal: Terminal): Promise<string> {
  if (process.stdin.isTTY) return "";
  return readText(terminal, "-", MAX_SECRET_BYTES);
}

async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const file = await open(path, "r");
    try {
      const chunks: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of file.createReadStream({ autoClose: false })) {
        length += (chunk as Uint8Array).length;
        if (length > maxBytes) throw new WritError("invalid_argument", `\`${path}\` is larger than ${maxBytes} bytes`);
        chunks.push(chunk as Uint8Array);
      }
      return Buffer.concat(chunks);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof WritError) throw error;
    throw new WritError("invalid_argument", `cannot read \`${path}\`: ${messageOf(error)}`, { cause: error });
  }
}
