import { WritError } from "#src/base/errors.ts";
import type { Log } from "#src/base/log.ts";
import { readFreeSpace } from "#src/io/durable-file.ts";

/** Whether there is room to grant anything new. The reserve below it is for what takes grants back. */
export interface Capacity {
  /** Throws `disk_full` while free space is below the reserve. */
  readonly check: () => void;
  /** Looks at the disk again. */
  readonly measure: () => Promise<void>;
  readonly freeBytes: () => number;
}

/** Watches the disk that the data folder is on; whoever owns it calls `measure` every few seconds. */
export function createCapacity(folder: string, reserveBytes: number, log: Log): Capacity {
  let free = Number.MAX_SAFE_INTEGER;
  let full = false;
  return {
    check: () => {
      if (full) throw new WritError("disk_full");
    },
    measure: async () => {
      free = (await readFreeSpace(folder)).freeBytes;
      const isFull = free < reserveBytes;
      if (isFull !== full)
        log.warn(isFull ? "the disk is at its reserve" : "the disk has room again", { freeBytes: free });
      full = isFull;
    },
    freeBytes: () => free,
  };
}
