import { fromBase64Url, toBase64Url, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type Json, type JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { type Signer, verifySignature } from "#src/crypto/ed25519.ts";
import type { ShellClassifier } from "./classify-shell.ts";
import type { PathPlace } from "./file-names.ts";
import { compileFileRules, type FileRule, joinGates } from "./file-rules.ts";
import { filesOfLine } from "./line-files.ts";
import { type FileAccess, higherTier, type Tier } from "./tier.ts";
import { type ToolRule, viewMatrix } from "./tool-matrix.ts";
import { readToolUse } from "./tool-use.ts";

/** What an agent's host may go by where Writ cannot be reached: enough to say yes to reads, for a while. */
export interface OfflinePolicy {
  readonly v: 1;
  readonly tenant: string;
  readonly agent: string;
  readonly groups: readonly string[];
  /** Milliseconds. */
  readonly issuedAt: number;
  readonly tools: readonly ToolRule[];
  /** Built-in rules are among them. */
  readonly files: readonly FileRule[];
}

/** A call of a tool, as a host would ask about it. */
export interface OfflineAsk {
  readonly tool: string;
  readonly input: JsonObject;
  readonly place: PathPlace;
  /** By a path as it stands in the input: what the host found for it. */
  readonly foundNames: ReadonlyMap<string, readonly string[]>;
  readonly projectRules: readonly FileRule[];
  readonly projectBase: string | undefined;
  /** Milliseconds. */
  readonly now: number;
}

/** Yes, or why not. */
export type OfflineVerdict = { readonly allowed: true } | { readonly allowed: false; readonly because: string };

const LABEL = "writ.offline.v1\n";
/** A clock may be so much behind the one that signed, in milliseconds. */
const MAX_SKEW = 60_000;

/** A policy with its signature: Ed25519 over `"writ.offline.v1\n"` and the RFC 8785 form of `policy`. */
export function signOfflinePolicy(policy: OfflinePolicy, signer: Signer): JsonObject {
  const json = policy as unknown as JsonObject;
  return { policy: json, signature: toBase64Url(signer.sign(utf8(LABEL + canonicalize(json)))) };
}

/** The policy, if this key signed it. Throws `verification_failed`. */
export function openOfflinePolicy(text: string, publicKey: Uint8Array): OfflinePolicy {
  try {
    const { policy, signature } = parseStrictJson(text) as JsonObject;
    const bytes = utf8(LABEL + canonicalize(policy as Json));
    if (verifySignature(fromBase64Url(String(signature)), bytes, publicKey)) return policy as unknown as OfflinePolicy;
  } catch (cause) {
    throw new WritError("verification_failed", "the policy for offline use is malformed", { cause });
  }
  throw new WritError("verification_failed", "the policy for offline use is not signed by this key");
}

/**
 * What holds without Writ: a call that reads and nothing else, of a tool whose line says so, on files that every rule leaves
 * open, by a policy that is not too old. Limits are not counted; whatever would ask a person is a no.
 */
export function judgeOffline(policy: OfflinePolicy, ask: OfflineAsk, classifier: ShellClassifier): OfflineVerdict {
  const { tier, command, files, unknown } = readAsk(ask, classifier);
  const matrix = { rules: new Map(policy.tools.map((rule) => [rule.tool, rule])), budgets: {} };
  const view = viewMatrix(matrix, {
    tool: ask.tool,
    command,
    agent: policy.agent,
    groups: policy.groups,
    run: undefined,
    now: ask.now,
  });
  if (view.refusal !== undefined) return no(view.refusal.message);
  if (view.offline.mode === "deny")
    return no("the tool matrix allows nothing of this tool while Writ cannot be reached");
  const age = ask.now - policy.issuedAt;
  if (age > view.offline.maxAgeSeconds * 1000 || age < -MAX_SKEW) return no("the signed policy is too old");
  const least = tier === undefined ? view.tier : higherTier(tier, view.tier ?? "read");
  if (least !== "read") return no("only what reads is allowed while Writ cannot be reached");
  if (view.asksAlways || view.lines.some(({ askAbove }) => askAbove !== undefined))
    return no("a person would be asked");
  if (unknown !== undefined) return no(unknown);
  return judgeFiles(policy, ask, files);
}

interface ReadAsk {
  /** Undefined for a tool of which only its name is known. */
  readonly tier: Tier | undefined;
  readonly command: string;
  readonly files: readonly FileAccess[];
  readonly unknown: string | undefined;
}

function readAsk({ tool, input }: OfflineAsk, classifier: ShellClassifier): ReadAsk {
  const use = readToolUse(tool, input);
  switch (use.kind) {
    case "shell": {
      const found = classifier.classify(use.line);
      return { tier: found.tier, command: "/shell/exec", ...filesOfLine(found) };
    }
    case "files": {
      const files = use.files.map(({ path, mode, isPattern }): FileAccess => ({ path, mode, resolved: !isPattern }));
      const changes = files.some(({ mode }) => mode !== "read");
      return { tier: changes ? "write" : "read", command: "/file/read", files, unknown: undefined };
    }
    case "malformed":
      return { tier: "danger", command: "/tool", files: [], unknown: use.because };
    case "other":
      return { tier: undefined, command: "/tool", files: [], unknown: undefined };
  }
}

function judgeFiles(policy: OfflinePolicy, ask: OfflineAsk, files: readonly FileAccess[]): OfflineVerdict {
  const project = compileFileRules(ask.projectRules, ask.projectBase === undefined ? {} : { base: ask.projectBase });
  const gate = joinGates([compileFileRules(policy.files), project]);
  for (const { path, mode, resolved } of files) {
    const found = ask.foundNames.get(path);
    const verdict = gate.judge(
      { path, mode, resolved, ...(found === undefined ? {} : { foundNames: found }) },
      ask.place,
    );
    if (verdict.kind !== "open") return no(verdict.because);
  }
  return { allowed: true };
}

function no(because: string): OfflineVerdict {
  return { allowed: false, because };
}
