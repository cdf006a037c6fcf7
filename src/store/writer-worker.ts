/// <reference lib="webworker" />
import type { Database } from "bun:sqlite";
import { canonicalize } from "#src/base/canonical-json.ts";
import { messageOf } from "#src/base/errors.ts";
import { newId } from "#src/base/ids.ts";
import { createSigner } from "#src/crypto/ed25519.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { Committer, type SealKey, type Work } from "./committer.ts";
import { openForWriting } from "./database.ts";
import { migrate } from "./migrations.ts";
import type { Unit } from "./unit.ts";
import type { CommitFailure, CommitRequest, OpenRequest, WriterRequest, WriterResponse } from "./writer-protocol.ts";

// The writer's thread: owns the only connection that writes. One message in, one message out, in order.
declare const self: Worker;

interface Session {
  readonly options: OpenRequest;
  sealKey: SealKey;
  /** Undefined after a failure, until the database opens again. */
  open: { readonly db: Database; readonly committer: Committer } | undefined;
}

let session: Session | undefined;

self.onmessage = (message: MessageEvent<WriterRequest>) => {
  const response = answer(message.data);
  if (response !== undefined) self.postMessage(response);
};

function answer(request: WriterRequest): WriterResponse | undefined {
  switch (request.kind) {
    case "open":
      return openSession(request);
    case "commit":
      return commit(request);
    case "seal_key":
      useSealKey(toSealKey(request.sealKeyId, request.sealSeed));
      return undefined;
    case "close":
      session?.open?.db.close();
      session = undefined;
      return { kind: "closed" };
  }
}

function openSession(options: OpenRequest): WriterResponse {
  session = { options, sealKey: toSealKey(options.sealKeyId, options.sealSeed), open: undefined };
  try {
    return { kind: "opened", epochs: openDatabase(session).epochs() };
  } catch (error) {
    return { kind: "failed", code: failureCode(error), message: messageOf(error), undelivered: 0 };
  }
}

function commit(request: CommitRequest): WriterResponse {
  if (session === undefined) return { kind: "failed", code: "store_failed", message: "closed", undelivered: 0 };
  try {
    const committer = session.open?.committer ?? openDatabase(session);
    return { kind: "committed", results: committer.commit(request.work, request.now) };
  } catch (error) {
    return recover(session, request, error);
  }
}

/** After a failed commit nothing in memory is trusted: reopen, re-read all heads, and see what the disk kept. */
function recover(current: Session, request: CommitRequest, error: unknown): WriterResponse {
  const failure = { kind: "failed", code: failureCode(error), message: messageOf(error) } as const;
  try {
    current.open?.db.close();
  } catch {
    // A handle that does not close is given up: SQLite's locks belong to the next connection's transaction.
  }
  current.open = undefined;
  try {
    const committer = openDatabase(current);
    const found = findPersisted(current, request.work);
    if (found.length > 0) committer.commit(found.map(toUndelivered), request.now);
    return { ...failure, epochs: committer.epochs(), undelivered: found.length };
  } catch {
    current.open = undefined;
    return { ...failure, undelivered: 0 };
  }
}

function openDatabase(current: Session): Committer {
  const db = openForWriting(current.options.path);
  try {
    migrate(db);
    const { tenantQuotaBytes } = current.options;
    const committer = new Committer({ db, sealKey: current.sealKey, tenantQuotaBytes });
    current.open = { db, committer };
    return committer;
  } catch (error) {
    db.close();
    throw error;
  }
}

function findPersisted(current: Session, work: readonly Work[]): Unit[] {
  const query = current.open?.db.query("SELECT 1 FROM events WHERE tenant_id = ? AND id = ?");
  return work.filter((item): item is Unit => !("touch" in item) && query?.get(item.tenant, item.event.id) !== null);
}

/** The record that an event stands in the chain although whoever asked was told that it failed. */
function toUndelivered(unit: Unit): Unit {
  return {
    tenant: unit.tenant,
    statements: [],
    ignoresClock: true,
    event: {
      id: newId("event", systemIdSource),
      type: "decision.undelivered",
      actor: "system",
      dataJson: canonicalize({ event: unit.event.id, event_type: unit.event.type }),
    },
  };
}

function useSealKey(key: SealKey): void {
  if (session === undefined) return;
  session.sealKey = key;
  session.open?.committer.useSealKey(key);
}

function toSealKey(id: string, seed: Uint8Array): SealKey {
  return { id, signer: createSigner(seed) };
}

function failureCode(error: unknown): CommitFailure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.startsWith("SQLITE_FULL") ? "disk_full" : "store_failed";
}
