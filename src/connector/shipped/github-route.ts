import type { Route, RouteMethod, Tier } from "../table.ts";

/** One line of the GitHub table: method, path, command below `/github/`, tier, and the query parameters that policies see. */
export type GithubLine = readonly [
  method: RouteMethod,
  path: string,
  command: string,
  tier: Tier,
  query?: readonly string[],
];

const PARAMETER = /\{\+?([a-z_]+)\}/g;
/** What a path addresses, by its first parameter's place. */
const SUBJECTS: readonly { readonly start: string; readonly type: string; readonly id: string }[] = [
  { start: "/repos/{owner}/{repo}", type: "GitHub::Repository", id: "{owner}/{repo}" },
  { start: "/networks/{owner}/{repo}", type: "GitHub::Repository", id: "{owner}/{repo}" },
  { start: "/user/starred/{owner}/{repo}", type: "GitHub::Repository", id: "{owner}/{repo}" },
  { start: "/orgs/{org}", type: "GitHub::Organization", id: "{org}" },
  { start: "/enterprises/{enterprise}", type: "GitHub::Enterprise", id: "{enterprise}" },
  { start: "/users/{username}", type: "GitHub::User", id: "{username}" },
  { start: "/gists/{gist_id}", type: "GitHub::Gist", id: "{gist_id}" },
];

/**
 * The route of a line. Its resource is the repository, organization, enterprise, user or gist that the path begins with,
 * `GitHub::Account` `self` for `/user`, else `GitHub::Api` with the last parameter, or `api`, as its id. Every parameter
 * is an attribute of its own name.
 */
export function githubRoute([method, path, command, tier, query = []]: GithubLine): Route {
  const names = [...path.matchAll(PARAMETER)].map((match) => match[1] ?? "");
  return {
    method,
    path,
    command: `/github/${command}`,
    resource: githubResource(path, names),
    tier,
    attributes: {
      ...Object.fromEntries([...names, ...query].map((name) => [name, `{${name}}`])),
      ...fileAttribute(path),
    },
    query,
  };
}

/** The whole path of the file that a contents route is about, what its pattern fixes included. */
function fileAttribute(path: string): { readonly path?: string } {
  const file = path.split("/contents/")[1];
  return file === undefined ? {} : { path: file.replace("{+path}", "{path}") };
}

function githubResource(path: string, names: readonly string[]): Route["resource"] {
  const subject = SUBJECTS.find(({ start }) => path === start || path.startsWith(`${start}/`));
  if (subject !== undefined) return { type: subject.type, id: subject.id };
  const last = names.at(-1);
  if (path === "/user" || path.startsWith("/user/"))
    return { type: "GitHub::Account", id: last === undefined ? "self" : `self/{${last}}` };
  return { type: "GitHub::Api", id: last === undefined ? "api" : `{${last}}` };
}

/**
 * Routes for whatever below `path` (which ends in `/{+rest}`) has none of its own, on the resource that the path addresses,
 * so that a rule about a repository also sees calls that this table has never heard of. Reading is `read`; a person
 * looks at every change.
 */
export function githubNet(path: string, name: string): GithubLine[] {
  return (["GET", "POST", "PUT", "PATCH", "DELETE"] as const).map((method) => [
    method,
    path,
    `${name}/other/${method.toLowerCase()}`,
    method === "GET" ? "read" : "danger",
  ]);
}
