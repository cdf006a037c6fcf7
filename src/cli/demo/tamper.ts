import { readFileSync, writeFileSync } from "node:fs";
import { WritError } from "#src/base/errors.ts";
import { parseBundleLine } from "#src/ledger/bundle.ts";
import { databasePath } from "#src/store/database.ts";

/** An event as it stands in a bundle. */
export interface BundledEvent {
  readonly seq: number;
  /** Its own bytes: the same stand in the database. */
  readonly text: string;
}

/** The first event of a type in whose bytes a text stands. Throws `not_found`. */
export function findEvent(bundle: string, type: string, part: string): BundledEvent {
  const found = readFileSync(bundle, "utf8")
    .trimEnd()
    .split("\n")
    .flatMap((line): readonly BundledEvent[] => {
      const parsed = parseBundleLine(line);
      if (parsed.kind !== "event" || !parsed.text.includes(part)) return [];
      const event = JSON.parse(parsed.text) as { readonly seq: number; readonly type: string };
      return event.type === type ? [{ seq: event.seq, text: parsed.text }] : [];
    });
  const [first] = found;
  if (first === undefined) throw new WritError("not_found", `the bundle has no event \`${type}\` with ${part}`);
  return first;
}

/** Writes a copy of a bundle in which one event reads otherwise. */
export function replaceEvent(bundle: string, copy: string, event: BundledEvent, text: string): void {
  writeFileSync(
    copy,
    readFileSync(bundle, "utf8").replace(event.text, () => text),
  );
}

/**
 * Changes the bytes of a row where they stand in the database's file, as somebody would who has the disk; gives how many
 * places that were. `before` and `after` have the same length.
 */
export function replaceInDatabase(dataFolder: string, before: string, after: string): number {
  const path = databasePath(dataFolder);
  const bytes = readFileSync(path);
  const wanted = Buffer.from(before);
  const other = Buffer.from(after);
  if (wanted.length !== other.length || wanted.equals(other)) {
    throw new WritError("invalid_argument", "what is put in place must differ, and be as long");
  }
  let places = 0;
  for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted, at + 1)) {
    other.copy(bytes, at);
    places += 1;
  }
  writeFileSync(path, bytes);
  return places;
}
