import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, freshFolder, runProgram, writBinary } from "#test/support/binary.ts";
import { createInstance } from "#test/support/instance.ts";

const LONG = 60_000;
afterAll(cleanUp, LONG);

/** Without a server, a data folder or anything else of Writ. */
async function classify(args: readonly string[], input?: string) {
  const options = { cwd: freshFolder("classify"), env: {}, ...(input === undefined ? {} : { input }) };
  return runProgram([await writBinary(), "classify", ...args], options);
}

describe("the executable classifies", () => {
  test(
    "one line: tier, reasons, files and commands",
    async () => {
      const { code, stdout } = await classify(["--json", "grep -rn x src | tee out.txt"]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        tier: "write",
        reasons: [{ tier: "write", code: "writes_file" }, { tier: "write" }],
        files: expect.arrayContaining([expect.objectContaining({ path: "out.txt", mode: "write" })]),
        commands: [{ name: "grep" }, { name: "tee" }],
      });
      expect((await classify(["git status"])).stdout).toStartWith("read");
    },
    LONG,
  );

  test(
    "a line of JSON each, whatever is in it, and says where one is none",
    async () => {
      const lines = [
        "ls",
        "rm -rf /",
        "a\0b",
        "\ud800",
        `echo ${"$(".repeat(10_000)}`,
        "x".repeat(1_000_000),
        "\u202els",
      ];
      const whole = await classify(["--stdin"], `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
      const tiers = (text: string) =>
        text
          .trim()
          .split("\n")
          .map((line) => (JSON.parse(line) as { tier: string }).tier);
      expect([whole.code, tiers(whole.stdout)]).toEqual([0, ["read", ...new Array(6).fill("danger")]]);
      const broken = await classify(["--stdin"], '"ls"\nls\n7\n"pwd"');
      expect([broken.code, tiers(broken.stdout)]).toEqual([2, ["read", "danger", "danger", "read"]]);
    },
    LONG,
  );

  test("nothing, or two things at once, not at all", async () => {
    for (const args of [[], ["--stdin", "ls"], [""]]) expect((await classify(args)).code).toBe(2);
  });
});

test(
  "the executable asks for tools, with what the disk and the project say of their files",
  async () => {
    const instance = createInstance();
    await instance.ask(["init"]);
    await instance.ask(["agent", "create", "builder"]);
    const { key, token, text } = await instance.ask(["key", "create", "builder"]);
    writeFileSync(join(instance.folder, "key"), String(text ?? token ?? key));
    writeFileSync(join(instance.folder, "p.cedar"), '@id("all") permit (principal, action, resource);');
    await instance.ask(["policy", "put", "p.cedar"]);
    const server = await instance.start();
    const work = freshFolder("work");
    mkdirSync(join(work, ".writ"));
    writeFileSync(join(work, ".writ", "files"), "noAccess plans/**\nreadWrite **\n");
    writeFileSync(join(work, ".env"), "A=b");
    symlinkSync(".env", join(work, "notes.txt"));
    const ask = async (tool: string, input: object) => {
      const args = ["authorize", "--json", "--key-file", join(instance.folder, "key"), "--tool", tool];
      const { code, stdout, stderr } = await instance.run([...args, "--input", JSON.stringify(input)], { cwd: work });
      const { decision, tier, reasons } = JSON.parse(stdout === "" ? JSON.stringify({ decision: stderr }) : stdout);
      return { code, decision, tier, first: reasons?.[0]?.code };
    };
    expect(await ask("Bash", { command: "ls" })).toMatchObject({ code: 0, decision: "allow", tier: "read" });
    expect(await ask("Bash", { command: "rm -rf /" })).toMatchObject({ code: 1, decision: "step_up", tier: "danger" });
    for (const path of ["notes.txt", "plans/a", join(work, ".env"), join(instance.dataFolder, "writ.db")]) {
      expect(await ask("Read", { file_path: path })).toMatchObject({ code: 1, decision: "deny", first: "file_closed" });
    }
    expect(await ask("Bash", { command: "cat notes.*" })).toMatchObject({ decision: "deny", first: "file_closed" });
    await instance.ask(["tools", "set", "Bash", "--window", "1/1h"]);
    expect((await ask("Bash", { command: "ls" })).decision).toBe("allow");
    expect(await ask("Bash", { command: "ls" })).toMatchObject({ code: 1, first: "limit_reached" });
    const check = await instance.run(["files", "check", "notes.txt", "--json"], { cwd: work });
    expect([check.code, JSON.parse(check.stdout)]).toMatchObject([1, { allowed: false, rule: { glob: ".env" } }]);
    await server.stop();
    expect((await instance.run(["verify", instance.dataFolder])).code).toBe(0);
  },
  LONG,
);
