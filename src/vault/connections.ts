import type { Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { type ConnectionId, type IdSource, isId, newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { parseName } from "#src/base/names.ts";
import {
  type AuthKind,
  type ConnectionRow,
  insertConnection,
  readConnection,
  readConnectionByName,
  readConnections,
  setConnectionSecretVersion,
  setConnectionStatus,
} from "#src/store/connections.ts";
import type { Reader } from "#src/store/reader.ts";
import { deleteSecretsBefore, insertSecret, readSecret } from "#src/store/secrets.ts";
import type { Statement } from "#src/store/unit.ts";
import {
  type Credential,
  checkCredential,
  credentialName,
  encodeCredential,
  type Injection,
  injectCredential,
} from "./credential.ts";
import type { TenantKeys } from "./tenant-keys.ts";

/** What a connection may change of how calls are made. All optional. */
export interface ConnectionSettings {
  /** Origins whose absolute `Location` is passed on as it is. */
  readonly allowedLocations?: readonly string[];
  /** Request headers passed on besides those that always are. */
  readonly forwardHeaders?: readonly string[];
  /** Longest time a whole call may take, in milliseconds. */
  readonly totalMs?: number;
  /** Largest answer, in bytes. */
  readonly maxResponseBytes?: number;
  /** Path that a test asks for; `/` unless given. */
  readonly testPath?: string;
  /** How long a call that needs a person waits for one, in seconds, for clients that cannot ask for it themselves. */
  readonly waitSeconds?: number;
  /**
   * Whether the upstream's own address in JSON answers becomes the proxy's, so that a client stays behind it. On unless
   * turned off for `npm-registry`, whose answers say where packages are; off for others.
   */
  readonly rewriteOrigin?: boolean;
}

/** A connection, without its secret. */
export interface Connection {
  readonly id: ConnectionId;
  readonly name: string;
  readonly connector: string;
  readonly origin: string;
  readonly basePath: string;
  readonly auth: { readonly kind: AuthKind; readonly name: string | null };
  readonly secretVersion: number | null;
  readonly settings: ConnectionSettings;
  readonly status: "active" | "disabled";
  readonly createdAt: number;
}

/** What a new connection is made of. */
export interface NewConnection {
  readonly name: string;
  readonly connector: string;
  /** `https://api.example` with an optional path, such as `https://ghe.example/api/v3`. */
  readonly url: string;
  readonly credential: Credential;
  readonly settings?: ConnectionSettings;
}

/** Connections of a tenant: where agents' calls lead, and the sealed credentials that open the doors there. */
export interface Connections {
  create(tenant: TenantId, actor: SubjectId, connection: NewConnection): Promise<Connection>;
  list(tenant: TenantId, page: { readonly after?: string; readonly limit?: number }): Promise<Connection[]>;
  /** By id or name; `not_found`. */
  show(tenant: TenantId, idOrName: string): Promise<Connection>;
  disable(tenant: TenantId, actor: SubjectId, connection: ConnectionId): Promise<void>;
  enable(tenant: TenantId, actor: SubjectId, connection: ConnectionId): Promise<void>;
  /** Replaces the credential; the old one is destroyed. */
  replaceCredential(
    tenant: TenantId,
    actor: SubjectId,
    connection: ConnectionId,
    credential: Credential,
  ): Promise<void>;
  /** Unseals the credential for one call. The caller has recorded that it does. */
  inject(tenant: TenantId, connection: Connection): Promise<Injection>;
}

/** What {@link createConnections} needs. */
export interface ConnectionsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly ids: IdSource;
  readonly clock: Clock;
  /** Whether the tenant knows this connector; `invalid_argument` otherwise. */
  readonly checkConnector: (tenant: TenantId, connector: string) => Promise<void>;
}

/** Longer than this a client's own patience ends, and a proxy's between. */
const MAX_WAIT_SECONDS = 240;

/** Makes the service of connections. */
export function createConnections(dependencies: ConnectionsDependencies): Connections {
  const { recorder, reader, keys, ids, clock, checkConnector } = dependencies;

  const find = async (tenant: TenantId, idOrName: string): Promise<ConnectionRow> => {
    const row = isId("connection", idOrName)
      ? await readConnection(reader, tenant, idOrName)
      : await readConnectionByName(reader, tenant, idOrName);
    if (row === undefined) throw new WritError("not_found");
    return row;
  };

  const sealCredential = async (
    tenant: TenantId,
    secretId: NonNullable<ConnectionRow["secretId"]>,
    version: number,
    credential: Credential,
  ): Promise<Statement> => {
    const value = await keys.sealValue(tenant, secretId, version, encodeCredential(credential));
    return insertSecret(tenant, { secretId, version, ...value, createdAt: clock.now() });
  };

  const setStatus = async (
    tenant: TenantId,
    actor: SubjectId,
    connection: ConnectionId,
    to: ConnectionRow["status"],
  ): Promise<void> => {
    const row = await find(tenant, connection);
    if (row.status === to) return;
    await recorder.record({
      tenant,
      type: to === "disabled" ? "connection.disabled" : "connection.enabled",
      actor,
      statements: [setConnectionStatus(tenant, connection, row.status, to)],
      data: { connection, name: row.name },
      raisesEpoch: true,
      ignoresClock: to === "disabled",
    });
  };

  return {
    create: async (tenant, actor, connection) => {
      const name = parseName(connection.name, "name");
      await checkConnector(tenant, connection.connector);
      checkCredential(connection.credential);
      const { origin, basePath } = parseBaseUrl(connection.url);
      if ((await readConnectionByName(reader, tenant, name)) !== undefined) throw new WritError("name_taken");
      const sealed = connection.credential.kind !== "none";
      const row: ConnectionRow = {
        connectionId: newId("connection", ids),
        name,
        connector: connection.connector,
        origin,
        basePath,
        authKind: connection.credential.kind,
        authName: credentialName(connection.credential),
        secretId: sealed ? newId("secret", ids) : null,
        secretVersion: sealed ? 1 : null,
        settings: JSON.stringify(checkSettings(connection.settings ?? {})),
        status: "active",
        createdAt: clock.now(),
      };
      const secret =
        row.secretId === null ? [] : [await sealCredential(tenant, row.secretId, 1, connection.credential)];
      await recorder.record({
        tenant,
        type: "connection.created",
        actor,
        statements: [insertConnection(tenant, row), ...secret],
        data: {
          connection: row.connectionId,
          name,
          connector: row.connector,
          origin,
          base_path: basePath,
          auth: row.authKind,
          secret: row.secretId,
        },
        raisesEpoch: true,
      });
      return toConnection(row);
    },
    list: async (tenant, { after = "", limit = 100 }) =>
      (await readConnections(reader, tenant, after, limit)).map(toConnection),
    show: async (tenant, idOrName) => toConnection(await find(tenant, idOrName)),
    disable: (tenant, actor, connection) => setStatus(tenant, actor, connection, "disabled"),
    enable: (tenant, actor, connection) => setStatus(tenant, actor, connection, "active"),
    replaceCredential: async (tenant, actor, connection, credential) => {
      const row = await find(tenant, connection);
      checkCredential(credential);
      if (row.secretId === null || row.secretVersion === null || credential.kind !== row.authKind) {
        throw new WritError("invalid_argument", `the connection's credential is of kind \`${row.authKind}\``);
      }
      const version = row.secretVersion + 1;
      await recorder.record({
        tenant,
        type: "connection.credential_replaced",
        actor,
        statements: [
          await sealCredential(tenant, row.secretId, version, credential),
          setConnectionSecretVersion(tenant, connection, row.secretVersion, version),
          deleteSecretsBefore(tenant, row.secretId, version),
        ],
        data: { connection, secret: row.secretId, version },
        raisesEpoch: true,
      });
    },
    inject: async (tenant, connection) => {
      for (let look = 0; look < 2; look += 1) {
        // The row is read anew: the credential may have been replaced since the decision, and the old one is gone.
        const row = await find(tenant, connection.id);
        if (row.secretId === null || row.secretVersion === null) {
          return injectCredential("none", null, new Uint8Array(0));
        }
        const secret = await readSecret(reader, tenant, row.secretId, row.secretVersion);
        // It may also be replaced between the two reads.
        if (secret === undefined) continue;
        const opened = await keys.openValue(tenant, row.secretId, row.secretVersion, secret);
        return injectCredential(row.authKind, row.authName, opened);
      }
      throw new WritError("store_failed", "the connection's secret is missing");
    },
  };
}

/** A row as the rest of Writ sees it. */
export function toConnection(row: ConnectionRow): Connection {
  return {
    id: row.connectionId,
    name: row.name,
    connector: row.connector,
    origin: row.origin,
    basePath: row.basePath,
    auth: { kind: row.authKind, name: row.authName },
    secretVersion: row.secretVersion,
    settings: JSON.parse(row.settings) as ConnectionSettings,
    status: row.status,
    createdAt: row.createdAt,
  };
}

/** Origin and base path of a connection's address: http or https, no user, no query, no dots or doubled slashes. */
export function parseBaseUrl(text: string): { readonly origin: string; readonly basePath: string } {
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.hostname === "") {
    throw new WritError("invalid_argument", "`url` must be an http or https address");
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new WritError("invalid_argument", "`url` must have no user, query or fragment");
  }
  const basePath = url.pathname.replace(/\/$/, "");
  // The URL parser resolves dots: what it changed was never meant plainly.
  if (/\/\/|%|\\|;/.test(basePath) || /\/\.{1,2}(\/|$)/.test(text.replace(/^[a-z]+:\/\//i, "/"))) {
    throw new WritError("invalid_argument", "the path of `url` must be plain");
  }
  return { origin: url.origin, basePath };
}

function checkSettings(settings: ConnectionSettings): ConnectionSettings {
  for (const origin of settings.allowedLocations ?? []) {
    if (URL.parse(origin)?.origin !== origin) {
      throw new WritError("invalid_argument", "`allowedLocations` are origins, such as https://cdn.example");
    }
  }
  for (const header of settings.forwardHeaders ?? []) {
    if (!/^[a-z0-9-]{1,60}$/.test(header))
      throw new WritError("invalid_argument", "`forwardHeaders` are lower-case names");
  }
  const wait = settings.waitSeconds ?? 0;
  if (!Number.isSafeInteger(wait) || wait < 0 || wait > MAX_WAIT_SECONDS) {
    throw new WritError("invalid_argument", `\`waitSeconds\` is a whole number from 0 to ${MAX_WAIT_SECONDS}`);
  }
  for (const [name, value] of [
    ["totalMs", settings.totalMs],
    ["maxResponseBytes", settings.maxResponseBytes],
  ] as const) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw new WritError("invalid_argument", `\`${name}\` must be a whole number above 0`);
    }
  }
  return settings;
}
