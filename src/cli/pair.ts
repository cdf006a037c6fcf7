import { hostname } from "node:os";
import { toBase64Url } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { parseClientConfig, parseServerUrl } from "#src/config/config.ts";
import { createSigner, KEY_BYTES } from "#src/crypto/ed25519.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { listOf, objectOf, printThing, textOf } from "./answer.ts";
import { apiPath } from "./api-command.ts";
import { ApiError } from "./api-error.ts";
import { type Answer, type Api, openRemote } from "./client.ts";
import type { Command } from "./command.ts";
import { createProver, deviceFile, readIdentity, writeIdentity } from "./device-identity.ts";
import { UsageError } from "./usage-error.ts";

const POLL_MS = 2000;
const MAX_WAIT_SECONDS = 600;

/** Makes this machine a device: it shows a code, a person confirms it, and it gets a token that is good with its own key alone. */
export const pair: Command = {
  positionals: [{ name: "URL", optional: true }],
  options: [
    { name: "name", value: "NAME", help: "what to call this machine; its host name unless given" },
    {
      name: "wait",
      value: "DURATION",
      help: "how long to wait for the person; ten minutes, which is the most, unless given",
    },
  ],
  notes: [
    "URL is the server's address; `WRIT_URL` unless given. A person confirms the code in the pages with a passkey, or, where",
    "nobody has one yet, `writ device confirm CODE` does on the server's host. The key never leaves this machine.",
    "Exit: 0 paired, 1 nobody confirmed it.",
  ],
  run: async (context, args) => {
    const { terminal } = context;
    const config = parseClientConfig(context.environment());
    const [given] = args.allAt("URL");
    const url = given === undefined ? config.url : parseServerUrl(given);
    if (url === undefined) throw new UsageError("the server's address is missing", "writ pair https://writ.example");
    const path = deviceFile(config.deviceFile);
    if (readIdentity(path) !== undefined) {
      throw new WritError("conflict", `this machine is paired already, as \`${path}\` says: \`writ unpair\` first`);
    }
    const seed = randomBytes(KEY_BYTES);
    const api = openRemote(url, { token: undefined, prover: createProver(seed) });
    const asked = await api.post("/v1/devices/pairings", {
      public_key: toBase64Url(createSigner(seed).publicKey),
      name: args.option("name") ?? machineName(),
    });
    if (args.has("json")) await terminal.printJson(asked);
    else {
      await terminal.print(textOf(asked, "code"));
      await terminal.note(`  confirm it at ${url}/devices until ${textOf(asked, "expires_at")}`);
      await terminal.note(`  the key's fingerprint, there as here: ${textOf(asked, "fingerprint")}`);
    }
    const seconds = Math.min(args.seconds("wait") ?? MAX_WAIT_SECONDS, MAX_WAIT_SECONDS);
    const answer = await waitForToken(api, textOf(asked, "code"), seconds);
    if (answer === undefined) {
      await terminal.note("nobody confirmed it");
      return 1;
    }
    const agents = listOf(answer, "agents").map((agent) => ({ id: textOf(agent, "id"), name: textOf(agent, "name") }));
    const device = objectOf(answer, "device");
    writeIdentity(path, {
      url,
      device: textOf(device, "id"),
      name: textOf(device, "name"),
      token: textOf(answer, "token"),
      seed: toBase64Url(seed),
      agents,
    });
    await terminal.note(`paired as ${textOf(device, "name")}, for ${agents.map(({ name }) => name).join(", ")}`);
    return printThing(terminal, args, { ...device, file: path });
  },
};

/** Undefined where nobody confirmed it in time. */
async function waitForToken(api: Api, code: string, seconds: number): Promise<Answer | undefined> {
  const endsAt = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await api.post(apiPath(["devices", "pairings", code, "token"])).catch((error: unknown) => {
      // A code that is over is as good as a no.
      if (error instanceof ApiError && error.code === "device_proof_refused") return undefined;
      throw error;
    });
    if (answer === undefined || answer["state"] === "confirmed") return answer;
    const rest = endsAt - performance.now();
    if (rest <= 0) return undefined;
    await Bun.sleep(Math.min(POLL_MS, rest));
  }
}

/** The host's name as a device may be called. */
function machineName(): string {
  const name = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .slice(0, 63)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return name === "" ? "device" : name;
}
