import { toBase64Url } from "#src/base/bytes.ts";
import { createSigner, type Signer } from "#src/crypto/ed25519.ts";
import { sha256 } from "#src/crypto/hash.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { contentDigest, signParts } from "#src/identity/device-proof.ts";
import type { Answered, Asked, Edge } from "#test/http/support.ts";

/** A machine with a key of its own. */
export interface Machine {
  readonly signer: Signer;
  token: string | undefined;
  id: string | undefined;
  /** A request with proof. `spoil` changes the headers after they were made. */
  ask(
    method: string,
    path: string,
    asked?: Asked,
    spoil?: (headers: Record<string, string>) => void,
  ): Promise<Answered>;
  /** The headers that prove a request, as they would be sent now. */
  headers(method: string, path: string, asked?: Asked, created?: number): Record<string, string>;
  /** Asks to be paired; the code. */
  request(name?: string): Promise<Answered>;
  collect(code: string): Promise<Answered>;
}

/** Makes one that is not paired. */
export function createMachine(edge: Pick<Edge, "ask">, now: () => number = Date.now): Machine {
  const machine: Machine = {
    signer: createSigner(randomBytes(32)),
    token: undefined,
    id: undefined,
    headers: (method, path, { body, headers, token = machine.token } = {}, created = Math.floor(now() / 1000)) => {
      const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
      const all: Record<string, string> = {
        ...(text === undefined ? {} : { "content-digest": contentDigest(sha256(text)) }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      };
      const { pathname, search } = new URL(path, "http://localhost");
      const parts = { method, path: pathname, query: search, header: (name: string) => all[name] };
      return { ...all, ...signParts(machine.signer, parts, { created, nonce: toBase64Url(randomBytes(18)) }) };
    },
    ask: (method, path, asked = {}, spoil) => {
      const headers = machine.headers(method, path, asked);
      spoil?.(headers);
      return edge.ask(method, path, {
        headers,
        ...(asked.body === undefined ? {} : { body: asked.body }),
        ...(asked.signal === undefined ? {} : { signal: asked.signal }),
      });
    },
    request: (name = "laptop") =>
      edge.ask("POST", "/v1/devices/pairings", {
        body: { public_key: toBase64Url(machine.signer.publicKey), name },
      }),
    collect: async (code) => {
      const answer = await machine.ask("POST", `/v1/devices/pairings/${code}/token`);
      if (answer.json?.token !== undefined) {
        machine.token = answer.json.token;
        machine.id = answer.json.device.id;
      }
      return answer;
    },
  };
  return machine;
}

/** A machine that the host confirmed, for these agents. */
export async function pairMachine(
  edge: Edge,
  agents: readonly string[] = ["helper"],
  { tenant = "default", name = "laptop", now = Date.now } = {},
): Promise<Machine> {
  const machine = createMachine(edge, now);
  const asked = await machine.request(name);
  const path = `/v1/admin/devices/pairings/${asked.json.code}/confirmation`;
  const confirmed = await edge.operate("POST", path, { body: { agents }, headers: { "writ-tenant": tenant } });
  if (confirmed.status !== 201) throw new Error(`not confirmed: ${confirmed.text}`);
  const collected = await machine.collect(asked.json.code);
  if (machine.token === undefined) throw new Error(`no token: ${collected.text}`);
  return machine;
}
