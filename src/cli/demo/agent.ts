import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import { createAddressPolicy } from "#src/io/addresses.ts";
import { createDialer, type Dialer } from "#src/io/dial.ts";
import { httpRequest } from "#src/io/fetch.ts";

/** One request of the agent's. */
export interface AgentRequest {
  readonly method: string;
  /** From the first `/`. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Presented as a bearer token: the agent's key, a writ, or nothing. */
  readonly credential?: string;
}

/** What it was answered. */
export interface AgentAnswer {
  readonly status: number;
  readonly text: string;
  /** Of a JSON object; an empty one otherwise. */
  readonly json: Readonly<Record<string, unknown>>;
  header(name: string): string | undefined;
}

/** A program that speaks HTTP to Writ and knows nothing but its key. */
export interface DemoAgent {
  ask(origin: string, request: AgentRequest): Promise<AgentAnswer>;
  /** Every byte that it was ever answered, headers included. */
  everythingSeen(): string;
  close(): void;
}

const LIMITS = {
  connectMs: 5000,
  headersMs: 20_000,
  idleMs: 20_000,
  totalMs: 25_000,
  maxResponseBytes: 2 ** 24,
  maxHeaderBytes: 64 * 1024,
} as const;

/** Makes an agent on this machine. */
export function createAgent(): DemoAgent {
  const addressPolicy = createAddressPolicy({ grantedRanges: ["127.0.0.0/8"], ownAddresses: [] });
  const dialer: Dialer = createDialer({ addressPolicy });
  const seen: string[] = [];
  return {
    ask: async (origin, { method, path, body, credential }) => {
      const {
        status,
        headers,
        body: stream,
      } = await httpRequest(dialer, {
        origin,
        method,
        target: path,
        headers: [
          ...(credential === undefined ? [] : [["authorization", `Bearer ${credential}`] as const]),
          ...(body === undefined ? [] : [["content-type", "application/json"] as const]),
        ],
        ...(body === undefined ? {} : { body: utf8(JSON.stringify(body)) }),
        limits: LIMITS,
      });
      const text = fromUtf8(new Uint8Array(await new Response(stream).arrayBuffer()));
      seen.push(...headers.map(([name, value]) => `${name}: ${value}`), text);
      return {
        status,
        text,
        json: parseObject(text),
        header: (name) => headers.find(([field]) => field.toLowerCase() === name)?.[1],
      };
    },
    everythingSeen: () => seen.join("\n"),
    close: () => dialer.close(),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
