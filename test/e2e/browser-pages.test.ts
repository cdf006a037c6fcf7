import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { cleanUp } from "#test/support/binary.ts";
import { type Device, describeBrowser, makeDevice, startBrowser } from "#test/support/browser.ts";
import { furnish, type PagesWorld, startPagesWorld } from "#test/support/pages-world.ts";

const LONG = 240_000;
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
/** Where names are free, they are this; where they are not, the text is what agents claim and send. */
const HOSTILE = `"><img src=x onerror="document.title='owned'"><script>document.title='owned'</script>\u202e`;
/** Without this layout shifts are not told to scripts: https://web.dev/articles/cls. */
const WATCH_SHIFTS = `new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts = (window.shifts ?? 0) + entry.value;
}).observe({ type: "layout-shift", buffered: true });`;

describeBrowser("every admin page, in a browser", () => {
  let world: PagesWorld;
  let browser: Browser;
  let owner: Device;
  let paths: readonly string[] = [];

  beforeAll(async () => {
    [world, browser] = await Promise.all([startPagesWorld(), startBrowser()]);
    const { approval, run, code } = await furnish(world, { agent: "builder", purpose: HOSTILE });
    owner = await makeDevice(browser, world.origin);
    owner.page.setDefaultTimeout(15_000);
    await owner.page.goto(await world.setupPath());
    await owner.page.fill("#enrol-name", '<b>Ada</b> "O\'Hara"');
    await owner.page.fill("#enrol-passkey", "<i>laptop</i>");
    await owner.page.click("button[type=submit]");
    await owner.page.waitForURL(`${world.origin}/`);
    paths = [
      "/",
      "/approvals",
      "/approvals?state=used",
      `/approvals/${approval}`,
      "/agents",
      "/agents/builder",
      "/connections",
      "/connections/new",
      "/connections/files",
      "/policies",
      "/policies/edit",
      "/policies/versions/1",
      "/policies/templates",
      "/policies/builder",
      "/policies/tests",
      "/policies/explain",
      "/policies/replay",
      "/policies/shadow",
      "/people",
      "/events",
      "/events?type=decision.denied",
      "/events/9",
      "/account",
      "/settings",
      "/emergency",
      "/notifications",
      "/checkpoints",
      "/runs",
      `/runs/${run}`,
      "/devices",
      `/devices?code=${code}`,
      "/tools",
    ];
  }, LONG);

  afterAll(async () => {
    await browser?.close();
    await world?.stop();
    await cleanUp();
  }, LONG);

  test(
    "has no violation that axe-core finds, in light and dark, wide and narrow, and nothing moves while it loads",
    async () => {
      const { page } = owner;
      await page.addInitScript(WATCH_SHIFTS);
      const found: string[] = [];
      for (const [scheme, width] of [
        ["light", 1440],
        ["dark", 390],
      ] as const) {
        await page.emulateMedia({ colorScheme: scheme });
        await page.setViewportSize({ width, height: 900 });
        for (const path of paths) {
          const response = await page.goto(path);
          if (response?.status() !== 200) found.push(`${path}: ${response?.status()}`);
          await page.waitForTimeout(60);
          const shifts = await page.evaluate<number>("window.shifts ?? 0");
          if (shifts > 0.01) found.push(`${path} ${width}: layout shift ${shifts}`);
          const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
          if (overflow > 0) found.push(`${path} ${width}: ${overflow} px wider than the screen`);
          for (const violation of await violations(page)) found.push(`${path} ${scheme}: ${violation}`);
        }
      }
      expect(found).toEqual([]);
    },
    LONG,
  );

  test(
    "the pages before signing in have none either",
    async () => {
      const stranger = await makeDevice(browser, world.origin);
      const found: string[] = [];
      for (const path of ["/sign-in", "/enrol", "/recover", "/nothing/here"]) {
        await stranger.page.goto(path);
        await stranger.page.waitForTimeout(100);
        if (path !== "/nothing/here") {
          for (const violation of await violations(stranger.page)) found.push(`${path}: ${violation}`);
        }
      }
      await stranger.context.close();
      expect(found).toEqual([]);
    },
    LONG,
  );

  test(
    "shows hostile names as the texts that they are",
    async () => {
      const { page } = owner;
      for (const path of paths) {
        await page.goto(path);
        expect(await page.title()).toEndWith(" · Writ");
        expect(await page.locator("img[src=x]").count()).toBe(0);
      }
      await page.goto("/people");
      expect(await page.textContent("tbody a")).toBe('<b>Ada</b> "O\'Hara"');
      await page.goto(paths[3] as string);
      await page.click("summary:has-text('Body')");
      const body = await page.textContent("details[open] pre");
      expect(body).toContain("<script>document.title='owned'</script>");
      expect(body).toContain("x".repeat(2000));
    },
    LONG,
  );

  test(
    "loads less than 100 kB in all, the first time, from this server alone",
    async () => {
      const fresh = await makeDevice(browser, world.origin);
      await fresh.context.addCookies(await owner.context.cookies());
      const session = await fresh.context.newCDPSession(fresh.page);
      await session.send("Network.enable");
      let received = 0;
      session.on("Network.loadingFinished", ({ encodedDataLength }) => {
        received += encodedDataLength;
      });
      // The session is bound to its browser's name and address, which are the same.
      await fresh.page.goto("/", { waitUntil: "load" });
      expect(await fresh.page.textContent("h1")).toBe("Overview");
      expect(received).toBeGreaterThan(1000);
      expect(received).toBeLessThan(100_000);
      expect(fresh.complaints.external).toEqual([]);
      await fresh.context.close();
    },
    LONG,
  );

  test(
    "the palette opens by keyboard and goes where its entry says",
    async () => {
      const { page } = owner;
      await page.goto("/");
      await page.keyboard.press("Control+k");
      await page.waitForSelector("#palette[open]");
      await page.keyboard.type("invite");
      await page.keyboard.press("Enter");
      await page.waitForURL("**/people#invite");
    },
    LONG,
  );

  test(
    "a phone has the menu behind a button",
    async () => {
      const { page } = owner;
      await page.setViewportSize({ width: 390, height: 844 });
      await page.goto("/");
      expect(await page.isVisible("#nav")).toBe(false);
      await page.click(".menu-button");
      await page.click("#nav a:has-text('Agents')");
      await page.waitForURL("**/agents");
    },
    LONG,
  );

  test("no script failed and no policy was broken", () => {
    expect(owner.complaints).toEqual({ console: [], external: [] });
  });
});

/** What axe-core finds by the rules of WCAG 2.2 A and AA and its best practices. It runs beside the page's own scripts. */
async function violations(page: Page): Promise<readonly string[]> {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId } = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  const run = (expression: string, awaitPromise = false) =>
    session.send("Runtime.evaluate", { expression, contextId: executionContextId, awaitPromise, returnByValue: true });
  await run(AXE);
  const { result, exceptionDetails } = await run(
    `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] })
      .then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html, failureSummary }) => html.slice(0, 160) + " " + (failureSummary ?? "")).slice(0, 3).join(" | ")))`,
    true,
  );
  await session.detach();
  if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
  return result.value as readonly string[];
}
