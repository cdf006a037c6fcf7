import { toRfc3339 } from "#src/base/clock.ts";
import type { Connection, ConnectionSettings } from "#src/vault/connections.ts";
import { nextOf, PAGE_QUERY, toPage } from "../page.ts";
import { type Route, route } from "../route.ts";
import { choice, flag, integer, list, object, optional, text, union, type ValueOf } from "../shape.ts";
import { changeConnection } from "./change.ts";

const SECRET = text({ max: 16_384, description: "sealed at once, never shown again" });
const FIELD_NAME = text({ max: 100 });

const CREDENTIAL = union("kind", {
  none: object({ kind: choice(["none"]) }),
  bearer: object({ kind: choice(["bearer"]), value: SECRET }),
  basic: object({ kind: choice(["basic"]), username: text({ min: 0, max: 1024 }), password: SECRET }),
  header: object({ kind: choice(["header"]), name: FIELD_NAME, value: SECRET }),
  query: object({ kind: choice(["query"]), name: FIELD_NAME, value: SECRET }),
});

const SETTINGS = object({
  allowed_locations: optional(list(text({ max: 300 }), 50)),
  forward_headers: optional(list(text({ max: 60 }), 50)),
  total_ms: optional(integer(1, 86_400_000)),
  max_response_bytes: optional(integer(1, Number.MAX_SAFE_INTEGER)),
  test_path: optional(text({ max: 2000, pattern: /^\/[!-~]*$/, description: "begins with `/`" })),
  rewrite_origin: optional(flag()),
  wait_seconds: optional(integer(0, 240)),
});

/** Connections of a tenant: where calls lead, and the credentials that open the doors there. */
export const CONNECTION_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/connections",
    summary: "List connections",
    who: ["admin", "operator"],
    query: PAGE_QUERY,
    answers: { 200: "A page of connections, and `next` where more may follow" },
    handle: async (exchange, _body, query) => {
      const { tenant } = await exchange.manager();
      const page = toPage(query);
      const connections = await exchange.services.connections.list(tenant, page);
      return { json: { connections: connections.map(renderConnection), ...nextOf(connections, page) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/connections",
    summary: "Make a connection and seal its credential",
    who: ["admin", "operator"],
    body: object({
      name: text({ max: 63 }),
      connector: text({ max: 40 }),
      url: text({ max: 2000 }),
      credential: CREDENTIAL,
      settings: optional(SETTINGS),
    }),
    answers: { 201: "The connection" },
    errors: ["name_taken"],
    handle: async (exchange, { settings, ...connection }) => {
      const { tenant, subject } = await exchange.manager();
      const made = await exchange.services.connections.create(tenant, subject, {
        ...connection,
        ...(settings === undefined ? {} : { settings: toSettings(settings) }),
      });
      return { status: 201, json: renderConnection(made) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/connections/{connection}",
    summary: "Show a connection by name or id",
    who: ["admin", "operator"],
    answers: { 200: "The connection" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const connection = await exchange.services.connections.show(tenant, exchange.param("connection"));
      return { json: renderConnection(connection) };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/connections/{connection}/credential",
    summary: "Replace a connection's credential; the old one is destroyed",
    who: ["admin", "operator"],
    body: CREDENTIAL,
    answers: { 200: "The connection" },
    handle: (exchange, credential) =>
      changeConnection(exchange, renderConnection, ({ tenant, subject }, { id }) =>
        exchange.services.connections.replaceCredential(tenant, subject, id, credential),
      ),
  }),
  route({
    method: "POST",
    path: "/v1/admin/connections/{connection}/disablement",
    summary: "Refuse every call through a connection from now on, and cut what runs",
    who: ["admin", "operator"],
    answers: { 200: "The connection" },
    handle: (exchange) =>
      changeConnection(exchange, renderConnection, ({ tenant, subject }, { id }) =>
        exchange.services.connections.disable(tenant, subject, id),
      ),
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/connections/{connection}/disablement",
    summary: "Let a disabled connection be used again",
    who: ["admin", "operator"],
    answers: { 200: "The connection" },
    handle: (exchange) =>
      changeConnection(exchange, renderConnection, ({ tenant, subject }, { id }) =>
        exchange.services.connections.enable(tenant, subject, id),
      ),
  }),
  route({
    method: "POST",
    path: "/v1/admin/connections/{connection}/test",
    summary: "Ask the upstream whether it takes the credential",
    who: ["admin", "operator"],
    answers: { 200: "How it went: `ok` with the upstream's status, or the code of what stood in the way" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      return { json: await exchange.services.connectionTester.test(tenant, subject, exchange.param("connection")) };
    },
  }),
];

function toSettings(settings: ValueOf<typeof SETTINGS>): ConnectionSettings {
  const {
    allowed_locations: allowedLocations,
    forward_headers: forwardHeaders,
    total_ms: totalMs,
    max_response_bytes: maxResponseBytes,
    test_path: testPath,
    rewrite_origin: rewriteOrigin,
    wait_seconds: waitSeconds,
  } = settings;
  return {
    ...(allowedLocations === undefined ? {} : { allowedLocations }),
    ...(forwardHeaders === undefined ? {} : { forwardHeaders }),
    ...(totalMs === undefined ? {} : { totalMs }),
    ...(maxResponseBytes === undefined ? {} : { maxResponseBytes }),
    ...(testPath === undefined ? {} : { testPath }),
    ...(rewriteOrigin === undefined ? {} : { rewriteOrigin }),
    ...(waitSeconds === undefined ? {} : { waitSeconds }),
  };
}

function renderConnection(connection: Connection): Readonly<Record<string, unknown>> {
  const { settings, auth } = connection;
  return {
    id: connection.id,
    name: connection.name,
    connector: connection.connector,
    url: connection.origin + connection.basePath,
    auth: { kind: auth.kind, ...(auth.name === null ? {} : { name: auth.name }) },
    ...(connection.secretVersion === null ? {} : { secret_version: connection.secretVersion }),
    settings: {
      allowed_locations: settings.allowedLocations,
      forward_headers: settings.forwardHeaders,
      total_ms: settings.totalMs,
      max_response_bytes: settings.maxResponseBytes,
      test_path: settings.testPath,
      rewrite_origin: settings.rewriteOrigin,
      wait_seconds: settings.waitSeconds,
    },
    status: connection.status,
    created_at: toRfc3339(connection.createdAt),
  };
}
