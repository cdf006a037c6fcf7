import { type ReadBundle, readBundle } from "#src/policy/bundle.ts";
import type { Explanation } from "#src/policy/explain.ts";
import type { RestoredEvent } from "../archive.ts";
import type { EventRow } from "../events.ts";
import { type RestoreInput, type RestoreResult, readRestored } from "./archive-restore.ts";
import { type SegmentInput, type SegmentResult, writeSegment } from "./archive-segment.ts";
import { type BackupInput, type BackupResult, makeBackup } from "./backup.ts";
import {
  type FormsInput,
  formsToPolicies,
  policiesToForms,
  type TextInput,
  type TextResult,
} from "./build-policies.ts";
import {
  type EvidenceInput,
  type EvidenceResult,
  type EvidenceSummary,
  type EvidenceSummaryInput,
  exportEvidence,
  summarizeEvidence,
} from "./evidence.ts";
import { type ExportInput, type ExportResult, exportBundle } from "./export-bundle.ts";
import type { Job } from "./job.ts";
import { countDecisions, type OverviewInput, type OverviewPart, type OverviewResult } from "./overview.ts";
import { diffPolicies, type PolicyDiff, type PolicyDiffInput } from "./policy-diff.ts";
import { type ExplainInput, explainRequest } from "./redecide.ts";
import { type ReplayInput, type ReplayOutcome, replayChain } from "./replay-chain.ts";
import { type SearchInput, type SearchResult, searchEvents } from "./search-events.ts";
import { countShadow, type ShadowCounts, type ShadowInput } from "./shadow-differences.ts";
import { type PolicyTestInput, type PolicyTestOutcome, testPolicies } from "./test-policies.ts";
import {
  checkSchemaExtension,
  type SchemaCheckInput,
  type SchemaOutcome,
  type ValidateInput,
  type ValidateOutcome,
  validatePolicies,
} from "./validate-policies.ts";
import { type FolderReport, type VerifyInput, verifyChains } from "./verify-chains.ts";

/** What the reader's thread can do: what each job is given, what it gives piece by piece, and at the end. */
export interface Jobs {
  readonly search: { readonly input: SearchInput; readonly item: EventRow; readonly result: SearchResult };
  readonly overview: { readonly input: OverviewInput; readonly item: OverviewPart; readonly result: OverviewResult };
  readonly export: { readonly input: ExportInput; readonly item: string; readonly result: ExportResult };
  readonly evidence: { readonly input: EvidenceInput; readonly item: string; readonly result: EvidenceResult };
  readonly evidenceSummary: {
    readonly input: EvidenceSummaryInput;
    readonly item: never;
    readonly result: EvidenceSummary;
  };
  readonly validate: { readonly input: ValidateInput; readonly item: Uint8Array; readonly result: ValidateOutcome };
  readonly test: { readonly input: PolicyTestInput; readonly item: never; readonly result: PolicyTestOutcome };
  readonly schema: { readonly input: SchemaCheckInput; readonly item: never; readonly result: SchemaOutcome };
  readonly forms: { readonly input: FormsInput; readonly item: never; readonly result: TextResult };
  readonly build: { readonly input: TextInput; readonly item: never; readonly result: TextResult };
  readonly diff: { readonly input: PolicyDiffInput; readonly item: never; readonly result: PolicyDiff };
  readonly archive: { readonly input: SegmentInput; readonly item: never; readonly result: SegmentResult };
  readonly backup: { readonly input: BackupInput; readonly item: never; readonly result: BackupResult };
  readonly restore: { readonly input: RestoreInput; readonly item: RestoredEvent; readonly result: RestoreResult };
  readonly verify: { readonly input: VerifyInput; readonly item: never; readonly result: FolderReport };
  readonly explain: { readonly input: ExplainInput; readonly item: never; readonly result: Explanation };
  readonly replay: { readonly input: ReplayInput; readonly item: never; readonly result: ReplayOutcome };
  readonly bundle: { readonly input: { readonly file: Uint8Array }; readonly item: never; readonly result: ReadBundle };
  readonly shadow: { readonly input: ShadowInput; readonly item: never; readonly result: ShadowCounts };
}

/** The name of a job. */
export type JobName = keyof Jobs;

/** The jobs by name. */
export const JOBS: {
  readonly [Name in JobName]: Job<Jobs[Name]["input"], Jobs[Name]["item"], Jobs[Name]["result"]>;
} = {
  search: searchEvents,
  overview: countDecisions,
  export: exportBundle,
  evidence: exportEvidence,
  // biome-ignore lint/correctness/useYield: it has a result and no items
  evidenceSummary: async function* evidenceSummary(context, input) {
    return summarizeEvidence(context, input);
  },
  restore: readRestored,
  // biome-ignore lint/correctness/useYield: it has a result and no items
  backup: async function* backup(context, input) {
    return makeBackup(context, input);
  },
  // biome-ignore lint/correctness/useYield: it has a result and no items
  archive: async function* archive(context, input) {
    return writeSegment(context, input);
  },
  validate: validatePolicies,
  // biome-ignore lint/correctness/useYield: it has a result and no items
  test: async function* test(context, input) {
    return testPolicies(context, input);
  },
  // biome-ignore lint/correctness/useYield: it has a result and no items
  schema: async function* schema(context, input) {
    return checkSchemaExtension(context, input);
  },
  // biome-ignore lint/correctness/useYield: it has a result and no items
  forms: async function* forms(context, input) {
    return policiesToForms(context, input);
  },
  // biome-ignore lint/correctness/useYield: it has a result and no items
  build: async function* build(context, input) {
    return formsToPolicies(context, input);
  },
  // biome-ignore lint/correctness/useYield: it has a result and no items
  diff: async function* diff(context, input) {
    return diffPolicies(context, input);
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
    return replayChain(context, input);
  },
  // biome-ignore lint/correctness/useYield: it has a result and no items
  bundle: async function* bundle(_context, { file }) {
    return readBundle(file);
  },
  // biome-ignore lint/correctness/useYield: it has a result and no items
  shadow: async function* shadow(context, input) {
    return countShadow(context, input);
  },
};
