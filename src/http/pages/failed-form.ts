import type { FormState } from "#views/form.ts";
import type { Outcome } from "./page.ts";

/** A form that was refused, with what was given and why it does not do. `secrets`: fields that are not drawn back. */
export function failedForm(
  { error, form }: Extract<Outcome<never>, { ok: false }>,
  secrets: readonly string[] = [],
): FormState {
  const message = error.message;
  return {
    values: form.values(secrets),
    error: `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
  };
}
