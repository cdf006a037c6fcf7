import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { ERROR_CODES, type ErrorCode } from "#src/base/error-codes.ts";
import { PRODUCT_VERSION } from "#src/base/version.ts";
import { CALL_METHODS } from "#src/connector/table.ts";
import type { Role } from "./caller.ts";
import { ERROR_STATUS, STATUS_TITLES } from "./error-status.ts";
import { PROBLEM_TYPE } from "./problem.ts";
import type { Route } from "./route.ts";

const JSON_TYPE = "application/json";
/** Codes that any route may answer with; those of bodies where there is one. */
const COMMON: readonly ErrorCode[] = ["invalid_argument", "rate_limited", "store_failed", "not_ready", "internal"];
const OF_BODIES: readonly ErrorCode[] = [
  "body_not_json",
  "body_too_large",
  "unsupported_media_type",
  "integer_out_of_range",
];
const OF_CREDENTIALS: readonly ErrorCode[] = [
  "unauthenticated",
  "forbidden",
  "unauthorized_source",
  "agent_disabled",
  "not_found",
];

/** The security scheme of each role; the operator has a socket instead of a credential. */
const SCHEMES: ReadonlyMap<Role, string> = new Map([
  ["agent", "agentKey"],
  ["device", "deviceToken"],
  ["writ", "writ"],
  ["admin", "adminToken"],
  ["pdp", "pdpToken"],
  ["person", "session"],
]);

/** OpenAPI 3.1 for routes: the very declarations that they are registered from. */
export function describeRoutes(routes: readonly Route[], publicUrl: string): JsonObject {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    if (route.isPage === true) continue;
    const path = openApiPath(route.path);
    const item = paths[path] ?? {};
    paths[path] = item;
    for (const method of methodsOf(route)) item[method.toLowerCase()] = describeOperation(route, method);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Writ", version: PRODUCT_VERSION, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      schemas: { Problem: PROBLEM_SCHEMA },
      securitySchemes: {
        agentKey: bearer("an agent's key: `writ_agent_…`; also as the password of Basic"),
        deviceToken: bearer(
          "a paired device's token: `writ_device_…`; each request is signed by the device too (RFC 9421), and as an agent's with `Writ-Agent`",
        ),
        adminToken: bearer("an administrator's token: `writ_admin_…`"),
        pdpToken: bearer("an enforcement point's token: `writ_pdp_…`"),
        session: {
          type: "apiKey",
          in: "cookie",
          name: publicUrl.startsWith("https:") ? "__Host-writ-session" : "writ-session",
          description:
            "a person's session; what changes anything carries `Writ-CSRF`, what is sensitive `Writ-Reauthentication`",
        },
        writ: bearer("a writ, with delegations below it behind dots; `Writ-Invocation` proves possession"),
      },
    },
  };
}

/** The methods that a route answers, as OpenAPI knows them. */
export function methodsOf(route: Route): readonly string[] {
  return route.method === "ANY" ? CALL_METHODS : [route.method];
}

/** `{path…}` is no parameter of OpenAPI: it says `{path}`. */
export function openApiPath(path: string): string {
  return path.replaceAll("…", "");
}

function describeOperation(route: Route, method: string): JsonObject {
  const hasBody = route.body !== undefined && route.body !== "raw";
  const security = securityOf(route);
  const parameters = [...pathParameters(route.path), ...queryParameters(route)];
  return {
    operationId: operationId(route, method),
    summary: route.summary,
    description: `For ${route.who.join(", ")}.${route.permission === undefined ? "" : ` People need \`${route.permission}\`.`}`,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(hasBody ? { requestBody: { required: true, content: { [JSON_TYPE]: { schema: schemaOf(route.body) } } } } : {}),
    responses: describeAnswers(route, method, hasBody),
    ...(security.length === 0 ? {} : { security }),
  };
}

function securityOf(route: Route): readonly JsonObject[] {
  return route.who.flatMap((role) => {
    const scheme = SCHEMES.get(role);
    return scheme === undefined ? [] : [{ [scheme]: [] }];
  });
}

/** Codes of what people change. */
function ofPeople({ isSensitive }: Route): readonly ErrorCode[] {
  return isSensitive === true ? ["csrf_refused", "reauthentication_required"] : ["csrf_refused"];
}

function describeAnswers(route: Route, method: string, hasBody: boolean): JsonObject {
  const responses: Record<string, Json> = {};
  const produces = route.produces ?? JSON_TYPE;
  for (const [status, description] of Object.entries(route.answers)) {
    responses[status] = { description, content: { [produces]: produces === JSON_TYPE ? OBJECT : {} } };
  }
  const codes = new Set<ErrorCode>([
    ...COMMON,
    ...(hasBody ? OF_BODIES : []),
    ...(route.who.includes("anyone") ? [] : OF_CREDENTIALS),
    ...(route.who.includes("person") && method !== "GET" ? ofPeople(route) : []),
    ...(route.errors ?? []),
  ]);
  const byStatus = Map.groupBy([...codes].sort(), (code) => ERROR_STATUS[code]);
  for (const [status, names] of byStatus) {
    if (status in responses) continue;
    const lines = names.map((code) => `\`${code}\`: ${ERROR_CODES[code]}`);
    responses[status] = {
      description: `${STATUS_TITLES.get(status) ?? "Error"}. ${lines.join("; ")}`,
      content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
    };
  }
  return responses;
}

function pathParameters(path: string): readonly JsonObject[] {
  return [...path.matchAll(/\{([a-z_]+)…?\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(route: Route): readonly JsonObject[] {
  const properties = (route.query?.schema["properties"] ?? {}) as JsonObject;
  const required = (route.query?.schema["required"] ?? []) as readonly Json[];
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function operationId(route: Route, method: string): string {
  const words = openApiPath(route.path).replace(/[{}]/g, "").split(/[/.-]/);
  return [method.toLowerCase(), ...words.filter((word) => word !== "" && word !== "v1")].join("_");
}

function schemaOf(shape: Route["body"]): Json {
  return shape === undefined || shape === "raw" ? {} : shape.schema;
}

function bearer(description: string): JsonObject {
  return { type: "http", scheme: "bearer", description };
}

const OBJECT: JsonObject = { schema: { type: "object" } };

const PROBLEM_SCHEMA: JsonObject = {
  type: "object",
  description: "RFC 9457. Switch on `code`; members that belong to a code stand beside these.",
  required: ["type", "title", "status", "code", "detail", "request_id"],
  properties: {
    type: { const: "about:blank" },
    title: { type: "string" },
    status: { type: "integer" },
    code: { enum: Object.keys(ERROR_CODES) },
    detail: { type: "string" },
    request_id: { type: "string" },
  },
};
