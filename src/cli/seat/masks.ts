import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { messageOf, WritError } from "#src/base/errors.ts";
import type { FileGate } from "#src/classify/file-rules.ts";

/** What a rule takes from a path that is there: all of it, or writing. */
export interface Mask {
  readonly path: string;
  readonly kind: "file" | "folder";
  readonly access: "none" | "read";
}

/** A tree with more is not looked through: what was not looked at could be anything. */
const MAX_ENTRIES = 300_000;

/**
 * Every path below a folder that the gates close, from the outside in: what is in a closed folder is closed with it. A file
 * that is closed under one of its names is closed under all of them here. Links are not followed: what they lead to is
 * closed, or not there, under its own name. Throws `invalid_argument` for a tree that is too large, and for one that cannot be read.
 */
export function findMasks(root: string, gate: FileGate, home: string): readonly Mask[] {
  const masks: Mask[] = [];
  const names = new Map<string, { path: string; access: Mask["access"] | undefined }[]>();
  let entries = 0;
  const visit = (folder: string): void => {
    for (const entry of readFolder(folder)) {
      entries += 1;
      if (entries > MAX_ENTRIES) {
        throw new WritError(
          "invalid_argument",
          `\`${root}\` has more than ${MAX_ENTRIES} entries: run in a smaller folder`,
        );
      }
      if (entry.isSymbolicLink()) continue;
      const path = join(folder, entry.name);
      const access = closedAccess(gate, path, home);
      if (entry.isDirectory()) {
        if (access !== undefined) masks.push({ path, kind: "folder", access });
        if (access !== "none") visit(path);
        continue;
      }
      if (access !== undefined) masks.push({ path, kind: "file", access });
      const { nlink, dev, ino } = lstatSync(path);
      if (nlink > 1) names.set(`${dev}:${ino}`, [...(names.get(`${dev}:${ino}`) ?? []), { path, access }]);
    }
  };
  visit(root);
  return [...masks, ...[...names.values()].flatMap(otherNames)];
}

/** The names of a file that are open while another of them is not. */
function otherNames(group: readonly { path: string; access: Mask["access"] | undefined }[]): readonly Mask[] {
  const closed = group.flatMap(({ access }) => access ?? []);
  if (closed.length === 0) return [];
  const access = closed.includes("none") ? "none" : "read";
  return group.filter((name) => name.access !== access).map(({ path }): Mask => ({ path, kind: "file", access }));
}

function closedAccess(gate: FileGate, path: string, home: string): Mask["access"] | undefined {
  const isOpen = (mode: "read" | "write"): boolean =>
    gate.judge({ path, mode, resolved: true, foundNames: [path] }, { cwd: "/", home }).kind === "open";
  if (!isOpen("read")) return "none";
  return isOpen("write") ? undefined : "read";
}

function readFolder(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    // What this user cannot list the agent cannot either: it is the same user.
    if ((cause as { readonly code?: string }).code === "EACCES") return [];
    throw new WritError("invalid_argument", `\`${folder}\` cannot be read: ${messageOf(cause)}`, { cause });
  }
}
