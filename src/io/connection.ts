import type { Socket } from "node:net";

/** What an exchange on a connection is told. After `closed` nothing more comes. */
export interface ConnectionListener {
  data(chunk: Uint8Array): void;
  /** What was written has left for the operating system, so more may be written. */
  drain(): void;
  /** The connection ended, with the fault where there was one. */
  closed(cause: unknown): void;
}

/**
 * A connection to one address that carries one exchange at a time.
 *
 * Whatever arrives while no exchange listens is none that was asked for: the connection is destroyed, so that stray bytes
 * of one answer never become the beginning of another.
 */
export class Connection {
  readonly openedAt = performance.now();
  /** The address that was dialled; null where a proxy resolved the name. */
  readonly remoteAddress: string | null;
  /** Called once when the connection is gone. */
  onGone: (() => void) | undefined;
  private readonly socket: Socket;
  private listener: ConnectionListener | undefined;
  private gone = false;

  constructor(socket: Socket, remoteAddress: string | null) {
    this.socket = socket;
    this.remoteAddress = remoteAddress;
    socket.on("data", (chunk: Buffer) => this.onData(chunk));
    socket.on("drain", () => this.listener?.drain());
    socket.on("end", () => this.onClosed(undefined));
    socket.on("error", (cause) => this.onClosed(cause));
    socket.on("close", () => this.onClosed(undefined));
  }

  get isUsable(): boolean {
    return !this.gone && !this.socket.destroyed && this.socket.writable;
  }

  /** Gives the connection to an exchange, which holds the process open. */
  attach(listener: ConnectionListener): void {
    if (!this.isUsable) {
      queueMicrotask(() => listener.closed(undefined));
      return;
    }
    this.listener = listener;
    this.socket.ref();
    this.socket.resume();
  }

  /** Takes it back: from here on it waits unused and holds nothing open. */
  detach(): void {
    this.listener = undefined;
    this.socket.unref();
    this.socket.resume();
  }

  /** False means: wait for `drain` before writing more. `bytes` must not change afterwards. */
  write(bytes: Uint8Array): boolean {
    return this.socket.write(bytes);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.listener = undefined;
    this.gone = true;
    this.socket.destroy();
    this.announce();
  }

  private onData(chunk: Buffer): void {
    if (this.listener === undefined) this.destroy();
    else this.listener.data(new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength));
  }

  private onClosed(cause: unknown): void {
    const listener = this.listener;
    this.destroy();
    listener?.closed(cause);
  }

  private announce(): void {
    const announce = this.onGone;
    this.onGone = undefined;
    announce?.();
  }
}
