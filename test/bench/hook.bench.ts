import { join } from "node:path";
import { freshFolder, writBinary } from "#test/support/binary.ts";
import { bench, median, print, startWrit } from "./harness.ts";

// A hook's answer, the start of its process included, against the start of the same executable that does nothing: by itself,
// where it loads what judges a command line, and under `writ run`, whose process has it loaded.

const CALLS = 15;

const PAYLOAD = JSON.stringify({
  ...{ session_id: "bench", cwd: "/", hook_event_name: "PreToolUse", tool_use_id: "t" },
  ...{ tool_name: "Bash", tool_input: { command: "ls -la | sort" } },
});
const SCRIPT = `
const ms = (words, input) => {
  const began = performance.now();
  Bun.spawnSync(words, { stdin: Buffer.from(input), stdout: "ignore", stderr: "ignore" });
  return performance.now() - began;
};
const times = (words, input) => Array.from({ length: ${CALLS} }, () => ms(words, input));
const writ = process.argv[2];
console.log(JSON.stringify([times([writ, "--version"], ""), times([writ, "hook", "claude"], ${JSON.stringify(PAYLOAD)})]));
`;

await bench(async () => {
  const writ = await writBinary();
  const { server, createAgent } = await startWrit();
  const script = join(freshFolder("hook"), "times.mjs");
  await Bun.write(script, SCRIPT);
  const env = { WRIT_URL: server.address, WRIT_TOKEN: await createAgent("bench"), PATH: "/usr/bin:/bin" };
  for (const [name, words] of [
    ["hook.alone", []],
    ["hook.in_run", [writ, "run", "--unsafe-same-user", "--"]],
  ] as const) {
    const child = Bun.spawn([...words, process.execPath, script, writ], { env, stdout: "pipe", stderr: "ignore" });
    const [bare, hook] = JSON.parse(await new Response(child.stdout).text()) as [number[], number[]];
    print(name, median(hook), "ms", { name: "a start that does nothing", value: median(bare) });
  }
  await server.stop();
});
