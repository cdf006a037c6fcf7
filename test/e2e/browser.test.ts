import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { cleanUp } from "#test/support/binary.ts";
import { type Device, describeBrowser, makeDevice, startBrowser } from "#test/support/browser.ts";
import { askToPair, type PagesWorld, STORY_POLICY, startPagesWorld } from "#test/support/pages-world.ts";

const LONG = 90_000;

describeBrowser("the first day of a new user, in a browser", () => {
  let world: PagesWorld;
  let browser: Browser;
  let owner: Device;
  let key = "";
  let link = "";

  beforeAll(async () => {
    [world, browser] = await Promise.all([startPagesWorld(), startBrowser()]);
    owner = await makeDevice(browser, world.origin);
    owner.page.setDefaultTimeout(15_000);
  }, LONG);

  afterAll(async () => {
    await browser?.close();
    await world?.stop();
    await cleanUp();
  }, LONG);

  test(
    "whoever is not signed in is led to where they can, and the address that they wanted is kept",
    async () => {
      await owner.page.goto("/approvals?state=used");
      expect(new URL(owner.page.url()).pathname).toBe("/sign-in");
      expect(new URL(owner.page.url()).searchParams.get("next")).toBe("/approvals?state=used");
      expect(await owner.page.textContent("h1")).toBe("Sign in");
    },
    LONG,
  );

  test(
    "the one-time link enrols a passkey, once",
    async () => {
      const { page } = owner;
      link = await world.setupPath();
      await page.goto(link);
      await page.waitForSelector("[data-who]:has-text('first owner')");
      await page.fill("#enrol-name", "Ada Lovelace");
      await page.fill("#enrol-passkey", "laptop");
      await page.click("button[type=submit]");
      await page.waitForURL(`${world.origin}/`);
      expect(await page.textContent("h1")).toBe("Overview");
      expect(await page.textContent(".who-name")).toBe("Ada Lovelace");

      const thief = await makeDevice(browser, world.origin);
      await thief.page.goto(link);
      await thief.page.waitForSelector("[data-failure]:not([hidden])");
      await thief.context.close();
    },
    LONG,
  );

  test(
    "a connection, an agent and its key are made on their pages",
    async () => {
      const { page } = owner;
      await page.goto("/connections/new");
      await page.fill("#connection-name", "files");
      await page.fill("#connection-url", "not an address");
      await page.fill("#connection-secret", "upstream-secret-value");
      await page.evaluate("document.querySelector('#connection-url').setAttribute('type', 'text')");
      await page.click("text=Add connection");
      await page.waitForSelector(".notice.bad");
      expect(await page.inputValue("#connection-name")).toBe("files");
      expect(await page.inputValue("#connection-secret")).toBe("");
      await page.fill("#connection-url", world.upstream.origin);
      await page.fill("#connection-secret", "upstream-secret-value");
      await page.click("text=Add connection");
      await page.waitForSelector("text=files is there");

      await page.goto("/agents");
      await page.fill("#agent-name", "builder");
      await page.fill("#agent-groups", "ci");
      await page.click("button:has-text('Add agent')");
      await page.click("text=give it a key");
      await page.waitForURL("**/agents/builder");
      await page.fill("#key-name", "runner");
      await page.click("text=Issue key");
      key = (await page.textContent(".copyable code")) ?? "";
      expect(key).toStartWith("writ_agent_");
      await page.reload();
      expect(await page.content()).not.toContain(key);
    },
    LONG,
  );

  test(
    "the editor says what is wrong where it is, and saves what is right",
    async () => {
      const { page } = owner;
      await page.goto("/policies/edit");
      await page.fill("#editor-source", "permit (principal, action, resource)\nwhen { nonsense };\n");
      await page.click("text=Save and let it decide");
      await page.waitForSelector(".problem");
      expect(await page.textContent(".problem .where")).toContain("line 2");
      expect(await page.inputValue("#editor-source")).toContain("nonsense");
      await page.fill("#editor-source", STORY_POLICY);
      await page.fill("#editor-message", "reads are free");
      await page.click("text=Save and let it decide");
      await page.waitForSelector("text=Version 1 decides from now on");
    },
    LONG,
  );

  test(
    "the builder shows a policy before it is added",
    async () => {
      const { page } = owner;
      await page.goto("/policies/builder");
      await page.fill("#builder-id", "builder-never-deletes");
      await page.selectOption("#builder-effect", "forbid");
      await page.selectOption("#builder-tier", "danger");
      await page.click("text=Show the policy");
      await page.waitForSelector("#builder pre:has-text('forbid')");
      await page.click("text=Add to the policies");
      await page.waitForSelector("text=Version 2 decides from now on");
      await page.click("text=See what it changed");
      await page.waitForSelector(".diff .added:has-text('builder-never-deletes')");
    },
    LONG,
  );

  test(
    "a write is stopped, shows in the open queue at once, is approved with the passkey, and goes through once",
    async () => {
      const { page } = owner;
      await page.goto("/approvals");
      await page.waitForSelector("text=Nothing waits for you");
      const read = await world.call(key, "GET", "files/reports/1");
      expect([read.status, key, await read.text()]).toEqual([200, key, expect.stringContaining("GET /reports/1")]);
      const body = JSON.stringify({ title: "Weekly report" });
      const json = { "content-type": "application/json" };
      const said = { "writ-context": JSON.stringify({ purpose: "the Monday mail" }) };
      const stopped = await world.call(key, "POST", "files/reports", body, { ...json, ...said });
      expect(stopped.status).toBe(403);
      expect(await stopped.json()).toMatchObject({ code: "step_up_required" });
      // Nobody reloads: the stream says it.
      await page.click("a.ask");
      await page.waitForURL("**/approvals/apr_*");
      expect(await page.textContent("#approval")).toContain("Weekly report");
      expect(await page.textContent(".claim")).toBe("the Monday mail");
      await page.fill("#decide-comment", "looks right");
      await page.click("text=Approve with passkey");
      await page.waitForSelector("#approval .badge:has-text('approved')");
      await page.waitForSelector("#pending", { state: "hidden" });

      expect((await world.call(key, "POST", "files/reports", '{"title":"another"}', json)).status).toBe(403);
      const passed = await world.call(key, "POST", "files/reports", body, json);
      expect(passed.status).toBe(200);
      expect(world.upstream.requests.at(-1)).toMatchObject({ method: "POST", body });
      expect((await world.call(key, "POST", "files/reports", body, json)).status).toBe(403);
    },
    LONG,
  );

  test(
    "a denial is signed too",
    async () => {
      const { page } = owner;
      await page.goto("/approvals");
      await page.click("a.ask");
      await page.waitForURL("**/approvals/apr_*");
      await page.click("button:has-text('Deny')");
      await page.waitForSelector("#approval .badge:has-text('denied')");
    },
    LONG,
  );

  test(
    "the event is found, has its proof, and says why",
    async () => {
      const { page } = owner;
      await page.goto("/events");
      await page.selectOption("#events-type", "approval");
      await page.waitForSelector("#events a:has-text('approval.approved')");
      await page.selectOption("#events-type", "");
      await page.waitForSelector("#events a:has-text('agent.created')");
      await page.selectOption("#events-type", "approval");
      await page.waitForSelector("#events a:has-text('agent.created')", { state: "detached" });
      await page.click("#events a:has-text('approval.approved')");
      expect(await page.textContent("h1")).toBe("approval.approved");
      expect(await page.textContent("main")).toContain("RFC 6962");
      await page.goto("/events?type=decision.allowed");
      await page.click("#events tbody a >> nth=0");
      await page.click("text=Explain");
      await page.waitForURL("**/policies/explain?decision=*");
      await page.click("button:has-text('Explain')");
      await page.waitForSelector("text=What decided");
    },
    LONG,
  );

  test(
    "new events show by themselves until one stops that",
    async () => {
      const { page } = owner;
      await page.goto("/events?type=decision");
      const newest = async () => Number(await page.getAttribute("#events", "data-newest"));
      const before = await newest();
      await (await world.call(key, "GET", "files/reports/live")).text();
      await page.waitForSelector("#events tr.fresh:has-text('/reports/live')");
      expect(await newest()).toBeGreaterThan(before);
      expect(await page.textContent("[data-follow] [role=status]")).toBe("One new event.");
      await page.click("[data-follow] button");
      expect(await page.getAttribute("[data-follow] button", "aria-pressed")).toBe("false");
      const paused = await newest();
      await (await world.call(key, "GET", "files/reports/later")).text();
      await page.waitForTimeout(4000);
      expect(await newest()).toBe(paused);
      await page.click("[data-follow] button");
      await page.waitForSelector("#events tr.fresh:has-text('/reports/later')");
    },
    LONG,
  );

  test(
    "policies are tested on their page, and a failure says why",
    async () => {
      const { page } = owner;
      await page.goto("/policies/tests");
      await page.click("text=Run the tests");
      await page.waitForSelector("text=All 2 came out as expected");
      const file = await page.inputValue("#tests-tests");
      await page.fill("#tests-tests", file.replace('"allow"', '"deny"'));
      await page.click("text=Run the tests");
      await page.waitForSelector("#tests .notice.bad");
      expect(await page.textContent("#outcome tbody tr:first-child")).toContain("reading is free");
    },
    LONG,
  );

  test(
    "a machine is paired by the code that it shows, with the passkey, and revoked",
    async () => {
      const { page } = owner;
      await page.goto("/devices");
      await page.fill("#pair-code", (await askToPair(world, "workbench")).toLowerCase());
      await page.click("text=Look it up");
      await page.waitForSelector("text=Is this your machine?");
      await page.check("text=builder");
      await page.click("text=Confirm with passkey");
      await page.waitForSelector("text=workbench is paired");
      await page.click("#devices button:has-text('Revoke')");
      await page.click("dialog[open] >> text=Continue");
      await page.waitForSelector("#devices .badge:has-text('revoked')");
    },
    LONG,
  );

  test(
    "the export verifies, with the authenticator's signature",
    async () => {
      const { page } = owner;
      await page.goto("/events");
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Export the evidence")]);
      const path = join(world.instance.folder, "audit.jsonl");
      await download.saveAs(path);
      const approvers = join(world.instance.folder, "approvers.json");
      const exported = await world.instance.run(["person", "passkeys", "export"]);
      expect(exported).toMatchObject({ code: 0 });
      writeFileSync(approvers, exported.stdout);
      const verified = await world.instance.run(["verify", path, "--approvers", approvers]);
      expect(verified).toMatchObject({ code: 0 });
    },
    LONG,
  );

  test(
    "what is stopped is refused at once, and an emergency grant is opened and reviewed with the passkey",
    async () => {
      const { page } = owner;
      await page.goto("/emergency");
      await page.selectOption("#stop-what", "agent builder");
      await page.click("text=Stop now");
      await page.click("dialog[open] >> text=Continue");
      await page.waitForSelector("#emergency td:has-text('builder')");
      expect((await world.call(key, "GET", "files/reports/1")).status).toBe(403);
      await page.click("text=Let it go on");
      await page.click("dialog[open] >> text=Continue");
      await page.waitForSelector("text=Nothing is stopped");
      expect((await world.call(key, "GET", "files/reports/1")).status).toBe(200);

      await page.fill("#glass-reason", "the release is stuck");
      await page.click("text=Open with passkey");
      await page.waitForSelector("#emergency .badge:has-text('open')");
      expect((await world.call(key, "POST", "files/urgent", "{}", { "content-type": "application/json" })).status).toBe(
        200,
      );
      await page.click("text=Close now");
      await page.fill("#emergency textarea[id^=review-]", "all in order");
      await page.click("text=Sign the review");
      await page.waitForSelector("#emergency .badge:has-text('reviewed')");
    },
    LONG,
  );

  test(
    "signing out ends the session at once, and the passkey signs in again to where one wanted to go",
    async () => {
      const { page, context } = owner;
      const cookies = await context.cookies();
      await page.goto("/people");
      await page.click("text=Sign out");
      await page.waitForURL("**/sign-in");
      await context.addCookies(cookies);
      await page.goto("/people");
      expect(new URL(page.url()).pathname).toBe("/sign-in");
      await page.click("text=Sign in with a passkey");
      await page.waitForURL(`${world.origin}/people`);
    },
    LONG,
  );

  test(
    "a passkey that does not know its user signs nothing",
    async () => {
      const { page } = owner;
      await world.call(key, "POST", "files/other", "{}", { "content-type": "application/json" });
      await page.goto("/approvals");
      await page.click("a.ask >> nth=0");
      await owner.setVerified(false);
      await page.click("text=Approve with passkey");
      await page.waitForSelector("form[data-ceremony=decide] [data-failure]:not([hidden])");
      expect(await page.textContent("#approval")).toContain("Approve with passkey");
      await owner.setVerified(true);
    },
    LONG,
  );

  test("no script failed, nothing was asked of another host, and no policy was broken", () => {
    expect(owner.complaints.external).toEqual([]);
    // What is refused on purpose shows as a failed request; anything else would be ours.
    expect(owner.complaints.console.filter((line) => !/status of 4\d\d/.test(line))).toEqual([]);
  });
});
