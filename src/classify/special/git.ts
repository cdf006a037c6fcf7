import type { Call } from "../call.ts";
import { scanArguments } from "../option-scan.ts";
import { type Argument, knownArgument } from "../words.ts";

/** Settings that only change how things are shown, or who an author is. */
const HARMLESS =
  /^(?:color\.|column\.|advice\.|user\.(?:name|email)$|core\.(?:quotepath|abbrev|autocrlf|precomposeunicode|longpaths|ignorecase|pager$)|log\.|init\.defaultbranch|diff\.(?:renames|renamelimit|algorithm|context|mnemonicprefix|noprefix|wserrorhighlight|colormoved)$|status\.|grep\.|blame\.|format\.pretty|merge\.conflictstyle|pull\.(?:rebase|ff)|push\.default|commit\.gpgsign|tag\.gpgsign|gc\.auto|fetch\.prune|rerere\.|http\.(?:postbuffer|version)|protocol\.version|safe\.directory|transfer\.|pack\.|submodule\.recurse)/i;

/** `git`: settings given with `-c` can make any verb run anything; the rest is in the table. */
export function judgeGit(call: Call): "done" | "continue" {
  const { rule } = call;
  if (rule === undefined) return "done";
  for (const { name, value } of scanArguments(call.args, rule, true).options) {
    if (name === "-c" || name === "--config-env") judgeSetting(call, value);
    else if (name === "--exec-path" && value !== undefined) {
      call.raise("danger", "environment", "`git --exec-path` says where git finds its programs");
    }
  }
  return "continue";
}

function judgeSetting(call: Call, setting: Argument | undefined): void {
  const [, key = "", value = ""] = /^([^=]*)=?([\s\S]*)$/.exec(setting?.text ?? "") ?? [];
  const pager = /^(?:core\.pager|pager\.\w+)$/i.test(key);
  if (setting?.known === true && pager && /^(?:cat|less|more|true|false|)$/.test(value)) return;
  if (setting?.known === true && HARMLESS.test(key) && !pager) return;
  call.raise("danger", "arbitrary_code", `\`git -c ${key}\` can make git run a command`);
  const alias = /^alias\./i.test(key) ? value.replace(/^!/, "") : undefined;
  if (alias !== undefined && setting?.known === true)
    call.runShell(knownArgument(value.startsWith("!") ? alias : `git ${alias}`));
}
