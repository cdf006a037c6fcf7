import { isWritError, WritError } from "#src/base/errors.ts";
import { applyForm, formToText, type PolicyForm, readForm, textToForm } from "#src/policy/builder.ts";
import { scanPolicyText } from "#src/policy/policy-text.ts";
import type { JobContext } from "./job.ts";

/** One policy as text, and as a form where it can be one. */
export interface PolicyInForm {
  readonly text: string;
  readonly form: PolicyForm | null;
  /** Why it is no form. */
  readonly problem?: string;
}

/** Policies as text, to become forms. */
export interface FormsInput {
  readonly source: string;
}

/** Policies to become text: each as a form, as a text, or as a form beside the text that it was made from. */
export interface TextInput {
  readonly policies: readonly { readonly text?: string; readonly form?: unknown }[];
}

/** What becomes of all of them. */
export interface TextResult {
  readonly source: string;
  readonly policies: readonly PolicyInForm[];
}

/** Every policy of a source, in its order. Throws `policy_invalid` for one that does not parse. */
export async function policiesToForms({ breathe }: JobContext, { source }: FormsInput): Promise<TextResult> {
  const { pieces, problems } = scanPolicyText(source);
  const [problem] = problems;
  if (problem !== undefined) throw new WritError("policy_invalid", problem.message);
  const policies: PolicyInForm[] = [];
  for (const { text } of pieces) {
    policies.push(toForm(text));
    await breathe();
  }
  return { source, policies };
}

/** The source of policies, each on lines of its own. Throws `policy_invalid`, naming the place, for what is no form. */
export async function formsToPolicies({ breathe }: JobContext, { policies }: TextInput): Promise<TextResult> {
  const built: PolicyInForm[] = [];
  for (const [place, { text, form }] of policies.entries()) {
    built.push(toForm(textOf(place, text, form)));
    await breathe();
  }
  return { source: built.map(({ text }) => `${text}\n`).join("\n"), policies: built };
}

function textOf(place: number, text: string | undefined, form: unknown): string {
  if (form === undefined || form === null) {
    if (text !== undefined) return text;
    throw new WritError("policy_invalid", `policy ${place}: a text or a form is needed`);
  }
  try {
    const read = readForm(form);
    return text === undefined ? formToText(read) : applyForm(text, read);
  } catch (error) {
    if (!isWritError(error, "policy_invalid")) throw error;
    throw new WritError("policy_invalid", `policy ${place}: ${error.message}`, { cause: error });
  }
}

/** A text that parses and nests too deep for a form stays a text. */
function toForm(text: string): PolicyInForm {
  try {
    return { text, form: textToForm(text) };
  } catch (error) {
    if (!isWritError(error, "policy_invalid") || !error.message.includes("edited as text")) throw error;
    return { text, form: null, problem: error.message };
  }
}
