import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { isWritError } from "#src/base/errors.ts";
import { startInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { describeShared, sharedData } from "#test/support/shared-data.ts";
import { PERMIT_ALL } from "#test/support/tenant.ts";

describe("a flood", () => {
  test("of denials is answered, recorded and verifies; who was denied may still be let in", async () => {
    const instance = await startInstance();
    const tenant = await instance.tenant();
    await tenant.connection({ url: "http://127.0.0.1:9" });
    const agent = await tenant.agent();
    const asked = Array.from({ length: 2000 }, (_, i) => tenant.authorize(agent, "api", { path: `/${i}` }));
    const outcomes = await Promise.all(asked);
    expect(outcomes.every(({ decision }) => decision === "deny")).toBe(true);
    expect(new Set(outcomes.map(({ event }) => event.seq)).size).toBe(2000);
    await tenant.policies(PERMIT_ALL);
    expect((await tenant.authorize(agent, "api", { path: "/a" })).decision).toBe("allow");
    await instance.stop();
  }, 20_000);

  test("stops at the tenant's quota, where the operator can still govern", async () => {
    const instance = await startInstance({ limits: { tenantQuotaBytes: 40_000 } });
    const [full, other] = [await instance.tenant("full"), await instance.tenant("other")];
    for (const tenant of [full, other]) await tenant.connection({ url: "http://127.0.0.1:9" });
    const agent = await full.agent();
    let refused = "";
    for (let i = 0; i < 100 && refused === ""; i += 1) {
      const code = await rejection(full.authorize(agent, "api", { path: `/${i}` }));
      if (!code.startsWith("no error")) refused = code;
    }
    expect(refused).toBe("disk_quota_exceeded");
    await instance.services.tokens.revoke(full.id, instance.services.instance.operator, agent.principal.token);
    expect(await rejection(full.call(agent, "api", { path: "/a" }))).toBe("unauthenticated");
    expect((await other.authorize(await other.agent(), "api", { path: "/a" })).decision).toBe("deny");
    await instance.stop();
  });
});

describeShared("hostile strings", () => {
  test("as claim, resource id, query, header and path are decided or refused, never a fault, and come back as they were", async () => {
    const instance = await startInstance();
    const tenant = await instance.tenant();
    await tenant.policies(PERMIT_ALL);
    await tenant.connection({ url: "http://127.0.0.1:9" });
    const agent = await tenant.agent();
    const before = (await instance.events(tenant)).length;
    const strings = readStrings().slice(0, 1200);
    expect(strings.length).toBeGreaterThan(100);
    const allowed: string[] = [];
    const attempt = async (asked: Promise<{ readonly decision: string }>): Promise<boolean> => {
      try {
        return (await asked).decision === "allow";
      } catch (error) {
        if (!isWritError(error) || error.code === "internal") throw error;
        return false;
      }
    };
    for (const text of strings) {
      const [claimed] = await Promise.all([
        attempt(tenant.authorize(agent, "api", { path: "/a", claimed: { text } })),
        attempt(tenant.state(agent, { command: "/http/api/get", resource: { type: "App", id: text } })),
        attempt(tenant.authorize(agent, "api", { path: "/a", query: text, headers: [["if-match", text]] })),
        attempt(tenant.authorize(agent, "api", { path: `/${text}` })),
      ]);
      if (claimed) allowed.push(text);
    }
    const claims = (await instance.events(tenant))
      .slice(before)
      .flatMap(({ data }) => (data["claimed"] === undefined ? [] : [(data["claimed"] as { text: string }).text]));
    expect(claims).toEqual(allowed);
    await instance.stop();
  }, 30_000);
});

/** Every line of every text, and every string of every JSON array, of the folder. */
function readStrings(): string[] {
  const folder = sharedData("text");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(?:txt|json)$/.test(name))
    .flatMap((name) => stringsOf(name, readFileSync(`${folder}/${name}`, "utf8")))
    .filter((text) => text.length > 0 && text.length < 2000);
}

function stringsOf(name: string, text: string): string[] {
  if (!name.endsWith(".json")) return text.split("\n");
  const value = JSON.parse(text) as unknown;
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
