import { canonicalize } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { formatText, type PolicyJson } from "./cedar.ts";
import { compilePolicies, type PolicyProblem } from "./policy-set.ts";

/** A source in one layout, or what does not parse. */
export type FormatResult = { readonly text: string } | { readonly errors: readonly PolicyProblem[] };

const LINE_WIDTH = 100;
const INDENT_WIDTH = 2;

/**
 * A source in the layout of Cedar's formatter, comments kept, with one line feed at its end; formatting again changes
 * nothing. Throws `policy_invalid` in the case that the formatter would change what the policies say or lose a comment:
 * the source then stays as it is.
 */
export function formatPolicySource(source: string): FormatResult {
  const before = meaningOf(source);
  if ("errors" in before) return before;
  if (before.meaning.length === 0) return { text: source };
  const formatted = formatText(source, LINE_WIDTH, INDENT_WIDTH);
  if (typeof formatted !== "string") throw cannotFormat(formatted[0]?.message ?? "no reason given");
  const text = `${formatted.trim()}\n`;
  const after = meaningOf(text);
  const isKept = "meaning" in after && canonicalize(after.meaning) === canonicalize(before.meaning);
  if (!isKept || commentsOf(text) !== commentsOf(source)) throw cannotFormat("it would change more than the layout");
  return { text };
}

function cannotFormat(why: string): WritError {
  return new WritError("policy_invalid", `the policies cannot be formatted: ${why.slice(0, 300)}`);
}

function meaningOf(
  source: string,
): { readonly meaning: readonly PolicyJson[] } | { readonly errors: readonly PolicyProblem[] } {
  const meaning: PolicyJson[] = [];
  const result = compilePolicies(source, "tenant", (_policy, json) => {
    meaning.push(json);
  });
  return "errors" in result ? result : { meaning };
}

const TOKEN = /"(?:[^"\\]|\\[\s\S])*"|\/\/([^\n\r]*)|[\s\S]/g;

/** All comments, in no order: the formatter may move one across a bracket. */
function commentsOf(source: string): string {
  const comments = [...source.matchAll(TOKEN)].flatMap(([, comment]) =>
    comment === undefined ? [] : [comment.trim()],
  );
  return comments.sort().join("\n");
}
