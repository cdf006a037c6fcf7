import { expect, test } from "bun:test";
import { startInstance } from "#test/support/instance.ts";
import { bodyOf, PERMIT_ALL } from "#test/support/tenant.ts";
import { echo, startUpstream } from "#test/support/upstream.ts";

test("smoke", async () => {
  const t0 = performance.now();
  const instance = await startInstance();
  const tenant = await instance.tenant();
  const upstream = await startUpstream(echo);
  await tenant.policies(PERMIT_ALL);
  const agent = await tenant.agent();
  await tenant.connection({ url: upstream.origin });
  console.log(performance.now() - t0);
  const answer = await tenant.call(agent, "api", { path: "/a", query: "x=1&mail=joe" });
  console.log(await bodyOf(answer), performance.now() - t0);
  console.log((await instance.events(tenant)).map((e) => JSON.stringify(e)).join("\n"));
  upstream.stop();
  await instance.stop();
  expect(1).toBe(1);
});
