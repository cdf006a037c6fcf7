import type { TenantId } from "#src/base/ids.ts";
import type { JobContext } from "./job.ts";

/** Which events are gone through: those of a version that was shadowed from a time on. */
export interface ShadowInput {
  readonly tenant: TenantId;
  readonly version: number;
  /** Milliseconds. */
  readonly since: number;
}

/** What whoever asks is told: a recorded approval means that a person was needed. */
export type ShadowOutcome = "allow" | "deny" | "step_up" | "failed";

/** Decisions that the shadowed version would have made differently in the same way. */
export interface ShadowGroup {
  readonly decision: ShadowOutcome;
  readonly shadow: ShadowOutcome;
  /** Null for an AuthZEN evaluation, whose action is sealed. */
  readonly command: string | null;
  /** What determined the one that was enforced, and what would have determined the other. */
  readonly policies: readonly string[];
  readonly shadowPolicies: readonly string[];
  readonly count: number;
  /** The newest of them, by id. */
  readonly examples: readonly string[];
}

/** What a shadow has shown so far. */
export interface ShadowCounts {
  /** Decisions that the shadow saw. */
  readonly compared: number;
  readonly same: number;
  /** The same outcome by other policies. */
  readonly sameOutcome: number;
  readonly differ: number;
  /** The shadow said nothing: it did not load, or could not evaluate the request. */
  readonly failed: number;
  /** Most frequent first. */
  readonly groups: readonly ShadowGroup[];
  /** How many differences are in none of the groups, of which only so many are kept. */
  readonly ungrouped: number;
}

const MAX_GROUPS = 500;
const MAX_EXAMPLES = 5;
const PAGE = 256;

interface Said {
  readonly decision?: string;
  readonly cosigned?: boolean;
  readonly policies?: readonly string[];
  readonly reasons?: readonly string[];
  readonly shadow_decision?: string;
  readonly shadow?: { readonly version: number; readonly policies?: readonly string[]; readonly failed?: string };
}

interface DecidedData extends Said {
  readonly command?: string;
  /** Of a batch. */
  readonly decisions?: readonly Said[];
}

/** Counts from the chain what a shadowed version would have decided differently, newest first. */
export async function countShadow(
  { db, breathe, progress }: JobContext,
  { tenant, version, since }: ShadowInput,
): Promise<ShadowCounts> {
  const counts = new Counts();
  const find = db.query<{ seq: number; id: string; at: number; bytes: string }, [string, number, number]>(
    `SELECT seq, id, at, bytes FROM events
      WHERE tenant_id = ? AND seq < ? AND (type GLOB 'decision.*' OR type GLOB 'evaluation.*')
      ORDER BY seq DESC LIMIT ?`,
  );
  let before = Number.MAX_SAFE_INTEGER;
  for (let seen = 0; ; ) {
    const rows = find.all(tenant, before, PAGE);
    for (const { id, at, bytes } of rows) {
      if (at < since) return counts.report();
      const decided = (JSON.parse(bytes) as { readonly data: DecidedData }).data;
      const command = decided.command ?? null;
      for (const said of decided.decisions ?? [decided]) {
        if (said.shadow?.version === version) counts.add(id, command, said);
      }
    }
    const last = rows.at(-1);
    if (last === undefined) return counts.report();
    before = last.seq;
    seen += rows.length;
    progress(seen);
    await breathe();
  }
}

class Counts {
  private readonly counts = { compared: 0, same: 0, sameOutcome: 0, differ: 0, failed: 0, ungrouped: 0 };
  private readonly groups = new Map<
    string,
    { group: Omit<ShadowGroup, "count" | "examples">; ids: string[]; count: number }
  >();

  add(id: string, command: string | null, said: Said): void {
    this.counts.compared += 1;
    const policies = said.policies ?? [];
    const shadowPolicies = said.shadow?.policies ?? [];
    const decision = enforcedOutcome(said);
    const shadow = shadowOutcome(said);
    if (shadow === "failed") this.counts.failed += 1;
    else if (decision === shadow) {
      // An allow that a person vouched for names the permits, a step-up the policies that ask: they are not compared.
      const isSame = said.cosigned === true || JSON.stringify(policies) === JSON.stringify(shadowPolicies);
      this.counts[isSame ? "same" : "sameOutcome"] += 1;
      return;
    } else this.counts.differ += 1;
    this.group(id, { decision, shadow, command, policies, shadowPolicies });
  }

  report(): ShadowCounts {
    const groups = [...this.groups.values()]
      .map(({ group, count, ids }) => ({ ...group, count, examples: ids }))
      .sort((a, b) => b.count - a.count);
    return { ...this.counts, groups };
  }

  private group(id: string, group: Omit<ShadowGroup, "count" | "examples">): void {
    const key = JSON.stringify(group);
    let known = this.groups.get(key);
    if (known === undefined) {
      if (this.groups.size >= MAX_GROUPS) {
        this.counts.ungrouped += 1;
        return;
      }
      known = { group, ids: [], count: 0 };
      this.groups.set(key, known);
    }
    known.count += 1;
    if (known.ids.length < MAX_EXAMPLES && !known.ids.includes(id)) known.ids.push(id);
  }
}

/** An evaluation answers no where a person is needed, and says why. */
function enforcedOutcome({ decision, cosigned, reasons = [] }: Said): ShadowOutcome {
  if (decision === "allow") return cosigned === true ? "step_up" : "allow";
  if (decision === "step_up" || reasons.includes("approval_needed") || reasons.includes("too_many_pending")) {
    return "step_up";
  }
  return "deny";
}

function shadowOutcome({ shadow_decision: said }: Said): ShadowOutcome {
  return said === "allow" || said === "deny" || said === "step_up" ? said : "failed";
}
