/**
 * The import table of the layers and the rules about what may be used where, as data, with the functions that hold a
 * source file to them. `test/architecture.test.ts` applies them to the project.
 */
import { dirname, join, normalize } from "node:path";

/** One breach: the file, what in it, and the rule. */
export interface Violation {
  readonly file: string;
  readonly what: string;
  readonly rule: string;
}

/** Source files by their path from the top of the project. */
export type Sources = ReadonlyMap<string, string>;

/** The folders of `src` (and `views`) by layer, lowest first. An import points to a lower layer, never up. */
const LAYERS: readonly (readonly string[])[] = [
  ["base", "config", "crypto"],
  ["policy", "ucan", "connector", "classify", "redact", "ledger", "store", "io", "telemetry", "scheduler"],
  ["decision", "gateway", "consent", "vault", "identity", "runs", "archive", "audit"],
  ["http", "mcp", "cli", "views"],
  ["main", "app", "services", "capacity"],
];

/** Engines are pure: they import the floor and nothing else, not even each other. */
const ENGINES: readonly string[] = ["policy", "ucan", "connector", "classify", "redact", "ledger"];

/** Imports between folders of one layer. What is not listed is not allowed. */
const SIDEWAYS: ReadonlyMap<string, readonly string[]> = new Map([
  ["crypto", ["base"]],
  ["config", ["base", "crypto"]],
  ["store", ["io", "ledger", "policy", "ucan"]],
  ["archive", ["audit"]],
  ["consent", ["audit", "identity", "vault"]],
  ["decision", ["audit", "consent", "identity", "runs", "vault"]],
  ["gateway", ["audit", "consent", "decision", "identity", "vault"]],
  ["identity", ["audit", "vault"]],
  ["runs", ["audit", "identity", "vault"]],
  ["vault", ["audit"]],
  ["http", ["views"]],
  ["main", ["app"]],
  ["app", ["services", "capacity"]],
  ["services", ["capacity"]],
]);

/** Imports that point down and are still not allowed. */
const APART: readonly { readonly from: string; readonly to: readonly string[]; readonly rule: string }[] = [
  { from: "telemetry", to: ["audit", "store", "ledger"], rule: "telemetry and audit share nothing" },
  { from: "audit", to: ["telemetry"], rule: "telemetry and audit share nothing" },
  { from: "ledger", to: ["telemetry"], rule: "telemetry and audit share nothing" },
];

/** Packages and runtime modules that only the listed folders or files may import. Every package must be listed. */
const OWNERS: readonly { readonly module: RegExp; readonly by: readonly string[] }[] = [
  { module: /^(node:crypto|@noble\/.*)$/, by: ["src/crypto/"] },
  { module: /^@cedar-policy\/cedar-wasm/, by: ["src/policy/cedar.ts"] },
  { module: /^(@ipld\/dag-cbor|multiformats)(\/|$)/, by: ["src/ucan/"] },
  { module: /(^|\/)(web-tree-sitter|tree-sitter-bash)(\/|$)/, by: ["src/classify/grammar.ts"] },
  { module: /^@simplewebauthn\/server(\/|$)/, by: ["src/consent/"] },
  { module: /^nodemailer$/, by: ["src/consent/notify-mail.ts"] },
  { module: /^croner$/, by: ["src/scheduler/cron.ts"] },
  { module: /^qrcode-generator$/, by: ["src/cli/qr-code.ts"] },
  { module: /^hyparquet(-writer)?$/, by: ["src/store/jobs/"] },
  { module: /^elysia(\/|$)/, by: ["src/http/"] },
  { module: /^htmx\.org(\/|$)/, by: ["src/http/pages/assets.ts"] },
  { module: /^bun:sqlite$/, by: ["src/store/", "src/telemetry/", "src/io/folder-lock.ts"] },
  { module: /^node:net$/, by: ["src/io/", "src/cli/client.ts", "src/config/address-range.ts"] },
  { module: /^node:(https?|http2|tls|dgram|dns)(\/|$)/, by: ["src/io/", "src/cli/client.ts"] },
  {
    module: /^node:(fs|fs\/promises|path|os|buffer|zlib|url|util|stream|events|worker_threads|process)$/,
    by: ["src/"],
  },
  { module: /^bun(:ffi)?$/, by: ["src/"] },
  { module: /^node:child_process$/, by: ["src/cli/"] },
  { module: /^#migrations\//, by: ["src/store/"] },
  { module: /^#policies\//, by: ["src/policy/"] },
];

/** What engines may not import; an engine's own wasm, embedded in the executable, is read in one file. */
const IMPURE = /^(bun|bun:.*|node:(?!buffer$|path$).*)$/;
const IMPURE_ALLOWED: readonly string[] = ["src/policy/cedar.ts", "src/classify/grammar.ts"];

/** Words that only the listed folders or files may use; `in` limits the rule to some folders. */
const WORDS: readonly {
  readonly word: RegExp;
  readonly by: readonly string[];
  readonly in?: readonly string[];
  readonly rule: string;
}[] = [
  {
    word: /\bprocess\s*\.\s*env\b|\bprocess\s*\[\s*["']env|\bBun\s*\.\s*env\b|\bimport\.meta\.env\b/,
    by: ["src/config/env.ts"],
    rule: "only src/config/env.ts reads the environment",
  },
  {
    word: /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bperformance\.now\b|\bgetRandomValues\b|\brandomUUID\b|\bBun\.nanoseconds\b/,
    by: [],
    in: ENGINES,
    rule: "engines take time and randomness as arguments",
  },
  { word: /\bMath\.random\b/, by: [], rule: "randomness comes from src/crypto/random.ts" },
  {
    word: /(?<![.\w$]|function |async )fetch\s*\(|\b(globalThis|Bun)\.(fetch|connect|udpSocket)\b|\bnew (WebSocket|EventSource|XMLHttpRequest)\b|\bBun\.(RedisClient|SQL|S3Client)\b/,
    by: ["src/io/", "src/cli/client.ts"],
    rule: "only src/io reaches out",
  },
  { word: /\bnew Worker\s*\(/, by: ["src/store/"], rule: "only src/store starts workers" },
  { word: /^export default\b|\bexport\s*\{[^}]*\bas default\b/m, by: ["src/modules.d.ts"], rule: "no default exports" },
];

/** Most lines that a file may have, and the files that may have more, each with the reason. */
export const MAX_LINES = 400;
const LONGER: ReadonlyMap<string, string> = new Map<string, string>([]);

/** Every module that a source file names: static, type-only, dynamic and side-effect imports, and re-exports. */
export function importsOf(text: string): readonly string[] {
  const code = withoutComments(text);
  const found = [
    ...code.matchAll(/^[ \t]*(?:import|export)\b[^;"'`()]*?\bfrom\s*["']([^"']+)["']/gm),
    ...code.matchAll(/^[ \t]*import\s*["']([^"']+)["']/gm),
    ...code.matchAll(/\b(?:import|require)\s*\(\s*["'`]([^"'`]+)["'`]/g),
    ...code.matchAll(/\btypeof import\s*\(\s*["']([^"']+)["']/g),
  ];
  return [...new Set(found.map(([, module = ""]) => module))];
}

/** Every breach in the given sources. */
export function findViolations(sources: Sources): readonly Violation[] {
  return [
    ...[...sources].flatMap(([file, text]) => [
      ...checkImports(file, text),
      ...checkWords(file, text),
      ...checkSize(file, text),
    ]),
    ...findCycles(sources),
  ];
}

function checkImports(file: string, text: string): readonly Violation[] {
  const folder = folderOf(file);
  if (folder === undefined) {
    if (file.endsWith(".d.ts")) return [];
    return [{ file, what: dirname(file), rule: "every folder stands in the table of layers" }];
  }
  return importsOf(text).flatMap((module) => {
    const rules = [checkOwner(file, module), checkPurity(file, folder, module), checkLayer(file, folder, module)];
    return rules.filter((rule) => rule !== undefined).map((rule) => ({ file, what: module, rule }));
  });
}

function checkOwner(file: string, module: string): string | undefined {
  if (module.startsWith("#src/") || module.startsWith("#views/")) return undefined;
  const inPackage = /^node_modules\/(.+)$/.exec(resolveImport(file, module) ?? "")?.[1];
  if (module.startsWith(".") && inPackage === undefined) return undefined;
  const owners = OWNERS.filter((owner) => owner.module.test(inPackage ?? module));
  if (owners.length === 0) return "every package has owners in the table";
  if (owners.some((owner) => owner.by.some((by) => file.startsWith(by)))) return undefined;
  return `only ${owners.flatMap((owner) => owner.by).join(", ")} may import it`;
}

function checkPurity(file: string, folder: string, module: string): string | undefined {
  if (!ENGINES.includes(folder) || IMPURE_ALLOWED.includes(file)) return undefined;
  return IMPURE.test(module) ? "engines do no I/O" : undefined;
}

function checkLayer(file: string, folder: string, module: string): string | undefined {
  const target = resolveImport(file, module);
  if (target === undefined) return undefined;
  const to = folderOf(target);
  if (to === undefined)
    return /^(node_modules\/|migrations\/|policies\/|views\/assets\/|package\.json$)/.test(target)
      ? undefined
      : "imports stay inside the layers";
  if (to === folder) return module.startsWith("#") ? "inside a folder imports are relative" : undefined;
  // Files of the composition stand beside each other at the top of src, and may name the rest either way.
  if (!module.startsWith("#") && file.startsWith("src/") && layerOf(folder) < LAYERS.length - 1)
    return "imports across folders start with #src/";
  const apart = APART.find((pair) => pair.from === folder && pair.to.includes(to));
  if (apart !== undefined) return apart.rule;
  if (SIDEWAYS.get(folder)?.includes(to)) return undefined;
  if (layerOf(to) > layerOf(folder)) return "an import never points up";
  if (layerOf(to) === layerOf(folder)) return `${folder} → ${to} is not a listed neighbour`;
  return undefined;
}

function checkWords(file: string, text: string): readonly Violation[] {
  const code = withoutComments(text);
  const folder = folderOf(file) ?? "";
  return WORDS.flatMap(({ word, by, in: only, rule }) => {
    if (by.some((allowed) => file.startsWith(allowed)) || (only !== undefined && !only.includes(folder))) return [];
    const found = word.exec(code);
    return found === null ? [] : [{ file, what: found[0].trim(), rule }];
  });
}

function checkSize(file: string, text: string): readonly Violation[] {
  const lines = text.split("\n").length - 1;
  if (lines <= MAX_LINES || LONGER.has(file)) return [];
  return [{ file, what: `${lines} lines`, rule: `at most ${MAX_LINES} lines, or a listed reason` }];
}

/** Cycles of imports, type-only ones included, each named once by its files. */
function findCycles(sources: Sources): readonly Violation[] {
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const found: Violation[] = [];
  const visit = (file: string, text: string): void => {
    state.set(file, "open");
    path.push(file);
    for (const module of importsOf(text)) {
      const target = resolveImport(file, module);
      const next = target === undefined ? undefined : sources.get(target);
      if (target === undefined || next === undefined) continue;
      if (state.get(target) === "open") {
        found.push({ file, what: [...path.slice(path.indexOf(target)), target].join(" → "), rule: "no cycles" });
      } else if (!state.has(target)) visit(target, next);
    }
    path.pop();
    state.set(file, "done");
  };
  for (const [file, text] of sources) if (!state.has(file)) visit(file, text);
  return found;
}

/** The file that an import inside the project means, from the top of the project. */
function resolveImport(file: string, module: string): string | undefined {
  if (module.startsWith("#")) return module.slice(1);
  return module.startsWith(".") ? normalize(join(dirname(file), module)) : undefined;
}

/** `store` for `src/store/writer.ts`, `main` for `src/main.ts`, `views` below `views`; undefined outside the table. */
function folderOf(file: string): string | undefined {
  const [top, second = ""] = file.split("/");
  if (top === "views") return file.startsWith("views/assets/") ? undefined : "views";
  if (top !== "src") return undefined;
  const folder = second.replace(/\.ts$/, "");
  return layerOf(folder) === -1 ? undefined : folder;
}

function layerOf(folder: string): number {
  return LAYERS.findIndex((folders) => folders.includes(folder));
}

/** The text without comments; strings stay, so that one that contains `//` is not cut. */
function withoutComments(text: string): string {
  return text.replace(/("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "$1");
}
