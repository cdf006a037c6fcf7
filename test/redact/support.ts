import type { Stage } from "#src/redact/stage.ts";

/** All that `stage` makes of `chunks`. */
export function clean(stage: Stage, chunks: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...chunks.flatMap((chunk) => stage.push(chunk)), ...stage.finish()]);
}
