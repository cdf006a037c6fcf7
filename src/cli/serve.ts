import { toRfc3339 } from "#src/base/clock.ts";
import { createLog } from "#src/base/log.ts";
import { type Config, parseConfig } from "#src/config/config.ts";
import type { RunningApp } from "./application.ts";
import type { Command } from "./command.ts";
import { programName, shellWord } from "./program-name.ts";
import { notifyServiceManager } from "./service-manager.ts";
import type { Terminal } from "./terminal.ts";

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Runs the server until it is told to stop. */
export const serve: Command = {
  notes: [
    "In an empty folder it makes the keys first, as `writ init` does. Logs are on standard error, a JSON object a line.",
    "While nobody can sign in, it prints a one-time link for the first owner.",
    "SIGTERM or SIGINT lets running requests end; a second one ends the program at once.",
  ],
  run: async (context, args) => {
    const raw = context.environment();
    const config = parseConfig(raw);
    const log = createLog((line) => process.stderr.write(`${line}\n`), config.logLevel);
    const startApp = await context.loadApp();
    const stopped = stopSignal();
    const app = await startApp({ config, raw, log, listen: "tcp" });
    if (app.createdKeys.length > 0) {
      log.warn("made keys: keep a copy of them off this machine", { files: app.createdKeys.join(", ") });
    }
    await notifyServiceManager(raw.notifySocket, "READY=1", log);
    const link = await app.setupLink();
    if (args.has("json"))
      await context.terminal.printJson({ address: app.address, pid: process.pid, ...linkFields(link) });
    else await greet(context.terminal, config, app, link);
    const signal = await stopped;
    log.info("stopping", { signal });
    await notifyServiceManager(raw.notifySocket, "STOPPING=1", log);
    await app.stop();
    return 0;
  },
};

/** The first signal to stop. From then on the next one has its usual effect. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    const listeners = SIGNALS.map((signal) => ({ signal, listener: () => take(signal) }));
    const take = (signal: string): void => {
      for (const each of listeners) process.removeListener(each.signal, each.listener);
      resolve(signal);
    };
    for (const { signal, listener } of listeners) process.on(signal, listener);
  });
}

type SetupLink = Awaited<ReturnType<RunningApp["setupLink"]>>;

function linkFields(link: SetupLink): Readonly<Record<string, string>> {
  return link === undefined ? {} : { setup_link: link.url, setup_link_expires_at: toRfc3339(link.expiresAt) };
}

async function greet(terminal: Terminal, config: Config, app: RunningApp, link: SetupLink): Promise<void> {
  await terminal.print(`writ listens on ${app.address}`);
  if (link === undefined) return;
  await terminal.print();
  await terminal.print(
    "Nobody can sign in yet. Whoever opens this link first becomes the owner (once, within 15 minutes):",
  );
  await terminal.print(`  ${link.url}`);
  const name = programName(process.execPath, Bun.which("writ"), process.cwd());
  const writ = config.dataFolder === "./data" ? name : `WRIT_DATA=${shellWord(config.dataFolder)} ${name}`;
  await terminal.print();
  await terminal.print("Next, from another terminal:");
  for (const line of nextSteps(writ)) await terminal.print(`  ${line}`);
}

function nextSteps(writ: string): readonly string[] {
  return [
    `${writ} connection create github --connector github --url https://api.github.com --auth bearer`,
    `echo 'permit(principal, action in Action::"tier:read", resource);' | ${writ} policy put -`,
    `${writ} agent create helper`,
    `${writ} key create helper`,
  ];
}
