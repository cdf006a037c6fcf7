import type { Database } from "bun:sqlite";
import { fromUtf8 } from "#src/base/bytes.ts";
import type { Json } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { open } from "#src/crypto/sealing.ts";
import {
  isPersonalValue,
  type PersonalValue,
  personalBinding,
  personalCiphertext,
  personalPlace,
} from "#src/ledger/personal.ts";
import { createReplay, type RecordedDecision, type Replay, type ReplayReport } from "#src/policy/replay.ts";
import { ReplayTotal } from "#src/policy/replay-total.ts";
import type { JobContext } from "./job.ts";
import { indexOf, type PolicyChoice, threadAuthorizer } from "./policy-index.ts";
import {
  DECISION_TYPES,
  EVALUATION_TYPES,
  evaluationsIn,
  type OpenedData,
  outcomeIn,
  PERSONAL_MEMBERS,
  partsIn,
  versionIn,
} from "./recorded-event.ts";
import { type BlobCache, createBlobCache, rebuildRequest } from "./redecide.ts";

/** Under what recorded decisions are made again: a draft, a version, or each the version that it was made under. */
export type ReplayAgainst = PolicyChoice | "recorded";

/** Which recorded decisions are made again, and the keys of those who are in them. */
export interface ReplayInput {
  readonly tenant: TenantId;
  readonly against: ReplayAgainst;
  /** From this time on, in milliseconds. */
  readonly since: number;
  /** Events below this seq. */
  readonly before: number;
  /** Keys of subjects; null for one that was erased. They are held for as long as the job runs. */
  readonly keys: ReadonlyMap<string, Uint8Array | null>;
}

/** How far it came. */
export interface ReplayOutcome {
  readonly report: ReplayReport;
  /** Where to go on, once the keys of those who are missing are there; undefined at the end. */
  readonly rest?: { readonly before: number; readonly missing: readonly string[] };
}

interface EventLine {
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly bytes: string;
}

/** One event, read. */
interface ReadEvent {
  readonly id: string;
  readonly type: string;
  readonly data: OpenedData;
}

const PAGE = 256;
const MAX_INDEXES = 4;

/**
 * Makes recorded decisions and AuthZEN answers again, newest first, in constant memory. Records are opened here, with the
 * keys that were handed over; it stops before the first page in which somebody's key is missing.
 *
 * Throws `verification_failed` for a record that does not open although its key is there.
 */
export async function replayChain(context: JobContext, input: ReplayInput): Promise<ReplayOutcome> {
  try {
    return await replayPages(context, input);
  } finally {
    // The thread's own copies.
    for (const key of input.keys.values()) key?.fill(0);
  }
}

async function replayPages(
  context: JobContext,
  { tenant, against, since, before, keys }: ReplayInput,
): Promise<ReplayOutcome> {
  const find = context.db.query<EventLine, [string, number, number]>(FIND);
  const replayer = new Replayer(context, tenant, against, keys);
  let ceiling = before;
  for (let seen = 0; ; ) {
    const lines = find.all(tenant, ceiling, PAGE).filter(({ at }) => at >= since);
    const page = lines.map(({ id, type, bytes }) => ({ id, type, data: (JSON.parse(bytes) as ReadEvent).data }));
    const missing = new Set(page.flatMap(({ data }) => subjectsOf(data)).filter((subject) => !keys.has(subject)));
    if (missing.size > 0) return { report: replayer.report(), rest: { before: ceiling, missing: [...missing] } };
    for (const line of page) {
      await replayer.take(line);
      await context.breathe();
    }
    const last = lines.at(-1);
    if (last === undefined || lines.length < PAGE) return { report: replayer.report() };
    ceiling = last.seq;
    seen += lines.length;
    context.progress(seen);
  }
}

const FIND = `SELECT seq, id, at, type, bytes FROM events
  WHERE tenant_id = ? AND seq < ? AND (type GLOB 'decision.*' OR type GLOB 'evaluation.*') ORDER BY seq DESC LIMIT ?`;

function subjectsOf(data: OpenedData): readonly string[] {
  return PERSONAL_MEMBERS.flatMap((member) => {
    const value = data[member];
    return isPersonalValue(value) ? [value.subject] : [];
  });
}

class Replayer {
  private readonly context: JobContext;
  private readonly tenant: TenantId;
  private readonly against: ReplayAgainst;
  private readonly keys: ReplayInput["keys"];
  private readonly blobs: BlobCache;
  private readonly names = new Map<string, string | undefined>();
  private readonly replays = new Map<number, Replay>();
  private readonly total = new ReplayTotal();

  constructor(context: JobContext, tenant: TenantId, against: ReplayAgainst, keys: ReplayInput["keys"]) {
    this.context = context;
    this.tenant = tenant;
    this.against = against;
    this.keys = keys;
    this.blobs = createBlobCache(context.db, tenant);
  }

  async take({ id, type, data }: ReadEvent): Promise<void> {
    const isDecision = DECISION_TYPES.has(type);
    if (!isDecision && !EVALUATION_TYPES.has(type)) return;
    const replay = await this.replayOf(versionIn(data));
    const opened = this.open(id, data);
    for (const record of isDecision ? [this.decisionOf(id, data, opened)] : evaluationsOf(id, data, opened)) {
      replay.take(record);
    }
  }

  report(): ReplayReport {
    for (const replay of this.replays.values()) this.total.add(replay.report());
    this.replays.clear();
    return this.total.report();
  }

  private decisionOf(id: string, data: OpenedData, opened: OpenedData | undefined): RecordedDecision {
    const name = this.nameOf(String(data["agent"]));
    const isLost = opened === undefined || name === undefined;
    const request = isLost ? undefined : rebuildRequest(this.blobs, partsIn(opened, name));
    return { id, outcome: outcomeIn(data), request };
  }

  /** The same data with its personal members open; undefined where one of them was erased. */
  private open(id: string, data: OpenedData): OpenedData | undefined {
    let opened: Record<string, Json> | undefined;
    for (const member of PERSONAL_MEMBERS) {
      const value = data[member];
      if (!isPersonalValue(value)) continue;
      const key = this.keys.get(value.subject);
      if (key === undefined || key === null) return undefined;
      opened ??= { ...data };
      opened[member] = openValue(this.tenant, id, member, value, key);
    }
    return opened ?? data;
  }

  private async replayOf(recorded: number): Promise<Replay> {
    const version = this.against === "recorded" ? recorded : 0;
    const known = this.replays.get(version);
    if (known !== undefined) return known;
    // Versions follow one another along the chain: an older one is done with.
    for (const [old, replay] of [...this.replays].slice(0, Math.max(0, this.replays.size - MAX_INDEXES + 1))) {
      this.total.add(replay.report());
      this.replays.delete(old);
    }
    const choice = this.against === "recorded" ? { version: recorded } : this.against;
    const replay = createReplay(threadAuthorizer(), await indexOf(this.context, this.tenant, choice));
    this.replays.set(version, replay);
    return replay;
  }

  private nameOf(agent: string): string | undefined {
    if (!this.names.has(agent)) this.names.set(agent, readAgentName(this.context.db, this.tenant, agent));
    return this.names.get(agent);
  }
}

/** A question that no policy could see was answered without them: it is no part of a replay. */
function evaluationsOf(id: string, data: OpenedData, opened: OpenedData | undefined): readonly RecordedDecision[] {
  if (opened !== undefined) {
    return evaluationsIn(opened).flatMap(({ outcome, request }) =>
      request === undefined ? [] : [{ id, outcome, request }],
    );
  }
  const answers = (data["decisions"] ?? [data]) as unknown as readonly OpenedData[];
  return answers.map((answer) => ({ id, outcome: outcomeIn(answer), request: undefined }));
}

function openValue(tenant: TenantId, eventId: string, member: string, value: PersonalValue, key: Uint8Array): Json {
  try {
    const binding = personalBinding(tenant, value.subject, personalPlace(eventId, member));
    return JSON.parse(fromUtf8(open(key, personalCiphertext(value), binding))) as Json;
  } catch (error) {
    if (!isWritError(error, "crypto_failed")) throw error;
    throw new WritError("verification_failed", `the decision \`${eventId}\` does not open although its key is there`);
  }
}

/** Undefined for an agent that was erased: it goes by another name since. */
function readAgentName(db: Database, tenant: TenantId, agent: string): string | undefined {
  const row = db
    .query<{ name: string }, [string, string]>(
      "SELECT name FROM agents JOIN subject_keys USING (tenant_id, subject_id) WHERE tenant_id = ? AND agent_id = ?",
    )
    .get(tenant, agent);
  return row?.name;
}
