import type { SchemaJson } from "./cedar.ts";
import type { PolicyProblem } from "./policy-set.ts";
import { positionAt } from "./policy-text.ts";

/** Types that Writ fills in itself. */
const RESERVED_TYPES: ReadonlySet<string> = new Set(["Writ", "CommandContext"]);

interface RecordShape {
  type: "Record";
  attributes: Record<string, { required?: boolean }>;
}

interface EntityShape {
  memberOfTypes?: string[];
  shape?: unknown;
  tags?: unknown;
  enum?: unknown;
}

/**
 * Adds a tenant's declarations to `json` and says what it refused: an action or type that is there already, a required or
 * redeclared attribute of a type that is there already.
 */
export function mergeExtension(
  json: SchemaJson<string>,
  extension: SchemaJson<string>,
  source: string,
): readonly PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const refuse = (name: string, message: string, help?: string) => {
    const at = Math.max(0, source.indexOf(name));
    problems.push({ message, ...positionAt(source, at), ...(help === undefined ? {} : { help }) });
  };
  for (const [namespace, added] of Object.entries(extension)) {
    json[namespace] ??= { entityTypes: {}, actions: {} };
    const known = json[namespace];
    known.commonTypes ??= {};
    const isRoot = namespace === "";
    for (const [name, type] of Object.entries(added.commonTypes ?? {})) {
      if (isRoot && name === "Claimed") addAttributes(known.commonTypes[name], type, name, refuse);
      else if (Object.hasOwn(known.commonTypes, name) || (isRoot && RESERVED_TYPES.has(name))) {
        refuse(name, `the type \`${name}\` is there already`);
      } else known.commonTypes[name] = type;
    }
    for (const [name, type] of Object.entries(added.entityTypes)) {
      if (!Object.hasOwn(known.entityTypes, name)) known.entityTypes[name] = type;
      else extendEntity(known.entityTypes[name] as EntityShape, type as EntityShape, name, refuse);
    }
    for (const [name, action] of Object.entries(added.actions)) {
      if (Object.hasOwn(known.actions, name)) refuse(name, `the action \`${name}\` is there already`);
      else known.actions[name] = action;
    }
  }
  return problems;
}

type Refuse = (name: string, message: string, help?: string) => void;

function extendEntity(known: EntityShape, added: EntityShape, name: string, refuse: Refuse): void {
  if (added.enum !== undefined || known.enum !== undefined || added.tags !== undefined) {
    refuse(
      name,
      `the entity type \`${name}\` is there already`,
      "only optional attributes and parents can be added to it",
    );
    return;
  }
  known.memberOfTypes = [...new Set([...(known.memberOfTypes ?? []), ...(added.memberOfTypes ?? [])])];
  if (added.shape === undefined) return;
  known.shape ??= { type: "Record", attributes: {} };
  addAttributes(known.shape, added.shape, name, refuse);
}

function addAttributes(known: unknown, added: unknown, owner: string, refuse: Refuse): void {
  if (!isRecordShape(known) || !isRecordShape(added)) {
    refuse(owner, `\`${owner}\` can only be extended by a record of optional attributes`);
    return;
  }
  for (const [name, attribute] of Object.entries(added.attributes)) {
    if (Object.hasOwn(known.attributes, name)) refuse(name, `\`${owner}\` has an attribute \`${name}\` already`);
    else if (attribute.required !== false) {
      refuse(name, `the attribute \`${name}\` of \`${owner}\` must be optional`, `write \`${name}?: …\``);
    } else known.attributes[name] = attribute;
  }
}

function isRecordShape(shape: unknown): shape is RecordShape {
  return typeof shape === "object" && shape !== null && (shape as { type?: unknown }).type === "Record";
}
