import type { Log } from "#src/base/log.ts";
import type { Config } from "#src/config/config.ts";
import type { RawEnvironment } from "#src/config/env.ts";

/** What a command starts the application with. */
export interface StartOptions {
  readonly config: Config;
  readonly raw: RawEnvironment;
  readonly log: Log;
  /** `tcp`: on its address and the operator's socket; `socket-only`: on the socket alone, for a command that does one thing. */
  readonly listen: "tcp" | "socket-only";
}

/** An application that serves, as far as commands know it. */
export interface RunningApp {
  /** Where it listens: `http://127.0.0.1:8620`. */
  readonly address: string;
  /** The operator's socket. */
  readonly socketPath: string;
  /** Key files that this start made, on a first run. */
  readonly createdKeys: readonly string[];
  /** A new one-time link for the first owner; undefined once there was one. */
  setupLink(): Promise<{ readonly url: string; readonly expiresAt: number } | undefined>;
  /** Lets what runs come to its end, then gives everything up. */
  stop(): Promise<void>;
}

/** Starts the application; throws `locked` where another process has the data folder. */
export type StartApp = (options: StartOptions) => Promise<RunningApp>;
