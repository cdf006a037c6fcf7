import { utf8 } from "#src/base/bytes.ts";
import type { Log } from "#src/base/log.ts";

/** What systemd is told of a service's state: sd_notify(3). */
export type ServiceState = "READY=1" | "STOPPING=1";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
/** Linux: close on exec, and a write to nobody is an error instead of a signal. */
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** `sun_path` of sockaddr_un on Linux. */
const MAX_PATH = 108;
const LIBRARIES = ["libc.so.6", "libc.so"];

/**
 * Tells the service manager, where one waits on a socket (`NOTIFY_SOCKET`). The runtime has no datagram sockets in the
 * file system, so libc is called. A failure is logged and nothing else: the service itself runs.
 */
export async function notifyServiceManager(socket: string | undefined, state: ServiceState, log: Log): Promise<void> {
  if (socket === undefined || process.platform !== "linux") return;
  try {
    await sendDatagram(socketAddress(socket), utf8(state));
  } catch (error) {
    log.warn("the service manager was not told", { state, error: error instanceof Error ? error.message : "" });
  }
}

/** A sockaddr_un. A leading `@` stands for the NUL of an abstract name, which has no NUL at its end. */
function socketAddress(path: string): Uint8Array {
  const name = utf8(path);
  const isAbstract = path.startsWith("@");
  if ((!isAbstract && !path.startsWith("/")) || name.length >= MAX_PATH)
    throw new Error("`NOTIFY_SOCKET` is malformed");
  const address = new Uint8Array(2 + name.length + (isAbstract ? 0 : 1));
  // `sa_family_t` is in the machine's order, which is little-endian wherever this runs.
  address[0] = AF_UNIX;
  address.set(name, 2);
  if (isAbstract) address[2] = 0;
  return address;
}

async function sendDatagram(address: Uint8Array, message: Uint8Array): Promise<void> {
  const { dlopen, FFIType, ptr } = await import("bun:ffi");
  const { i32, u32, u64, i64, pointer } = { ...FFIType, pointer: FFIType.ptr };
  const functions = {
    socket: { args: [i32, i32, i32], returns: i32 },
    sendto: { args: [i32, pointer, u64, i32, pointer, u32], returns: i64 },
    close: { args: [i32], returns: i32 },
  } as const;
  const library = openFirst((name) => dlopen(name, functions));
  try {
    const { socket, sendto, close } = library.symbols;
    const handle = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (handle < 0) throw new Error("no socket could be made");
    const sent = sendto(handle, ptr(message), BigInt(message.length), MSG_NOSIGNAL, ptr(address), address.length);
    close(handle);
    if (Number(sent) !== message.length) throw new Error("nothing was sent");
  } finally {
    library.close();
  }
}

function openFirst<Library>(open: (name: string) => Library): Library {
  let failure: unknown;
  for (const name of LIBRARIES) {
    try {
      return open(name);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
