import type { ChangeGroup, ReplayReport } from "./replay.ts";

const MAX_GROUPS = 1000;
const MAX_EXAMPLES = 5;
const MAX_DIFFERENCES = 100;

/** Reports of parts of the chain as one, in constant memory. */
export class ReplayTotal {
  private readonly counts = {
    replayed: 0,
    reproduced: 0,
    sameOutcome: 0,
    changed: 0,
    erased: 0,
    unasked: 0,
    failed: 0,
    ungrouped: 0,
  };
  private readonly groups = new Map<string, ChangeGroup>();
  private readonly differences: ReplayReport["differences"][number][] = [];

  add(report: ReplayReport): void {
    for (const name of Object.keys(this.counts) as (keyof typeof this.counts)[]) this.counts[name] += report[name];
    for (const group of report.groups) this.addGroup(group);
    this.differences.push(...report.differences.slice(0, MAX_DIFFERENCES - this.differences.length));
  }

  report(): ReplayReport {
    const groups = [...this.groups.values()].sort((a, b) => b.count - a.count);
    return { ...this.counts, groups, differences: this.differences };
  }

  private addGroup(group: ChangeGroup): void {
    const { count, examples, ...same } = group;
    const key = JSON.stringify(same);
    const known = this.groups.get(key);
    if (known !== undefined) {
      const joined = [...known.examples, ...examples].slice(0, MAX_EXAMPLES);
      this.groups.set(key, { ...known, count: known.count + count, examples: joined });
    } else if (this.groups.size < MAX_GROUPS) this.groups.set(key, group);
    else this.counts.ungrouped += count;
  }
}
