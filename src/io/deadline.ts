import type { Socket } from "node:net";
import { WritError } from "#src/base/errors.ts";

/** How long one connection may take to make, and what ends the attempt. */
export interface DialLimits {
  /** Milliseconds for resolving, connecting and TLS together. */
  readonly connectMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What ends an attempt to connect: the time, or the caller. */
export class Deadline {
  readonly endsAt: number;
  timedOut = false;
  private readonly signal: AbortSignal | undefined;
  private readonly timer: ReturnType<typeof setTimeout>;
  private readonly ended: Promise<never>;
  private readonly reject: (cause: unknown) => void;
  private readonly onAbort = () => this.reject(this.signal?.reason);

  constructor(limits: DialLimits) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.ended = promise;
    this.reject = reject;
    this.endsAt = performance.now() + limits.connectMs;
    this.timer = setTimeout(() => {
      this.timedOut = true;
      reject(new WritError("timeout"));
    }, limits.connectMs);
    this.signal = limits.signal;
    this.signal?.addEventListener("abort", this.onAbort, { once: true });
    if (this.signal?.aborted) this.onAbort();
  }

  /** The result of `work`, or a rejection at the deadline. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.ended]);
  }

  /** The result of `work` on `socket`, which is destroyed when that fails or comes too late. */
  async raceOn<T>(socket: Socket, work: Promise<T>): Promise<T> {
    try {
      return await this.race(work);
    } catch (cause) {
      socket.on("error", () => undefined);
      socket.destroy();
      throw cause;
    }
  }

  /** A deadline for one of `parts` attempts that share the time left; the caller ends it as well. */
  share(parts: number): Deadline {
    return new Deadline({ connectMs: Math.max(this.endsAt - performance.now(), 0) / parts, signal: this.signal });
  }

  /** Whether nothing more can come of it. */
  get isOver(): boolean {
    return this.timedOut || this.signal?.aborted === true;
  }

  end(): void {
    clearTimeout(this.timer);
    this.signal?.removeEventListener("abort", this.onAbort);
  }
}

/** Resolves at the event; rejects when the socket fails or closes before it. */
export function once(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onClose = (): void => reject(new Error("the connection was closed"));
  const settle = (): void => {
    socket.off(event, resolve).off("error", reject).off("close", onClose);
  };
  socket.on(event, resolve).on("error", reject).on("close", onClose);
  return promise.finally(settle);
}
