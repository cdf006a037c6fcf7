import { open, unlink } from "node:fs/promises";
import { messageOf, WritError } from "#src/base/errors.ts";

/**
 * Writes a file that is not there yet, for this user alone. Throws `invalid_argument` where it is: evidence is not
 * overwritten, and no half of it is left behind.
 */
export async function writeNewFile(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const file = await open(path, "wx", 0o600).catch((error: unknown) => failToWrite(path, error));
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => undefined);
    await unlink(path);
    failToWrite(path, error);
  }
}

function failToWrite(path: string, cause: unknown): never {
  throw new WritError("invalid_argument", `cannot write \`${path}\`: ${messageOf(cause)}`, { cause });
}
