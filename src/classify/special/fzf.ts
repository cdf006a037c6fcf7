import type { Call } from "../call.ts";
import { scanArguments } from "../option-scan.ts";
import { knownArgument } from "../words.ts";

/** `fzf`: previews and some actions of bound keys run commands; what stands in braces is quoted by fzf itself. */
export function judgeFzf(call: Call): "continue" {
  const { rule } = call;
  if (rule === undefined) return "continue";
  for (const { name, value } of scanArguments(call.args, rule).options) {
    if (name === "--preview" && value !== undefined) call.runShell(value);
    if (name !== "--bind" || value === undefined) continue;
    for (const [, action = "", rest = ""] of value.text.matchAll(
      /(execute|execute-silent|become|reload|reload-sync|transform[a-z-]*|(?:change-)?preview)(?=[^a-z-])([\s\S]*)/g,
    )) {
      if (/^(?:execute|become|transform)/.test(action))
        call.raise("write", "arbitrary_code", `a key runs a command: \`${action}\``);
      const code = /^[([{<]([\s\S]*?)[)\]}>](?:[,+]|$)/.exec(rest)?.[1] ?? rest.slice(1);
      call.runShell(value.known ? knownArgument(code) : value);
    }
  }
  return "continue";
}
