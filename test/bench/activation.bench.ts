import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freshFolder } from "#test/support/binary.ts";
import { AGENT, putPolicies, RESOURCE } from "./authorize-load.ts";
import { type BenchServer, bench, print, startWrit } from "./harness.ts";

const COMMAND = "/github/issues/list";
/** Of ten thousand policies. */
const TARGET_TIME = { name: "target", value: 3 };
/** What a request may wait for it, in milliseconds. */
const TARGET_WAIT = { name: "target", value: 20 };

/** `count` permits with conditions, of several forms; one of them is for the agent that asks. */
function policies(count: number): string {
  return Array.from({ length: count }, (_, i) => {
    const who = i === 0 ? AGENT : `agent${i}`;
    const when =
      i % 3 === 0
        ? ""
        : i % 3 === 1
          ? ` when { context.writ.environment == "env${i % 7}" }`
          : ` when { resource has owner && resource.owner == "owner${i}" }`;
    return `@id("p${i}") permit(principal == Agent::"${who}", action == Action::"${COMMAND}", resource is GitHub::Repository)${when};`;
  }).join("\n");
}

const PARTS = [
  'context.writ.environment == "live"',
  "context.writ.cosigned",
  "context.writ has run",
  "(context.writ has limits && context.writ.limits has remaining && context.writ.limits.remaining > 5)",
  "resource has owner",
  '(resource has labels && resource.labels.contains("x"))',
  '(resource has environment && resource.environment == "e")',
  'context.writ.tier == "read"',
  "context has claimed",
  "(resource has created_by && resource.created_by == principal)",
  'context.writ.environment like "l*"',
] as const;

/** `count` permits of which no two have the same form: three parts of conditions, some of them negated. */
function differentPolicies(count: number): string {
  const { length } = PARTS;
  return Array.from({ length: count }, (_, i) => {
    const parts = [0, 1, 2].map((place) => {
      const part = PARTS[Math.floor(i / length ** place) % length] ?? "";
      return (Math.floor(i / length ** 3) >> place) % 2 === 1 ? `!(${part})` : part;
    });
    const when = `when { ${parts.join(" || ")} }`;
    return `@id("p${i}") permit(principal == Agent::"${i === 0 ? AGENT : `agent${i}`}", action == Action::"${COMMAND}", resource is GitHub::Repository) ${when};`;
  }).join("\n");
}

/** The longest that one of two kinds of requests waited while `work` went on, in milliseconds, and the same before it. */
async function waits(
  writ: BenchServer,
  key: string,
  work: () => Promise<void>,
): Promise<{ before: number; during: number }> {
  const ask = async (): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${writ.port}/v1/authorize`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ command: COMMAND, resource: RESOURCE }),
    });
    await answer.text();
    await (await fetch(`http://127.0.0.1:${writ.port}/readyz`)).text();
  };
  let longest = 0;
  let isOver = false;
  const loop = async (): Promise<void> => {
    while (!isOver) {
      const began = performance.now();
      await ask();
      longest = Math.max(longest, (performance.now() - began) / 2);
      await Bun.sleep(2);
    }
  };
  const watching = loop();
  await Bun.sleep(2000);
  const before = longest;
  longest = 0;
  await work();
  await Bun.sleep(300);
  isOver = true;
  await watching;
  return { before, during: longest };
}

/** Puts policies from a process of its own, so that making so large a request does not hold up who watches. */
async function putFrom(folder: string, url: string, token: string, source: string): Promise<void> {
  const file = join(folder, "body.json");
  writeFileSync(file, JSON.stringify({ source, message: "bench" }));
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const script = `const answer = await fetch(${JSON.stringify(url)}, { method: "PUT", headers: ${JSON.stringify(headers)},
    body: await Bun.file(${JSON.stringify(file)}).text() }); process.exit(answer.status === 200 ? 0 : 1);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "inherit", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error("the policies were not put");
}

await bench(async () => {
  const writ = await startWrit({ WRIT_RATE_SOURCE: "0", WRIT_RATE_AGENT: "0", WRIT_RATE_TENANT: "0" });
  const folder = freshFolder("activation");
  const key = await writ.createAgent(AGENT);
  await putPolicies(writ, policies(1));
  const { token = "" } = await writ.admin("POST", "/v1/admin/tokens", { kind: "admin", name: "bench" });
  for (const [name, source, target] of [
    ["10000", policies(10_000), TARGET_TIME],
    ["10000_all_different", differentPolicies(10_000), TARGET_TIME],
    ["50000", policies(50_000), undefined],
  ] as const) {
    let seconds = 0;
    const { before, during } = await waits(writ, key, async () => {
      const began = performance.now();
      await putFrom(folder, `http://127.0.0.1:${writ.port}/v1/admin/policies`, token, source);
      seconds = (performance.now() - began) / 1000;
    });
    print(`policy.activate.${name}`, seconds, "s", target);
    print(`policy.activate.${name}.longest_wait_beyond_usual`, Math.max(0, during - before), "ms", TARGET_WAIT);
  }
});
