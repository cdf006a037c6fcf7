import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { drawQrCode } from "#src/cli/qr-code.ts";
import { parseCheckpoint } from "#src/ledger/checkpoint.ts";
import { isCleanError, jsonLines, temporaryFolder, writ } from "./support.ts";

const folder = temporaryFolder();
const env = { WRIT_DATA: join(folder.path, "data"), WRIT_LOG: "error" };
const run = (...words: string[]) => writ(words, { env, cwd: folder.path });
const path = (name: string) => join(folder.path, name);

beforeAll(async () => {
  await run("init");
  await run("agent", "create", "builder");
  await run("audit", "checkpoint", "--out", path("kept.txt"));
  await run("agent", "create", "second");
  await run("audit", "export", "--out", path("evidence.jsonl"));
}, 30_000);
afterAll(() => folder.remove());

describe("writ audit checkpoint", () => {
  test("prints a note, once for the same events, and lists what there is", async () => {
    const { stdout, code } = await run("audit", "checkpoint");
    expect(code).toBe(0);
    const checkpoint = parseCheckpoint(stdout);
    expect((await run("audit", "checkpoint")).stdout).toBe(stdout);
    expect((await run("audit", "checkpoint", "--newest")).stdout).toBe(stdout);
    const kept = parseCheckpoint(readFileSync(path("kept.txt"), "utf8"));
    expect((await run("audit", "checkpoint", "--size", String(kept.size))).stdout).toContain(kept.at);
    const listed = jsonLines((await run("audit", "checkpoint", "--list", "--json")).stdout);
    expect(listed.map(({ size }) => size)).toEqual([checkpoint.size, kept.size]);
    expect((await run("audit", "checkpoint", "--size", "1")).code).toBe(2);
    const again = await run("audit", "checkpoint", "--out", path("kept.txt"));
    expect(again.code).toBe(2);
  }, 30_000);

  test("prints a QR code of it", async () => {
    const { stdout } = await run("audit", "checkpoint", "--newest", "--qr");
    const [note, code = ""] = stdout.split("\n\n█");
    expect(note).toContain("head ");
    expect(code.split("\n").length).toBeGreaterThan(20);
  }, 15_000);
});

test("a QR code is square, with its three finder patterns and a quiet zone", () => {
  const lines = drawQrCode("hello", false);
  const modules = lines.flatMap((line) => [
    [...line].map((half) => half === "█" || half === "▀"),
    [...line].map((half) => half === "█" || half === "▄"),
  ]);
  expect(lines[0]).toMatch(/^ +$/);
  expect(lines[0]!.length).toBe(21 + 8);
  for (const [row, column] of [
    [4, 4],
    [4, 18],
    [18, 4],
  ] as const) {
    const finder = modules.slice(row, row + 7).map((line) =>
      line
        .slice(column, column + 7)
        .map((dark) => (dark ? 1 : 0))
        .join(""),
    );
    expect(finder).toEqual(["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]);
  }
  expect(drawQrCode("hello").join("")).not.toBe(lines.join(""));
});

describe("writ audit prove", () => {
  test("proves an event, and that the chain only grew", async () => {
    const [inclusion] = jsonLines((await run("audit", "prove", "1", "--json")).stdout);
    expect(inclusion).toMatchObject({ kind: "inclusion", seq: 1 });
    expect((await run("audit", "prove", "--from", "1")).stdout).toContain("to_root");
    expect(isCleanError(await run("audit", "prove", "x"))).toBe(true);
    expect((await run("audit", "prove")).code).toBe(2);
  }, 15_000);

  test("writes an event and its proof as a bundle", async () => {
    expect((await run("audit", "prove", "2", "--out", path("two.jsonl"))).code).toBe(0);
    const kept = path("kept.txt");
    const { code, stdout } = await run("verify", path("two.jsonl"), "--expect-checkpoint", kept);
    expect(stdout).toContain("verified");
    expect(code).toBe(0);
    expect((await run("audit", "prove", "99", "--out", path("none.jsonl"))).code).toBe(2);
    expect(existsSync(path("none.jsonl"))).toBe(false);
  }, 15_000);
});

describe("writ verify", () => {
  test("says what no checkpoint covers yet, and takes every form of a key", async () => {
    const { stdout } = await run("verify", path("evidence.jsonl"));
    expect(stdout).toMatch(/no checkpoint covers the events \d+ to \d+ yet/);
    const [key] = jsonLines((await run("audit", "keys", "--json")).stdout) as {
      id: string;
      public_key: string;
      verifier_key: string;
    }[];
    const hex = Uint8Array.fromBase64(key!.public_key).toHex();
    for (const form of [key!.id, key!.public_key, hex, hex.toUpperCase(), key!.verifier_key]) {
      const { code, stdout: found } = await run("verify", path("evidence.jsonl"), "--key", form, "--json");
      expect({ form, code }).toEqual({ form, code: 0 });
      expect(JSON.parse(found).chains[0].pinned).toBe(true);
    }
  }, 30_000);

  test("exit 2: a key that is none, a checkpoint that is none, a file that is no bundle", async () => {
    for (const key of ["", "x", "00", "g".repeat(64), `${"A".repeat(43)}`]) {
      expect(isCleanError(await run("verify", path("evidence.jsonl"), "--key", key))).toBe(true);
    }
    expect(
      isCleanError(await run("verify", path("evidence.jsonl"), "--expect-checkpoint", path("evidence.jsonl"))),
    ).toBe(true);
    writeFileSync(path("notes.md"), "# Notes\n\nNothing.\n");
    writeFileSync(path("empty"), "");
    writeFileSync(
      path("binary"),
      new Uint8Array(5000).map((_, i) => i * 37),
    );
    for (const name of ["notes.md", "empty", "binary", "absent"]) {
      const { code, stderr } = await run("verify", path(name));
      expect({ name, code }).toEqual({ name, code: 2 });
      expect(stderr).toContain(name);
    }
  }, 30_000);

  test("exit 1: another history than the one that a kept checkpoint is of", async () => {
    const other = join(folder.path, "other");
    await writ(["init"], { env: { ...env, WRIT_DATA: other }, cwd: folder.path });
    expect((await run("verify", env.WRIT_DATA, "--expect-checkpoint", path("kept.txt"))).code).toBe(0);
    const { code, stdout } = await run("verify", other, "--expect-checkpoint", path("kept.txt"));
    expect(code).toBe(1);
    expect(stdout).toContain("no such chain is here");
  }, 15_000);
});

test("witnesses are added, listed and removed", async () => {
  const key = "witness.example/w1+12345678+BAAA";
  expect(isCleanError(await run("witness", "add", "partner", "--url", "https://witness.example", "--key", key))).toBe(
    true,
  );
  expect((await run("witness", "list", "--json")).stdout).toBe("");
  expect(isCleanError(await run("witness", "remove", "partner"))).toBe(true);
  expect((await run("witness", "send")).code).toBe(0);
}, 15_000);
