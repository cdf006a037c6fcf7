import type { CheckpointView } from "#src/audit/checkpoints.ts";
import { toBase64 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { checkpointOrigin } from "#src/ledger/checkpoint.ts";
import { ED25519, formatVerifierKey } from "#src/ledger/signed-note.ts";
import type { Reply } from "../reply.ts";
import { type Route, route } from "../route.ts";
import { integerText, object, optional } from "../shape.ts";

const MAX_SEQ = Number.MAX_SAFE_INTEGER;
const MAX_LIST = 500;
const SEQ = integerText(1, MAX_SEQ);

/** Checkpoints, proofs and the keys that sign: what an auditor keeps and compares. */
export const PROOF_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/audit/checkpoint",
    summary: "The newest checkpoint, a signed note; as JSON where that is asked for",
    who: ["admin", "operator"],
    includesInstance: true,
    query: object({ size: optional(integerText(1, MAX_SEQ, "the one of exactly so many events")) }),
    answers: { 200: "The note (C2SP tlog-checkpoint), or with `Accept: application/json` its fields and the note" },
    produces: "text/plain",
    handle: async (exchange, _body, { size }): Promise<Reply> => {
      const { tenant } = await exchange.manager();
      const checkpoint = await exchange.services.checkpoints.show(tenant, size);
      if (/\bapplication\/json\b/i.test(exchange.header("accept") ?? "")) return { json: toJson(checkpoint) };
      return { body: checkpoint.note, contentType: "text/plain; charset=utf-8" };
    },
  }),
  route({
    method: "GET",
    path: "/v1/audit/checkpoints",
    summary: "List checkpoints, newest first",
    who: ["admin", "operator"],
    includesInstance: true,
    query: object({
      before: optional(integerText(1, MAX_SEQ, "of fewer events than so many")),
      limit: optional(integerText(1, MAX_LIST)),
    }),
    answers: { 200: "Checkpoints" },
    handle: async (exchange, _body, page) => {
      const { tenant } = await exchange.manager();
      return { json: { checkpoints: (await exchange.services.checkpoints.list(tenant, page)).map(toJson) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/audit/checkpoints",
    summary: "Sign a checkpoint of all events so far",
    who: ["admin", "operator"],
    permission: "audit.read",
    includesInstance: true,
    answers: { 201: "The checkpoint; the newest one where only its own record has come since" },
    errors: ["history_changed"],
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      return { status: 201, json: toJson(await exchange.services.checkpoints.request(tenant, subject)) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/audit/proof",
    summary: "Prove that an event is in the tree (`seq`), or that a tree is the beginning of another (`from`)",
    who: ["admin", "operator"],
    includesInstance: true,
    query: object({
      seq: optional(SEQ),
      size: optional(
        integerText(1, MAX_SEQ, "with `seq`: of the tree; the first checkpoint's that covers it unless given"),
      ),
      from: optional(SEQ),
      to: optional(integerText(1, MAX_SEQ, "with `from`: the larger tree; all events unless given")),
    }),
    answers: { 200: "The proof, hashes in hex, the lowest first" },
    handle: async (exchange, _body, { seq, size, from, to }) => {
      const { tenant } = await exchange.manager();
      const { proofs } = exchange.services;
      if (seq !== undefined && from === undefined && to === undefined) {
        return { json: { kind: "inclusion", ...(await proofs.inclusion(tenant, seq, size)) } };
      }
      if (from !== undefined && seq === undefined && size === undefined) {
        const { fromRoot, toRoot, ...proof } = await proofs.consistency(tenant, from, to);
        return { json: { kind: "consistency", ...proof, from_root: fromRoot, to_root: toRoot } };
      }
      throw new WritError("invalid_argument", "either `seq`, perhaps with `size`, or `from`, perhaps with `to`");
    },
  }),
  route({
    method: "GET",
    path: "/v1/audit/keys",
    summary: "The keys that sign seals and checkpoints, oldest first, each announced by the one before",
    who: ["admin", "operator"],
    includesInstance: true,
    answers: { 200: "Keys; `verifier_key` is the form that C2SP tools take" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const { instance, rotation } = exchange.services;
      const name = checkpointOrigin(instance.instanceId, tenant);
      return {
        json: {
          origin: name,
          keys: (await rotation.published()).map(({ keyId, publicKey, at, previous, signature }) => ({
            id: keyId,
            public_key: toBase64(publicKey),
            at,
            ...(previous === null ? {} : { previous }),
            signature: toBase64(signature),
            verifier_key: formatVerifierKey({ name, type: ED25519, publicKey: Uint8Array.from(publicKey) }),
          })),
        },
      };
    },
  }),
];

function toJson({ madeBy, ...checkpoint }: CheckpointView): object {
  return { ...checkpoint, made_by: madeBy };
}
