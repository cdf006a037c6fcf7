/**
 * Where in a template a value stands:
 * `content` between tags, `attribute` in a quoted value, `address` at the beginning of a value that is an address,
 * `address-part` further inside of one, `tag` between attributes.
 */
export type Slot = "content" | "attribute" | "address" | "address-part" | "tag";

/** Attributes whose value is an address that the browser or htmx follows. */
const ADDRESS_ATTRIBUTES: ReadonlySet<string> = new Set([
  "action",
  "formaction",
  "href",
  "src",
  "hx-get",
  "hx-post",
  "hx-put",
  "hx-delete",
  "hx-push-url",
  "hx-replace-url",
  "data-stream",
  "data-address",
]);

/** Attributes that a policy without inline code and style forbids, or that hold code. */
const FORBIDDEN_ATTRIBUTE = /^(?:on|style$|srcdoc$|srcset$|hx-on|hx-vals|hx-headers)/;

const compiled = new WeakMap<TemplateStringsArray, readonly Slot[]>();

/** The places of a template's values, found once a template. Throws for a value in a place that none may have. */
export function compileTemplate(strings: TemplateStringsArray): readonly Slot[] {
  let slots = compiled.get(strings);
  if (slots === undefined) {
    slots = findSlots(strings);
    compiled.set(strings, slots);
  }
  return slots;
}

/** Where a scan of static markup is. `before`: what stands in the attribute's value so far. */
type State =
  | { readonly in: "content" }
  | { readonly in: "raw"; readonly element: string }
  | { readonly in: "comment" }
  | { readonly in: "name"; readonly name: string }
  | { readonly in: "tag"; readonly element: string; readonly attribute: string }
  | { readonly in: "unquoted" }
  | {
      readonly in: "value";
      readonly element: string;
      readonly attribute: string;
      readonly quote: string;
      readonly before: string;
    };

const CONTENT: State = { in: "content" };
/** Elements whose text is code, or no markup. */
const RAW: ReadonlySet<string> = new Set(["script", "style", "iframe", "noscript", "xmp", "plaintext"]);

function findSlots(strings: TemplateStringsArray): readonly Slot[] {
  const slots: Slot[] = [];
  let state: State = CONTENT;
  for (const [index, text] of strings.entries()) {
    state = scan(state, text);
    if (index === strings.length - 1) break;
    const slot = slotOf(state);
    if (slot === undefined) throw new TypeError(`a template has a value where none may stand: …${text.slice(-40)}`);
    slots.push(slot);
    // What a value writes is something: what follows it in the attribute is not its beginning.
    if (state.in === "value") state = { ...state, before: `${state.before}x` };
    if (state.in === "name") state = { in: "tag", element: state.name.toLowerCase(), attribute: "" };
  }
  if (state.in !== "content") throw new TypeError("a template ends inside of a tag");
  return slots;
}

function slotOf(state: State): Slot | undefined {
  switch (state.in) {
    case "content":
      return "content";
    case "name":
      // An attribute brings the space before it along.
      return /^[a-z][a-z0-9-]*$/i.test(state.name) ? "tag" : undefined;
    case "tag":
      return state.attribute === "" ? "tag" : undefined;
    case "value":
      if (!ADDRESS_ATTRIBUTES.has(state.attribute)) return "attribute";
      return state.before === "" ? "address" : "address-part";
    default:
      return undefined;
  }
}

function scan(from: State, text: string): State {
  let state = from;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] as string;
    switch (state.in) {
      case "content":
        if (text.startsWith("<!--", at)) state = { in: "comment" };
        else if (character === "<") state = { in: "name", name: "" };
        break;
      case "comment":
        if (text.startsWith("-->", at)) state = CONTENT;
        break;
      case "raw":
        if (text.slice(at, at + state.element.length + 2).toLowerCase() === `</${state.element}`) state = CONTENT;
        break;
      case "name":
        if (character === ">") state = afterTag(state.name.toLowerCase());
        else if (/\s/.test(character)) state = { in: "tag", element: state.name.toLowerCase(), attribute: "" };
        else state = { in: "name", name: state.name + character };
        break;
      case "tag":
        state = scanTag(state, character, text[at - 1] ?? "");
        break;
      case "unquoted":
        throw new TypeError("an attribute's value stands in quotes");
      case "value":
        if (character === state.quote) state = { in: "tag", element: state.element, attribute: "" };
        else state = { ...state, before: state.before + character };
        break;
    }
  }
  return state;
}

function scanTag(state: State & { readonly in: "tag" }, character: string, previous: string): State {
  const { element, attribute } = state;
  if (character === ">") {
    if (previous === "=") throw new TypeError("an attribute's value stands in quotes");
    return afterTag(element);
  }
  if (attribute.endsWith("=")) {
    const name = attribute.slice(0, -1).toLowerCase();
    if (character !== '"' && character !== "'") return { in: "unquoted" };
    if (FORBIDDEN_ATTRIBUTE.test(name)) throw new TypeError(`no template has the attribute \`${name}\``);
    return { in: "value", element, attribute: name, quote: character, before: "" };
  }
  if (/\s|\//.test(character)) return { in: "tag", element, attribute: "" };
  return { in: "tag", element, attribute: attribute + character };
}

function afterTag(element: string): State {
  return RAW.has(element) ? { in: "raw", element } : CONTENT;
}
