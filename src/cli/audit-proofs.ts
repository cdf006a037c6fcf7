import { WritError } from "#src/base/errors.ts";
import { type Column, listOf, printList, textOf } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer, Api } from "./client.ts";
import type { NamedCommand } from "./command.ts";
import { writeNewFile } from "./new-file.ts";
import { drawQrCode } from "./qr-code.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const KEY_COLUMNS: readonly Column[] = [
  ["ID", "id"],
  ["SINCE", "at"],
  ["PUBLIC KEY", "public_key"],
  ["VERIFIER KEY", "verifier_key"],
];
const MAX_LIST = 500;
const COUNT = { min: 1, max: Number.MAX_SAFE_INTEGER };

/** Commands that make and show what an auditor keeps. */
export const PROOF_COMMANDS: readonly NamedCommand[] = [
  tenantCommand(
    {
      name: "prove",
      summary: "that an event is in the chain, or that the chain only grew",
      positionals: [{ name: "SEQ", optional: true }],
      options: [
        {
          name: "size",
          value: "N",
          help: "in the tree of so many events; unless given, of the checkpoint that covers it",
        },
        {
          name: "from",
          value: "N",
          help: "instead of SEQ: that the first N events are the beginning of what there is",
        },
        { name: "to", value: "N", help: "with --from: of the first so many" },
        { name: "out", value: "FILE", help: "with SEQ: the event and its proof as a bundle, for `writ verify`" },
      ],
      notes: ["A bundle of one event needs a checkpoint that covers it: `writ audit checkpoint`."],
    },
    async (api, terminal, args) => {
      const seq = placeOf(args);
      const out = args.option("out");
      if (out === undefined) {
        const query = {
          seq,
          size: args.count("size", COUNT),
          from: args.count("from", COUNT),
          to: args.count("to", COUNT),
        };
        return printProof(terminal, args, await api.get("/v1/audit/proof", query));
      }
      if (seq === undefined) throw new UsageError("--out needs SEQ");
      await writeNewFile(out, await api.stream("/v1/audit/export", { seq }));
      await terminal.note(`written to ${out}`);
      return 0;
    },
  ),
  tenantCommand(
    {
      name: "checkpoint",
      summary: "sign what the chain is now: a note to keep elsewhere",
      options: [
        { name: "newest", help: "show the newest one and make none" },
        { name: "size", value: "N", help: "show the one of so many events" },
        { name: "list", help: "list them, newest first" },
        { name: "qr", help: "print it as a QR code too, for a host without a network" },
        { name: "out", value: "FILE", help: "write the note to a file" },
      ],
      notes: [
        "Kept where nobody who can change the data folder can change it too, it shows whether history was changed or cut off:",
        "`writ verify DIR --expect-checkpoint FILE`.",
      ],
    },
    async (api, terminal, args) => {
      if (args.has("list")) return listCheckpoints(api, terminal, args);
      return showCheckpoint(terminal, args, await takeCheckpoint(api, args));
    },
  ),
  tenantCommand(
    { name: "keys", summary: "the keys that sign seals and checkpoints, for auditors and witnesses" },
    async (api, terminal, args) => {
      const answer = await api.get("/v1/audit/keys");
      const rows = listOf(answer, "keys");
      if (!args.has("json")) await terminal.print(`origin  ${textOf(answer, "origin")}`);
      return printList(terminal, args, rows, KEY_COLUMNS, "no keys");
    },
  ),
];

function placeOf(args: Arguments): number | undefined {
  const text = args.maybeAt("SEQ");
  if (text === undefined) return undefined;
  if (!/^[1-9][0-9]{0,15}$/.test(text)) throw new UsageError("SEQ is the number of an event");
  return Number(text);
}

async function takeCheckpoint(api: Api, args: Arguments): Promise<Answer> {
  const size = args.count("size", COUNT);
  if (size === undefined && !args.has("newest")) return api.post(apiPath(["admin", "audit", "checkpoints"]));
  const before = size === undefined ? undefined : size + 1;
  const [newest] = listOf(await api.get("/v1/audit/checkpoints", { before, limit: 1 }), "checkpoints");
  if (newest === undefined || (size !== undefined && newest["size"] !== size)) throw new WritError("not_found");
  return newest;
}

async function showCheckpoint(terminal: Terminal, args: Arguments, checkpoint: Answer): Promise<0> {
  const note = textOf(checkpoint, "note");
  const out = args.option("out");
  if (out !== undefined) {
    await writeNewFile(out, [new TextEncoder().encode(note)]);
    await terminal.note(`written to ${out}`);
  }
  if (args.has("json")) await terminal.printJson(checkpoint);
  else if (out === undefined) await terminal.write(note);
  if (args.has("qr") && !args.has("json")) await terminal.write(`\n${drawQrCode(note).join("\n")}\n`);
  return 0;
}

async function listCheckpoints(api: Api, terminal: Terminal, args: Arguments): Promise<0> {
  const rows = listOf(await api.get("/v1/audit/checkpoints", { limit: MAX_LIST }), "checkpoints");
  if (args.has("json")) for (const row of rows) await terminal.printJson(row);
  else {
    const cells = rows.map((row) =>
      ["size", "at", "made_by", "key", "witnesses", "root"].map((name) => textOf(row, name)),
    );
    await terminal.printTable(["EVENTS", "AT", "MADE BY", "KEY", "WITNESSES", "ROOT"], cells, "no checkpoints");
  }
  return 0;
}

async function printProof(terminal: Terminal, args: Arguments, proof: Answer): Promise<0> {
  if (args.has("json")) {
    await terminal.printJson(proof);
    return 0;
  }
  const { path, ...rest } = proof;
  await terminal.printFields(Object.keys(rest).map((name) => [name, textOf(proof, name)]));
  for (const hash of Array.isArray(path) ? path : []) await terminal.print(`path  ${String(hash)}`);
  return 0;
}
