/// <reference lib="webworker" />
import type { Database } from "bun:sqlite";
import { canonicalize } from "#src/base/canonical-json.ts";
import { messageOf } from "#src/base/errors.ts";
import { newId } from "#src/base/ids.ts";
import { createSigner, type Signer } from "#src/crypto/ed25519.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { decodeBatch } from "./batch-codec.ts";
import { Committer, type SealKey, type Work } from "./committer.ts";
import { openForWriting } from "./database.ts";
import { migrate } from "./migrations.ts";
import { signTokens, withTokens } from "./token-signing.ts";
import type { Unit } from "./unit.ts";
import type { CommitFailure, CommitRequest, OpenRequest, WriterRequest, WriterResponse } from "./writer-protocol.ts";

// The writer's thread: owns the only connection that writes. One message in, one message out, in order.
declare const self: Worker;

interface Session {
  readonly options: OpenRequest;
  sealKey: SealKey;
  /** Undefined after a failure, until the database opens again. */
  open: { readonly db: Database; readonly committer: Committer } | undefined;
  /** Units whose answers were errors, until it is known whether the disk kept them. */
  unsettled: Unit[];
  /** The records of those that it kept, until they are known to be committed themselves. */
  notices: Unit[];
}

let session: Session | undefined;
const tokenSigners = new Map<string, Signer>();

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
    case "token_key":
      tokenSigners.set(request.id, createSigner(request.seed));
      return undefined;
    case "close":
      session?.open?.committer.close();
      session = undefined;
      return { kind: "closed" };
  }
}

function openSession(options: OpenRequest): WriterResponse {
  session = {
    options,
    sealKey: toSealKey(options.sealKeyId, options.sealSeed),
    open: undefined,
    unsettled: [],
    notices: [],
  };
  try {
    return { kind: "opened", epochs: openDatabase(session).epochs() };
  } catch (error) {
    return { kind: "failed", code: failureCode(error), message: messageOf(error), undelivered: 0 };
  }
}

function commit(request: CommitRequest): WriterResponse {
  if (session === undefined) return { kind: "failed", code: "store_failed", message: "closed", undelivered: 0 };
  const batch = decodeBatch(request.batch);
  try {
    const committer = session.open?.committer ?? reopen(session, request.now).committer;
    const { work, tokens } = signTokens(batch, tokenSigners);
    return { kind: "committed", results: withTokens(committer.commit(work, request.now), tokens) };
  } catch (error) {
    return recover(session, batch, request.now, error);
  }
}

/** After a failed commit nothing in memory is trusted: reopen, re-read all heads, and see what the disk kept. */
function recover(current: Session, batch: readonly Work[], now: number, error: unknown): WriterResponse {
  const failure = { kind: "failed", code: failureCode(error), message: messageOf(error) } as const;
  const wasOpen = current.open !== undefined;
  giveUp(current);
  // Where the database was not even open, nothing of this batch was tried.
  if (wasOpen) current.unsettled.push(...batch.filter((work): work is Unit => !("touch" in work)));
  try {
    const { committer, undelivered } = reopen(current, now);
    return { ...failure, epochs: committer.epochs(), undelivered };
  } catch {
    return { ...failure, undelivered: 0 };
  }
}

/** Opens the database again and records what it kept although its answer was an error. */
function reopen(current: Session, now: number): { readonly committer: Committer; readonly undelivered: number } {
  const committer = openDatabase(current);
  try {
    current.notices.push(...findPersisted(current, current.unsettled).map(toUndelivered));
    current.unsettled = [];
    // A notice that an earlier try persisted is in the chain: committing it again is a conflict, and changes nothing.
    if (current.notices.length > 0) committer.commit(current.notices, now);
    const undelivered = current.notices.length;
    current.notices = [];
    return { committer, undelivered };
  } catch (error) {
    giveUp(current);
    throw error;
  }
}

function giveUp(current: Session): void {
  const { open } = current;
  current.open = undefined;
  try {
    open?.committer.close();
  } catch {
    // A handle that does not close is given up: opening anew tells whether the database can be used.
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

function findPersisted(current: Session, units: readonly Unit[]): Unit[] {
  const query = current.open?.db.query("SELECT 1 FROM events WHERE tenant_id = ? AND id = ?");
  return units.filter((unit) => query?.get(unit.tenant, unit.event.id) !== null);
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
