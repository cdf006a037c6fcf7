import type { Call } from "../call.ts";
import { scanArguments } from "../option-scan.ts";
import { higherTier, type Tier } from "../tier.ts";
import { type Argument, knownArgument } from "../words.ts";

const READING =
  /^(?:SELECT|SHOW|DESCRIBE|DESC|EXPLAIN|VALUES|TABLE|WITH|USE|HELP|STATUS|PRAGMA|FROM|SUMMARIZE|LIST|FETCH|BEGIN|COMMIT|ROLLBACK|END|START\s+TRANSACTION)\b/i;
const CHANGING =
  /\b(?:INSERT|UPDATE|DELETE|REPLACE\s+INTO|MERGE|CREATE|ALTER|DROP|TRUNCATE|GRANT|REVOKE|COPY|CALL|EXEC|EXECUTE|DO|ATTACH|DETACH|VACUUM|REINDEX|ANALYZE|LOAD|IMPORT|EXPORT|INSTALL|LOCK|INTO|FOR\s+(?:UPDATE|SHARE|NO\s+KEY|KEY\s+SHARE))\b/i;
const DESTROYING =
  /^(?:DROP|TRUNCATE)\b|^DELETE\s+FROM\b(?![\s\S]*\bWHERE\b)|^UPDATE\b(?![\s\S]*\bWHERE\b)|\bDROP\s+(?:COLUMN|CONSTRAINT|PARTITION)\b/i;
/** Functions and forms that reach files, other servers, settings or commands. */
const REACHING =
  /\b(?:xp_cmdshell|sp_oacreate|sp_execute_external_script|load_extension|pg_read_\w+|pg_ls_\w+|lo_(?:import|export)|dblink\w*|pg_terminate_backend|pg_cancel_backend|pg_reload_conf|set_config|nextval|setval|load_file|sys_exec|sys_eval|writefile|readfile|edit|fts3_tokenizer|openrowset|opendatasource|getenv|query_to_xml|pg_file_write|pg_sleep|benchmark|pg_advisory_\w+)\s*\(|\bxp_cmdshell\b|\bPROGRAM\b|\b(?:OUTFILE|DUMPFILE)\b/i;

/** The tier of SQL text: of its worst statement. What is not a known way to look changes something. */
export function sqlTier(text: string): Tier {
  let tier: Tier = "read";
  for (const statement of statementsOf(text)) tier = higherTier(tier, statementTier(statement));
  return tier;
}

function statementTier(statement: string): Tier {
  const text = statement.trim();
  if (text === "") return "read";
  if (/\bxp_cmdshell\b|\bPROGRAM\b|\bsys_(?:exec|eval)\b|\bload_extension\b|\bsp_oacreate\b/i.test(text))
    return "danger";
  if (DESTROYING.test(text)) return "danger";
  if (!READING.test(text) || REACHING.test(text)) return "write";
  if (/^(?:EXPLAIN)\b/i.test(text))
    return /\bANALY[ZS]E\b/i.test(text) && CHANGING.test(text.replace(/\bANALY[ZS]E\b/gi, "")) ? "write" : "read";
  if (/^(?:SHOW|DESCRIBE|DESC|HELP)\b/i.test(text)) return "read";
  if (/^PRAGMA\b/i.test(text))
    return /=|\((?!\s*['"\w]+\s*\))/.test(text) ||
      /writable|wal_checkpoint|optimize|incremental_vacuum|shrink/i.test(text)
      ? "write"
      : "read";
  return CHANGING.test(text) ? "write" : "read";
}

/** Statements with literals, quoted names and comments taken out. */
function statementsOf(text: string): readonly string[] {
  return text
    .replace(
      /'(?:[^'\\]|''|\\[\s\S])*'|"(?:[^"]|"")*"|`[^`]*`|\$(\w*)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*(?!!)[\s\S]*?\*\//g,
      (literal) => (literal.startsWith("--") || literal.startsWith("/*") ? " " : " '' "),
    )
    .split(";");
}

/** Clients by what their operands are. */
const SQL_OPERAND = /^(?:sqlite3?|duckdb|sqlcmd|mycli|litecli|usql)$/;
const CODE_OPTIONS: ReadonlySet<string> = new Set([
  "-c",
  "--command",
  "-e",
  "--execute",
  "-q",
  "-Q",
  "--query",
  "-cmd",
  "-s",
  "--query-string",
  "--sql",
]);

/** A client of a database: the SQL of its options and operands, or of its input; its own commands too. */
export function judgeSql(call: Call): "done" {
  const { rule } = call;
  if (rule === undefined) return "done";
  const { options, operands, wild } = scanArguments(call.args, rule);
  if (options.some(({ name, value }) => rule.readOptions.has(name) && value === undefined) && operands.length === 0)
    return "done";
  let isTold = options.some(({ name }) => rule.readOptions.has(name));
  for (const { name, value } of options) {
    if (CODE_OPTIONS.has(name) && rule.values.has(name) && value !== undefined) {
      isTold = true;
      judgeText(call, value);
    } else if (/^(?:-f|--file|-i|-init|--init-command|--init-file)$/.test(name) && rule.values.has(name)) {
      isTold = true;
      if (value !== undefined) call.touch(value, "read");
      call.raise("write", "runs_file", `runs the statements of a file: \`${value?.text ?? ""}\``);
    } else if (rule.outputs.has(name) && value !== undefined) call.touch(value, "write");
  }
  const words = operands.map(({ argument }) => argument);
  const texts = SQL_OPERAND.test(call.name)
    ? words.slice(call.name === "sqlcmd" ? (words[0]?.text === "query" ? 1 : 0) : 1)
    : [];
  for (const text of texts) {
    isTold = true;
    judgeText(call, text);
  }
  if (call.name.startsWith("sqlite") || call.name === "duckdb")
    if (words[0] !== undefined) call.touch(words[0], "read");
  if (wild === "line")
    call.raise("danger", "unresolved", `\`${call.name}\` gets words that are only known at run time`);
  else if (wild === "environment")
    call.raise("write", "unresolved", `\`${call.name}\` gets words that are only known at run time`);
  if (!isTold) judgeInput(call);
  return "done";
}

function judgeInput(call: Call): void {
  if (call.input?.kind === "text")
    judgeText(call, { text: call.input.text, known: call.input.known, glob: false, mayBe: "itself" });
  else call.raise("write", "arbitrary_code", `\`${call.name}\` runs whatever comes in`);
}

function judgeText(call: Call, argument: Argument): void {
  if (!argument.known) {
    call.raise(
      argument.mayBe === "line" ? "danger" : "write",
      "unresolved",
      "the statements are only known at run time",
    );
    return;
  }
  const lines = argument.text.split("\n");
  const sql = lines.filter((line) => !judgeOwnCommand(call, line.trim())).join("\n");
  const isReadOnly = call.args.some(({ text }) => text === "-readonly") && !REACHING.test(sql);
  const tier = isReadOnly ? "read" : sqlTier(sql);
  call.raise(tier, tier === "danger" ? "destructive" : "changes_state", `\`${argument.text.trim().slice(0, 80)}\``);
}

/** Commands of the client itself: `\d` of psql, `.tables` of sqlite. */
function judgeOwnCommand(call: Call, line: string): boolean {
  const [, backslash] = /^\\([a-zA-Z!?]+\S*)/.exec(line) ?? [];
  const [, dot, rest = ""] = /^\.([a-z]+)\s*([\s\S]*)$/.exec(line) ?? [];
  if (backslash !== undefined) {
    if (/\\(?:!|g?exec)|\\(?:o|g|w|copy\b.*\bprogram)\s*\|/i.test(line)) {
      call.raise("danger", "arbitrary_code", `runs a command: \`${line.slice(0, 80)}\``);
    } else if (
      !/^(?:d\w*\+?|l\+?|z|conninfo|timing|x|a|t|pset|encoding|echo|qecho|\?|h|s\w?\+?)$/.test(backslash) ||
      line.slice(1).includes("\\")
    ) {
      call.raise("write", "changes_state", `\`${line.slice(0, 80)}\``);
    }
    return true;
  }
  if (dot === undefined) return false;
  if (/^(?:shell|system)$/.test(dot)) {
    call.raise("write", "arbitrary_code", "runs a command");
    call.runShell(knownArgument(rest));
  } else if (/^(?:load|excel|www)$/.test(dot))
    call.raise("danger", "arbitrary_code", `\`.${dot}\` loads code or runs a program`);
  else if (!READING_DOT.has(dot) || /^["']?\|/.test(rest))
    call.raise(/^["']?\|/.test(rest) ? "danger" : "write", "changes_state", `\`.${dot}\``);
  return true;
}

const READING_DOT: ReadonlySet<string> = new Set(
  "tables schema indexes indices databases dump help headers header mode show stats eqp explain print width separator nullvalue timer fullschema bail echo exit quit dbinfo lint sha sha3sum version changes limit".split(
    " ",
  ),
);
