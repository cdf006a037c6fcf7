/** Longest line of input that is read, in bytes; of a longer one the beginning stands for it. */
const MAX_LINE_BYTES = 4 * 2 ** 20;

/** The lines of a stream without their ends, bytes that are not UTF-8 as U+FFFD. Blank lines are left out. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  let kept: Uint8Array[] = [];
  let length = 0;
  const finish = (): string => {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(kept));
    kept = [];
    length = 0;
    return text.replace(/\r$/, "");
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      kept.push(chunk.subarray(start, end));
      const line = finish();
      if (line.trim() !== "") yield line;
      start = end + 1;
    }
    const rest = chunk.subarray(start, start + Math.max(0, MAX_LINE_BYTES - length));
    length += rest.length;
    // The runtime may use a chunk's memory again once the next is asked for.
    if (rest.length > 0) kept.push(rest.slice());
  }
  const last = finish();
  if (last.trim() !== "") yield last;
}
