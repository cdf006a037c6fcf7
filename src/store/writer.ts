import { messageOf, WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { encodeBatch } from "./batch-codec.ts";
import type { Work } from "./committer.ts";
import { startThread } from "./thread.ts";
import type { Statement, Unit, UnitResult } from "./unit.ts";
import type { OpenRequest, WriterRequest, WriterResponse } from "./writer-protocol.ts";

/** At most so many units share a commit: bounds how long the first of them waits. */
const MAX_BATCH = 256;
/** Units waiting beyond this are refused at once: a queue that only grows helps nobody. */
const MAX_QUEUE = 20_000;

/** How a unit is committed. */
export interface SubmitOptions {
  /** Nobody waits for it: it may join the next commit instead of causing one, within {@link MAX_WAIT_MS}. */
  readonly canWait?: boolean;
}

/** How long what can wait does, in milliseconds, where no other commit comes by. */
export const MAX_WAIT_MS = 20;

/** What the rest of Writ sees of the one connection that writes. */
export interface Writer {
  /**
   * Applies a unit. When the promise resolves to `committed`, unit and event are on the disk; `refused` left no trace.
   * Rejects with `store_failed` or `disk_full` when durability is not known: then nothing was granted.
   */
  submit(unit: Unit, options?: SubmitOptions): Promise<UnitResult>;
  /** Bookkeeping without an event: applied some time later, lost without harm. */
  touch(statements: readonly Statement[]): void;
  /** The tenant's authority epoch after the newest commit; 0 for one that does not exist. */
  epochOf(tenant: TenantId): number;
  /** Seals from now on are made with this key. */
  useSealKey(id: string, seed: Uint8Array): void;
  /** Tokens of units that are submitted from now on may name this key. */
  useTokenKey(id: string, seed: Uint8Array): void;
  /** Commits what waits, then closes the database. */
  close(): Promise<void>;
}

/** Numbers for the metrics. */
export interface WriterObserver {
  onCommit(units: number, milliseconds: number): void;
  onFailure(code: string, message: string, undelivered: number): void;
}

interface Waiting {
  readonly work: Work;
  resolve(result: UnitResult): void;
  reject(error: Error): void;
}

/**
 * Starts the writer's thread and opens the database, creating and migrating it where needed.
 *
 * Group commit: units that arrive while a commit runs form the next batch, so that one fsync serves them all.
 */
export async function openWriter(
  options: Omit<OpenRequest, "kind">,
  now: () => number,
  observer: WriterObserver = { onCommit() {}, onFailure() {} },
): Promise<Writer> {
  const worker = startThread("writer-worker");
  const call = createCaller(worker);
  const opened = await call({ kind: "open", ...options });
  if (opened.kind !== "opened") {
    worker.terminate();
    throw new WritError("store_failed", `the database does not open: ${"message" in opened ? opened.message : ""}`);
  }
  const epochs = new Map<string, number>(opened.epochs);
  let queue: Waiting[] = [];
  /** What joins the next batch and begins none. */
  const later: Waiting[] = [];
  let laterTimer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | undefined;
  let closed = false;

  const settle = (batch: readonly Waiting[], response: WriterResponse): void => {
    if (response.kind === "committed") {
      // Epochs first: whoever is answered next must already see the state that it was decided under is gone.
      response.results.forEach((result, i) => {
        const work = batch[i]?.work;
        if (result !== undefined && work !== undefined && "tenant" in work) epochs.set(work.tenant, result.epoch);
      });
      response.results.forEach((result, i) => {
        batch[i]?.resolve(result ?? { kind: "refused", reason: "conflict", epoch: 0 });
      });
      return;
    }
    const code = response.kind === "failed" ? response.code : "store_failed";
    const message = response.kind === "failed" ? response.message : "the writer is closed";
    observer.onFailure(code, message, response.kind === "failed" ? response.undelivered : 0);
    if (response.kind === "failed" && response.epochs !== undefined) {
      for (const [tenant, epoch] of response.epochs) epochs.set(tenant, epoch);
    }
    for (const waiting of batch) waiting.reject(new WritError(code, undefined, { cause: message }));
  };

  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      const urgent = queue.slice(0, MAX_BATCH);
      queue = queue.slice(MAX_BATCH);
      const batch = urgent.concat(later.splice(0, MAX_BATCH - urgent.length));
      const started = performance.now();
      const encoded = encodeBatch(batch.map((waiting) => waiting.work));
      const response = await call({ kind: "commit", batch: encoded, now: now() }).catch(
        (error: unknown): WriterResponse => ({
          kind: "failed",
          code: "store_failed",
          message: messageOf(error),
          undelivered: 0,
        }),
      );
      observer.onCommit(batch.length, performance.now() - started);
      settle(batch, response);
    }
    running = undefined;
  };

  const start = (): void => {
    // Behind all requests that have arrived by now: they share the first commit instead of waiting for it.
    if (queue.length > 0) running ??= nextTurn().then(drain);
  };

  const startLater = (): void => {
    clearTimeout(laterTimer);
    laterTimer = undefined;
    queue = queue.concat(later.splice(0));
    start();
  };

  const enqueue = (waiting: Waiting, canWait: boolean): void => {
    if (canWait) {
      later.push(waiting);
      laterTimer ??= setTimeout(startLater, MAX_WAIT_MS);
      return;
    }
    queue.push(waiting);
    start();
  };

  return {
    submit: (unit, { canWait = false } = {}) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new WritError("not_ready"));
        const waiting = queue.length + later.length;
        if (waiting >= MAX_QUEUE) return reject(new WritError("rate_limited", "too many writes are waiting"));
        enqueue({ work: unit, resolve, reject }, canWait);
      }),
    touch: (statements) => {
      if (closed || queue.length + later.length >= MAX_QUEUE) return;
      enqueue({ work: { touch: true, statements }, resolve() {}, reject() {} }, true);
    },
    epochOf: (tenant) => epochs.get(tenant) ?? 0,
    useSealKey: (sealKeyId, sealSeed) => worker.postMessage({ kind: "seal_key", sealKeyId, sealSeed }),
    useTokenKey: (id, seed) => worker.postMessage({ kind: "token_key", id, seed }),
    close: async () => {
      closed = true;
      startLater();
      await running;
      try {
        await call({ kind: "close" });
      } finally {
        worker.terminate();
      }
    },
  };
}

/** One request at a time, each answered by the next message; once the thread has ended, every one fails. */
function createCaller(worker: Worker): (request: WriterRequest) => Promise<WriterResponse> {
  let answer: ((response: WriterResponse) => void) | undefined;
  let fail: ((error: Error) => void) | undefined;
  let ended: WritError | undefined;
  const end = (message: string): void => {
    ended ??= new WritError("store_failed", undefined, { cause: message });
    fail?.(ended);
  };
  worker.onmessage = (message: MessageEvent<WriterResponse>) => answer?.(message.data);
  worker.onerror = (event) => end(event.message);
  worker.addEventListener("close", () => end("the writer's thread ended"));
  return (request) =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      answer = resolve;
      fail = reject;
      worker.postMessage(request);
    });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
