import type { JsonObject } from "#src/base/canonical-json.ts";
import type { ShellClassifier } from "#src/classify/classify-shell.ts";
import type { FileRule } from "#src/classify/file-rules.ts";
import type { Tier } from "#src/connector/table.ts";
import type { EntityUid } from "#src/policy/scope.ts";
import type { GovernedTool } from "#src/runs/tool-governor.ts";
import type { Scrubber } from "#src/vault/scrubber.ts";

/** A call of an agent's own tool, as whoever guards the agent states it. */
export interface AskedTool {
  /** As the agent calls it: `Bash`, `Read`, `mcp__github__create_issue`. */
  readonly name: string;
  readonly input: JsonObject;
  /** Absolute. */
  readonly cwd?: string;
  /** The home of whoever the agent runs as, absolute. */
  readonly home?: string;
  /** Where it runs. */
  readonly host?: string;
  /** By a path as it stands in the input: the absolute names that the host found for it. */
  readonly foundNames: ReadonlyMap<string, readonly string[]>;
  readonly projectRules: readonly FileRule[];
  /** The project's folder, absolute. */
  readonly projectBase?: string;
}

/** What a target keeps of a tool. */
export interface TargetTool extends GovernedTool {
  /** SHA-256, hex, of exactly what was asked: what an approval is bound to. */
  readonly digest: string;
  /** Of a command line: what judged it, and the codes of its reasons. */
  readonly classifier: { readonly version: string; readonly reasons: readonly string[] } | undefined;
  /** Files as an event keeps them, scrubbed. */
  readonly recorded: readonly { readonly path: string; readonly mode: string }[];
  /** The input for whoever vouches, scrubbed; empty where the resource says it all. */
  readonly shown: string;
}

/** What a call of a tool on a host is for. */
export interface ToolTarget {
  readonly command: string;
  /** Cedar action groups, special to general, then the tier's. */
  readonly groups: readonly string[];
  readonly tier: Tier;
  readonly resource: EntityUid;
  readonly attributes: Readonly<Record<string, string>>;
  readonly personalId: boolean;
  /** The folders above a file. */
  readonly parents?: readonly EntityUid[];
  readonly tool: TargetTool;
}

/** What calls of tools on a host are taken apart with. */
export interface ToolGround {
  readonly loadClassifier: () => Promise<ShellClassifier>;
  readonly scrubber: Scrubber;
}
