import { concatBytes } from "#src/base/bytes.ts";
import type { ErrorCode } from "#src/base/error-codes.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import type { Connection, ConnectionListener } from "./connection.ts";
import { encodeChunk, type HeaderField, LAST_CHUNK } from "./request-head.ts";
import { type ResponseHead, ResponseParser, type ResponseSink } from "./response-parser.ts";

/** Bounds of one call. All times in milliseconds; each must be above zero. */
export interface CallLimits {
  /** Resolving, connecting and TLS. */
  readonly connectMs: number;
  /** From the end of the request to the end of the response's head. */
  readonly headersMs: number;
  /** Longest silence within a body, either way. Time in which the reader of the answer does not read is not counted. */
  readonly idleMs: number;
  /** Everything, from the call to the last byte of the answer. */
  readonly totalMs: number;
  /** Bytes of the answer's body, transfer coding removed. */
  readonly maxResponseBytes: number;
  /** Bytes of all of the answer's heads together. */
  readonly maxHeaderBytes: number;
}

/** What an upstream answered. */
export interface HttpResponse {
  readonly status: number;
  /** As sent: order, case and repetitions kept, Latin-1. */
  readonly headers: readonly HeaderField[];
  /** Errors with the same errors as the call. Cancelling it closes the connection. */
  readonly body: ReadableStream<Uint8Array>;
  /** The address that was dialled; null where a proxy resolved the name. */
  readonly remoteAddress: string | null;
}

/** One request, encoded. */
export interface ExchangeRequest {
  readonly method: string;
  readonly head: Uint8Array;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined;
  /** Length that the head states for a streamed body; undefined where the body is chunked. */
  readonly statedLength: number | undefined;
  /** Whether the connection is TLS, where the end of the connection proves nothing. */
  readonly isSecure: boolean;
  readonly limits: CallLimits;
  /** When the whole call must be over, on the clock of `performance.now`. */
  readonly endsAt: number;
  readonly signal: AbortSignal | undefined;
  /** Receives the connection when it is fit for another exchange. */
  readonly onReusable: (connection: Connection) => void;
}

const BUFFERED_BYTES = 256 * 1024;
/** Up to here head and body go out in one write. */
const JOINED_BYTES = 64 * 1024;

/**
 * One request and its response on a connection.
 *
 * Ends in exactly one of two ways: complete, which gives the connection back where it is fit, or failed, which destroys
 * it. Back-pressure goes both ways: a response that nobody reads stops the reading from the socket, an upstream that does
 * not read stops the reading from the request's body.
 */
export class Exchange implements ConnectionListener, ResponseSink {
  /** Whether anything of a response has arrived. */
  answered = false;
  private readonly connection: Connection;
  private readonly request: ExchangeRequest;
  private readonly parser: ResponseParser;
  private readonly response = Promise.withResolvers<HttpResponse>();
  private readonly totalTimer: ReturnType<typeof setTimeout>;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  private source: ReadableStreamDefaultReader<Uint8Array> | undefined;
  private wake: (() => void) | undefined;
  private responseHead: ResponseHead | undefined;
  private received = 0;
  /** Whether bytes of the request may have left. */
  private isStarted = false;
  private isSent = false;
  private isOver = false;
  private isPaused = false;
  private readonly onAbort = () =>
    this.fail("upstream_failed", "the call was aborted", this.request.signal?.reason ?? "aborted");

  constructor(connection: Connection, request: ExchangeRequest) {
    this.connection = connection;
    this.request = request;
    this.parser = new ResponseParser({ method: request.method, maxHeaderBytes: request.limits.maxHeaderBytes });
    const left = Math.max(request.endsAt - performance.now(), 0);
    this.totalTimer = setTimeout(() => this.onTimeout("the call", request.limits.totalMs), left);
  }

  /** Sends the request; resolves with the response's head, its body to follow. */
  run(): Promise<HttpResponse> {
    const { signal, body } = this.request;
    this.connection.attach(this);
    signal?.addEventListener("abort", this.onAbort, { once: true });
    if (signal?.aborted) {
      this.onAbort();
      return this.response.promise;
    }
    this.isStarted = true;
    if (body instanceof ReadableStream) void this.sendStream(body);
    else void this.sendBytes(body);
    return this.response.promise;
  }

  data(chunk: Uint8Array): void {
    this.answered = true;
    try {
      this.parser.push(chunk, this);
    } catch (cause) {
      this.failWith(cause);
      return;
    }
    if (this.isOver) return;
    if (this.parser.done) this.complete();
    else if (this.responseHead !== undefined && !this.isPaused) this.expectWithin(this.request.limits.idleMs);
  }

  drain(): void {
    const wake = this.wake;
    this.wake = undefined;
    wake?.();
  }

  closed(cause: unknown): void {
    if (cause !== undefined) {
      this.fail("upstream_failed", "the connection broke", cause);
      return;
    }
    try {
      this.parser.finish();
      if (this.request.isSecure) throw new WritError("upstream_failed", "the answer may be cut: nothing marks its end");
    } catch (fault) {
      this.failWith(fault);
      return;
    }
    this.complete();
  }

  head(head: ResponseHead): void {
    const { maxResponseBytes } = this.request.limits;
    if (head.framing.kind === "length" && head.framing.length > maxResponseBytes) {
      throw new WritError("upstream_too_large", `the upstream's answer is larger than ${maxResponseBytes} bytes`);
    }
    this.responseHead = head;
    this.clearSilenceTimer();
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        pull: () => this.resume(),
        cancel: (reason) => this.fail("upstream_failed", "the answer was not wanted any more", reason),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BUFFERED_BYTES }),
    );
    const { remoteAddress } = this.connection;
    this.response.resolve({ status: head.status, headers: head.headers, body, remoteAddress });
  }

  body(data: Uint8Array): void {
    const { maxResponseBytes } = this.request.limits;
    this.received += data.length;
    if (this.received > maxResponseBytes) {
      throw new WritError("upstream_too_large", `the upstream's answer is larger than ${maxResponseBytes} bytes`);
    }
    this.controller?.enqueue(data);
    if ((this.controller?.desiredSize ?? 1) > 0 || this.isPaused) return;
    this.isPaused = true;
    this.clearSilenceTimer();
    this.connection.pause();
  }

  private resume(): void {
    if (!this.isPaused || this.isOver) return;
    this.isPaused = false;
    this.expectWithin(this.request.limits.idleMs);
    this.connection.resume();
  }

  private async sendBytes(body: Uint8Array | undefined): Promise<void> {
    const { head } = this.request;
    if (body === undefined) await this.send(head);
    else if (body.length <= JOINED_BYTES) await this.send(concatBytes(head, body));
    else {
      await this.send(head);
      await this.send(body);
    }
    this.finishSending();
  }

  private async sendStream(body: ReadableStream<Uint8Array>): Promise<void> {
    const { head, statedLength } = this.request;
    let length = 0;
    try {
      this.source = body.getReader();
      await this.send(head);
      for (;;) {
        const { done, value } = await this.source.read();
        if (this.isOver) return;
        if (done) break;
        if (value.length === 0) continue;
        length += value.length;
        if (statedLength !== undefined && length > statedLength) throw lengthMismatch(statedLength);
        await this.send(statedLength === undefined ? encodeChunk(value) : value);
      }
      if (statedLength === undefined) await this.send(LAST_CHUNK);
      else if (length !== statedLength) throw lengthMismatch(statedLength);
      this.finishSending();
    } catch (cause) {
      if (isWritError(cause)) this.failWith(cause);
      else this.fail("upstream_failed", "the body of the request broke off", cause);
    }
  }

  /** Writes, and waits while the upstream does not read; resolves at once when the exchange is over. */
  private async send(bytes: Uint8Array): Promise<void> {
    if (this.isOver || this.connection.write(bytes)) return;
    if (this.responseHead === undefined) this.expectWithin(this.request.limits.idleMs);
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    if (this.responseHead === undefined) this.clearSilenceTimer();
  }

  private finishSending(): void {
    if (this.isOver) return;
    this.isSent = true;
    this.source = undefined;
    if (this.responseHead === undefined) this.expectWithin(this.request.limits.headersMs);
  }

  private complete(): void {
    const controller = this.controller;
    this.end();
    controller?.close();
    if (this.isSent && this.responseHead?.persistent && !this.parser.surplus) this.request.onReusable(this.connection);
    else this.connection.destroy();
  }

  private failWith(cause: unknown): void {
    if (isWritError(cause)) this.fail(cause.code, cause.message, cause, cause.details);
    else this.fail("upstream_failed", "the answer could not be read", cause);
  }

  private fail(code: ErrorCode, message: string, cause?: unknown, details?: object): void {
    if (this.isOver) return;
    const error = new WritError(code, message, { details: { ...details, sent: this.isStarted }, cause });
    const controller = this.controller;
    this.end();
    this.connection.destroy();
    // Of the two, the one that already has its answer takes no notice.
    this.response.reject(error);
    errorStream(controller, error);
  }

  private end(): void {
    this.isOver = true;
    clearTimeout(this.totalTimer);
    this.clearSilenceTimer();
    this.request.signal?.removeEventListener("abort", this.onAbort);
    // An upstream may answer before it has read everything: the rest of the body is then not wanted.
    this.source?.cancel("the exchange is over").catch(() => undefined);
    this.drain();
  }

  private expectWithin(milliseconds: number): void {
    this.clearSilenceTimer();
    this.silenceTimer = setTimeout(() => this.onTimeout("waiting for the upstream", milliseconds), milliseconds);
  }

  private clearSilenceTimer(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = undefined;
  }

  private onTimeout(what: string, milliseconds: number): void {
    this.fail("timeout", `${what} took longer than ${milliseconds} ms`);
  }
}

function lengthMismatch(stated: number): WritError {
  return new WritError("invalid_argument", `the body does not have the ${stated} bytes that were stated`);
}

function errorStream(controller: ReadableStreamDefaultController<Uint8Array> | undefined, error: unknown): void {
  try {
    controller?.error(error);
  } catch {
    // Cancelled: there is nobody left to tell.
  }
}
