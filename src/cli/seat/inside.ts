import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "#src/io/relay.ts";
import { runChild } from "./child.ts";
import { API_SOCKET, ENVIRONMENT_FILE, INSIDE_API_PORT, INSIDE_PROXY_PORT, PROXY_SOCKET } from "./contain.ts";
import type { Variables } from "./environment.ts";

/**
 * The first process in a container: makes the ways out and runs the program, in the environment that is in a file, since
 * this program takes variables about proxies out of its own. @returns the program's exit code
 */
export async function beginInside(folder: string, words: readonly string[]): Promise<number> {
  const env = JSON.parse(readFileSync(join(folder, ENVIRONMENT_FILE), "utf8")) as Variables;
  const ways = [
    [INSIDE_API_PORT, API_SOCKET],
    [INSIDE_PROXY_PORT, PROXY_SOCKET],
  ] as const;
  for (const [port, socket] of ways) {
    const path = join(folder, socket);
    if (existsSync(path)) await startRelay({ host: "127.0.0.1", port }, { path });
  }
  const { code } = await runChild({ words, env, cwd: process.cwd(), knownValues: undefined });
  return code;
}
