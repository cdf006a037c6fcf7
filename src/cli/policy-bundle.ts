import { resolve } from "node:path";
import { utf8 } from "#src/base/bytes.ts";
import { systemClock, toRfc3339 } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { createSigner, KEY_BYTES } from "#src/crypto/ed25519.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { readFileChecked } from "#src/io/durable-file.ts";
import {
  MAX_BUNDLE_BYTES,
  type PolicyBundle,
  publisherKeyId,
  type ReadBundle,
  readBundle,
  signBundle,
} from "#src/policy/bundle.ts";
import {
  formatPublisherKey,
  formatPublisherSecret,
  parsePublisherKey,
  parsePublisherSecret,
} from "#src/policy/publisher-key.ts";
import { type Column, listOf, objectOf, printList, printThing, textOf } from "./answer.ts";
import type { Arguments } from "./arguments.ts";
import { type Answer, type Api, withApi } from "./client.ts";
import type { CommandContext, ExitCode, NamedCommand } from "./command.ts";
import { readBytes, readSecret, readText } from "./input.ts";
import { diffLines, withContext } from "./line-diff.ts";
import { writeNewFile } from "./new-file.ts";
import { TENANT_OPTION } from "./option.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const PATH = "/v1/admin/policies/bundles";
const CONTEXT_LINES = 3;
const VERSION = { min: 1, max: Number.MAX_SAFE_INTEGER };
const PUBLISHER_COLUMNS: readonly Column[] = [
  ["PUBLISHER", "key"],
  ["CHANNEL", "channel"],
  ["TRUSTED", "trusted_at"],
];

type Work = (context: CommandContext, args: Arguments) => Promise<ExitCode>;

/** What each action does, and which options it takes. */
const ACTIONS: ReadonlyMap<string, { readonly run: Work; readonly options: readonly string[] }> = new Map([
  ["key", { run: makeKey, options: [] }],
  [
    "export",
    {
      run: exportBundle,
      options: ["key", "version", "out", "channel", "max-age", "policies", "schema", "revocations"],
    },
  ],
  ["inspect", { run: inspect, options: ["publisher"] }],
  ["diff", { run: asking(showDiff), options: [] }],
  ["import", { run: asking(importBundle), options: ["allow-rollback"] }],
  ["trust", { run: asking(trust), options: ["channel"] }],
  ["untrust", { run: asking(untrust), options: [] }],
  ["follow", { run: asking(follow), options: ["every", "endpoint", "region", "access-key", "secret-file"] }],
  ["unfollow", { run: asking(unfollow), options: [] }],
  ["poll", { run: asking(poll), options: [] }],
  ["status", { run: asking(showStatus), options: [] }],
]);

/** Signed bundles of policies, for hosts that no one reaches and for many at once. */
export const bundle: NamedCommand = {
  name: "bundle",
  summary: "signed policies for other hosts: key, export, inspect, diff, import, trust, follow, status",
  positionals: [{ name: "ACTION" }, { name: "WHAT", optional: true }],
  options: [
    { name: "key", value: "FILE", help: "export: the publisher's key, made by `key FILE`" },
    { name: "version", value: "N", help: "export: higher than the one before" },
    { name: "out", value: "FILE", help: "export: where to; standard output unless given" },
    { name: "channel", value: "NAME", help: "export, trust: whom the bundle is for; `default` unless given" },
    {
      name: "max-age",
      value: "DURATION",
      help: "export: so long after it was made everything is denied, such as 7d; never unless given",
    },
    { name: "policies", value: "FILE", help: "export: these instead of the tenant's; no server is asked then" },
    { name: "schema", value: "FILE", help: "export: with --policies: the schema's extension that goes with them" },
    { name: "revocations", help: "export: what is revoked here is revoked there as well" },
    { name: "publisher", value: "KEY", help: "inspect: the public key that must have signed it" },
    { name: "allow-rollback", help: "import: takes a bundle that is not newer too, and records that" },
    { name: "every", value: "DURATION", help: "follow: how often to look; 60s unless given" },
    { name: "endpoint", value: "URL", help: "follow: the bucket's store, such as https://s3.example.com" },
    { name: "region", value: "REGION", help: "follow: the bucket's region; us-east-1 unless given" },
    { name: "access-key", value: "ID", help: "follow: of the bucket; the secret key is asked for" },
    { name: "secret-file", value: "FILE", help: "follow: the secret key is in this file" },
    TENANT_OPTION,
  ],
  notes: [
    "key FILE                 make a publisher's key and print its public half",
    "export                   sign the tenant's policies, schema, type map (and revocations)",
    "inspect FILE             say what a bundle holds and whether it is whole; asks no server",
    "diff FILE                what importing it would change; exit 1 where anything would",
    "import FILE              let it decide, whole or not at all",
    "trust KEY, untrust ID    whose bundles the tenant takes: a public key, or a file that has it",
    "follow DIR|s3://BUCKET/PREFIX/, unfollow, poll",
    "                         look for `policies.bundle` there again and again; poll looks now",
    "status                   who is trusted, what is in force, how the last look ended",
  ],
  run: async (context, args) => {
    const action = ACTIONS.get(args.at("ACTION"));
    if (action === undefined) throw new UsageError(`ACTION is one of ${[...ACTIONS.keys()].join(", ")}`);
    const stray = bundle.options?.find(
      ({ name }) => name !== "tenant" && args.has(name) && !action.options.includes(name),
    );
    if (stray !== undefined) throw new UsageError(`\`--${stray.name}\` is not of \`${args.at("ACTION")}\``);
    return action.run(context, args);
  },
};

function asking(work: (api: Api, terminal: Terminal, args: Arguments) => Promise<ExitCode>): Work {
  return (context, args) => withApi(context, args, (api) => work(api, context.terminal, args));
}

async function makeKey({ terminal }: CommandContext, args: Arguments): Promise<ExitCode> {
  const path = required(args, "FILE");
  const seed = randomBytes(KEY_BYTES);
  await writeNewFile(path, [utf8(formatPublisherSecret(seed))]);
  const { publicKey } = createSigner(seed);
  const key = { id: publisherKeyId(publicKey), publicKey };
  const line = formatPublisherKey(key);
  if (args.has("json")) await terminal.printJson({ key: key.id, public_key: line, file: path });
  else await terminal.print(line);
  return 0;
}

async function exportBundle(context: CommandContext, args: Arguments): Promise<ExitCode> {
  if (args.maybeAt("WHAT") !== undefined) throw new UsageError("`export` takes options alone");
  const keyFile = args.option("key");
  const version = args.count("version", VERSION);
  if (keyFile === undefined || version === undefined) throw new UsageError("`--key FILE` and `--version N` are needed");
  const signer = parsePublisherSecret(new TextDecoder().decode(await readFileChecked(keyFile)));
  const content = await readContent(context, args);
  const signed = signBundle(
    {
      channel: args.option("channel") ?? "default",
      version,
      madeAt: systemClock.now(),
      maxAgeSeconds: args.seconds("max-age") ?? null,
      ...content,
    },
    signer,
  );
  const out = args.option("out");
  if (out === undefined) await context.terminal.write(signed);
  else {
    await writeNewFile(out, [utf8(signed)]);
    await context.terminal.note(`written to ${out}`);
  }
  return 0;
}

type Content = Pick<PolicyBundle, "policies" | "schema" | "typeMap" | "revocations">;
const NOTHING_REVOKED: PolicyBundle["revocations"] = { writs: [], keys: [], agents: [] };

async function readContent(context: CommandContext, args: Arguments): Promise<Content> {
  const policies = args.option("policies");
  const schema = args.option("schema");
  if (policies !== undefined) {
    if (args.has("revocations")) throw new UsageError("`--revocations` are the tenant's: not with `--policies`");
    return {
      policies: await readText(context.terminal, policies),
      schema: schema === undefined ? null : await readText(context.terminal, schema),
      typeMap: null,
      revocations: NOTHING_REVOKED,
    };
  }
  if (schema !== undefined) throw new UsageError("`--schema` goes with `--policies`");
  let content: Content | undefined;
  await withApi(context, args, async (api) => {
    const answer = await api.get(`${PATH}/content`);
    content = {
      policies: textOf(answer, "policies"),
      schema: answer["schema"] as Content["schema"],
      typeMap: answer["type_map"] as Content["typeMap"],
      revocations: args.has("revocations") ? (answer["revocations"] as Content["revocations"]) : NOTHING_REVOKED,
    };
    return 0;
  });
  if (content === undefined) throw new WritError("internal");
  return content;
}

/** Says what is in a bundle, whatever its key; a key that is given must be the one that signed it. */
async function inspect({ terminal }: CommandContext, args: Arguments): Promise<ExitCode> {
  const expected = args.option("publisher");
  const { id } = expected === undefined ? { id: undefined } : await readPublisher(terminal, expected);
  let read: ReadBundle;
  try {
    read = readBundle(await readFile(terminal, args));
  } catch (error) {
    if (!isWritError(error, "bundle_invalid") && !isWritError(error, "bundle_untrusted")) throw error;
    if (args.has("json")) await terminal.printJson({ ok: false, code: error.code, message: error.message });
    else await terminal.printMarked("bad", "refused", `  ${error.message} (${error.code})`);
    return 1;
  }
  const isOk = id === undefined || id === read.key;
  const { writs, keys, agents } = read.revocations;
  const said = {
    ok: isOk,
    key: read.key,
    channel: read.channel,
    version: read.version,
    made_at: toRfc3339(read.madeAt),
    max_age_seconds: read.maxAgeSeconds,
    sha256: read.sha256,
    policies_characters: read.policies.length,
    schema: read.schema !== null,
    type_map: read.typeMap !== null,
    revoked: { writs: writs.length, keys: keys.length, agents: agents.length },
  };
  await printThing(terminal, args, said);
  if (!isOk) await terminal.note(`writ: the bundle is signed by \`${read.key}\`, not by \`${id}\``);
  return isOk ? 0 : 1;
}

async function showDiff(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const read = readBundle(await readFile(terminal, args));
  const content = await api.get(`${PATH}/content`);
  const status = await api.get(PATH);
  const lines = diffLines(textOf(content, "policies"), read.policies);
  const schemaLines = read.schema === null ? [] : diffLines(textOf(content, "schema"), read.schema);
  const isNew = (name: "writs" | "keys" | "agents"): readonly string[] => {
    const known = objectOf(content, "revocations")[name];
    return read.revocations[name].filter((each) => !(Array.isArray(known) && known.includes(each)));
  };
  const revoked = { writs: isNew("writs"), keys: isNew("keys"), agents: isNew("agents") };
  const changed = [...lines, ...schemaLines].filter(({ mark }) => mark !== " ");
  const isMapChanged = read.typeMap !== null && JSON.stringify(read.typeMap) !== JSON.stringify(content["type_map"]);
  const isSame =
    changed.length + revoked.writs.length + revoked.keys.length + revoked.agents.length === 0 && !isMapChanged;
  const known = objectOf(status, "bundle")["version"];
  const versions = { from: typeof known === "number" ? known : null, to: read.version };
  if (args.has("json")) {
    await terminal.printJson({ same: isSame, bundle: versions, lines: changed, type_map: isMapChanged, revoked });
    return isSame ? 0 : 1;
  }
  await terminal.print(`bundle ${versions.from ?? "none"} to ${versions.to}`);
  for (const line of withContext(lines, CONTEXT_LINES)) await terminal.print(line);
  if (schemaLines.some(({ mark }) => mark !== " ")) {
    await terminal.print("schema:");
    for (const line of withContext(schemaLines, CONTEXT_LINES)) await terminal.print(line);
  }
  if (isMapChanged) await terminal.print("the type map changes");
  for (const name of Object.values(revoked).flat()) await terminal.print(`revokes ${name}`);
  return isSame ? 0 : 1;
}

async function importBundle(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(await readFile(terminal, args));
  const body = { bundle: text, ...(args.has("allow-rollback") ? { allow_rollback: true } : {}) };
  return printThing(terminal, args, await api.post(PATH, body));
}

async function trust(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const key = await readPublisher(terminal, required(args, "KEY"));
  const channel = args.option("channel");
  const body = { public_key: formatPublisherKey(key), ...(channel === undefined ? {} : { channel }) };
  return printThing(terminal, args, await api.post(`${PATH}/publishers`, body));
}

async function untrust(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const key = required(args, "ID");
  await api.delete(`${PATH}/publishers/${encodeURIComponent(key)}`);
  return done(terminal, args, { untrusted: key });
}

async function follow(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const every = args.seconds("every");
  const pace = every === undefined ? {} : { every_seconds: every };
  const what = required(args, "DIR");
  if (!what.startsWith("s3://")) {
    return printThing(
      terminal,
      args,
      await api.put(`${PATH}/source`, { kind: "folder", path: resolve(what), ...pace }),
    );
  }
  const [bucket = "", ...rest] = what.slice("s3://".length).split("/");
  const [endpoint, accessKey, region] = [args.option("endpoint"), args.option("access-key"), args.option("region")];
  if (endpoint === undefined || accessKey === undefined) {
    throw new UsageError("a bucket needs `--endpoint URL` and `--access-key ID`");
  }
  const body = {
    kind: "s3",
    endpoint,
    bucket,
    prefix: rest.join("/"),
    access_key: accessKey,
    secret_key: await readSecret(terminal, args.option("secret-file"), "secret key: "),
    ...(region === undefined ? {} : { region }),
    ...pace,
  };
  return printThing(terminal, args, await api.put(`${PATH}/source`, body));
}

async function unfollow(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  await api.delete(`${PATH}/source`);
  return done(terminal, args, { followed: null });
}

async function poll(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const polled = await api.post(`${PATH}/source/poll`);
  await printThing(terminal, args, polled);
  return polled["outcome"] === "failed" ? 1 : 0;
}

async function showStatus(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const status = await api.get(PATH);
  if (args.has("json")) await terminal.printJson(status);
  else {
    const { publishers: _publishers, ...rest } = status;
    await printList(terminal, args, listOf(status, "publishers"), PUBLISHER_COLUMNS, "no publisher is trusted");
    await printThing(terminal, args, rest);
  }
  return status["stale"] === true ? 1 : 0;
}

async function done(terminal: Terminal, args: Arguments, answer: Answer): Promise<ExitCode> {
  if (args.has("json")) await terminal.printJson(answer);
  return 0;
}

/** A public key as it stands on the command line, or in a file. */
async function readPublisher(terminal: Terminal, text: string) {
  try {
    return parsePublisherKey(text);
  } catch (error) {
    if (!isWritError(error, "invalid_argument")) throw error;
    const file = await readText(terminal, text, 1024).catch(() => undefined);
    if (file === undefined) throw error;
    return parsePublisherKey(file);
  }
}

function readFile(terminal: Terminal, args: Arguments): Promise<Uint8Array> {
  return readBytes(terminal, required(args, "FILE"), MAX_BUNDLE_BYTES);
}

function required(args: Arguments, name: string): string {
  const what = args.maybeAt("WHAT");
  if (what === undefined)
    throw new UsageError(`${name} is missing: \`writ policy bundle ${args.at("ACTION")} ${name}\``);
  return what;
}
