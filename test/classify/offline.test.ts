import { describe, expect, test } from "bun:test";
import { BUILT_IN_FILE_RULES } from "#src/classify/built-in-file-rules.ts";
import { loadShellClassifier } from "#src/classify/classify-shell.ts";
import {
  judgeOffline,
  type OfflinePolicy,
  openOfflinePolicy,
  signOfflinePolicy,
} from "#src/classify/offline-policy.ts";
import type { ToolRule } from "#src/classify/tool-matrix.ts";
import { createSigner } from "#src/crypto/ed25519.ts";

const classifier = await loadShellClassifier();
const NOW = Date.parse("2026-12-01T09:00:00Z");
const READS = { mode: "read_only", maxAgeSeconds: 3600 } as const;

function policy(tools: readonly ToolRule[] = [{ tool: "*", offline: READS }]): OfflinePolicy {
  const files = BUILT_IN_FILE_RULES;
  return { v: 1, tenant: "t", agent: "a", groups: ["readers"], issuedAt: NOW, tools, files };
}

function allows(own: OfflinePolicy, tool: string, input: Record<string, string>, more: object = {}): boolean {
  const place = { cwd: "/srv/app", home: "/home/me" };
  const ask = {
    tool,
    input,
    place,
    foundNames: new Map(),
    projectRules: [],
    projectBase: undefined,
    now: NOW,
    ...more,
  };
  return judgeOffline(own, ask, classifier).allowed;
}

describe("where Writ cannot be reached", () => {
  test("reads go on, where the matrix says so, for as long as it says so", () => {
    expect(allows(policy(), "Bash", { command: "ls -la" })).toBe(true);
    expect(allows(policy(), "Read", { file_path: "a.ts" })).toBe(true);
    expect(allows(policy(), "TodoWrite", {})).toBe(true);
    expect(allows(policy([]), "Bash", { command: "ls" })).toBe(false);
    expect(allows(policy(), "Bash", { command: "ls" }, { now: NOW + 3_600_001 })).toBe(false);
    expect(allows(policy(), "Bash", { command: "ls" }, { now: NOW - 3_600_000 })).toBe(false);
    const own = policy([
      { tool: "Bash", offline: { mode: "deny" } },
      { tool: "*", offline: READS },
    ]);
    expect([allows(own, "Bash", { command: "ls" }), allows(own, "Read", { file_path: "a" })]).toEqual([false, true]);
  });

  test("nothing else does", () => {
    for (const [tool, input] of [
      ["Bash", { command: "touch a" }],
      ["Bash", { command: "rm -rf /" }],
      ["Bash", { command: 'cat "$X"' }],
      ["Bash", { command: "cat .env" }],
      ["Bash", {}],
      ["Read", { file_path: "~/.ssh/id_rsa" }],
      ["Write", { file_path: "a", content: "" }],
      ["WebFetch", { url: "https://x.example" }],
      ["Unknown", {}],
    ] as const) {
      expect([tool, allows(policy(), tool, input)]).toEqual([tool, false]);
    }
    const asks = policy([{ tool: "Bash", offline: READS, approval: { when: "above_calls", calls: 9 } }]);
    expect(allows(asks, "Bash", { command: "ls" })).toBe(false);
    expect(allows(policy([{ tool: "*", offline: READS, roles: ["writers"] }]), "Bash", { command: "ls" })).toBe(false);
    const found = { foundNames: new Map([["a", ["/home/me/.aws/credentials"]]]) };
    expect(allows(policy(), "Read", { file_path: "a" }, found)).toBe(false);
    const project = { projectRules: [{ level: "project", glob: "a", access: "noAccess" }], projectBase: "/srv/app" };
    expect(allows(policy(), "Read", { file_path: "a" }, project)).toBe(false);
  });

  test("a policy is good only as it was signed", () => {
    const signer = createSigner(new Uint8Array(32).fill(7));
    const text = JSON.stringify(signOfflinePolicy(policy(), signer));
    expect(openOfflinePolicy(text, signer.publicKey)).toEqual(JSON.parse(JSON.stringify(policy())));
    const other = createSigner(new Uint8Array(32).fill(8));
    for (const [changed, key] of [
      [text.replace('"maxAgeSeconds":3600', '"maxAgeSeconds":9600'), signer.publicKey],
      [text.replace("noAccess", "readOnly"), signer.publicKey],
      [text, other.publicKey],
      ["{}", signer.publicKey],
      ["[", signer.publicKey],
    ] as const) {
      expect(() => openOfflinePolicy(changed, key)).toThrow();
    }
  });
});
