import { invariant, WritError } from "#src/base/errors.ts";
import { quote, renderLiterals, SLOT_KINDS, type SlotKind, type SlotValue } from "./cedar-literal.ts";
import { nearestName } from "./nearest-name.ts";
import { compilePolicies } from "./policy-set.ts";

/** Something to fill in. */
export interface TemplateSlot {
  readonly name: string;
  readonly kind: SlotKind;
  /** Shown as its value, and what the template's tests are run with. */
  readonly example: SlotValue;
  readonly about: string;
}

/**
 * Policies with slots. A template is Cedar as it stands: a slot is the string literal `"$name"`, also as an entity's id,
 * and `"$id"` begins the `@id` of each policy.
 */
export interface PolicyTemplate {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly slots: readonly TemplateSlot[];
  /** A policy that its tests stand beside, for a template that allows nothing by itself; empty for none. */
  readonly beside: string;
  /** Cedar, without the lines that declare. */
  readonly text: string;
}

/** Values by slot; what is left out takes its example only where {@link RenderOptions.useExamples} says so. */
export type SlotValues = Readonly<Record<string, SlotValue>>;

/** How a template is rendered. */
export interface RenderOptions {
  /** What the policies' ids begin with: the template's name unless said otherwise. */
  readonly id?: string;
  readonly useExamples?: boolean;
}

const TOKEN = /\/\/[^\n\r]*|"(?:[^"\\]|\\.)*"|[\s\S]/g;
const DECLARATION = /^\/\/ (template|about|beside|slot ([a-z][a-z0-9_]*)): ?(.*)$/;
const SLOT = new RegExp(`^(${SLOT_KINDS.join("|")}) = (.*?) -- (.+)$`);
const ID = /^[a-z0-9][a-z0-9._-]{0,99}$/;

/** Reads a template's file. It is shipped with Writ, so anything wrong with it is `internal`. */
export function parseTemplate(name: string, source: string): PolicyTemplate {
  const slots: TemplateSlot[] = [];
  const said = new Map<string, string>();
  const lines = source.split("\n").filter((line) => {
    const declaration = DECLARATION.exec(line);
    if (declaration === null) return true;
    const [, what = "", slot, rest = ""] = declaration;
    if (slot === undefined) said.set(what, [said.get(what), rest].filter(Boolean).join(" "));
    else slots.push(parseSlot(name, slot, rest));
    return false;
  });
  const title = said.get("template");
  invariant(title !== undefined, `the template ${name} has no title`);
  const [about = "", beside = ""] = [said.get("about"), said.get("beside")];
  return { name, title, about, slots, beside, text: `${lines.join("\n").trim()}\n` };
}

/**
 * The policies of a template with its slots filled. Throws `invalid_argument`, naming the slot, for a value that is
 * missing, of another kind or for no slot of this template.
 *
 * INVARIANT: a value can change no more than the literal that it becomes: tokens are replaced, never text within one.
 */
export function renderTemplate(template: PolicyTemplate, values: SlotValues, options: RenderOptions = {}): string {
  const id = options.id ?? template.name;
  if (!ID.test(id) || id.startsWith("writ."))
    throw new WritError("invalid_argument", "an id of a-z, 0-9, `.`, `_` and `-` was expected");
  for (const name of Object.keys(values)) requireSlot(template, name);
  const literals = new Map(
    template.slots.map((slot) => {
      const value = Object.hasOwn(values, slot.name)
        ? values[slot.name]
        : options.useExamples
          ? slot.example
          : undefined;
      if (value === undefined)
        throw new WritError("invalid_argument", `the slot \`${slot.name}\` needs a value: ${slot.about}`);
      return [slot.name, literalsOf(slot, value)] as const;
    }),
  );
  const rendered = fill(template.text, literals, id);
  invariant("policies" in compilePolicies(rendered), `the template ${template.name} does not compile`);
  return rendered;
}

function requireSlot(template: PolicyTemplate, name: string): void {
  const names = template.slots.map((slot) => slot.name);
  if (names.includes(name)) return;
  const near = nearestName(name, names);
  const hint =
    near === undefined ? `it has ${names.map((each) => `\`${each}\``).join(", ")}` : `did you mean \`${near}\`?`;
  throw new WritError("invalid_argument", `the template has no slot \`${name.slice(0, 100)}\`; ${hint}`);
}

function literalsOf(slot: TemplateSlot, value: SlotValue): readonly string[] {
  try {
    return renderLiterals(slot.kind, value);
  } catch (error) {
    if (!(error instanceof WritError)) throw error;
    throw new WritError("invalid_argument", `the slot \`${slot.name}\`: ${error.message}`);
  }
}

function fill(text: string, literals: ReadonlyMap<string, readonly string[]>, id: string): string {
  let filled = "";
  for (const [token] of text.matchAll(TOKEN)) {
    const [, name = "", rest = ""] = /^"\$([a-z][a-z0-9_]*)(.*)"$/.exec(token) ?? [];
    if (name === "") filled += token;
    else if (name === "id") filled += quote(id + rest);
    else filled = appendLiterals(filled, literals.get(name) ?? []);
  }
  return filled;
}

/** Of a list of entities, each has the type that stands before the slot. */
function appendLiterals(before: string, literals: readonly string[]): string {
  const type = /(?:[A-Za-z_][A-Za-z0-9_]*::)+$/.exec(before)?.[0] ?? "";
  return before + literals.join(`, ${type}`);
}

function parseSlot(template: string, name: string, declaration: string): TemplateSlot {
  const [, kind = "", example = "", about = ""] = SLOT.exec(declaration) ?? [];
  invariant(kind !== "", `the slot ${name} of ${template} is not declared as one`);
  return { name, kind: kind as SlotKind, example: JSON.parse(example) as SlotValue, about };
}
