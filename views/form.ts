import { attribute, type Content, type Html, html, verbatim } from "./html.ts";

/** One input of a form. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly value?: string;
  readonly type?: "text" | "password" | "email" | "url" | "number" | "datetime-local" | "search";
  readonly required?: boolean;
  readonly placeholder?: string;
  readonly maxLength?: number;
  readonly autocomplete?: string;
  /** Written as code is. */
  readonly isCode?: boolean;
}

/** Ids are made of the form's name and the field's, so that two forms on a page do not share one. */
function fieldId(form: string, name: string): string {
  return `${form}-${name}`;
}

function labelled(form: string, field: Pick<Field, "name" | "label" | "hint" | "required">, input: Content): Html {
  const id = fieldId(form, field.name);
  return html`<div class="field"><label for="${id}">${field.label}${
    field.required === true ? undefined : html` <span class="optional">optional</span>`
  }</label>${input}${field.hint === undefined ? undefined : html`<p class="hint" id="${`${id}-hint`}">${field.hint}</p>`}</div>`;
}

function describedBy(form: string, field: Pick<Field, "name" | "hint">) {
  return attribute("aria-describedby", field.hint === undefined ? undefined : `${fieldId(form, field.name)}-hint`);
}

/** A line of text. */
export function input(form: string, field: Field): Html {
  const { name, value = "", type = "text", isCode } = field;
  return labelled(
    form,
    field,
    html`<input id="${fieldId(form, name)}" name="${name}" type="${type}" value="${value}"${attribute("required", field.required)}${attribute("placeholder", field.placeholder)}${attribute("maxlength", field.maxLength)}${attribute("autocomplete", field.autocomplete ?? "off")}${attribute("spellcheck", isCode === true ? "false" : undefined)}${attribute("class", isCode === true ? "mono" : undefined)}${describedBy(form, field)}>`,
  );
}

/** Several lines of text. */
export function textArea(form: string, field: Field & { readonly rows?: number }): Html {
  const { name, value = "", rows = 4, isCode } = field;
  return labelled(
    form,
    field,
    html`<textarea id="${fieldId(form, name)}" name="${name}" rows="${rows}"${attribute("required", field.required)}${attribute("placeholder", field.placeholder)}${attribute("maxlength", field.maxLength)}${attribute("spellcheck", isCode === true ? "false" : undefined)}${attribute("class", isCode === true ? "mono" : undefined)}${describedBy(form, field)}>
${verbatim(value)}</textarea>`,
  );
}

/** One of several, the first unless stated: something is always chosen, and an empty value may be what is meant. */
export function select(
  form: string,
  field: Pick<Field, "name" | "label" | "hint" | "value" | "required">,
  choices: readonly (readonly [value: string, label: string])[],
): Html {
  const { name, value } = field;
  return labelled(
    form,
    field,
    html`<select id="${fieldId(form, name)}" name="${name}"${describedBy(form, field)}>${choices.map(
      ([choice, label]) => html`<option value="${choice}"${attribute("selected", choice === value)}>${label}</option>`,
    )}</select>`,
  );
}

/** Yes or no. A box that is not ticked sends nothing. */
export function checkbox(
  form: string,
  field: { name: string; label: string; hint?: string; checked?: boolean; value?: string },
): Html {
  const { name, label, hint, checked, value = "on" } = field;
  const id = fieldId(form, `${name}-${value}`);
  return html`<div class="check"><input type="checkbox" id="${id}" name="${name}" value="${value}"${attribute("checked", checked)}${attribute("aria-describedby", hint === undefined ? undefined : `${id}-hint`)}><label for="${id}">${label}</label>${
    hint === undefined ? undefined : html`<p class="hint" id="${`${id}-hint`}">${hint}</p>`
  }</div>`;
}

/** The button that sends a form. */
export function submit(label: string, tone: "primary" | "danger" | "plain" = "primary"): Html {
  return html`<button type="submit" class="button ${tone}">${label}</button>`;
}

/** What of a form did not do. */
export interface FormState {
  readonly values: Readonly<Record<string, string>>;
  readonly error?: string;
  /** The field that is to blame, where one is. */
  readonly field?: string;
}

/** A form that nobody filled in yet. */
export const EMPTY_FORM: FormState = { values: {} };

/** What stands above a form's fields where something is wrong. */
export function formError({ error }: FormState): Content {
  return error === undefined
    ? undefined
    : html`<div class="notice bad" role="alert" tabindex="-1" data-focus><p>${error}</p></div>`;
}

/** Boxes for a list of choices. */
export function boxes(
  form: string,
  name: string,
  legend: string,
  choices: readonly (readonly [value: string, label: string, hint: string])[],
  chosen: readonly string[],
): Html {
  return html`<fieldset><legend>${legend}</legend>${choices.map(([value, label, hint]) => checkbox(form, { name, value, label, checked: chosen.includes(value), ...(hint === "" ? {} : { hint }) }))}</fieldset>`;
}
