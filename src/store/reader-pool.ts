import { WritError } from "#src/base/errors.ts";
import type { JobName, Jobs } from "./jobs/jobs.ts";
import type { PullResponse, ReaderRequest, ReaderResponse, StartRequest } from "./reader-protocol.ts";
import { startThread } from "./thread.ts";

/** How a job is watched and ended. */
export interface JobOptions {
  /** Ends the job; whoever waits for it gets the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called now and then with the number of events that were gone through. */
  readonly onProgress?: (events: number) => void;
}

/** Runs long reads off the main thread. */
export interface ReaderPool {
  /**
   * Runs a job, giving its items in bounded chunks as they are asked for, at most one ahead, and its result at the end.
   * Leaving the loop early ends the job.
   *
   * Throws what the job throws, `store_failed` when the thread ends under it, `not_ready` once the pool is closed.
   */
  stream<Name extends JobName>(
    job: Name,
    input: Jobs[Name]["input"],
    options?: JobOptions,
  ): AsyncGenerator<readonly Jobs[Name]["item"][], Jobs[Name]["result"], void>;
  /** Runs a job whose items are few, to its end. */
  run<Name extends JobName>(
    job: Name,
    input: Jobs[Name]["input"],
    options?: JobOptions,
  ): Promise<{ readonly items: Jobs[Name]["item"][]; readonly result: Jobs[Name]["result"] }>;
  /** Ends what runs, with `not_ready`, and the thread. */
  close(): Promise<void>;
}

/** How a pool is set. */
export interface ReaderPoolOptions {
  /** The thread ends after so many milliseconds without a job, and gives its memory back. */
  readonly idleMs?: number;
  /** Told of a thread that ended by a fault. */
  readonly onCrash?: (message: string) => void;
}

const IDLE_MS = 30_000;
/** A thread that does not answer its close within this time is ended where it is. */
const CLOSE_MS = 2000;

/**
 * Makes a pool over the database at `path`. The thread starts with the first job and again with the next one after it
 * ended, by itself or by a fault; the database has to be there by then.
 */
export function createReaderPool(path: string, options: ReaderPoolOptions = {}): ReaderPool {
  let thread: ReaderThread | undefined;
  let lastId = 0;
  let closed = false;

  const useThread = (): ReaderThread => {
    if (closed) throw new WritError("not_ready");
    if (thread === undefined || thread.hasEnded) thread = new ReaderThread(options.onCrash, options.idleMs ?? IDLE_MS);
    return thread;
  };

  const stream: ReaderPool["stream"] = async function* (job, input, { signal, onProgress } = {}) {
    signal?.throwIfAborted();
    const used = useThread();
    lastId += 1;
    const id = lastId;
    used.start({ kind: "start", id, path, job, input } as StartRequest, onProgress);
    const abort = (): void => used.fail(id, signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      let next = used.pull(id);
      for (let response = await next; response.kind === "chunk"; response = await next) {
        next = used.pull(id);
        // Awaited after the consumer asks again; what it left behind is nobody's error.
        next.catch(() => undefined);
        yield response.items as never;
      }
      const last = await next;
      if (last.kind === "done") return last.result as never;
      if (last.kind === "failed") throw new WritError(last.code, last.message, { cause: last.cause });
      throw new WritError("internal");
    } finally {
      signal?.removeEventListener("abort", abort);
      used.end(id);
    }
  };

  return {
    stream,
    run: async (job, input, jobOptions) => {
      const items: Jobs[typeof job]["item"][] = [];
      const chunks = stream(job, input, jobOptions);
      for (let step = await chunks.next(); ; step = await chunks.next()) {
        if (step.done === true) return { items, result: step.value };
        for (const item of step.value) items.push(item);
      }
    },
    close: async () => {
      closed = true;
      await thread?.close();
      thread = undefined;
    },
  };
}

interface PendingJob {
  readonly onProgress: ((events: number) => void) | undefined;
  /** What the job failed with before it was asked again. */
  failure: { readonly error: unknown } | undefined;
  settle: { resolve(response: PullResponse): void; reject(error: unknown): void } | undefined;
}

/** One life of the reader's thread. */
class ReaderThread {
  private readonly worker = startThread("reader-worker");
  private readonly jobs = new Map<number, PendingJob>();
  private readonly idleMs: number;
  private idle: ReturnType<typeof setTimeout> | undefined;
  private ended = false;
  private onClosed: (() => void) | undefined;

  constructor(onCrash: ((message: string) => void) | undefined, idleMs: number) {
    this.idleMs = idleMs;
    this.worker.onmessage = (message: MessageEvent<ReaderResponse>) => this.take(message.data);
    const crash = (message: string): void => {
      if (this.ended) return;
      onCrash?.(message);
      this.terminate(new WritError("store_failed", undefined, { cause: message }));
    };
    this.worker.onerror = (event) => crash(event.message);
    this.worker.addEventListener("close", () => crash("the reader's thread ended"));
  }

  get hasEnded(): boolean {
    return this.ended;
  }

  start(request: StartRequest, onProgress: PendingJob["onProgress"]): void {
    clearTimeout(this.idle);
    this.jobs.set(request.id, { onProgress, failure: undefined, settle: undefined });
    this.send(request);
  }

  pull(id: number): Promise<PullResponse> {
    return new Promise((resolve, reject) => {
      const job = this.jobs.get(id);
      if (job === undefined) return reject(new WritError("internal"));
      if (job.failure !== undefined) return reject(job.failure.error);
      job.settle = { resolve, reject };
      this.send({ kind: "pull", id });
    });
  }

  /** Makes the job fail with `error`, now or when it is next asked. */
  fail(id: number, error: unknown): void {
    const job = this.jobs.get(id);
    if (job === undefined || job.failure !== undefined) return;
    job.failure = { error };
    this.send({ kind: "cancel", id });
    job.settle?.reject(error);
  }

  /** Forgets a job; one that still runs is cancelled. */
  end(id: number): void {
    if (!this.jobs.delete(id) || this.ended) return;
    this.send({ kind: "cancel", id });
    if (this.jobs.size > 0) return;
    this.idle = setTimeout(() => void this.close(), this.idleMs);
    this.idle.unref();
  }

  async close(): Promise<void> {
    if (this.ended) return;
    const closed = new Promise<void>((resolve) => {
      this.onClosed = resolve;
    });
    for (const id of this.jobs.keys()) this.fail(id, new WritError("not_ready"));
    this.send({ kind: "close" });
    // From here on no job may begin on this thread.
    this.ended = true;
    const timer = setTimeout(() => this.onClosed?.(), CLOSE_MS);
    await closed;
    clearTimeout(timer);
    clearTimeout(this.idle);
    this.worker.terminate();
  }

  private terminate(error: WritError): void {
    for (const id of this.jobs.keys()) this.fail(id, error);
    this.ended = true;
    clearTimeout(this.idle);
    this.worker.terminate();
  }

  private take(response: ReaderResponse): void {
    if (response.kind === "closed") {
      this.onClosed?.();
      return;
    }
    const job = this.jobs.get(response.id);
    if (job === undefined || job.failure !== undefined) return;
    if (response.kind === "progress") job.onProgress?.(response.events);
    else job.settle?.resolve(response);
  }

  private send(request: ReaderRequest): void {
    if (!this.ended) this.worker.postMessage(request);
  }
}
