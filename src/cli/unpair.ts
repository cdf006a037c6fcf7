import { parseClientConfig } from "#src/config/config.ts";
import { printThing } from "./answer.ts";
import { ApiError } from "./api-error.ts";
import { openRemote } from "./client.ts";
import type { Command } from "./command.ts";
import { deviceCaller, deviceFile, readIdentity, removeIdentity } from "./device-identity.ts";

/** Takes the pairing off this machine, and tells the server so where it answers. */
export const unpair: Command = {
  options: [{ name: "local", help: "say nothing to the server: revoke the device there" }],
  notes: ["Exit: 0 removed, 1 there was nothing to remove."],
  run: async (context, args) => {
    const { terminal } = context;
    const path = deviceFile(parseClientConfig(context.environment()).deviceFile);
    const identity = readIdentity(path);
    if (identity === undefined) {
      await terminal.note("this machine is not paired");
      return 1;
    }
    const revoked = args.has("local")
      ? "not asked"
      : await revokeThere(openRemote(identity.url, deviceCaller(identity)));
    removeIdentity(path);
    if (revoked !== "revoked") {
      await terminal.note(`revoke it there as well: \`writ device revoke ${identity.device}\``);
    }
    return printThing(terminal, args, { removed: path, device: identity.device, server: revoked });
  },
};

async function revokeThere(api: ReturnType<typeof openRemote>): Promise<"revoked" | "unreachable"> {
  try {
    await api.delete("/v1/device");
    return "revoked";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // One that does not know the device any more needs not be told.
    return error.code === "unauthenticated" ? "revoked" : "unreachable";
  }
}
