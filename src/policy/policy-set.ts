import { canonicalize } from "#src/base/canonical-json.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { approvalAnnotationProblems } from "./approval-terms.ts";
import type { PolicyJson } from "./cedar.ts";
import { ClauseParser } from "./clause-parser.ts";
import { dependsOnCosigned } from "./cosign-dependence.ts";
import { helpWithLiteral } from "./literal-help.ts";
import { type PolicyReads, readsOf } from "./policy-reads.ts";
import { type PolicyPiece, positionAt, scanPolicyText, utf16Offset } from "./policy-text.ts";
import { type PolicyScope, scopeOf } from "./scope.ts";
import { createShapeParser } from "./shape-parser.ts";

/** One policy, checked, with what is needed to index and evaluate it. Plain JSON: a stored version loads without parsing. */
export interface CompiledPolicy {
  /** Its `@id`, or `policy<N>` by its place in the source, from 0. */
  readonly id: string;
  /** Its own text, comments before it included. */
  readonly text: string;
  readonly effect: "permit" | "forbid";
  /** `@name("value")`; a bare `@name` is the empty string. Read with {@link annotationOf}. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly scope: PolicyScope;
  /** Whether it may say something else when a person has vouched. */
  readonly readsCosigned: boolean;
  /** What its conditions can read of a request; left out: everything. */
  readonly reads?: PolicyReads;
  /** SHA-256, hex, of id and text. */
  readonly hash: string;
}

/** Why a source is refused, where one can look. `line` and `column` count from 1, columns in UTF-16 code units. */
export interface PolicyProblem {
  /** The policy's id, where it is known. */
  readonly policy?: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
  readonly help?: string;
}

/** What {@link compilePolicies} answers: all policies, or everything that is wrong. */
export type CompileResult =
  | { readonly policies: readonly CompiledPolicy[] }
  | { readonly errors: readonly PolicyProblem[] };

/** Who wrote the source: ids that start with `writ.` are Writ's own. */
export type PolicyOrigin = "tenant" | "builtin";

/** Is told of each policy as it is compiled: with Cedar's JSON of it, and the UTF-16 offset of its text in the source. */
export type PolicyInspector = (policy: CompiledPolicy, json: PolicyJson, offset: number) => void;

/** What the ids of built-in policies start with, and no other's. */
export const BUILTIN_ID_PREFIX = "writ.";

/**
 * Parses and checks policies: one text with any number of them, or texts by id with exactly one policy each (line and
 * column then count within that text; an `@id` inside must agree).
 *
 * Refused are: what Cedar does not parse, templates, annotations of approvals that are malformed, a duplicate, empty or reserved id, integers beyond 2^53, lone
 * surrogates, and nesting that Cedar's engine would not survive. Time is some 150 µs a policy.
 */
export function compilePolicies(
  source: string | Readonly<Record<string, string>>,
  origin: PolicyOrigin = "tenant",
  inspect?: PolicyInspector,
): CompileResult {
  const compiler = new Compiler(origin, inspect);
  if (typeof source === "string") compiler.addText(source);
  else for (const id of Object.keys(source)) compiler.addNamed(id, source[id] ?? "");
  return compiler.result();
}

/** The value of an annotation, or `undefined`; safe for any name. */
export function annotationOf(policy: CompiledPolicy, name: string): string | undefined {
  return Object.hasOwn(policy.annotations, name) ? policy.annotations[name] : undefined;
}

class Compiler {
  private readonly origin: PolicyOrigin;
  private readonly inspect: PolicyInspector | undefined;
  private readonly policies = new Map<string, CompiledPolicy>();
  private readonly errors: PolicyProblem[] = [];
  private readonly parser = createShapeParser();
  private readonly clauses = new ClauseParser(this.parser);

  constructor(origin: PolicyOrigin, inspect: PolicyInspector | undefined) {
    this.origin = origin;
    this.inspect = inspect;
  }

  result(): CompileResult {
    return this.errors.length > 0 ? { errors: this.errors } : { policies: [...this.policies.values()] };
  }

  addText(source: string): void {
    const pieces = this.scan(source, undefined);
    if (pieces.length > 1) this.clauses.prepare(pieces.map(({ text }) => text));
    for (const [place, piece] of pieces.entries()) {
      this.addPiece(source, piece, (stated) => stated ?? `policy${place}`);
    }
  }

  addNamed(id: string, source: string): void {
    const pieces = this.scan(source, id);
    const [piece, second] = pieces;
    if (piece === undefined || second !== undefined) {
      if (this.errors.length === 0) this.fail(source, second?.offset ?? 0, "exactly one policy was expected", id);
      return;
    }
    this.addPiece(source, piece, (stated) => {
      if (stated !== undefined && stated !== id) {
        this.fail(source, piece.offset, `the policy's \`@id\` is not the name \`${shorten(id)}\` it has here`, id);
      }
      return id;
    });
  }

  private scan(source: string, policy: string | undefined): readonly PolicyPiece[] {
    const { pieces, problems } = scanPolicyText(source);
    for (const { offset, message, help } of problems) this.fail(source, offset, message, policy, help);
    return problems.length > 0 ? [] : pieces;
  }

  private addPiece(source: string, piece: PolicyPiece, nameIt: (stated: string | undefined) => string): void {
    const json = this.clauses.parse(piece.text) ?? this.parser.parse(piece.text);
    if (!("effect" in json)) {
      for (const { message, help, startByte } of json) {
        const inText = utf16Offset(piece.text, startByte ?? 0);
        const plain = message.replace(/^failed to parse policy from string: /, "");
        const better = helpWithLiteral(plain, piece.text.slice(0, inText)) ?? help;
        this.fail(source, piece.offset + inText, plain, undefined, better);
      }
      return;
    }
    const annotations = readAnnotations(json);
    const id = nameIt(annotations["id"]);
    const complaint = this.checkId(id) ?? approvalAnnotationProblems(annotations)[0];
    if (complaint !== undefined) {
      this.fail(source, piece.offset, complaint, id);
      return;
    }
    const policy = toCompiled(id, piece.text, annotations, json);
    this.policies.set(id, policy);
    this.inspect?.(policy, json, piece.offset);
  }

  private checkId(id: string): string | undefined {
    if (id === "") return "a policy's id may not be empty";
    if (this.policies.has(id)) return `the id \`${shorten(id)}\` stands twice`;
    if (id.startsWith(BUILTIN_ID_PREFIX) !== (this.origin === "builtin")) {
      return `ids that start with \`${BUILTIN_ID_PREFIX}\` are those of built-in policies`;
    }
    return undefined;
  }

  private fail(source: string, offset: number, message: string, policy?: string, help?: string): void {
    this.errors.push({
      ...(policy === undefined ? {} : { policy }),
      message,
      ...positionAt(source, offset),
      ...(help === undefined ? {} : { help }),
    });
  }
}

function toCompiled(
  id: string,
  text: string,
  annotations: Readonly<Record<string, string>>,
  json: PolicyJson,
): CompiledPolicy {
  const reads = readsOf(json);
  return {
    id,
    text,
    effect: json.effect,
    annotations,
    scope: scopeOf(json),
    readsCosigned: dependsOnCosigned(json),
    ...(reads === undefined ? {} : { reads }),
    hash: sha256Hex(canonicalize(["writ.policy.v1", id, text])),
  };
}

function readAnnotations(json: PolicyJson): Readonly<Record<string, string>> {
  const annotations: Record<string, string> = Object.create(null);
  const stated: Readonly<Record<string, string | null>> = json.annotations ?? {};
  for (const name of Object.keys(stated)) annotations[name] = stated[name] ?? "";
  return annotations;
}

function shorten(id: string): string {
  return id.length > 100 ? `${id.slice(0, 100)}…` : id;
}
