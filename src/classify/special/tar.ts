import type { Call } from "../call.ts";
import { judgeByRule } from "../judge-rule.ts";
import { scanArguments } from "../option-scan.ts";

/** `tar`: the first word may be a cluster without a dash; `-O` and `-t` only print; actions at checkpoints run commands. */
export function judgeTar(call: Call): "done" {
  const { rule } = call;
  if (rule === undefined) return "done";
  const [first, ...rest] = call.args;
  const isOldStyle = first !== undefined && /^[A-Za-z]+$/.test(first.text);
  const args = isOldStyle ? [{ ...first, text: `-${first.text}` }, ...rest] : call.args;
  const { options } = scanArguments(args, rule);
  const names = new Set(options.map(({ name }) => name));
  const extracts = names.has("-x") || names.has("--extract") || names.has("--get");
  const makes = ["-c", "-r", "-u", "-A", "--create", "--append", "--update", "--delete"].some((name) =>
    names.has(name),
  );
  for (const { name, value } of options) {
    const action = name.startsWith("--checkpoint-a") ? /^exec=([\s\S]*)$/.exec(value?.text ?? "")?.[1] : undefined;
    if (action !== undefined && value !== undefined) call.runShell({ ...value, text: action });
    if (name.startsWith("--checkpoint-a")) call.raise("write", "changes_state", "`tar` acts at checkpoints");
    if ((name === "-f" || name === "--file") && value !== undefined && value.text !== "-")
      call.touch(value, makes ? "write" : "read");
  }
  const onlyPrints = extracts && !makes && (names.has("-O") || names.has("--to-stdout"));
  judgeByRule({ ...call, args }, onlyPrints ? { ...rule, rule: { ...rule.rule, tier: "read" } } : rule);
  return "done";
}
