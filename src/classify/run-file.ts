import type { Call } from "./call.ts";
import { baseName, isTemporary, plainPath } from "./paths.ts";
import type { Argument } from "./words.ts";

/**
 * Runs the code that stands in a file, which is not looked at: in the project it is as a build script is, a write, because
 * it got there through a write that was judged; anywhere else, and where the path is not known, it is a danger.
 */
export function runFile(call: Call, file: Argument): void {
  call.touch(file, "execute");
  const plain = plainPath(file.text);
  if (!file.known || file.glob)
    call.raise("danger", "unresolved", `runs a file that is only known at run time: \`${file.text}\``);
  else if (INSTALLED.test(plain))
    call.raise("write", "unknown_command", `\`${baseName(plain)}\` is not a known command`);
  else if (isTemporary(file.text) || /^(?:[/~]|\.\.|-$|https?:)/.test(plain)) {
    call.raise("danger", "runs_file", `runs \`${plain}\`, which lies outside the project`);
  } else call.raise("write", "runs_file", `runs \`${plain}\``);
}

/** Folders that only package managers write to. */
const INSTALLED = /^\/(?:opt|snap\/bin|nix\/store|usr\/(?:lib|libexec|share)|Applications)\//;
