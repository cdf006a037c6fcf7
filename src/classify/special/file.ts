import type { Call } from "../call.ts";
import { scanArguments } from "../option-scan.ts";
import { isTemporary } from "../paths.ts";
import { compileRule } from "../rule.ts";

const RM = compileRule({ names: "rm", tier: "write" });

/** `rm` and its kin: a write for files that are named, a danger for whole folders, patterns without a name, unknown words. */
export function judgeRm(call: Call): "done" {
  const { options, operands, wild } = scanArguments(call.args, RM);
  if (options.some(({ name }) => name === "--help" || name === "--version") && operands.length === 0) return "done";
  call.raise("write", "changes_state", `\`${call.name}\` removes files`);
  if (wild === "line")
    call.raise("danger", "unresolved", `\`${call.name}\` gets words that are only known at run time`);
  const isRecursive = options.some(
    ({ name }) => /^-[rR]$/.test(name) || (name.length > 3 && "--recursive".startsWith(name)),
  );
  if (options.some(({ name }) => name === "--no-preserve-root")) {
    call.raise("danger", "destructive", "gives up the protection of the root folder");
  }
  for (const { argument } of operands) {
    call.touch(argument, "delete");
    const { text } = argument;
    if (isRecursive && !isTemporary(text)) {
      call.raise("danger", "destructive", `removes \`${text}\` with all that is in it`);
    } else if (/(?:^|\/)\.?\*$/.test(text) && argument.glob && !isTemporary(text)) {
      call.raise("danger", "destructive", `removes all of \`${text}\``);
    }
  }
  return "done";
}

/** `dd`: its files are operands of their own kind. */
export function judgeDd(call: Call): "done" {
  for (const argument of call.args) {
    const [, key, value] = /^(if|of)=([\s\S]*)$/.exec(argument.text) ?? [];
    const file = { ...argument, text: value ?? "" };
    if (key === "of") call.touch(file, "write");
    else if (key === "if") call.touch(file, "read");
    else if (!argument.known && argument.mayBe !== "itself") {
      call.raise("danger", "unresolved", "`dd` gets words that are only known at run time");
    }
  }
  return "done";
}
