import type { Arguments } from "./arguments.ts";
import type { Answer, Api, Query } from "./client.ts";
import type { Field, Terminal } from "./terminal.ts";

/** A column of a list: its heading, and the member that stands in it, `auth.kind` for one inside another. */
export type Column = readonly [heading: string, member: string];

/** Most entries that a list asks for at once. */
const PAGE = 200;

/** A member of an answer as text; empty where it is not there. */
export function textOf(answer: Answer, member: string): string {
  let value: unknown = answer;
  for (const part of member.split(".")) {
    value = isAnswer(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }
  return showValue(value);
}

/** The objects in a member that is a list. */
export function listOf(answer: Answer, member: string): readonly Answer[] {
  const value = answer[member];
  return Array.isArray(value) ? value.filter(isAnswer) : [];
}

/** The object in a member, empty where there is none. */
export function objectOf(answer: Answer, member: string): Answer {
  const value = answer[member];
  return isAnswer(value) ? value : {};
}

/** Every entry of a list, page after page. */
export async function* listAll(
  api: Api,
  path: string,
  member: string,
  query: Query = {},
): AsyncGenerator<Answer, void> {
  let after: string | undefined;
  do {
    const answer = await api.get(path, { ...query, limit: PAGE, after });
    yield* listOf(answer, member);
    after = typeof answer["next"] === "string" ? answer["next"] : undefined;
  } while (after !== undefined);
}

/** Prints a list: a table for a person, a line each as JSON. Gives the exit code of a command that did that. */
export async function printList(
  terminal: Terminal,
  args: Arguments,
  entries: AsyncIterable<Answer> | Iterable<Answer>,
  columns: readonly Column[],
  nothing: string,
): Promise<0> {
  const rows: string[][] = [];
  for await (const entry of entries) {
    if (args.has("json")) await terminal.printJson(entry);
    else rows.push(columns.map(([, member]) => textOf(entry, member)));
  }
  const headings = columns.map(([heading]) => heading);
  if (!args.has("json")) await terminal.printTable(headings, rows, nothing);
  return 0;
}

/** Prints one object: a line a member for a person, itself as JSON. Gives the exit code of a command that did that. */
export async function printThing(terminal: Terminal, args: Arguments, thing: Answer): Promise<0> {
  if (args.has("json")) await terminal.printJson(thing);
  else await terminal.printFields(fieldsOf(thing));
  return 0;
}

/** The members of an object by name, those inside others by `outer.inner`. */
export function fieldsOf(thing: Answer, prefix = ""): readonly Field[] {
  return Object.entries(thing).flatMap(([name, value]): readonly Field[] =>
    isAnswer(value) ? fieldsOf(value, `${prefix}${name}.`) : [[prefix + name, showValue(value)]],
  );
}

function showValue(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
