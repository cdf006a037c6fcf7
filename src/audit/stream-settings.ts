import { fromBase64Url } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { parseOrigin } from "#src/io/origin.ts";

/** Where a stream goes. Secrets are sealed wherever they are kept. */
export type StreamSettings =
  | {
      readonly kind: "syslog";
      readonly host: string;
      readonly port: number;
      readonly transport: "tls" | "tcp";
    }
  | {
      readonly kind: "webhook";
      readonly url: string;
      /** Base64url; signs what is sent. */
      readonly secret: string;
    }
  | {
      readonly kind: "file";
      /** A file that is larger is closed and the next begun. */
      readonly maxBytes: number;
      /** How many closed ones are kept. */
      readonly keep: number;
    };

const MAX_URL = 2000;
const HOST = /^[A-Za-z0-9._:[\]-]{1,255}$/;
const MIB = 2 ** 20;

/** Throws `invalid_argument` for settings that no stream can work with. */
export function checkStreamSettings(settings: StreamSettings): StreamSettings {
  switch (settings.kind) {
    case "syslog": {
      const { host, port } = settings;
      if (!HOST.test(host)) refuse("host", "is no name or address");
      if (!Number.isSafeInteger(port) || port < 1 || port > 65_535) refuse("port", "is 1 to 65535");
      parseOrigin(syslogOrigin(settings));
      return settings;
    }
    case "webhook": {
      const { url, secret } = settings;
      if (url.length > MAX_URL || !URL.canParse(url)) refuse("url", "is no address");
      const { protocol, origin, username, password, hash } = new URL(url);
      if (!/^https?:$/.test(protocol) || username !== "" || password !== "" || hash !== "") {
        refuse("url", "is an http or https address without a user and without a fragment");
      }
      parseOrigin(origin);
      if (fromBase64Url(secret).length < 24) refuse("secret", "has at least 24 bytes, in base64url");
      return settings;
    }
    case "file": {
      const { maxBytes, keep } = settings;
      if (!Number.isSafeInteger(maxBytes) || maxBytes < MIB || maxBytes > 1024 * MIB) {
        refuse("max_bytes", "is 1 MiB to 1 GiB");
      }
      if (!Number.isSafeInteger(keep) || keep < 1 || keep > 1000) refuse("keep", "is 1 to 1000");
      return settings;
    }
  }
}

/** Where it goes, without anything secret: a webhook's path often is. */
export function streamDestination(settings: StreamSettings, stream: string): string {
  switch (settings.kind) {
    case "syslog":
      return `${settings.host}:${settings.port} (${settings.transport})`;
    case "webhook":
      return new URL(settings.url).origin;
    case "file":
      return `streams/${stream}/events.jsonl`;
  }
}

/** The collector as an origin, which is how the way out knows destinations. */
export function syslogOrigin({ host, port, transport }: Extract<StreamSettings, { kind: "syslog" }>): string {
  const authority = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  return `${transport === "tls" ? "https" : "http"}://${authority}:${port}`;
}

function refuse(field: string, what: string): never {
  throw new WritError("invalid_argument", `\`${field}\` ${what}`, { details: { field } });
}
