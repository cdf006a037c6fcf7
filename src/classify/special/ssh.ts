import type { Call } from "../call.ts";
import { runJoined } from "../judge-runs.ts";
import { scanArguments } from "../option-scan.ts";

const HARMLESS_SETTING =
  /^(?:BatchMode|Compression|ConnectTimeout|ConnectionAttempts|ServerAlive\w+|TCPKeepAlive|LogLevel|IdentitiesOnly|IdentityFile|User|Port|HostName|RequestTTY|PasswordAuthentication|PreferredAuthentications|AddressFamily|StrictHostKeyChecking|UserKnownHostsFile|GlobalKnownHostsFile)[= ]/i;

/** `ssh host command`: the command is joined and parsed by a shell over there; without one the shell reads its input. */
export function judgeSsh(call: Call): "done" {
  const { rule } = call;
  if (rule === undefined) return "done";
  const { options, operands } = scanArguments(call.args, rule, true);
  for (const { name, value } of options) {
    if (name === "-o" && !HARMLESS_SETTING.test(value?.text ?? "")) {
      call.raise("danger", "arbitrary_code", `\`ssh -o ${value?.text ?? ""}\` may run a command here`);
    } else if (name === "-F")
      call.raise("danger", "runs_file", "takes its configuration, commands included, from a file");
    else if (/^-[LRDWw]$/.test(name)) call.raise("write", "changes_state", `\`ssh ${name}\` opens a tunnel`);
    else if (name === "-E" && value !== undefined) call.touch(value, "write");
  }
  if (options.some(({ name }) => /^-[VQG]$/.test(name))) return "done";
  const [host, ...rest] = operands.map(({ argument }) => argument);
  if (host === undefined) return "done";
  if (rest.length > 0) runJoined(call, rest);
  else if (call.input?.kind === "text") {
    call.raise("write", "arbitrary_code", "runs its input over there");
    call.runShell({ text: call.input.text, known: call.input.known, glob: false, mayBe: "itself" });
  } else if (call.input !== undefined) call.raise("danger", "arbitrary_code", "runs whatever comes in over there");
  else call.raise("write", "arbitrary_code", "opens a shell over there");
  return "done";
}
