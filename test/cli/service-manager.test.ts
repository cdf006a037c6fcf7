import { dlopen, FFIType, ptr } from "bun:ffi";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createLog } from "#src/base/log.ts";
import { notifyServiceManager } from "#src/cli/service-manager.ts";
import { temporaryFolder } from "./support.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

/** A datagram socket with a name, as systemd has one. */
function listen(name: Uint8Array) {
  const { i32, u32, u64, i64 } = FFIType;
  const { symbols } = dlopen("libc.so.6", {
    socket: { args: [i32, i32, i32], returns: i32 },
    bind: { args: [i32, FFIType.ptr, u32], returns: i32 },
    recv: { args: [i32, FFIType.ptr, u64, i32], returns: i64 },
    close: { args: [i32], returns: i32 },
  });
  const address = new Uint8Array([AF_UNIX, 0, ...name]);
  const handle = symbols.socket(AF_UNIX, SOCK_DGRAM, 0);
  expect(symbols.bind(handle, ptr(address), address.length)).toBe(0);
  return {
    receive: (): string | undefined => {
      const buffer = new Uint8Array(256);
      const length = Number(symbols.recv(handle, ptr(buffer), BigInt(buffer.length), MSG_DONTWAIT));
      return length < 0 ? undefined : new TextDecoder().decode(buffer.subarray(0, length));
    },
    close: () => symbols.close(handle),
  };
}

// The library by which the test listens has this name where glibc is.
const isPossible = process.platform === "linux" && isThere("libc.so.6");

function isThere(library: string): boolean {
  try {
    dlopen(library, { getpid: { args: [], returns: FFIType.i32 } }).close();
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!isPossible)("the service manager is told", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeAll(() => {
    folder = temporaryFolder();
  });
  afterAll(() => folder.remove());

  const cases: readonly (readonly [string, () => { readonly socket: string; readonly name: Uint8Array }])[] = [
    [
      "on a socket in the file system",
      () => {
        const socket = join(folder.path, "notify");
        return { socket, name: Buffer.from(`${socket}\0`) };
      },
    ],
    [
      "on a socket with an abstract name",
      () => {
        const name = `writ-test-${process.pid}`;
        return { socket: `@${name}`, name: Buffer.from(`\0${name}`) };
      },
    ],
  ];
  for (const [what, make] of cases) {
    test(what, async () => {
      const { socket, name } = make();
      const receiver = listen(name);
      const lines: string[] = [];
      const log = createLog((line) => lines.push(line));
      await notifyServiceManager(socket, "READY=1", log);
      await notifyServiceManager(socket, "STOPPING=1", log);
      expect([receiver.receive(), receiver.receive(), receiver.receive()]).toEqual([
        "READY=1",
        "STOPPING=1",
        undefined,
      ]);
      receiver.close();
      expect(lines).toEqual([]);
    });
  }

  test("where nobody listens, or the name is none, the service goes on with a warning", async () => {
    for (const socket of [join(folder.path, "nobody"), "relative", "vsock:2:1", `/${"x".repeat(200)}`]) {
      const lines: string[] = [];
      await notifyServiceManager(
        socket,
        "READY=1",
        createLog((line) => lines.push(line)),
      );
      expect(lines).toHaveLength(1);
      expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "warn", state: "READY=1" });
    }
  });

  test("where none waits, nothing is done", async () => {
    const lines: string[] = [];
    await notifyServiceManager(
      undefined,
      "READY=1",
      createLog((line) => lines.push(line)),
    );
    expect(lines).toEqual([]);
  });
});
