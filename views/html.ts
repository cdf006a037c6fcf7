import { compileTemplate, type Slot } from "./template.ts";

/** Only this module can call the constructors below. */
const TRUST: unique symbol = Symbol("trust");

/**
 * Markup that is known to be safe. INVARIANT: nothing turns a plain text into one without escaping it; what comes from
 * outside is a string or a number, never an instance of this class.
 */
export class Html {
  readonly #text: string;

  constructor(trust: typeof TRUST, text: string) {
    if (trust !== TRUST) throw new TypeError("markup is made by `html` alone");
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** An attribute with its value, to stand between others inside of a tag; made by {@link attribute}. */
export class Attribute {
  readonly #text: string;

  constructor(trust: typeof TRUST, text: string) {
    if (trust !== TRUST) throw new TypeError("attributes are made by `attribute` alone");
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand between tags. Lists stand one after the other; nothing is drawn for `undefined`, `null` and `false`. */
export type Content = Html | string | number | undefined | null | false | readonly Content[];

/** What a template takes: content between tags, texts and numbers in attributes, an {@link Attribute} inside of a tag. */
export type TemplateValue = Content | Attribute;

/**
 * Makes markup from a template. Where a value stands decides how it is written:
 *
 * - between tags it is escaped, unless it is {@link Html} already;
 * - in a quoted attribute it is escaped;
 * - in an attribute that holds an address (`href`, `action`, `hx-get`, …) a value that begins it must be a path of this
 *   server, and one that follows something is encoded as one segment of the path or one value of the query;
 * - between attributes only an {@link Attribute} may stand.
 *
 * Throws for a template that has a value anywhere else (in a tag's name, an unquoted attribute, a comment, a script), that
 * has an attribute which a strict policy forbids (`style`, `on…`), and for a value that does not fit its place.
 */
export function html(strings: TemplateStringsArray, ...values: readonly TemplateValue[]): Html {
  const slots = compileTemplate(strings);
  let text = strings[0] ?? "";
  for (const [index, value] of values.entries()) {
    text += write(slots[index] as Slot, value) + strings[index + 1];
  }
  return new Html(TRUST, text);
}

const ATTRIBUTE_NAME = /^(?!on|style$|src|href$|action$|formaction$)[a-z][a-z0-9-]*$/;

/** An attribute where `value` is true or a text; nothing where it is false or undefined. Addresses stand in templates. */
export function attribute(name: string, value: string | number | boolean | undefined): Attribute {
  if (!ATTRIBUTE_NAME.test(name)) throw new TypeError(`no attribute \`${name}\` can be set this way`);
  if (value === undefined || value === false) return new Attribute(TRUST, "");
  return new Attribute(TRUST, value === true ? ` ${name}` : ` ${name}="${escapeMarkup(String(value))}"`);
}

/** Contents one after the other, with nothing between. */
export function join(contents: readonly Content[]): Html {
  return new Html(TRUST, contents.map(writeContent).join(""));
}

function write(slot: Slot, value: TemplateValue): string {
  switch (slot) {
    case "content":
      if (value instanceof Attribute) throw new TypeError("an attribute stands inside of a tag");
      return writeContent(value);
    case "attribute":
      return escapeMarkup(plainText(value));
    case "address":
      return escapeMarkup(localAddress(plainText(value)));
    case "address-part":
      return escapeMarkup(encodeURIComponent(plainText(value).toWellFormed()));
    case "tag":
      if (!(value instanceof Attribute)) throw new TypeError("between attributes only an attribute may stand");
      return value.toString();
  }
}

function writeContent(value: Content): string {
  if (value instanceof Html) return value.toString();
  if (typeof value === "string") return escapeText(value);
  if (typeof value === "number") return String(value);
  if (value === undefined || value === null || value === false) return "";
  if (Array.isArray(value)) return value.map(writeContent).join("");
  throw new TypeError("this is nothing that a page can show");
}

function plainText(value: TemplateValue): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  throw new TypeError("an attribute holds a text or a number");
}

/** A path of this server, its query and fragment: never a scheme, and never another host. */
const LOCAL = /^(?:\/(?![/\\])|[?#])[^\s\\]*$/;

function localAddress(text: string): string {
  if (!LOCAL.test(text)) throw new TypeError("an address is a path of this server");
  return text.toWellFormed();
}

/** A text as it is, for a field that somebody edits: nothing in it is marked, only escaped. */
export function verbatim(text: string): Html {
  return new Html(TRUST, escapeMarkup(text));
}

/** Direction marks; and what takes no room at all: a zero-width space, joiners of words, tags, variation selectors beyond the usual. */
const UNSEEN = /[\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e0fff}]/gu;

/**
 * A text as it is shown between tags. Characters that change the direction of what follows, or that nobody can see, are shown
 * as what they are: a name must not be able to rewrite the line that it stands in, nor hide what it says.
 */
function escapeText(text: string): string {
  return escapeMarkup(text).replace(UNSEEN, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    return `[U+${code}]`;
  });
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
  ["`", "&#96;"],
  ["\0", "\ufffd"],
]);

/** Half of a surrogate pair has no encoding, and a NUL no place in a page (HTML section 13.2.2). */
function escapeMarkup(text: string): string {
  return text.toWellFormed().replace(/[&<>"'`\0]/g, (character) => ESCAPES.get(character) ?? "");
}
