import type { Explanation } from "#src/policy/explain.ts";
import type { ReplayReport } from "#src/policy/replay.ts";
import type { EventRow } from "../events.ts";
import { type CompileInput, type CompileOutcome, compileSource } from "./compile-policies.ts";
import { type ExportInput, type ExportResult, exportBundle } from "./export-bundle.ts";
import type { Job } from "./job.ts";
import { type ExplainInput, explainRequest, type ReplayInput, replayRecords } from "./redecide.ts";
import { type SearchInput, type SearchResult, searchEvents } from "./search-events.ts";
import { type FolderReport, type VerifyInput, verifyChains } from "./verify-chains.ts";

/** What the reader's thread can do: what each job is given, what it gives piece by piece, and at the end. */
export interface Jobs {
  readonly search: { readonly input: SearchInput; readonly item: EventRow; readonly result: SearchResult };
  readonly export: { readonly input: ExportInput; readonly item: string; readonly result: ExportResult };
  readonly compile: { readonly input: CompileInput; readonly item: never; readonly result: CompileOutcome };
  readonly verify: { readonly input: VerifyInput; readonly item: never; readonly result: FolderReport };
  readonly explain: { readonly input: ExplainInput; readonly item: never; readonly result: Explanation };
  readonly replay: { readonly input: ReplayInput; readonly item: never; readonly result: ReplayReport };
}

/** The name of a job. */
export type JobName = keyof Jobs;

/** The jobs by name. */
export const JOBS: {
  readonly [Name in JobName]: Job<Jobs[Name]["input"], Jobs[Name]["item"], Jobs[Name]["result"]>;
} = {
  search: searchEvents,
  export: exportBundle,
  // biome-ignore lint/correctness/useYield: it has a result and no items
  compile: async function* compile(_context, input) {
    return compileSource(input);
  },
  // biome-ignore lint/correctness/useYield: it has a result and no items
  verify: async function* verify(context, input) {
    return verifyChains(context, input);
  },
  // biome-ignore lint/correctness/useYield: it has a result and no items
  explain: async function* explain(context, input) {
    return explainRequest(context, input);
  },
  // biome-ignore lint/correctness/useYield: it has a result and no items
  replay: async function* replay(context, input) {
    return replayRecords(context, input);
  },
};
