import { describe, expect, test } from "bun:test";
import { commandsOf, SHIPPED_TABLES } from "#src/connector/registry.ts";
import { isCommand, type Tier } from "#src/connector/table.ts";
import { derive, derived, shipped } from "./support.ts";

type Expectation = readonly [line: string, command: string, tier: Tier, type: string, id: string];

function expectations(id: string, lines: readonly Expectation[]): void {
  test.each(lines)("%s is %s", (line, command, tier, type, resourceId) => {
    const call = derived(shipped(id), line);
    expect([call.command, call.tier, call.resource.type, call.resource.id]).toEqual([command, tier, type, resourceId]);
    expect(call.target).toBe(line.slice(line.indexOf(" ") + 1));
  });
}

const P = "Npm::Package";
describe("npm-registry", () => {
  expectations("npm-registry", [
    ["GET /lodash", "/npm-registry/package/view", "read", P, "lodash"],
    ["HEAD /lodash", "/npm-registry/package/view", "read", P, "lodash"],
    ["GET /JSONStream", "/npm-registry/package/view", "read", P, "JSONStream"],
    ["GET /@scope%2fname", "/npm-registry/package/view", "read", P, "@scope/name"],
    ["GET /@scope%2Fname", "/npm-registry/package/view", "read", P, "@scope/name"],
    ["GET /%40scope%2fname", "/npm-registry/package/view", "read", P, "@scope/name"],
    ["GET /@scope/name", "/npm-registry/package/view", "read", P, "@scope/name"],
    ["GET /lodash?write=true", "/npm-registry/package/view", "read", P, "lodash"],
    ["GET /lodash/4.17.21", "/npm-registry/package/version", "read", P, "lodash"],
    ["GET /@scope/name/1.0.0", "/npm-registry/package/version", "read", P, "@scope/name"],
    ["GET /lodash/-/lodash-4.17.21.tgz", "/npm-registry/package/download", "read", P, "lodash"],
    ["GET /@scope/name/-/name-1.0.0.tgz", "/npm-registry/package/download", "read", P, "@scope/name"],
    ["GET /@scope%2fname/-/name-1.0.0.tgz", "/npm-registry/package/download", "read", P, "@scope/name"],
    ["GET /@scope/name/-/@scope/name-1.0.0.tgz", "/npm-registry/package/download", "read", P, "@scope/name"],
    ["PUT /lodash", "/npm-registry/package/publish", "danger", P, "lodash"],
    ["PUT /@scope%2fname", "/npm-registry/package/publish", "danger", P, "@scope/name"],
    ["PUT /lodash/latest", "/npm-registry/package/tag", "danger", P, "lodash"],
    ["PUT /lodash/-rev/12-abc", "/npm-registry/package/unpublish", "danger", P, "lodash"],
    ["PUT /@scope%2fname/-rev/12-abc", "/npm-registry/package/unpublish", "danger", P, "@scope/name"],
    ["DELETE /@scope/name/-rev/12-abc", "/npm-registry/package/unpublish", "danger", P, "@scope/name"],
    ["DELETE /lodash/-/lodash-1.0.0.tgz/-rev/12-abc", "/npm-registry/package/unpublish", "danger", P, "lodash"],
    ["DELETE /@scope/name/-/name-1.0.0.tgz/-rev/12-abc", "/npm-registry/package/unpublish", "danger", P, "@scope/name"],
    ["GET /-/package/@scope%2fname/dist-tags", "/npm-registry/dist-tag/list", "read", P, "@scope/name"],
    ["PUT /-/package/lodash/dist-tags/latest", "/npm-registry/dist-tag/set", "danger", P, "lodash"],
    ["DELETE /-/package/lodash/dist-tags/beta", "/npm-registry/dist-tag/remove", "danger", P, "lodash"],
    ["POST /-/package/@scope/name/access", "/npm-registry/access/set", "danger", P, "@scope/name"],
    ["GET /-/v1/search?text=left-pad", "/npm-registry/registry/search", "read", "Npm::Registry", "registry"],
    ["GET /-/whoami", "/npm-registry/registry/whoami", "read", "Npm::Registry", "registry"],
    ["GET /-/ping?write=true", "/npm-registry/registry/ping", "read", "Npm::Registry", "registry"],
    ["POST /-/npm/v1/security/advisories/bulk", "/npm-registry/registry/audit", "read", "Npm::Registry", "registry"],
    ["POST /-/npm/v1/security/audits/quick", "/npm-registry/registry/audit", "read", "Npm::Registry", "registry"],
    ["POST /-/npm/v1/tokens", "/npm-registry/token/create", "danger", "Npm::Registry", "registry"],
    ["GET /-/npm/v1/tokens", "/npm-registry/token/list", "danger", "Npm::Registry", "registry"],
    ["DELETE /-/npm/v1/tokens/token/abc", "/npm-registry/token/revoke", "danger", "Npm::Token", "abc"],
    ["POST /-/unheard/of", "/npm-registry/other-registry-api/post", "danger", "Npm::Path", "unheard/of"],
    ["PUT /lodash/-/lodash-1.0.0.tgz/x", "/npm-registry/package/other/put", "danger", P, "lodash"],
    ["PUT /-/team/acme/devs/user", "/npm-registry/team/grant", "danger", "Npm::Organization", "acme"],
  ]);

  test.each([
    "PUT /-/user/org.couchdb.user:me",
    "DELETE /-/user/token/abc",
    "POST /-/v1/login",
    "GET /-/v1/done",
    "POST /-/verdaccio/sec/login",
  ])("%s is refused: it is about credentials", (line) => {
    expect(derive(shipped("npm-registry"), line)).toMatchObject({ kind: "refused", code: "route_refused" });
  });

  test.each([
    ["GET /lodash%2f-%2flodash-1.tgz", "parameter_form"],
    ["GET /@scope", "parameter_form"],
    ["GET /@scope%2f-", "parameter_form"],
    ["GET /@a%2fb%2fc", "parameter_form"],
    ["GET /-", "parameter_form"],
    ["GET /_users", "parameter_form"],
    ["GET /.hidden", "parameter_form"],
    ["PUT /lodash/x%2fy", "encoded_slash"],
    ["GET /-/v1%2fsearch", "encoded_slash"],
    ["GET /-/V1/search", "case_variant"],
    ["GET /lodash/", "trailing_slash"],
    ["GET /-/v1/search?text=a&text=b", "ambiguous_query"],
  ])("%s is refused as %s", (line, form) => {
    expect(derive(shipped("npm-registry"), line)).toMatchObject({ kind: "refused", code: "invalid_path", form });
  });
});

const G = "GitHub::Repository";
describe("github", () => {
  const table = shipped("github");

  expectations("github", [
    ["GET /repos/acme/app", "/github/repositories/get", "read", G, "acme/app"],
    ["GET /repos/ACME/App", "/github/repositories/get", "read", G, "acme/app"],
    ["DELETE /repos/Acme/APP", "/github/repositories/delete", "danger", G, "acme/app"],
    ["PATCH /repos/acme/app", "/github/repositories/update", "danger", G, "acme/app"],
    ["POST /repos/acme/app/issues", "/github/issues/create", "write", G, "acme/app"],
    ["POST /repos/acme/app/issues/7/comments", "/github/issues/comment", "write", G, "acme/app"],
    ["DELETE /repos/acme/app/issues/comments/7", "/github/issues/delete-comment", "danger", G, "acme/app"],
    ["PUT /repos/acme/app/pulls/7/merge", "/github/pulls/merge", "danger", G, "acme/app"],
    ["PUT /repos/acme/app/pulls/7%2Fmerge", "/github/pulls/merge", "danger", G, "acme/app"],
    ["POST /repos/acme/app/pulls/7/reviews", "/github/reviews/create", "danger", G, "acme/app"],
    ["PUT /repos/acme/app/contents/src/a.ts", "/github/contents/write", "write", G, "acme/app"],
    ["PUT /repos/acme/app/contents/src%2Fa.ts", "/github/contents/write", "write", G, "acme/app"],
    [
      "PUT /repos/acme/app/contents/.github/workflows/x.yml",
      "/github/contents/write-automation",
      "danger",
      G,
      "acme/app",
    ],
    [
      "PUT /repos/acme/app/contents/.github%2Fworkflows%2Fx.yml",
      "/github/contents/write-automation",
      "danger",
      G,
      "acme/app",
    ],
    [
      "PUT /repos/acme/app/contents/.github%2fworkflows/x.yml",
      "/github/contents/write-automation",
      "danger",
      G,
      "acme/app",
    ],
    ["PUT /repos/acme/app/contents/CODEOWNERS", "/github/contents/write-automation", "danger", G, "acme/app"],
    ["POST /repos/acme/app/git/refs", "/github/git/create-ref", "danger", G, "acme/app"],
    ["PATCH /repos/acme/app/git/refs/heads/main", "/github/git/update-ref", "danger", G, "acme/app"],
    ["PUT /repos/acme/app/branches/main/protection", "/github/branch-protection/update", "danger", G, "acme/app"],
    [
      "PUT /repos/acme/app/branches/feature%2Fx/protection",
      "/github/branch-protection/update",
      "danger",
      G,
      "acme/app",
    ],
    ["PUT /repos/acme/app/branches/feature/x/protection", "/github/repositories/other/put", "danger", G, "acme/app"],
    [
      "POST /repos/acme/app/actions/workflows/ci.yml/dispatches",
      "/github/actions/dispatch-workflow",
      "danger",
      G,
      "acme/app",
    ],
    ["PUT /repos/acme/app/actions/secrets/DEPLOY_KEY", "/github/secrets/set", "danger", G, "acme/app"],
    ["GET /repos/acme/app/actions/secrets/public-key", "/github/secrets/get-public-key", "read", G, "acme/app"],
    ["PUT /repos/acme/app/collaborators/eve", "/github/collaborators/add", "danger", G, "acme/app"],
    ["POST /repos/acme/app/transfer", "/github/repositories/transfer", "danger", G, "acme/app"],
    ["POST /repos/acme/app/hooks", "/github/hooks/create", "danger", G, "acme/app"],
    ["POST /repos/acme/app/keys", "/github/deploy-keys/create", "danger", G, "acme/app"],
    ["POST /repos/acme/app/releases", "/github/releases/create", "danger", G, "acme/app"],
    ["GET /repos/acme/app/releases/latest", "/github/releases/get-latest", "read", G, "acme/app"],
    ["GET /repos/acme/app/releases/7", "/github/releases/get", "read", G, "acme/app"],
    ["GET /repos/acme/app/traffic/views", "/github/repositories/other/get", "read", G, "acme/app"],
    ["POST /repos/acme/app/unheard-of", "/github/repositories/other/post", "danger", G, "acme/app"],
    ["GET /networks/ACME/App/events", "/github/repositories/list-network-events", "read", G, "acme/app"],
    ["PUT /orgs/ACME/memberships/eve", "/github/orgs/set-membership", "danger", "GitHub::Organization", "acme"],
    ["PUT /orgs/acme/actions/secrets/TOKEN", "/github/org-secrets/set", "danger", "GitHub::Organization", "acme"],
    ["POST /orgs/acme/unheard/of", "/github/orgs/other/post", "danger", "GitHub::Organization", "acme"],
    ["GET /users/Octocat", "/github/users/get", "read", "GitHub::User", "octocat"],
    ["GET /user", "/github/account/get", "read", "GitHub::Account", "self"],
    ["POST /user/emails", "/github/account/other/post", "danger", "GitHub::Account", "self/emails"],
    ["POST /markdown", "/github/api/render-markdown", "read", "GitHub::Api", "api"],
    ["GET /emojis", "/github/other/get", "read", "Http::Endpoint", "/emojis"],
    ["POST /graphql", "/github/other/body-routed/post", "danger", "Http::Endpoint", "/graphql"],
    ["GET /graphql?query=%7Bx%7D", "/github/other/body-routed/get", "danger", "Http::Endpoint", "/graphql"],
  ]);

  test("attributes come from the path and the listed query parameters, folded where the table folds", () => {
    const call = derived(table, "GET /repos/ACME/App/contents/Src%2FA.ts?ref=Feature%2FX&other=1");
    expect({ ...call.resource.attributes }).toEqual({ owner: "acme", repo: "app", path: "Src/A.ts", ref: "Feature/X" });
    expect(derived(table, "PUT /repos/a/b/contents/.github/x").resource.attributes["path"]).toBe(".github/x");
    expect(derived(table, "GET /repos/a/b/contents/x").resource.attributes).not.toHaveProperty("ref");
  });

  test("personal data is named", () => {
    const call = derived(table, "GET /users/Jane?tab=x");
    expect(call.personal).toMatchObject({
      parameters: { username: "jane" },
      attributes: ["username"],
      resourceId: true,
      query: true,
    });
    expect(derived(table, "GET /repos/a/b").personal).toMatchObject({
      attributes: [],
      resourceId: false,
      query: false,
    });
  });

  test.each([
    "GET /repositories/1300192",
    "GET /repositories/1300192/issues?page=2",
    "DELETE /repositories/1300192",
    "GET /organizations/1/repos",
    "PUT /teams/1/members/eve",
    "POST /app/installations/1/access_tokens",
    "POST /applications/x/token",
    "POST /repos/acme/app/actions/runners/registration-token",
    "POST /repos/acme/app/actions%2Frunners%2Fregistration-token",
  ])("%s is refused: a second name, or a credential", (line) => {
    expect(derive(table, line)).toMatchObject({ kind: "refused", code: "route_refused" });
  });

  test.each([
    ["PUT /repos/acme/app/pulls/007/merge", "parameter_form"],
    ["PUT /repos/acme/app/pulls/7x/merge", "parameter_form"],
    ["PUT /repos/acme/app/pulls/+7/merge", "parameter_form"],
    ["DELETE /repos/acme/app.git", "parameter_form"],
    ["GET /repos/acme/app.GIT/issues", "parameter_form"],
    ["GET /repos/acme/%C3%A9", "parameter_form"],
    ["GET /repos/acme%2Fapp", "encoded_slash"],
    ["GET /repos/acme/app%2Fissues", "encoded_slash"],
    ["GET /Repos/acme/app", "case_variant"],
    ["POST /repos/acme/app/Transfer", "case_variant"],
    ["PUT /repos/acme/app/contents/.GitHub/workflows/x.yml", "case_variant"],
    ["PUT /repos/acme/app/contents/.GitHub%2Fworkflows/x.yml", "case_variant"],
    ["POST /GraphQL", "case_variant"],
    ["GET /repos/acme/app/", "trailing_slash"],
    ["GET /repos/acme/app/contents/a%2F..%2F..%2Fx", "dot_segment"],
    ["GET /repos/acme/app/contents/a?ref=x&ref=y", "ambiguous_query"],
    ["POST /repos/acme/app/issues?_method=DELETE", "method_override"],
  ])("%s is refused as %s", (line, form) => {
    expect(derive(table, line)).toMatchObject({ kind: "refused", code: "invalid_path", form });
  });

  test("a name outside ASCII is not folded onto one inside it", () => {
    expect(derive(table, "PATCH /repos/a/b/labels/%E2%84%AA")).toMatchObject({ kind: "refused" });
  });

  test("it lists at least 60 routes over what it is for", () => {
    expect(table.routes.length).toBeGreaterThanOrEqual(60);
    const areas = new Set(table.routes.map(({ command }) => command.split("/")[2]));
    for (const area of ["repositories", "issues", "pulls", "contents", "actions", "releases", "secrets", "orgs"])
      expect(areas).toContain(area);
  });

  test("only labels, assignees, locks, stars and subscriptions are deleted without a person", () => {
    const lax = table.routes
      .filter(({ method, tier }) => method === "DELETE" && tier !== "danger")
      .map(({ command }) => command);
    expect(lax.sort()).toEqual(
      ["issues/remove-label", "issues/unassign", "issues/unlock", "stars/remove", "subscriptions/delete"].map(
        (name) => `/github/${name}`,
      ),
    );
  });
});

describe("http", () => {
  const E = "Http::Endpoint";
  expectations("http", [
    ["GET /", "/http/main/get", "read", E, "/"],
    ["HEAD /a", "/http/main/head", "read", E, "/a"],
    ["POST /a/b", "/http/main/post", "write", E, "/a/b"],
    ["PUT /a", "/http/main/put", "write", E, "/a"],
    ["PATCH /a", "/http/main/patch", "write", E, "/a"],
    ["OPTIONS /a", "/http/main/options", "write", E, "/a"],
    ["DELETE /a", "/http/main/delete", "danger", E, "/a"],
    ["GET /a%20b/%C3%A9", "/http/main/get", "read", E, "/a b/é"],
    ["GET /a/", "/http/main/get", "read", E, "/a/"],
    ["POST /api/graphql", "/http/main/body-routed/post", "danger", E, "/api/graphql"],
    ["POST /v1/GraphQL/", "/http/main/body-routed/post", "danger", E, "/v1/GraphQL/"],
    ["POST /jsonrpc", "/http/main/body-routed/post", "danger", E, "/jsonrpc"],
  ]);

  test("the raw query is an attribute, and the path without its last slash", () => {
    const call = derived(shipped("http"), "GET /a/b/?x=%41&x=2");
    expect({ ...call.resource.attributes }).toEqual({ path: "/a/b", query: "x=%41&x=2" });
    expect(call.personal).toMatchObject({ attributes: ["query"], query: true });
    expect(call.groups).toEqual(["/http/main", "/http", "tier:read"]);
  });

  test("an encoded slash is refused", () => {
    expect(derive(shipped("http"), "GET /a%2fb")).toMatchObject({ form: "encoded_slash" });
    expect(derive(shipped("http"), "POST /graphql%2fx")).toMatchObject({ form: "encoded_slash" });
  });
});

test.each([...SHIPPED_TABLES.values()].map((table) => [table.id, table] as const))(
  "%s has well-formed commands",
  (id, table) => {
    for (const [command] of commandsOf(table)) {
      expect(isCommand(command)).toBe(true);
      expect(command.startsWith(`/${id}/`)).toBe(true);
    }
  },
);
