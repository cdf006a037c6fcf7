import type { RefusedPath, RouteTable } from "../table.ts";
import { COLLABORATION_LINES } from "./github-collaboration.ts";
import { REPOSITORY_LINES } from "./github-repository.ts";
import { githubRoute } from "./github-route.ts";

const NUMERIC = "this path names a thing by its number, which no rule about its name would see; use its name";
const CREDENTIAL = "this path hands out a credential or tries one, and an agent never holds one";

/** Numeric and legacy names: GitHub puts the first of them into `Link` headers, but takes `page` on the named path too. */
const ALIASES: readonly RefusedPath[] = [
  "/repositories/{repository_id}",
  "/repositories/{repository_id}/{+rest}",
  "/organizations/{organization_id}",
  "/organizations/{organization_id}/{+rest}",
  "/teams/{team_id}",
  "/teams/{team_id}/{+rest}",
].map((path) => ({ path, reason: NUMERIC }));

const REFUSED: readonly RefusedPath[] = [
  "/app/installations/{installation_id}/access_tokens",
  "/app-manifests/{code}/conversions",
  "/applications/{client_id}/{+rest}",
  "/authorizations",
  "/authorizations/{+rest}",
  "/repos/{owner}/{repo}/actions/runners/registration-token",
  "/repos/{owner}/{repo}/actions/runners/remove-token",
  "/repos/{owner}/{repo}/actions/runners/generate-jitconfig",
  "/orgs/{org}/actions/runners/registration-token",
  "/orgs/{org}/actions/runners/remove-token",
  "/orgs/{org}/actions/runners/generate-jitconfig",
  "/enterprises/{enterprise}/actions/runners/registration-token",
  "/enterprises/{enterprise}/actions/runners/remove-token",
  "/enterprises/{enterprise}/actions/runners/generate-jitconfig",
].map((path) => ({ path, reason: CREDENTIAL }));

/**
 * GitHub's REST API, by its public reference. Names are compared without case, so `ACME/App` is `acme/app`.
 *
 * A repository's or organization's paths that have no route of their own still act on that repository or organization,
 * and every change through them needs a person. GraphQL says in its body what it does, so it needs one too.
 */
export const GITHUB_TABLE: RouteTable = {
  id: "github",
  version: "1",
  caseFold: [
    "owner",
    "repo",
    "org",
    "enterprise",
    "username",
    "team_slug",
    "environment_name",
    "secret_name",
    "variable_name",
    "label",
  ],
  encodedSlash: ["path", "ref", "branch", "tag", "basehead", "label", "environment_name", "package_name", "rest"],
  forms: {
    owner: "name",
    repo: "name",
    org: "name",
    enterprise: "name",
    issue_number: "number",
    pull_number: "number",
    milestone_number: "number",
    comment_id: "number",
    review_id: "number",
    release_id: "number",
    asset_id: "number",
    artifact_id: "number",
    run_id: "number",
    job_id: "number",
    hook_id: "number",
    key_id: "number",
    ruleset_id: "number",
  },
  aliases: ALIASES,
  refused: REFUSED,
  bodyRouted: [{ path: "/graphql", tier: "danger" }],
  personal: ["username", "q", "query"],
  routes: [...REPOSITORY_LINES, ...COLLABORATION_LINES].map(githubRoute),
};
