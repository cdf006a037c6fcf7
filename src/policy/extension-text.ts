import { type CedarProblem, parseSchemaText, type SchemaJson } from "./cedar.ts";
import type { PolicyProblem } from "./policy-set.ts";
import { positionAt, utf16Offset } from "./policy-text.ts";

/** What an extension declares, and nothing else; or what is wrong with it. */
export type ParsedExtension = { readonly json: SchemaJson<string> } | { readonly errors: readonly PolicyProblem[] };

/**
 * Parses a tenant's extension, which may name what `known` declares. Cedar reads whole schemas only, so what is named from
 * there is declared for the time of parsing.
 */
export function parseExtension(known: SchemaJson<string>, source: string): ParsedExtension {
  const borrowed: Borrowed[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const parsed = parseSchemaText(borrowed.reduce(declare, source));
    if (!hasProblems(parsed)) return { json: without(parsed, borrowed) };
    const missing = parsed.problems.flatMap(missingNames);
    const found = missing.flatMap((name) => find(known, name));
    if (missing.length === 0) return { errors: parsed.problems.map((problem) => placed(problem, source)) };
    const unknown = missing.filter((name) => find(known, name).length === 0);
    if (unknown.length > 0) return { errors: unknown.map((name) => unknownName(name, source)) };
    borrowed.push(...found);
  }
  return { errors: [{ message: "the extension names too much of what is not its own", line: 1, column: 1 }] };
}

/** Types of a policy come to light first, then its actions. */
const MAX_ROUNDS = 6;

interface Missing {
  readonly namespace: string;
  readonly name: string;
  readonly isAction: boolean;
}

interface Borrowed extends Missing {
  readonly kind: "entityTypes" | "commonTypes" | "actions";
}

function hasProblems(
  parsed: ReturnType<typeof parseSchemaText>,
): parsed is { readonly problems: readonly CedarProblem[] } {
  return Array.isArray((parsed as { problems?: unknown }).problems);
}

function missingNames({ message }: CedarProblem): readonly Missing[] {
  const types = /^failed to resolve types?: (.*)$/s.exec(message)?.[1];
  if (types !== undefined) {
    return [...new Set(types.split(", "))].map((path) => ({ ...splitPath(path), isAction: false }));
  }
  if (!/^undeclared actions?: /.test(message)) return [];
  const actions = [...message.matchAll(/((?:\w+::)*)Action::("(?:[^"\\]|\\.)*")/g)];
  return actions.map(([, namespace = "", name = ""]) => ({
    namespace: namespace.replace(/::$/, ""),
    name: unquote(name),
    isAction: true,
  }));
}

function splitPath(path: string): { readonly namespace: string; readonly name: string } {
  const at = path.lastIndexOf("::");
  return at === -1 ? { namespace: "", name: path } : { namespace: path.slice(0, at), name: path.slice(at + 2) };
}

function unquote(literal: string): string {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return literal.slice(1, -1);
  }
}

/** A bare name may also be one of the namespace that it stands in. */
function find(known: SchemaJson<string>, missing: Missing): readonly Borrowed[] {
  const { namespace, name, isAction } = missing;
  const spaces = namespace === "" ? Object.values(known) : Object.hasOwn(known, namespace) ? [known[namespace]] : [];
  for (const space of spaces) {
    if (space === undefined) continue;
    if (isAction && Object.hasOwn(space.actions, name)) return [{ ...missing, kind: "actions" }];
    if (isAction) continue;
    if (Object.hasOwn(space.entityTypes, name)) return [{ ...missing, kind: "entityTypes" }];
    if (Object.hasOwn(space.commonTypes ?? {}, name)) return [{ ...missing, kind: "commonTypes" }];
  }
  return [];
}

function declare(source: string, { namespace, name, kind }: Borrowed): string {
  const declaration = {
    entityTypes: `entity ${name};`,
    commonTypes: `type ${name} = {};`,
    actions: `action ${JSON.stringify(name)};`,
  }[kind];
  if (namespace === "") return `${source}\n${declaration}`;
  const opening = new RegExp(`\\bnamespace\\s+${namespace}\\s*\\{`).exec(source);
  if (opening === null) return `${source}\nnamespace ${namespace} { ${declaration} }`;
  const at = opening.index + opening[0].length;
  return `${source.slice(0, at)} ${declaration} ${source.slice(at)}`;
}

function without(json: SchemaJson<string>, borrowed: readonly Borrowed[]): SchemaJson<string> {
  for (const { namespace, name, kind } of borrowed) delete json[namespace]?.[kind]?.[name];
  return json;
}

function unknownName({ namespace, name, isAction }: Missing, source: string): PolicyProblem {
  const path = namespace === "" ? name : `${namespace}::${name}`;
  const at = isAction ? source.indexOf(JSON.stringify(name)) : source.search(new RegExp(`\\b${name}\\b`));
  return {
    message: isAction ? `the action \`${path}\` is not declared` : `the type \`${path}\` is not declared`,
    ...positionAt(source, Math.max(0, at)),
    help: isAction ? `declare it: action ${JSON.stringify(name)};` : `declare it: entity ${name};`,
  };
}

function placed({ message, help, startByte }: CedarProblem, source: string): PolicyProblem {
  return {
    message: message.replace(/^failed to parse schema from string: /, ""),
    ...positionAt(source, utf16Offset(source, startByte ?? 0)),
    ...(help === undefined ? {} : { help }),
  };
}
