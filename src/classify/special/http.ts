import type { Call } from "../call.ts";
import { judgeByRule } from "../judge-rule.ts";
import { type FoundOption, scanArguments } from "../option-scan.ts";
import { baseName } from "../paths.ts";
import { higherTier, type Tier } from "../tier.ts";
import { type Argument, knownArgument } from "../words.ts";

const READS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH"]);
const WRITES: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "MKCOL", "COPY", "LOCK", "UNLOCK", "PROPPATCH"]);

/** Words in the last steps of a path that name an action which destroys. */
const DESTROYS =
  /(?:^|[/_.:-])(?:do|bulk)?(?:delete|destroy|purge|remove|wipe|drop|truncate|terminate|revoke|erase)(?:all|by|_by)?(?=$|[/_.:?&-]|[A-Z])/i;

/** The tier of a request by its method, and by what the path says where the method only says that something is done. */
export function requestTier(method: string, url: string): Tier {
  const name = method.toUpperCase();
  if (READS.has(name)) return "read";
  if (!WRITES.has(name)) return "danger";
  const path = url.replace(/^[a-z]+:\/\/[^/]*/i, "").replace(/[?#][\s\S]*$/, "");
  return DESTROYS.test(path.split("/").slice(-3).join("/")) ? "danger" : "write";
}

const SENDS: ReadonlySet<string> = new Set(
  "-d --data --data-raw --data-binary --data-urlencode --data-ascii --json -F --form --form-string --post-data --post-file --body-data --body-file".split(
    " ",
  ),
);

/** `curl` and `wget`: the method decides, and where the answer goes. */
export function judgeCurl(call: Call): "done" {
  const { rule } = call;
  if (rule === undefined) return "done";
  const { options, operands } = scanArguments(call.args, rule);
  const asked = options.findLast(({ name }) => name === "-X" || name === "--request" || name === "--method")?.value;
  const has = (...names: readonly string[]): boolean => options.some(({ name }) => names.includes(name));
  const implied = impliedMethod(options, has);
  const urls = [
    ...operands.map(({ argument }) => argument),
    ...options.flatMap(({ name, value }) => (name === "--url" && value !== undefined ? [value] : [])),
  ];
  if (asked !== undefined && !asked.known) call.raise("danger", "unresolved", "the method is only known at run time");
  let tier: Tier = "read";
  for (const url of urls.length === 0 ? [knownArgument("")] : urls) {
    tier = higherTier(tier, requestTier(asked?.text ?? implied, url.text));
    if (url.mayBe === "line" && !/^https?:\/\//.test(url.text)) tier = "danger";
    else if (url.mayBe !== "itself" || (!url.known && url.text.includes("$("))) tier = higherTier(tier, "write");
    if (/^file:\/\//.test(url.text)) call.touch({ ...url, text: url.text.slice(7) }, "read");
    tier = higherTier(tier, schemeTier(url.text));
  }
  // The verb of the request has been judged; what is left of the table are options.
  if (tier === "danger")
    call.raise(tier, "destructive", `\`${asked?.text ?? implied}\` of ${urls[0]?.text ?? "nothing"}`);
  else call.raise(tier, "changes_state", `\`${asked?.text ?? implied}\` of ${urls[0]?.text ?? "nothing"}`);
  judgeTargets(call, options, urls, has);
  judgeSentFiles(call, options);
  for (const { name, value } of options) {
    if (/^(?:-Q|--quote)$/.test(name) && !LOOKING_QUOTE.test(value?.text ?? "")) {
      call.raise("danger", "destructive", `tells the server: \`${value?.text ?? ""}\``);
    }
  }
  judgeByRule(call, { ...rule, rule: { ...rule.rule, tier: "read" } });
  return "done";
}

/** Other protocols say more than a request for a file: some let the path be any text that is sent to any server. */
function schemeTier(url: string): Tier {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase() ?? "http";
  if (/^(?:https?|ftps?|sftp|scp|file)$/.test(scheme)) return "read";
  return /^(?:gopher|telnet|dict|smb|ldap)s?$/.test(scheme) ? "danger" : "write";
}

/** Commands for an FTP server that change nothing (RFC 959). */
const LOOKING_QUOTE =
  /^[-+*]?\s*(?:CDUP|CWD|PWD|STAT|SIZE|MDTM|LIST|NLST|MLSD|MLST|NOOP|HELP|SYST|FEAT|TYPE|MODE|STRU)\b/i;

function impliedMethod(options: readonly FoundOption[], has: (...names: readonly string[]) => boolean): string {
  if (has("-G", "--get")) return "GET";
  if (has("-T", "--upload-file")) return "PUT";
  if (options.some(({ name }) => SENDS.has(name))) return "POST";
  return has("-I", "--head") ? "HEAD" : "GET";
}

function judgeTargets(
  call: Call,
  options: readonly FoundOption[],
  urls: readonly Argument[],
  has: (...names: readonly string[]) => boolean,
): void {
  const isWget = call.name === "wget" || call.name === "wget2";
  const toStdout = options.some(({ name, value }) => /^(?:-O|--output-document)$/.test(name) && value?.text === "-");
  const named = isWget
    ? !toStdout && !has("--spider", "-h", "--help", "-V", "--version")
    : has("-O", "--remote-name", "--remote-name-all", "-J");
  if (!named) return;
  if (isWget && options.some(({ name, value }) => name === "-O" && value !== undefined)) return;
  call.raise("write", "writes_file", `\`${call.name}\` writes what it fetches to a file`);
  for (const url of urls) {
    const name = baseName(url.text.replace(/[?#][\s\S]*$/, ""));
    call.touch(url.known && name !== "" ? knownArgument(name) : { ...url, known: false }, "write");
  }
}

function judgeSentFiles(call: Call, options: readonly FoundOption[]): void {
  for (const { name, value } of options) {
    if (value === undefined) continue;
    const file = /^(?:[^=@]*=)?[@<](.+)$/.exec(value.text)?.[1];
    if (SENDS.has(name) && file !== undefined && file !== "-") call.touch({ ...value, text: file }, "read");
    if ((name === "-T" || name === "--upload-file") && value.text !== "-") call.touch(value, "read");
  }
}

/** `gh api`, `glab api`, `az rest`: a request by method and path, credentials included. */
export function judgeHttpApi(call: Call): "done" {
  const { rule } = call;
  if (rule === undefined) return "done";
  const { options, operands, wild } = scanArguments(call.args, rule);
  const method = options.findLast(({ name }) => name === "-X" || name === "--method" || name === "-m")?.value;
  const fields = options.filter(({ name }) => /^(?:-[fFd]|--field|--raw-field|--input|--body|-b)$/.test(name));
  const path =
    operands[0]?.argument ?? options.find(({ name }) => /^(?:-u|--ur[il])$/.test(name))?.value ?? knownArgument("");
  const isGraphql = /^\/?graphql$/.test(path.text);
  if (options.some(({ name }) => name === "--help" || name === "-h")) return "done";
  if (isGraphql) judgeGraphql(call, fields);
  else {
    const verb = method?.text ?? (fields.length > 0 ? "POST" : "GET");
    const tier = method !== undefined && !method.known ? "danger" : requestTier(verb, path.text);
    call.raise(tier, tier === "danger" ? "destructive" : "changes_state", `\`${verb}\` of ${path.text}`);
  }
  if (wild === "line")
    call.raise("danger", "unresolved", `\`${call.name}\` gets words that are only known at run time`);
  else if (wild === "environment")
    call.raise("write", "unresolved", `\`${call.name}\` gets words that are only known at run time`);
  return "done";
}

function judgeGraphql(call: Call, fields: readonly FoundOption[]): void {
  const query = fields.find(({ value }) => value?.text.startsWith("query=") === true)?.value;
  const text = query?.text.slice("query=".length).trim() ?? "";
  const isQuery =
    query?.known === true && /^(?:query\b|\{|fragment\b)/.test(text) && !/\b(?:mutation|subscription)\b/.test(text);
  if (isQuery) return;
  if (/\b(?:delete|remove|archive|transfer)\w*\s*\(/.test(text))
    call.raise("danger", "destructive", "a mutation that destroys");
  else call.raise("write", "changes_state", "a mutation, or a query that is not known");
}
