/**
 * Shows every admin page of the executable in a browser and keeps what it looks like: light and dark, as wide as a phone and
 * as a desk. Usage: bun scripts/screenshots.ts FOLDER [PAGE…]
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cleanUp } from "#test/support/binary.ts";
import { makeDevice, startBrowser } from "#test/support/browser.ts";
import { furnish, startPagesWorld } from "#test/support/pages-world.ts";

const [folder = "dist/screenshots", ...wanted] = process.argv.slice(2);
const VARIANTS = [
  ["light", 1440],
  ["dark", 1440],
  ["light", 390],
  ["dark", 390],
] as const;

mkdirSync(folder, { recursive: true });
const world = await startPagesWorld();
const browser = await startBrowser();
try {
  const { approval, run, code } = await furnish(world, { agent: "builder", purpose: "Weekly report" });
  const { context, page } = await makeDevice(browser, world.origin);
  await page.goto(await world.setupPath());
  await page.fill("#enrol-name", "Ada Lovelace");
  await page.fill("#enrol-passkey", "laptop");
  await page.click("button[type=submit]");
  await page.waitForURL(`${world.origin}/`);
  const pages: readonly (readonly [name: string, path: string])[] = [
    ["overview", "/"],
    ["approvals", "/approvals"],
    ["approval", `/approvals/${approval}`],
    ["agents", "/agents"],
    ["agent", "/agents/builder"],
    ["connections", "/connections"],
    ["connection", "/connections/files"],
    ["connection-new", "/connections/new"],
    ["policies", "/policies"],
    ["policy-version", "/policies/versions/1"],
    ["policy-editor", "/policies/edit"],
    ["policy-templates", "/policies/templates"],
    ["policy-builder", "/policies/builder"],
    ["policy-tests", "/policies/tests"],
    ["policy-explain", "/policies/explain"],
    ["policy-replay", "/policies/replay"],
    ["policy-shadow", "/policies/shadow"],
    ["events", "/events"],
    ["event", "/events/9"],
    ["checkpoints", "/checkpoints"],
    ["runs", "/runs"],
    ["run", `/runs/${run}`],
    ["devices", "/devices"],
    ["device-code", `/devices?code=${code}`],
    ["tools", "/tools"],
    ["people", "/people"],
    ["account", "/account"],
    ["settings", "/settings"],
    ["emergency", "/emergency"],
    ["notifications", "/notifications"],
    ["not-there", "/agents/nobody"],
  ];
  const stranger = await makeDevice(browser, world.origin);
  for (const [scheme, width] of VARIANTS) {
    for (const [shown, list] of [
      [page, pages],
      [
        stranger.page,
        [
          ["sign-in", "/sign-in"],
          ["enrol", "/enrol"],
          ["recover", "/recover"],
        ] as const,
      ],
    ] as const) {
      await shown.emulateMedia({ colorScheme: scheme });
      await shown.setViewportSize({ width, height: width < 500 ? 844 : 900 });
      for (const [name, path] of list) {
        if (wanted.length > 0 && !wanted.includes(name)) continue;
        await shown.goto(path);
        await shown.waitForTimeout(150);
        await shown.screenshot({ path: join(folder, `${name}-${scheme}-${width}.png`), fullPage: true });
      }
    }
  }
  await context.close();
} finally {
  await browser.close();
  await world.stop();
  await cleanUp();
}
process.exit(0);
