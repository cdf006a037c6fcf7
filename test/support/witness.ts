import { fromBase64, fromHex } from "#src/base/bytes.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import { findSigner, parseCheckpoint } from "#src/ledger/checkpoint.ts";
import { cosign } from "#src/ledger/cosignature.ts";
import { verifyConsistency } from "#src/ledger/merkle-proof.ts";
import { COSIGNATURE, formatVerifierKey } from "#src/ledger/signed-note.ts";

/** A witness on loopback: C2SP tlog-witness, `add-checkpoint`, what it knows in memory. */
export interface TestWitness {
  readonly url: string;
  readonly verifierKey: string;
  /** The sizes that it was asked to sign, with the old size of each request. */
  readonly asked: { readonly old: number; readonly size: number }[];
  /** What it has seen of each log. */
  readonly seen: Map<string, { size: number; root: string }>;
  /** What it answers instead, where that is set. */
  answer: ((request: Request) => Response | Promise<Response>) | undefined;
  stop(): void;
}

/** Starts one that knows a log by its public key. */
export function startWitness(signer: Signer, log: { readonly publicKey: Uint8Array }): TestWitness {
  const name = "witness.example/w1";
  const seen: TestWitness["seen"] = new Map();
  const asked: TestWitness["asked"] = [];
  const witness = { answer: undefined as TestWitness["answer"] };
  const sign = (body: string): Response => {
    const split = body.indexOf("\n\n");
    const [opening = "", ...lines] = body.slice(0, split).split("\n");
    const note = body.slice(split + 2);
    const checkpoint = parseCheckpoint(note);
    if (findSigner(checkpoint, [log]).kind !== "signed") return new Response("", { status: 403 });
    const old = Number(opening.slice("old ".length));
    const { origin, size, root } = checkpoint;
    asked.push({ old, size });
    const known = seen.get(origin) ?? { size: 0, root: "" };
    if (old !== known.size) {
      return new Response(`${known.size}\n`, { status: 409, headers: { "content-type": "text/x.tlog.size" } });
    }
    const isConsistent =
      old === 0
        ? lines.length === 0
        : verifyConsistency(old, fromHex(known.root), size, fromHex(root), lines.map(fromBase64));
    if (!isConsistent) return new Response("", { status: 422 });
    seen.set(origin, { size, root });
    return new Response(cosign(checkpoint.note.text, name, signer, 1_800_000_000));
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      if (witness.answer !== undefined) return witness.answer(request);
      if (request.method !== "POST" || new URL(request.url).pathname !== "/log/add-checkpoint") {
        return new Response("", { status: 404 });
      }
      return sign(await request.text());
    },
  });
  return Object.assign(witness, {
    url: `http://127.0.0.1:${server.port}/log`,
    verifierKey: formatVerifierKey({ name, type: COSIGNATURE, publicKey: signer.publicKey }),
    asked,
    seen,
    stop: () => void server.stop(true),
  });
}
