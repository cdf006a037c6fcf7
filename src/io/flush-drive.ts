import { WritError } from "#src/base/errors.ts";

/** `F_FULLFSYNC` of <sys/fcntl.h> on macOS. */
const F_FULLFSYNC = 51;

/**
 * Has the drive itself write out what it holds for an open file that was already flushed with fsync.
 *
 * On macOS fsync leaves the data in the drive's cache, and only this makes it durable; elsewhere fsync does, and nothing
 * is done here. Throws `store_failed` when the drive does not confirm.
 */
export async function flushDrive(fileDescriptor: number): Promise<void> {
  if (process.platform !== "darwin") return;
  const { dlopen, FFIType } = await import("bun:ffi");
  const library = dlopen("libSystem.B.dylib", { fcntl: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 } });
  try {
    if (library.symbols.fcntl(fileDescriptor, F_FULLFSYNC) === -1) {
      throw new WritError("store_failed", "the drive did not confirm a full flush");
    }
  } finally {
    library.close();
  }
}
