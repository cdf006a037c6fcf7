import { mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { messageOf, WritError } from "#src/base/errors.ts";
import { inheritedVariables } from "#src/config/env.ts";
import { openAgentCaller } from "./agent-caller.ts";
import { textOf } from "./answer.ts";
import { apiPath } from "./api-command.ts";
import { CALLER_OPTIONS } from "./caller-options.ts";
import type { Command } from "./command.ts";
import type { RunAgentGround } from "./seat/prepare.ts";
import { UsageError } from "./usage-error.ts";

/** Starts a program, a coding agent most often, under Writ. */
export const runAgent: Command = {
  positionals: [{ name: "COMMAND", many: true }],
  options: [
    {
      name: "level",
      value: "LEVEL",
      choices: ["observed", "contained"],
      help: "`observed`, by hooks, unless given; `contained`: in namespaces that lead to Writ alone",
    },
    { name: "work-item", value: "TEXT", help: "what it is for" },
    { name: "parent", value: "RUN", help: "the run that it is part of" },
    { name: "auth-lane", value: "NAME", help: "how the agent signs in to its model: `subscription`, `api-key`" },
    { name: "cost-lane", value: "NAME", help: "who pays for it" },
    { name: "allow-env", value: "NAME", many: true, help: "pass this variable on, though it looks like a credential" },
    { name: "share", value: "PATH", many: true, help: "contained: a path besides the project, to read and write" },
    { name: "read", value: "PATH", many: true, help: "contained: a path besides the project, to read" },
    { name: "no-scrub", help: "pass the output on as it is" },
    { name: "unsafe-same-user", help: "start though the program could read Writ's own data on this host" },
    { name: "inside", value: "FOLDER", help: "how a contained program is begun; `writ run` uses it itself" },
    ...CALLER_OPTIONS,
  ],
  notes: [
    "Put `--` before COMMAND. It runs in this folder, with this terminal, without variables that look like credentials; its",
    "calls by HTTPS_PROXY go through Writ's forward proxy where there is one, and its tools are asked about by hooks where it",
    "is an agent that has some. The exit code is the program's own; 2 where it was not started.",
  ],
  run: async (context, args) => {
    const words = args.allAt("COMMAND");
    const inside = args.option("inside");
    if (inside !== undefined) {
      const { beginInside } = await import("./seat/inside.ts");
      return process.exit(await beginInside(inside, words));
    }
    const caller = await openAgentCaller(context, args);
    const { api, url } = caller;
    if (url === undefined) {
      throw new UsageError("the program needs the server's address", "set `WRIT_URL`, or pair this machine");
    }
    const level = args.option("level") === "contained" ? "contained" : "observed";
    const folder = mkdtempSync(join(tmpdir(), "writ-run-"));
    const ground: RunAgentGround = { ...caller, url, level, folder, words, home: homedir(), cwd: process.cwd() };
    let run: string | undefined;
    let state: "completed" | "failed" | "cancelled" = "failed";
    try {
      const { prepareSeat } = await import("./seat/prepare.ts");
      const { runChild } = await import("./seat/child.ts");
      const seat = await prepareSeat(ground, args, inheritedVariables());
      for (const { name, because } of seat.refused)
        await context.terminal.note(`writ: \`${name}\` is not passed on: ${because}`);
      for (const note of seat.notes) await context.terminal.note(`writ: ${note}`);
      const opened = await api.post("/v1/runs", {
        level,
        ...optional("work_item", args.option("work-item")),
        ...optional("parent", args.option("parent") ?? caller.run),
        route: {
          cli: basename(words[0] ?? "").slice(0, 100),
          ...optional("version", seat.version),
          ...optional("auth_lane", args.option("auth-lane")),
          ...optional("cost_lane", args.option("cost-lane")),
        },
      });
      run = textOf(opened, "id");
      await context.terminal.note(`writ: ${run}, ${level}`);
      const started = await seat.start(run);
      try {
        const knownValues = args.has("no-scrub") ? undefined : seat.knownValues;
        const end = await runChild({ words: started.words, env: started.env, cwd: ground.cwd, knownValues });
        state = end.signal !== undefined ? "cancelled" : end.code === 0 ? "completed" : "failed";
        await endRun(run, state);
        run = undefined;
        rmSync(folder, { recursive: true, force: true });
        return process.exit(end.code);
      } finally {
        started.stop();
      }
    } catch (error) {
      throw error instanceof WritError || error instanceof UsageError ? error : asStartError(error, words);
    } finally {
      rmSync(folder, { recursive: true, force: true });
      if (run !== undefined) await endRun(run, state);
    }

    async function endRun(id: string, ended: typeof state): Promise<void> {
      try {
        await api.post(apiPath(["runs", id, "end"]), { state: ended });
      } catch (error) {
        await context.terminal.note(`writ: the run was not ended: ${messageOf(error)}`);
      }
    }
  },
};

function optional(name: string, value: string | undefined): Readonly<Record<string, string>> {
  return value === undefined ? {} : { [name]: value };
}

function asStartError(error: unknown, words: readonly string[]): unknown {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") {
    return new WritError("invalid_argument", `there is no program \`${(words[0] ?? "").slice(0, 200)}\``, {
      cause: error,
    });
  }
  return error;
}
