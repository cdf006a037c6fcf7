import type { Call } from "../call.ts";
import { scanArguments } from "../option-scan.ts";
import { isSensitivePath } from "../paths.ts";

const ESCAPES: ReadonlySet<string> = new Set(
  "--privileged --device --cap-add --security-opt --pid --ipc --userns --cgroupns".split(" "),
);

/** `docker run` and its kin: what opens the host to the container is a danger, whatever runs in it. */
export function judgeDockerRun(call: Call): "continue" {
  const { rule } = call;
  if (rule === undefined) return "continue";
  for (const { name, value } of scanArguments(call.args, rule, true).options) {
    if (ESCAPES.has(name))
      call.raise("danger", "privilege", `\`${call.name} ${name}\` opens the host to the container`);
    if (/^(?:-v|--volume|--mount)$/.test(name) && value !== undefined) {
      const source = /(?:^|,)(?:source|src)=([^,]*)/.exec(value.text)?.[1] ?? value.text.split(":")[0] ?? "";
      const isHost =
        /^(?:~|\$HOME|\$\{HOME\})\/?$/.test(source) || source.includes("docker.sock") || isSensitivePath(source);
      if (isHost || (!value.known && value.mayBe === "line")) {
        call.raise("danger", "sensitive_path", `mounts \`${source}\` into the container`);
      }
    }
    if (/^--(?:net|network)$/.test(name) && value?.text === "host") {
      call.raise("danger", "privilege", "gives the container the host's network");
    }
  }
  return "continue";
}

/** `kubectl get secret -o yaml`: more than a look, since it prints what is secret. */
export function judgeKubectlGet(call: Call): "continue" {
  const { rule } = call;
  if (rule === undefined) return "continue";
  const { options, operands } = scanArguments(call.args, rule);
  const [resource] = operands.map(({ argument }) => argument);
  const format = options.findLast(({ name }) => name === "-o" || name === "--output")?.value;
  const isPrinted = format !== undefined && !(format.known && /^(?:wide|name)$/.test(format.text));
  if (!isPrinted || resource === undefined) return "continue";
  if (!resource.known) call.raise("write", "unresolved", "what is printed is only known at run time");
  else if (/(?:^|,)secrets?(?:$|[/,.])|^all$/i.test(resource.text))
    call.raise("write", "discloses_secret", "prints a secret");
  return "continue";
}
