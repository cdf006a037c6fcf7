import type { Call } from "../call.ts";
import { scanArguments } from "../option-scan.ts";
import { isSensitivePath } from "../paths.ts";

const ESCAPES: ReadonlySet<string> = new Set("--privileged --device --cap-add --security-opt --pid --ipc --userns --cgroupns".split(" "));

/** `docker run` and its kin: what opens the host to the container is a danger, whatever runs in it. */
export function judgeDockerRun(call: Call): "continue" {
  const { rule } = call;
  if (rule === undefined) return "continue";
  for (const { name, value } of scanArguments(call.args, rule, true).options) {
    if (ESCAPES.has(name)) call.raise("danger", "privilege", `\`${call.name} ${name}\` opens the host to the container`);
    if (/^(?:-v|--volume|--mount)$/.test(name) && value !== undefined) {
      const source = /(?:^|,)(?:source|src)=([^,]*)/.exec(value.text)?.[1] ?? value.text.split(":")[0] ?? "";
      const isHost = /^(?:~|\$HOME|\$\{HOME\})\/?$/.test(source) || source.includes("docker.sock") || isSensitivePath(source);
      if (isHost || !value.known && value.mayBe === "line") {
        call.raise("danger", "sensitive_path", `mounts \`${source}\` into the container`);
      }
    }
    if (/^--(?:net|network)$/.test(name) && value?.text === "host") {
      call.raise("danger", "privilege", "gives the container the host's network");
    }
  }
  return "continue";
}
