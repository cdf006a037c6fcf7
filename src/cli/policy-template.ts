import { WritError } from "#src/base/errors.ts";
import { loadCedar } from "#src/policy/cedar.ts";
import type { SlotValue } from "#src/policy/cedar-literal.ts";
import { nearestName } from "#src/policy/nearest-name.ts";
import { renderTemplate, type SlotValues, type TemplateSlot } from "#src/policy/template.ts";
import { type ShippedTemplate, shippedTemplates } from "#src/policy/template-library.ts";
import type { Arguments } from "./arguments.ts";
import type { ExitCode, NamedCommand } from "./command.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const RENDER_OPTIONS = ["set", "id", "examples"] as const;
const LIST_KINDS = new Set(["entities", "commands", "strings"]);
const NUMBER_KINDS = new Set(["long", "count"]);

/** Needs no server: the templates are part of the program. */
export const template: NamedCommand = {
  name: "template",
  summary: "policies to start from: list, show NAME, render NAME",
  positionals: [{ name: "ACTION" }, { name: "NAME", optional: true }],
  options: [
    {
      name: "set",
      value: "SLOT=VALUE",
      many: true,
      help: "fill a slot; a slot that is a list takes one --set an entry",
    },
    { name: "id", value: "ID", help: "what the policies' ids begin with; the template's name unless given" },
    { name: "examples", help: "fill every other slot with its example" },
  ],
  notes: [
    "ACTION is list, show or render. `show` prints a template's slots and its text; `render` prints Cedar, to be put in a",
    "file and read before it decides: `writ policy template render read-only --examples > policies.cedar`.",
  ],
  run: async ({ terminal }, args) => {
    loadCedar();
    const action = args.at("ACTION");
    const stray = RENDER_OPTIONS.find((name) => args.has(name));
    if (stray !== undefined && action !== "render") throw new UsageError(`\`--${stray}\` is of \`render\``);
    switch (action) {
      case "list":
        if (args.maybeAt("NAME") !== undefined) throw new UsageError("`list` takes no name");
        return list(terminal, args);
      case "show":
        return show(terminal, args, findTemplate(args.maybeAt("NAME")));
      case "render":
        return render(terminal, args, findTemplate(args.maybeAt("NAME")));
      default:
        throw new UsageError("ACTION is one of list, show, render");
    }
  },
};

async function list(terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const templates = [...shippedTemplates().values()];
  if (args.has("json")) {
    for (const { name, title, about, slots } of templates) await terminal.printJson({ name, title, about, slots });
  } else {
    await terminal.printTable(
      ["NAME", "TITLE", "SLOTS"],
      templates.map(({ name, title, slots }) => [name, title, slots.map((slot) => slot.name).join(", ")]),
      "no templates",
    );
  }
  return 0;
}

async function show(terminal: Terminal, args: Arguments, shown: ShippedTemplate): Promise<ExitCode> {
  const { name, title, about, slots, beside, text, tests } = shown;
  if (args.has("json")) {
    await terminal.printJson({ name, title, about, slots, beside, text, tests: JSON.parse(tests) as unknown });
    return 0;
  }
  await terminal.print(`${name}: ${title}`);
  await terminal.print(about);
  if (slots.length > 0) {
    await terminal.print();
    await terminal.printTable(
      ["SLOT", "KIND", "EXAMPLE", "WHAT"],
      slots.map((slot) => [slot.name, slot.kind, JSON.stringify(slot.example), slot.about]),
      "no slots",
    );
  }
  await terminal.print();
  await terminal.write(text);
  return 0;
}

async function render(terminal: Terminal, args: Arguments, chosen: ShippedTemplate): Promise<ExitCode> {
  const id = args.option("id");
  const source = renderTemplate(chosen, readValues(chosen.slots, args.list("set")), {
    useExamples: args.has("examples"),
    ...(id === undefined ? {} : { id }),
  });
  if (args.has("json")) await terminal.printJson({ template: chosen.name, source });
  else await terminal.write(source);
  return 0;
}

function findTemplate(name: string | undefined): ShippedTemplate {
  if (name === undefined) throw new UsageError("NAME is missing", "`writ policy template list` names the templates");
  const templates = shippedTemplates();
  const found = templates.get(name);
  if (found !== undefined) return found;
  const near = nearestName(name, [...templates.keys()]);
  throw new UsageError(
    "there is no such template",
    near === undefined ? "`writ policy template list` names the templates" : `did you mean \`${near}\`?`,
  );
}

/** Values by slot. One of a slot that the template does not have stays: the renderer names the nearest. */
function readValues(slots: readonly TemplateSlot[], pairs: readonly string[]): SlotValues {
  const kinds = new Map(slots.map(({ name, kind }) => [name, kind]));
  const values = new Map<string, SlotValue>();
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) throw new UsageError("`--set` is the name of a slot, `=` and a value");
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const kind = kinds.get(name) ?? "string";
    const known = values.get(name);
    if (LIST_KINDS.has(kind)) values.set(name, [...(Array.isArray(known) ? known : []), value]);
    else if (known !== undefined) throw new UsageError(`the slot \`${name}\` takes one value`);
    else values.set(name, NUMBER_KINDS.has(kind) ? readWhole(name, value) : value);
  }
  return Object.assign(Object.create(null) as Record<string, SlotValue>, Object.fromEntries(values));
}

function readWhole(slot: string, text: string): number {
  if (/^-?(?:0|[1-9][0-9]{0,15})$/.test(text)) return Number(text);
  throw new WritError("invalid_argument", `the slot \`${slot}\`: a whole number was expected`);
}
