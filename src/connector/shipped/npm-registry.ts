import type { Route, RouteMethod, RouteTable, Tier } from "../table.ts";

const TEAM = {
  GET: ["team/list", "read"],
  PUT: ["team/grant", "danger"],
  DELETE: ["team/revoke", "danger"],
} as const;

/**
 * The npm registry protocol, as npm, yarn and pnpm speak it and as registries serve it.
 *
 * A scoped package has two spellings, `/@scope%2fname` (npm) and `/@scope/name`, and both derive the one id `@scope/name`.
 *
 * Publishing is `danger`, as unpublishing is: a version once published cannot be replaced, installs run its scripts on
 * other people's machines, and `npm deprecate`, `npm owner` and `npm star` are the same PUT with another body, which a path
 * cannot tell apart. Moving a dist-tag is, too: it decides what everyone who names no version installs.
 *
 * The advisory POSTs are `read`: they ask which of the named versions have known faults, and change nothing.
 *
 * Log-in paths are refused: their answers are credentials, and an agent never holds one. Every other change on a path that
 * is not listed needs a person.
 */
export const NPM_REGISTRY_TABLE: RouteTable = {
  id: "npm-registry",
  version: "1",
  encodedSlash: ["package"],
  forms: {
    package: "package",
    package_scope: "package_part",
    package_name: "package_part",
    file_scope: "package_part",
  },
  refused: [
    {
      path: "/-/user/{+rest}",
      reason: "logging in to the registry would hand its token to the agent; Writ has the credential",
    },
    {
      path: "/-/v1/login",
      reason: "logging in to the registry would hand its token to the agent; Writ has the credential",
    },
    {
      path: "/-/v1/done",
      reason: "logging in to the registry would hand its token to the agent; Writ has the credential",
    },
    {
      path: "/-/verdaccio/sec/{+rest}",
      reason: "logging in to the registry would hand its token to the agent; Writ has the credential",
    },
  ],
  personal: ["text"],
  routes: [
    ...packageRoutes("GET", "", "package/view", "read"),
    ...packageRoutes("PUT", "", "package/publish", "danger"),
    ...packageRoutes("DELETE", "", "package/unpublish", "danger"),
    ...packageRoutes("GET", "/{version}", "package/version", "read"),
    ...packageRoutes("PUT", "/{version}", "package/tag", "danger"),
    ...packageRoutes("GET", "/-/{file}", "package/download", "read"),
    ...packageRoutes("PUT", "/-rev/{revision}", "package/unpublish", "danger"),
    ...packageRoutes("DELETE", "/-rev/{revision}", "package/unpublish", "danger"),
    ...packageRoutes("DELETE", "/-/{file}/-rev/{revision}", "package/unpublish", "danger"),
    {
      method: "GET",
      path: "/@{package_scope}/{package_name}/-/@{file_scope}/{file}",
      command: "/npm-registry/package/download",
      resource: { type: "Npm::Package", id: "@{package_scope}/{package_name}" },
      tier: "read",
      attributes: { file: "@{file_scope}/{file}" },
    },
    ...packageRoutes("GET", "/dist-tags", "dist-tag/list", "read", "/-/package"),
    ...packageRoutes("PUT", "/dist-tags", "dist-tag/set", "danger", "/-/package"),
    ...packageRoutes("POST", "/dist-tags", "dist-tag/set", "danger", "/-/package"),
    ...packageRoutes("PUT", "/dist-tags/{tag}", "dist-tag/set", "danger", "/-/package"),
    ...packageRoutes("POST", "/dist-tags/{tag}", "dist-tag/set", "danger", "/-/package"),
    ...packageRoutes("DELETE", "/dist-tags/{tag}", "dist-tag/remove", "danger", "/-/package"),
    ...packageRoutes("GET", "/access", "access/show", "read", "/-/package"),
    ...packageRoutes("POST", "/access", "access/set", "danger", "/-/package"),
    ...packageRoutes("GET", "/visibility", "access/show", "read", "/-/package"),
    ...packageRoutes("GET", "/collaborators", "access/list-collaborators", "read", "/-/package"),
    registryRoute("GET", "/-/v1/search", "registry/search", "read", { text: "{text}" }, ["text"]),
    registryRoute("GET", "/-/all", "registry/list", "read"),
    registryRoute("GET", "/-/whoami", "registry/whoami", "read"),
    registryRoute("GET", "/-/ping", "registry/ping", "read"),
    registryRoute("POST", "/-/npm/v1/security/advisories/bulk", "registry/audit", "read"),
    registryRoute("POST", "/-/npm/v1/security/audits", "registry/audit", "read"),
    registryRoute("POST", "/-/npm/v1/security/audits/quick", "registry/audit", "read"),
    registryRoute("GET", "/-/npm/v1/keys", "registry/signing-keys", "read"),
    {
      method: "GET",
      path: "/-/npm/v1/attestations/{+specifier}",
      command: "/npm-registry/registry/attestations",
      resource: { type: "Npm::Attestation", id: "{specifier}" },
      tier: "read",
    },
    registryRoute("GET", "/-/npm/v1/user", "profile/show", "read"),
    registryRoute("POST", "/-/npm/v1/user", "profile/update", "danger"),
    registryRoute("GET", "/-/npm/v1/tokens", "token/list", "danger"),
    registryRoute("POST", "/-/npm/v1/tokens", "token/create", "danger"),
    {
      method: "DELETE",
      path: "/-/npm/v1/tokens/token/{token_key}",
      command: "/npm-registry/token/revoke",
      resource: { type: "Npm::Token", id: "{token_key}" },
      tier: "danger",
    },
    registryRoute("POST", "/-/npm/v1/hooks/hook", "hook/create", "danger"),
    organizationRoute("GET", "/-/org/{organization}/user", "organization/list-members", "read"),
    organizationRoute("PUT", "/-/org/{organization}/user", "organization/set-member", "danger"),
    organizationRoute("DELETE", "/-/org/{organization}/user", "organization/remove-member", "danger"),
    organizationRoute("GET", "/-/org/{organization}/package", "organization/list-packages", "read"),
    organizationRoute("GET", "/-/org/{organization}/team", "organization/list-teams", "read"),
    organizationRoute("PUT", "/-/org/{organization}/team", "team/create", "danger"),
    ...(["GET", "PUT", "DELETE"] as const).map((method) =>
      organizationRoute(method, "/-/team/{organization}/{team}/{+subject}", TEAM[method][0], TEAM[method][1]),
    ),
    ...(["GET", "PUT", "POST", "PATCH", "DELETE"] as const).flatMap((method) =>
      packageRoutes(method, "/{+rest}", `package/other/${method.toLowerCase()}`, method === "GET" ? "read" : "danger"),
    ),
    ...netRoutes("/-/{+path}", "registry-api"),
    ...netRoutes("/{+path}", "path"),
  ],
};

/** One route for both spellings of a package, below `base`. */
function packageRoutes(method: RouteMethod, suffix: string, command: string, tier: Tier, base = ""): Route[] {
  const own = [...suffix.matchAll(/\{\+?([a-z_]+)\}/g)].map((match) => match[1] ?? "");
  const shared = { method, tier, command: `/npm-registry/${command}` };
  const attributes = Object.fromEntries(own.map((name) => [name, `{${name}}`]));
  return [
    {
      ...shared,
      path: `${base}/{package}${suffix}`,
      resource: { type: "Npm::Package", id: "{package}" },
      attributes,
    },
    {
      ...shared,
      path: `${base}/@{package_scope}/{package_name}${suffix}`,
      resource: { type: "Npm::Package", id: "@{package_scope}/{package_name}" },
      attributes: { ...attributes },
    },
  ];
}

/** What acts on the registry as a whole. */
function registryRoute(
  method: RouteMethod,
  path: string,
  command: string,
  tier: Tier,
  attributes: Readonly<Record<string, string>> = {},
  query: readonly string[] = [],
): Route {
  const resource = { type: "Npm::Registry", id: "registry" };
  return { method, path, command: `/npm-registry/${command}`, resource, tier, attributes, query };
}

function organizationRoute(method: RouteMethod, path: string, command: string, tier: Tier): Route {
  const names = [...path.matchAll(/\{\+?([a-z_]+)\}/g)].map((match) => match[1] ?? "");
  return {
    method,
    path,
    command: `/npm-registry/${command}`,
    resource: { type: "Npm::Organization", id: "{organization}" },
    tier,
    attributes: Object.fromEntries(names.map((name) => [name, `{${name}}`])),
  };
}

/** What the routes above do not list: reading is `read`, every change needs a person. */
function netRoutes(path: string, name: string): Route[] {
  const resource = { type: "Npm::Path", id: "{path}" };
  return (["GET", "PUT", "POST", "PATCH", "DELETE"] as const).map((method) => ({
    method,
    path,
    command: `/npm-registry/other-${name}/${method.toLowerCase()}`,
    resource,
    tier: method === "GET" ? "read" : "danger",
    attributes: { path: "{path}" },
  }));
}
