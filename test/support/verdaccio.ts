import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./binary.ts";
import { peerPath } from "./peer.ts";
import { recordWire, type Wire } from "./wire.ts";

/** A registry of its own, empty, where nothing is to be had without its token. */
export interface Verdaccio {
  /** What is to be told to whoever holds the token: a recording wire leads to the registry itself. */
  readonly origin: string;
  /** The registry itself, for what is to be in it without being seen on the wire. */
  readonly direct: string;
  /** The one credential that there is. */
  readonly token: string;
  readonly user: string;
  /** All that was said to the registry, and what it answered, once the credential was made. */
  readonly wire: Wire;
  /** The registry's own log, an object a line. */
  log(): readonly Readonly<Record<string, unknown>>[];
  logText(): string;
  stop(): Promise<void>;
}

const USER = "registry-account";
const START_MS = 30_000;

/** Starts verdaccio on loopback with its storage in `folder`, without uplinks, everything for those who signed in alone. */
export async function startVerdaccio(folder: string): Promise<Verdaccio> {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "config.yaml");
  const logFile = join(folder, "verdaccio.log");
  writeFileSync(config, configText(logFile));
  const port = await freePort();
  const child = Bun.spawn(
    [peerPath("node"), peerPath("verdaccio"), "--config", config, "--listen", `127.0.0.1:${port}`],
    {
      cwd: folder,
      env: { HOME: folder, PATH: "/usr/bin:/bin" },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    },
  );
  const stop = async (): Promise<void> => {
    child.kill();
    await child.exited;
  };
  try {
    const direct = `http://127.0.0.1:${port}`;
    await waitUntilUp(direct, child);
    const token = await signUp(direct);
    const wire = await recordWire(() => port);
    const logText = (): string => readFileSync(logFile, "utf8");
    return {
      origin: wire.origin,
      direct,
      token,
      user: USER,
      wire,
      logText,
      log: () =>
        logText()
          .split("\n")
          .filter((line) => line.startsWith("{"))
          .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
      stop: async () => {
        wire.stop();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** `max_users: 1`: nobody but the account below can be made. */
function configText(logFile: string): string {
  const rule = "{ access: $authenticated, publish: $authenticated, unpublish: $authenticated }";
  return `storage: ./storage
auth:
  htpasswd: { file: ./htpasswd, max_users: 1 }
uplinks: {}
packages:
  '@*/*': ${rule}
  '**': ${rule}
web: { enable: false }
log: { type: file, path: ${JSON.stringify(logFile)}, format: json, level: http }
`;
}

async function waitUntilUp(origin: string, child: Bun.Subprocess<"ignore", "ignore", "pipe">): Promise<void> {
  const endsAt = Date.now() + START_MS;
  while (Date.now() < endsAt && child.exitCode === null) {
    const answer = await fetch(`${origin}/-/ping`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok === true) return;
    await Bun.sleep(50);
  }
  child.kill();
  throw new Error(`verdaccio did not start: ${await new Response(child.stderr).text()}`);
}

/** Makes the account as `npm adduser` does, and gives its token. */
async function signUp(origin: string): Promise<string> {
  const answer = await fetch(`${origin}/-/user/org.couchdb.user:${USER}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: USER, password: crypto.randomUUID(), type: "user" }),
  });
  const { token } = (await answer.json()) as { readonly token?: string };
  if (token === undefined) throw new Error(`verdaccio made no account: ${answer.status}`);
  return token;
}
