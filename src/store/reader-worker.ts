/// <reference lib="webworker" />
import type { Database } from "bun:sqlite";
import { isWritError, messageOf } from "#src/base/errors.ts";
import { openForReading } from "./database.ts";
import type { Job } from "./jobs/job.ts";
import { JOBS } from "./jobs/jobs.ts";
import type { PullResponse, ReaderRequest, ReaderResponse, StartRequest } from "./reader-protocol.ts";

// The reader's thread: runs long reads in steps on a connection that cannot write, several jobs in turn.
declare const self: Worker;

/** How long a job runs before the others and the messages that wait have their turn, in milliseconds. */
const TURN_MS = 10;
/** The least time between two notes of progress of a job, in milliseconds. */
const PROGRESS_MS = 100;

interface RunningJob {
  readonly steps: AsyncGenerator<readonly unknown[], unknown, void>;
  cancelled: boolean;
}

/** What a cancelled job ends with; nobody is told. */
class Cancelled extends Error {}

const jobs = new Map<number, RunningJob>();
let open: { readonly path: string; readonly db: Database } | undefined;

self.onmessage = (message: MessageEvent<ReaderRequest>) => {
  const request = message.data;
  switch (request.kind) {
    case "start":
      start(request);
      break;
    case "pull":
      void pull(request.id);
      break;
    case "cancel":
      cancel(request.id);
      break;
    case "close":
      for (const id of jobs.keys()) cancel(id);
      open?.db.close();
      open = undefined;
      send({ kind: "closed" });
      break;
  }
};

function start(request: StartRequest): void {
  const running: RunningJob = { steps: createSteps(request, () => running.cancelled), cancelled: false };
  jobs.set(request.id, running);
}

/** The database opens with the first step, so that a failure to open is the answer to a pull. */
async function* createSteps(
  { id, path, job, input }: StartRequest,
  isCancelled: () => boolean,
): AsyncGenerator<readonly unknown[], unknown, void> {
  let turnEnds = performance.now() + TURN_MS;
  let nextProgress = 0;
  const run = JOBS[job] as Job<unknown, unknown, unknown>;
  return yield* run(
    {
      db: openDatabase(path),
      breathe: async () => {
        if (performance.now() >= turnEnds) {
          await new Promise<void>((resolve) => setImmediate(resolve));
          turnEnds = performance.now() + TURN_MS;
        }
        if (isCancelled()) throw new Cancelled();
      },
      progress: (events) => {
        const now = performance.now();
        if (now < nextProgress) return;
        nextProgress = now + PROGRESS_MS;
        send({ kind: "progress", id, events });
      },
    },
    input,
  );
}

function openDatabase(path: string): Database {
  if (open?.path !== path) {
    open?.db.close();
    open = undefined;
    open = { path, db: openForReading(path) };
  }
  return open.db;
}

async function pull(id: number): Promise<void> {
  const running = jobs.get(id);
  if (running === undefined) return;
  const response = await step(id, running);
  if (response.kind !== "chunk") jobs.delete(id);
  if (!running.cancelled) send(response);
}

async function step(id: number, { steps }: RunningJob): Promise<PullResponse> {
  try {
    const { done, value } = await steps.next();
    return done === true
      ? { kind: "done", id, result: value }
      : { kind: "chunk", id, items: value as readonly unknown[] };
  } catch (error) {
    if (isWritError(error)) return { kind: "failed", id, code: error.code, message: error.message };
    return { kind: "failed", id, code: "store_failed", cause: messageOf(error) };
  }
}

function cancel(id: number): void {
  const running = jobs.get(id);
  if (running === undefined) return;
  running.cancelled = true;
  jobs.delete(id);
  // Takes effect at once where the job waits for a pull, else the job ends itself when it next breathes.
  running.steps.return(undefined).catch(() => undefined);
}

function send(response: ReaderResponse): void {
  self.postMessage(response);
}
