import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { pageRoutes } from "#src/http/pages/pages.ts";
import type { Route } from "#src/http/route.ts";
import { allRoutes } from "#src/http/routes.ts";
import { type Answered, type Edge, settle, startEdge } from "#test/http/support.ts";
import { type Browser, enrolOwner, enrolPerson } from "#test/support/signed-in.ts";

const FORM = "application/x-www-form-urlencoded";
const HOSTILE = `<script>alert("x")</script>`;

let edge: Edge;
let owner: Browser;
let member: Browser;

beforeAll(async () => {
  edge = await startEdge();
  await settle(edge);
  await settle(edge, "other");
  owner = await enrolOwner(edge);
  member = await enrolPerson(edge, owner, "Mem Ber", ["member"]);
});
afterAll(() => edge.stop());

const post = (
  browser: Browser,
  path: string,
  fields: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
) =>
  browser.ask("POST", path, {
    body: new URLSearchParams(fields).toString(),
    headers: { "content-type": FORM, "hx-request": "true", ...headers },
  });

/** The pages' own routes, as the server has them. */
function routesOfPages(): readonly Route[] {
  const unused = () => Promise.resolve([]);
  const all = allRoutes({ registry: undefined as never, readiness: unused, openApi: () => "" });
  const api = all.filter(({ path }) => path.startsWith("/v1/"));
  return pageRoutes(api);
}

describe("an answer with a page", () => {
  test("has a policy without inline code, is in no frame, and is kept by nobody", async () => {
    const { status, headers, text } = await owner.ask("GET", "/agents");
    expect(status).toBe(200);
    const policy = headers.get("content-security-policy") ?? "";
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'self'",
    ]) {
      expect(policy).toContain(part);
    }
    expect(policy).not.toContain("unsafe");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(text).not.toMatch(/<script(?![^>]*\bsrc=")|\son[a-z]+=|\sstyle=|javascript:/i);
    expect(text).not.toMatch(/(?:src|href|action)="(?:https?:)?\/\//);
  });

  test("names files that are kept for good, each under a name of its content", async () => {
    const { text } = await owner.ask("GET", "/");
    const names = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, name]) => name as string);
    expect(names).toHaveLength(4);
    for (const name of names) {
      const { status, headers } = await edge.ask("GET", name);
      expect(status).toBe(200);
      expect(name).toMatch(/\.[0-9a-f]{12}\./);
      expect(headers.get("cache-control")).toContain("immutable");
      expect(headers.get("content-type")).toMatch(/^(text\/css|text\/javascript|image\/svg\+xml)/);
    }
    expect((await edge.ask("GET", "/assets/app.000000000000.js")).status).toBe(404);
  });

  test("that there is not says so as a page, and what is another tenant's is as absent", async () => {
    for (const path of [
      "/agents/nobody",
      "/connections/none",
      "/approvals/apr_00000000000000000000000000",
      "/events/999999",
      "/people/nobody",
      "/policies/versions/77",
    ]) {
      const { status, headers, text } = await owner.ask("GET", path);
      expect([path, status]).toEqual([path, 404]);
      expect(headers.get("content-type")).toStartWith("text/html");
      expect(text).toContain("There is nothing here");
    }
    const { json } = await edge.operate("GET", "/v1/admin/agents/helper", { headers: { "writ-tenant": "other" } });
    expect((await owner.ask("GET", `/agents/${json.id}`)).status).toBe(404);
  });
});

describe("who sees what", () => {
  test("nobody who is not signed in sees a page, and every page leads to where one can sign in", async () => {
    for (const { method, path, who } of routesOfPages()) {
      if (method !== "GET" || who.includes("anyone") || path === "/events/export") continue;
      const { status, headers } = await edge.ask("GET", path.replace(/\{[a-z]+\}/g, "x"));
      const isFragment = headers.get("location") === null;
      if (isFragment) expect([path, status]).toEqual([path, 401]);
      else expect([path, status, headers.get("location")?.startsWith("/sign-in")]).toEqual([path, 303, true]);
    }
  });

  test("a member sees what members may, and no button for what they may not", async () => {
    const agents = await member.ask("GET", "/agents");
    expect(agents.status).toBe(200);
    expect(agents.text).not.toContain("Add an agent</h2>");
    expect(agents.text).not.toContain('href="/policies"');
    for (const path of ["/policies", "/people", "/events", "/settings", "/connections/new"]) {
      expect([path, (await member.ask("GET", path)).status]).toEqual([path, 403]);
    }
  });

  test("a member's forms are refused whatever page they come from", async () => {
    const refused = await post(member, "/agents", { name: "sneaky" });
    expect([refused.status, refused.headers.get("writ-error")]).toEqual([403, "forbidden"]);
    expect((await owner.ask("GET", "/agents")).text).not.toContain("sneaky");
  });
});

describe("what a page does", () => {
  test("needs the session's token and a page of this origin, on every route", async () => {
    for (const { method, path, who } of routesOfPages()) {
      if (method !== "POST") continue;
      expect(who).toEqual(["person"]);
      const target = path.replace(/\{[a-z]+\}/g, "x");
      const forged: readonly Readonly<Record<string, string>>[] = [
        { "writ-csrf": "" },
        { "writ-csrf": "0".repeat(43) },
        { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
        { origin: "null" },
      ];
      for (const headers of forged) {
        const { status, headers: answered } = await post(owner, target, {}, headers);
        expect([path, status, answered.get("writ-error")]).toEqual([path, 403, "csrf_refused"]);
      }
    }
  });

  test("asks the passkey again where the interface does", async () => {
    const { status, headers } = await post(owner, "/agents/helper/keys", {}, { "writ-reauthentication": "" });
    expect([status, headers.get("writ-error")]).toEqual([403, "reauthentication_required"]);
  });

  test("draws its form again with what is wrong and what was given, and never a secret", async () => {
    const refused = await post(owner, "/connections", {
      name: HOSTILE,
      connector: "http",
      url: "http://127.0.0.1:9",
      kind: "bearer",
      secret: "hunter2-hunter2",
    });
    expect(refused.status).toBe(400);
    expect(refused.headers.get("writ-fragment")).toBe("form");
    expect(refused.text).toContain('id="new-connection"');
    expect(refused.text).toContain("&lt;script&gt;");
    expect(refused.text).not.toContain("<script>");
    expect(refused.text).not.toContain("hunter2");
    const made = await post(owner, "/connections", {
      name: "files",
      connector: "http",
      url: "http://127.0.0.1:9",
      kind: "bearer",
      secret: "hunter2-hunter2",
    });
    expect(made.status).toBe(200);
    expect((await owner.ask("GET", "/connections/files")).text).not.toContain("hunter2");
  });

  test("shows a key this once, rotates it and revokes it", async () => {
    await post(owner, "/agents", { name: "rotor" });
    const issued = await post(owner, "/agents/rotor/keys", { name: "first", days: "7" });
    const [key = ""] = /writ_agent_[A-Za-z0-9_-]+/.exec(issued.text) ?? [];
    expect(key).not.toBe("");
    expect((await owner.ask("GET", "/agents/rotor")).text).not.toContain(key);
    const [, id = ""] = /keys\/(tok_[a-z0-9]+)\/rotation/.exec(issued.text) ?? [];
    const rotated = await post(owner, `/agents/rotor/keys/${id}/rotation`);
    const [newKey = ""] = /writ_agent_[A-Za-z0-9_-]+/.exec(rotated.text) ?? [];
    expect(newKey).not.toBe(key);
    expect((await edge.ask("GET", "/v1/approvals/apr_00000000000000000000000000", { token: key })).status).toBe(401);
    expect((await edge.ask("GET", "/v1/approvals/apr_00000000000000000000000000", { token: newKey })).status).toBe(404);
  });

  test("takes a form that is one, within bounds", async () => {
    const json = await owner.ask("POST", "/agents", { body: { name: "x" } });
    expect(json.headers.get("writ-error")).toBe("unsupported_media_type");
    expect((await post(owner, "/agents", { name: "a".repeat(300 * 1024) })).status).toBe(413);
    expect(
      (
        await owner.ask("POST", "/agents", {
          body: new Uint8Array([0x6e, 0xff, 0x3d]),
          headers: { "content-type": FORM },
        })
      ).headers.get("writ-error"),
    ).toBe("invalid_argument");
  });

  test("saves policies only where nobody was faster", async () => {
    const source = '@id("one") permit (principal, action in Action::"tier:read", resource);';
    const [, expected = ""] =
      /name="expected" value="(\d+)"/.exec((await owner.ask("GET", "/policies/edit")).text) ?? [];
    expect((await post(owner, "/policies", { source, expected, message: HOSTILE })).status).toBe(200);
    const late = await post(owner, "/policies", { source: `${source}\n`, expected });
    expect([late.status, late.headers.get("writ-error")]).toEqual([409, "conflict"]);
    expect(late.text).toContain("Cedar policies");
    const { text } = await owner.ask("GET", "/policies");
    expect(text).toContain("&lt;script&gt;");
    expect(text).not.toContain("<script>alert");
  });

  test("builds a policy from words, and refuses what would be none", async () => {
    const fields = {
      id: "quote",
      effect: "permit",
      agent: 'x" || true || "',
      tier: "command",
      command: "/github/issues",
      connection: "files",
    };
    const built = await post(owner, "/policies/builder", fields);
    expect([200, 422]).toContain(built.status);
    expect(built.text).not.toContain('x" || true');
    const plain = await post(owner, "/policies/builder", { ...fields, agent: "helper", tier: "read" });
    expect(plain.status).toBe(200);
    expect(plain.text).toContain("Agent::&quot;helper&quot;");
  });
});

describe("notifications", () => {
  test("take a channel of each kind, show a webhook's secret once and a token never", async () => {
    const hook = await post(owner, "/notifications", {
      name: "hook",
      kind: "webhook",
      url: "https://hooks.example/writ",
    });
    expect(hook.status).toBe(200);
    expect(hook.text).toContain("Copy the webhook&#39;s secret now");
    const ntfy = await post(owner, "/notifications", {
      name: "ntfy",
      kind: "ntfy",
      url: "https://ntfy.example/writ",
      secret: "tk_hunter2",
    });
    expect([ntfy.status, ntfy.text.includes("hunter2")]).toEqual([200, false]);
    const mail = {
      name: "mail",
      kind: "email",
      from: "writ@example.org",
      to: "a@example.org, b@example.org",
      secret: "hunter2",
    };
    const refused = await post(owner, "/notifications", { ...mail, url: "https://mail.example" });
    expect([refused.status, refused.text.includes("hunter2")]).toEqual([400, false]);
    expect((await post(owner, "/notifications", { ...mail, url: "smtps://writ@mail.example" })).status).toBe(200);
    const { text } = await owner.ask("GET", "/notifications");
    expect(text).not.toContain("Copy the webhook");
    expect((await post(owner, "/notifications/hook/removal")).text).not.toContain("hooks.example");
    expect((await member.ask("GET", "/notifications")).status).toBe(403);
  });
});

describe("events", () => {
  const found = (answer: Answered): readonly string[] =>
    [...answer.text.matchAll(/<a href="\/events\/\d+">([^<]+)<\/a>/g)].map(([, type]) => type as string);

  test("are found by type, agent and time, and paged", async () => {
    const keys = found(await owner.ask("GET", "/events/list?type=key"));
    expect(keys.length).toBeGreaterThan(1);
    expect(new Set(keys.map((type) => type.split(".")[0]))).toEqual(new Set(["key"]));
    const byAgent = found(await owner.ask("GET", "/events/list?agent=rotor&type=agent.created"));
    expect(byAgent).toEqual(["agent.created"]);
    expect(found(await owner.ask("GET", "/events/list?since=2040-01-01T00:00"))).toEqual([]);
    expect((await owner.ask("GET", "/events?agent=nobody")).text).toContain("there is no agent");
    expect((await owner.ask("GET", "/events?since=yesterday")).text).toContain("must be a time");
    expect((await owner.ask("GET", "/events?before=0")).text).toContain("must be a place");
  });

  test("are exported as the interface exports them", async () => {
    const { status, text } = await owner.ask("GET", "/events/export");
    expect(status).toBe(200);
    expect(JSON.parse(text.slice(0, text.indexOf("\n")))).toMatchObject({ kind: "header" });
    expect((await member.ask("GET", "/events/export")).status).toBe(403);
  });
});
