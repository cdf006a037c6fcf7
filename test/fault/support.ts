import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { databasePath } from "#src/store/database.ts";

const CHILD = join(import.meta.dir, "store-child.ts");

/** What the child said. */
export interface Said {
  readonly acknowledged: readonly string[];
  readonly refused: ReadonlyMap<string, string>;
  readonly isDone: boolean;
  readonly exitCode: number;
  /** All that it said, a line each. */
  readonly lines: readonly string[];
  /** The last of that, and what it wrote to standard error. */
  readonly text: string;
}

/** How the child is run. */
export interface ChildOptions {
  readonly folder: string;
  /** The child's source; the one that commits and nothing else unless given. */
  readonly script?: string;
  /** Left out: until it is killed. */
  readonly units?: number;
  readonly width?: number;
  readonly bytes?: number;
  /** What stands before the command. */
  readonly wrapper?: readonly string[];
  /** Killed so many milliseconds after it is ready. */
  readonly killAfter?: number;
}

/** Runs the child to its end. */
export async function runChild(options: ChildOptions): Promise<Said> {
  const { folder, script = CHILD, units, width, bytes, wrapper, killAfter } = options;
  const command = [process.execPath, script, folder, String(units ?? 0), String(width ?? 16), String(bytes ?? 50)];
  const child = Bun.spawn([...(wrapper ?? []), ...command], { stdout: "pipe", stderr: "pipe" });
  const errors = new Response(child.stderr).text();
  const decoder = new TextDecoder();
  let text = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const bytesRead of child.stdout) {
    text += decoder.decode(bytesRead, { stream: true });
    if (killAfter === undefined || timer !== undefined || !text.includes("ready\n")) continue;
    timer = setTimeout(() => child.kill("SIGKILL"), killAfter);
  }
  const exitCode = await child.exited;
  const lines = text.split("\n").slice(0, -1);
  return {
    acknowledged: lines.flatMap((line) => (line.startsWith("ack ") ? [line.slice(4)] : [])),
    refused: new Map(
      lines.flatMap((line) => (line.startsWith("err ") ? [line.slice(4).split(" ") as [string, string]] : [])),
    ),
    isDone: lines.at(-1) === "done",
    exitCode,
    lines,
    text: `${lines.slice(-5).join("\n")}\n${await errors}`,
  };
}

/** Holds that the folder verifies and that nothing acknowledged is missing; gives the events by id. */
export async function expectIntact(folder: string, said: readonly Said[]): Promise<Map<string, string>> {
  const report = await verifyDataFolder(folder);
  expect(report.chains.flatMap((chain) => chain.problems)).toEqual([]);
  expect(report.ok).toBe(true);
  const db = new Database(databasePath(folder), { readonly: true });
  const rows = db.query("SELECT id, bytes FROM events ORDER BY seq").all() as { id: string; bytes: string }[];
  db.close();
  const events = new Map(rows.map((row) => [row.id, row.bytes]));
  for (const { acknowledged } of said) expect(acknowledged.filter((id) => !events.has(id))).toEqual([]);
  return events;
}

/** Holds that an event whose answer was an error is absent, or followed by the record that it was not delivered. */
export function expectUndelivered(events: ReadonlyMap<string, string>, said: Said): number {
  const noted = new Set<string>();
  for (const bytes of events.values()) {
    const { type, data } = JSON.parse(bytes);
    if (type === "decision.undelivered") noted.add(data.event);
  }
  const persisted = [...said.refused.keys()].filter((id) => events.has(id));
  expect(persisted.filter((id) => !noted.has(id))).toEqual([]);
  expect([...noted].filter((id) => !said.refused.has(id))).toEqual([]);
  return persisted.length;
}

/** A test that runs where `reason` is undefined; elsewhere it is skipped, saying so, and in CI it fails. */
export function testUnless(reason: string | undefined, name: string, body: () => Promise<void>, timeout: number): void {
  if (reason === undefined) test(name, body, timeout);
  else if (process.env["CI"] === undefined) test.skip(`${name} (${reason})`, () => {});
  else {
    test(name, () => {
      throw new Error(reason);
    });
  }
}
