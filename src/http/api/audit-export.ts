import type { EvidenceScope } from "#src/audit/evidence-cover.ts";
import { utf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { parseId } from "#src/base/ids.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { route } from "../route.ts";
import { choice, instant, integerText, object, optional, text, type ValueOf } from "../shape.ts";

const MAX_SEQ = Number.MAX_SAFE_INTEGER;
const EXPORT_SILENCE_SECONDS = 255;
/** A piece of an export that is worth a write. */
const CHUNK_CHARACTERS = 64 * 1024;

const QUERY = object({
  format: optional(choice(["bundle", "jsonl", "csv", "html"])),
  from: optional(integerText(1, MAX_SEQ, "of a bundle: the first event")),
  through: optional(integerText(1, MAX_SEQ, "of a bundle: the last event, rounded up to the next seal")),
  seq: optional(
    integerText(1, MAX_SEQ, "of a bundle: this event alone, with proofs up to the checkpoint that covers it"),
  ),
  type: optional(text({ description: "an event type, or what begins one" })),
  agent: optional(text({ max: 100, description: "events by or about this agent, by name or id" })),
  run: optional(text({ max: 40, description: "events that name this run" })),
  since: optional(instant("inclusive")),
  until: optional(instant("exclusive")),
  personal: optional(choice(["opened", "sealed"])),
});
const FORMATS = {
  bundle: { contentType: "application/jsonl", file: "writ-audit.jsonl" },
  jsonl: { contentType: "application/jsonl", file: "writ-evidence.jsonl" },
  csv: { contentType: "text/csv; charset=utf-8; header=present", file: "writ-evidence.csv" },
  html: { contentType: "text/html; charset=utf-8", file: "writ-evidence.html" },
} as const;

/** `GET /v1/audit/export`: evidence, as it is read. */
export const EXPORT_EVENTS = route({
  method: "GET",
  path: "/v1/audit/export",
  summary: "Export the chain or a part of it: as an evidence bundle that verifies, or to be read",
  who: ["admin", "operator"],
  includesInstance: true,
  produces: "application/jsonl",
  query: QUERY,
  answers: { 200: "The export, as a file" },
  handle: async (exchange, _body, query) => {
    exchange.allowSilence(EXPORT_SILENCE_SECONDS);
    const { format = "bundle" } = query;
    const pieces = format === "bundle" ? await bundleOf(exchange, query) : await evidenceOf(exchange, query, format);
    return fileOf(pieces, FORMATS[format].contentType, FORMATS[format].file);
  },
});

/** Text as a file that is downloaded. What is wrong shows before the first piece: then it is an error and not half a file. */
export async function fileOf(
  pieces: AsyncGenerator<string, void, void>,
  contentType: string,
  file: string,
): Promise<Reply> {
  const first = await pieces.next();
  return {
    body: streamPieces(first, pieces),
    contentType,
    headers: { "content-disposition": `attachment; filename="${file}"` },
  };
}

async function bundleOf(exchange: Exchange, query: ValueOf<typeof QUERY>): Promise<AsyncGenerator<string, void, void>> {
  const { seq, from, through } = query;
  const { tenant } = await exchange.manager();
  const { services, request } = exchange;
  const isRange = from !== undefined || through !== undefined;
  const scope = await toScope(exchange, query);
  const isScope = Object.keys(scope).length > 0;
  if ([seq !== undefined, isRange, isScope].filter(Boolean).length > 1) {
    throw new WritError("invalid_argument", "one of: `seq`, `from` and `through`, or what the events are about");
  }
  const options = { signal: request.signal };
  const range = { ...(from === undefined ? {} : { from }), ...(through === undefined ? {} : { through }) };
  const what =
    seq !== undefined
      ? { from: seq, isProof: true }
      : isScope
        ? await services.evidence.locate(tenant, scope, options)
        : range;
  return withLineFeeds(services.audit.exportBundle(tenant, what, options));
}

async function evidenceOf(
  exchange: Exchange,
  query: ValueOf<typeof QUERY>,
  format: "jsonl" | "csv" | "html",
): Promise<AsyncGenerator<string, void, void>> {
  const { seq, from, through, personal = "opened" } = query;
  if (seq !== undefined || from !== undefined || through !== undefined) {
    throw new WritError("invalid_argument", "`seq`, `from` and `through` are for bundles");
  }
  const { tenant, subject } = await exchange.manager();
  const request = { scope: await toScope(exchange, query), format, openPersonal: personal === "opened" };
  return exchange.services.evidence.export(tenant, subject, request, { signal: exchange.request.signal });
}

async function toScope(exchange: Exchange, query: ValueOf<typeof QUERY>): Promise<EvidenceScope> {
  const { type, agent, run, since, until } = query;
  const { tenant } = await exchange.manager();
  return {
    ...(type === undefined ? {} : { type }),
    ...(agent === undefined ? {} : { agent: (await exchange.services.agents.show(tenant, agent)).id }),
    ...(run === undefined ? {} : { run: parseId("run", run) }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

async function* withLineFeeds(lines: AsyncGenerator<string, void, void>): AsyncGenerator<string, void, void> {
  for await (const line of lines) yield `${line}\n`;
}

/** Text as bytes, read no faster than it is taken; leaving early ends the reading. */
function streamPieces(
  first: IteratorResult<string, void>,
  pieces: AsyncGenerator<string, void, void>,
): ReadableStream<Uint8Array> {
  let next = first;
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      let chunk = "";
      while (next.done !== true && chunk.length < CHUNK_CHARACTERS) {
        chunk += next.value;
        next = await pieces.next();
      }
      if (chunk !== "") controller.enqueue(utf8(chunk));
      if (next.done === true) controller.close();
    },
    cancel: async () => {
      await pieces.return();
    },
  });
}
