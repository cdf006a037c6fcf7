import type { Database } from "bun:sqlite";
import { toHex } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { EventRecord } from "#src/ledger/chain-verifier.ts";
import { checkpointOrigin, type SignedCheckpoint } from "#src/ledger/checkpoint.ts";
import type { EventCheck } from "#src/ledger/event-check.ts";
import type { PublishedKey } from "#src/ledger/keys.ts";
import { CompactRange } from "#src/ledger/merkle.ts";
import type { ProblemCode, VerifyProblem, VerifyReport } from "#src/ledger/report.ts";
import type { Seal } from "#src/ledger/seal.ts";
import { TILE_LEAVES } from "#src/ledger/tree.ts";
import { verifyTenant } from "#src/ledger/verify.ts";
import { MIGRATIONS } from "../migrations.ts";
import { cutCheck, readArchiveCut, startBehind } from "./archive-cut.ts";
import {
  type ChainEnds,
  hasCheckpoints,
  readChainEnds,
  readEventPage,
  readPublishedKeys,
  readSealPage,
  toSeal,
} from "./chain-rows.ts";
import { checkCosignatures, checkpointCheck, checkpointsOf, type Note, timeText, treeCheck } from "./check-beside.ts";
import type { JobContext } from "./job.ts";

/** What a database is verified against. */
export interface VerifyInput {
  /** Key ids or public keys (base64 or hex) that are known from elsewhere. */
  readonly pinned?: readonly string[];
  /** Checkpoints that somebody kept: the chains must have been so, and not have been cut back since. */
  readonly expectCheckpoints?: readonly SignedCheckpoint[];
  /** Further checks of each event; they cannot cross to another thread. */
  readonly checks?: readonly EventCheck[];
}

/** What was found in one chain. */
export interface ChainReport extends VerifyReport {
  /** The tenant's name; empty where its row is missing. */
  readonly name: string;
  /** Documents that events refer to. */
  readonly blobs: number;
  /** What lies in the archive alone: the events up to this one, the newest of this day. */
  readonly archived?: { readonly through: number; readonly date: string };
}

/** What was found in a database. */
export interface FolderReport {
  /** Whether everything verified. */
  readonly ok: boolean;
  readonly instance: string;
  /** Events of all chains that were read and follow one another. */
  readonly events: number;
  /** One a tenant, the instance's own chain included. */
  readonly chains: readonly ChainReport[];
  /** What concerns no single chain. */
  readonly problems: readonly VerifyProblem[];
  /** The published seal keys, oldest first. */
  readonly keys: readonly { readonly id: string; readonly publicKey: string; readonly at: string }[];
  /** Whether a pinned key vouches; if not, the evidence agrees with itself and who made it stays open. */
  readonly pinned: boolean;
}

const MAX_PROBLEMS = 100;
const BLOB_PAGE = 64;

/**
 * Verifies every chain in a database, and that all that stands beside the chains agrees with them: the columns of events,
 * the heads that the next commit builds on, the documents that events refer to, the table of tenants.
 *
 * Reads only, and needs no keys. A chain is verified up to where it ended when its turn came, so that a server may go on
 * writing. Throws `store_failed` when there is no Writ database or nothing was ever recorded in it.
 */
export async function verifyChains(context: JobContext, input: VerifyInput): Promise<FolderReport> {
  const { db } = context;
  checkSchema(db);
  const instance = db.query<{ id: string }, []>("SELECT instance_id AS id FROM instance").get()?.id ?? "";
  const tenants = readChainNames(db);
  if (tenants.size === 0) throw new WritError("store_failed", "nothing was ever recorded in this database");
  const keys = readPublishedKeys(db);
  const chains: ChainReport[] = [];
  for (const [tenant, name] of tenants) {
    chains.push(await verifyChain(context, tenant, { ...input, name: name ?? "", instance, keys }));
  }
  const problems = [
    ...checkInstance(db, instance, tenants),
    ...checkExpected(instance, tenants, input.expectCheckpoints ?? []),
  ];
  return {
    ok: problems.length === 0 && chains.every((chain) => chain.ok),
    instance,
    events: chains.reduce((sum, chain) => sum + chain.events, 0),
    chains,
    problems,
    keys: keys.map(({ id, publicKey, at }) => ({ id, publicKey, at })),
    pinned: chains.every((chain) => chain.pinned),
  };
}

function checkSchema(db: Database): void {
  const version = db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  const newest = MIGRATIONS.at(-1)?.version ?? 0;
  if (version < 1 || version > newest) {
    throw new WritError("store_failed", `the database has schema ${version}, this binary reads 1 to ${newest}`);
  }
}

/** Every tenant that anything of a chain is there of, with the name that the table of tenants gives it. */
function readChainNames(db: Database): Map<string, string | null> {
  const nameOf = db.query<{ name: string }, [string]>("SELECT name FROM tenants WHERE tenant_id = ?");
  const tenants = new Set(TENANT_TABLES.flatMap((table) => [...listTenants(db, table)]));
  return new Map([...tenants].sort().map((tenant) => [tenant, nameOf.get(tenant)?.name ?? null]));
}

const TENANT_TABLES = ["tenants", "heads", "events", "seals", "blobs"] as const;

/** The tenants that a table has rows of, by one look-up each. */
function* listTenants(db: Database, table: (typeof TENANT_TABLES)[number]): Generator<string, void> {
  const next = db.query<{ tenant: string | null }, [string]>(
    `SELECT min(tenant_id) AS tenant FROM ${table} WHERE tenant_id > ?`,
  );
  for (let tenant = next.get("")?.tenant ?? null; tenant !== null; tenant = next.get(tenant)?.tenant ?? null) {
    yield tenant;
  }
}

function checkInstance(db: Database, instance: string, tenants: ReadonlyMap<string, string | null>): VerifyProblem[] {
  const problems: VerifyProblem[] = [];
  if (instance === "") problems.push({ seq: 0, code: "tenant_mismatch", message: "the instance's own row is missing" });
  for (const [tenant, name] of tenants) {
    if (name !== null) continue;
    const message = `the chain \`${tenant}\` is of a tenant that the table of tenants does not have`;
    problems.push({ seq: 0, code: "tenant_mismatch", message });
  }
  const own = db.query<{ count: number }, []>("SELECT count(*) AS count FROM tenants WHERE kind = 'instance'").get();
  if (own?.count !== 1) {
    problems.push({ seq: 0, code: "tenant_mismatch", message: "there is not one chain of the instance's own" });
  }
  return problems;
}

/** A checkpoint that somebody kept of a chain that is not here at all. */
function checkExpected(
  instance: string,
  tenants: ReadonlyMap<string, unknown>,
  expected: readonly SignedCheckpoint[],
): VerifyProblem[] {
  const here = new Set([...tenants.keys()].map((tenant) => checkpointOrigin(instance, tenant)));
  return expected
    .filter(({ origin }) => !here.has(origin))
    .map(({ origin, size }) => ({
      seq: 0,
      code: "checkpoint_ahead",
      message: `a checkpoint of \`${origin}\` with ${size} events is known, and no such chain is here`,
    }));
}

/** What one chain is verified against. */
interface ChainInput extends VerifyInput {
  readonly name: string;
  readonly instance: string;
  readonly keys: readonly PublishedKey[];
}

async function verifyChain(
  context: JobContext,
  tenant: string,
  { name, instance, keys, pinned = [], checks = [], expectCheckpoints = [] }: ChainInput,
): Promise<ChainReport> {
  const { db, progress } = context;
  const ends = readChainEnds(db, tenant);
  const through = Math.max(ends.lastEvent ?? 0, ends.lastSeal ?? 0, ends.lastCheckpoint ?? 0, ends.headSeq ?? 0);
  const beside: VerifyProblem[] = [];
  const note = (seq: number, code: ProblemCode, message: string): void => {
    if (beside.length < MAX_PROBLEMS) beside.push({ seq, code, message });
  };
  const blobExists = db.query<unknown, [string, string]>("SELECT 1 FROM blobs WHERE tenant_id = ? AND sha256 = ?");
  const hasTrail = hasCheckpoints(db);
  const cut = readArchiveCut(db, tenant);
  const start = startBehind(cut);
  const onLeaf = hasTrail ? treeCheckFrom(db, tenant, start.seq - 1, through, note) : undefined;
  const report = await verifyTenant({
    tenant,
    instance,
    keys,
    pinned,
    expectCheckpoints,
    start,
    checks: [...(hasTrail ? [checkpointCheck(db)] : []), cutCheck(cut), ...checks],
    events: eventsOf(context, tenant, start.seq, through),
    seals: sealsOf(context, tenant, start.seq, through),
    checkpoints: hasTrail ? checkpointsOf(db, tenant, start.seq, through) : [],
    ...(onLeaf === undefined ? {} : { onLeaf }),
    ...(ends.headSeq === null
      ? {}
      : { expectHead: { seq: ends.headSeq, hash: ends.headHash ?? "", root: ends.headRoot ?? "" } }),
    onReference: (sha256, seq) => {
      if (blobExists.get(tenant, sha256) !== null) return;
      note(seq, "blob_missing", `the document \`${sha256}\` that event ${seq} refers to is not here`);
    },
    onProgress: progress,
  });
  checkHead(db, tenant, ends, note);
  if (hasTrail) checkCosignatures(db, tenant, note);
  const blobs = await checkBlobs(context, tenant, note);
  const problems = [...report.problems, ...beside].slice(0, MAX_PROBLEMS);
  const archived = cut === undefined ? {} : { archived: { through: cut.through, date: cut.date } };
  return { ...report, ok: problems.length === 0, problems, name, blobs, ...archived };
}

/** Behind a cut the stored tree is compared from the first whole tile on: leaves before it may be in the archive alone. */
function treeCheckFrom(db: Database, tenant: string, before: number, through: number, note: Note) {
  const first = Math.ceil(before / TILE_LEAVES) * TILE_LEAVES;
  const check = first > through ? undefined : treeCheck(db, tenant, first, note);
  if (check === undefined || first === before) return check;
  return (seq: number, leaf: Uint8Array): void => {
    if (seq > first) check(seq, leaf);
  };
}

async function* eventsOf(
  { db, breathe }: JobContext,
  tenant: string,
  first: number,
  through: number,
): AsyncGenerator<readonly EventRecord[], void> {
  for (let after = first - 1; after < through; ) {
    const page = readEventPage(db, tenant, after, through);
    yield page.map(({ seq, bytes, hash, id, type, actor, at }) => {
      return { seq, bytes: String(bytes), hash, id, type, actor, at: timeText(at) };
    });
    after = page.at(-1)?.seq ?? through;
    await breathe();
  }
}

async function* sealsOf(
  { db }: JobContext,
  tenant: string,
  first: number,
  through: number,
): AsyncGenerator<Seal, void> {
  for (let after = first - 1; after < through; ) {
    const page = readSealPage(db, tenant, after, through);
    for (const row of page) yield toSeal(tenant, row);
    after = page.at(-1)?.seq ?? through;
  }
}

/** What the next commit builds on must be what the events give: the rest of it than seq, hash and root. */
function checkHead(db: Database, tenant: string, ends: ChainEnds, note: Note): void {
  const seq = ends.headSeq;
  if (seq === null) {
    note(0, "head_mismatch", "the row of the chain's head is missing");
    return;
  }
  if (!isFrontier(ends.headFrontier, seq, ends.headRoot)) {
    note(seq, "head_mismatch", "the compact range beside the head does not have the head's root");
  }
  const event = db
    .query<{ at: number }, [string, number]>("SELECT at FROM events WHERE tenant_id = ? AND seq = ?")
    .get(tenant, seq);
  if (event !== null && event.at !== ends.headAt) {
    note(seq, "head_mismatch", `the time beside the head is not that of event ${seq}`);
  }
}

function isFrontier(frontier: Uint8Array | null, seq: number, root: string | null): boolean {
  try {
    return frontier !== null && toHex(CompactRange.fromBytes(seq, frontier).root()) === root;
  } catch {
    return false;
  }
}

/** Every document must be what its name says; gives how many there are. */
async function checkBlobs({ db, breathe }: JobContext, tenant: string, note: Note): Promise<number> {
  const read = db.query<{ sha256: string; bytes: string }, [string, string]>(
    `SELECT sha256, bytes FROM blobs WHERE tenant_id = ? AND sha256 > ? ORDER BY sha256 LIMIT ${BLOB_PAGE}`,
  );
  let count = 0;
  for (let page = read.all(tenant, ""); page.length > 0; page = read.all(tenant, page.at(-1)?.sha256 ?? "")) {
    for (const { sha256, bytes } of page) {
      if (sha256Hex(bytes) !== sha256) note(0, "blob_mismatch", `the document \`${sha256}\` is not what its name says`);
    }
    count += page.length;
    await breathe();
  }
  return count;
}
