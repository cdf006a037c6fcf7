import { fromHex, toBase64 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import type { Dialer } from "#src/io/dial.ts";
import { httpRequest } from "#src/io/fetch.ts";
import type { HeaderField } from "#src/io/request-head.ts";

/** What a witness answers to a checkpoint: C2SP tlog-witness, `add-checkpoint`. */
export type WitnessAnswer =
  | { readonly kind: "cosigned"; readonly lines: readonly string[] }
  /** It knows another size than the one that the proof began with. */
  | { readonly kind: "other_size"; readonly size: number };

/** What is sent. */
export interface AddCheckpoint {
  /** The witness's submission prefix. */
  readonly url: string;
  /** The size that the proof begins with; 0 for none. */
  readonly oldSize: number;
  /** The consistency proof, lower-case hex; empty for an old size of 0. */
  readonly path: readonly string[];
  /** The signed note. */
  readonly note: string;
}

const LIMITS = {
  connectMs: 5000,
  headersMs: 20_000,
  idleMs: 10_000,
  totalMs: 30_000,
  maxResponseBytes: 64 * 1024,
  maxHeaderBytes: 16 * 1024,
} as const;
const SIZE_TYPE = "text/x.tlog.size";

/** The address of a witness, checked: an https prefix without user, query or fragment; http for tests on this machine. */
export function parseWitnessUrl(text: string): string {
  const url = URL.parse(text);
  const isPlain = url !== null && url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (!isPlain || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new WritError("invalid_argument", `\`${text.slice(0, 200)}\` is not the address of a witness: https://…`);
  }
  return url.href.replace(/\/+$/, "");
}

/**
 * Sends a checkpoint. Throws `upstream_failed` for an answer that the protocol does not have, and what dialling throws:
 * `destination_refused`, `timeout`, `upstream_too_large`.
 */
export async function addCheckpoint(
  dialer: Dialer,
  { url, oldSize, path, note }: AddCheckpoint,
): Promise<WitnessAnswer> {
  const { origin, pathname } = new URL(url);
  const proof = path.map((hash) => `${toBase64(fromHex(hash))}\n`).join("");
  const response = await httpRequest(dialer, {
    origin,
    method: "POST",
    target: `${pathname.replace(/\/+$/, "")}/add-checkpoint`,
    headers: [
      ["user-agent", "writ"],
      ["content-type", "text/plain; charset=utf-8"],
      ["accept-encoding", "identity"],
    ],
    body: new TextEncoder().encode(`old ${oldSize}\n${proof}\n${note}`),
    limits: LIMITS,
  });
  const text = await new Response(response.body).text();
  if (response.status === 200) return { kind: "cosigned", lines: text.split("\n").filter((line) => line !== "") };
  if (response.status === 409 && contentType(response.headers) === SIZE_TYPE && /^(0|[1-9][0-9]{0,15})\n$/.test(text)) {
    return { kind: "other_size", size: Number(text) };
  }
  throw new WritError("upstream_failed", `the witness answered ${response.status}`);
}

function contentType(headers: readonly HeaderField[]): string {
  const field = headers.find(([name]) => name.toLowerCase() === "content-type");
  return field?.[1].split(";")[0]?.trim().toLowerCase() ?? "";
}
