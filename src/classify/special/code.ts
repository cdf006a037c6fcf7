import type { Call, Language } from "../call.ts";
import { type Argument, knownArgument } from "../words.ts";

const wordSet = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));

/** Modules that give nothing but values; every other module is code of its own. */
const PYTHON_MODULES = wordSet(
  `__future__ abc array base64 binascii bisect calendar cmath collections colorsys copy csv dataclasses datetime decimal difflib
   enum fractions functools hashlib hmac html ipaddress itertools json keyword math numbers operator os os.path pathlib platform
   pprint random re secrets statistics string struct sys textwrap time tomllib types typing unicodedata urllib.parse uuid
   warnings zlib zoneinfo collections.abc`,
);
/** Attributes that look and compute; none of them writes, runs, or leads to a module or a class that does. */
const PYTHON_ATTRIBUTES = wordSet(
  `append argv abs b64decode b64encode basename capitalize ceil choice clear combinations copy cos count Counter cwd date datetime
   decode dedent deepcopy defaultdict difference digest dirname dump dumps e encode endswith environ exists exit exp expanduser extend
   factorial fill find findall findone finditer flags float floor flush format fromhex fromisoformat fromkeys fsum fullmatch gcd get
   getcwd getenv getpid getsize group groupby groups groupdict hexdigest home hypot index indent inf insert intersection isabs isalnum
   isalpha isatty isdigit isdir isfile isinstance islower isoformat isspace issubset isupper items iterdir join keys lcm lead
   listdir ljust load loads log log10 log2 lower lstrip machine match maxsize mean md5 median month name namedtuple nan node now
   OrderedDict parent parse parse_qs parts path permutations pi platform pop popitem pow pprint print product python_version quote
   randint random range read readline readlines real relpath release repeat replace resolve reverse reversed rfind rjust rstrip round
   safe_load sample search seconds sep setdefault sha1 sha224 sha256 sha384 sha512 shuffle sin sleep sort sorted split splitext
   splitlines sqrt startswith stat stderr stdev stdin stdout stem strftime strip strptime st_mode st_mtime st_size sub suffix sum
   symmetric_difference tan time timedelta timestamp title today token_hex token_urlsafe total_seconds translate unhexlify
   hexlify union unquote update upper urandom urlencode urlparse utcnow uuid1 uuid4 values version version_info weekday wrap write year
   day hour minute zfill zip dt tz UTC utc timezone fromtimestamp python_implementation uname processor architecture modf fmod`,
);
/** Built-in names that reach files, code or the inside of objects. `open` is looked at apart. */
const PYTHON_DANGEROUS = wordSet(
  "exec eval compile breakpoint globals locals vars getattr setattr delattr memoryview help exit_ input_ open execfile file reload apply",
);

const SCRIPT_ATTRIBUTES = wordSet(
  `abs argv assign at ceil charAt charCodeAt concat cos env endsWith entries error every filter find findIndex flat flatMap floor
   forEach from fromEntries get has hexSlice includes indexOf info isArray isInteger isNaN join keys length localeCompare log map match
   matchAll max min now parse padEnd padStart PI platform pop pow push random reduce repeat replace replaceAll reverse round set shift
   size slice some sort split sqrt startsWith stringify table test toFixed toISOString toLowerCase toString toUpperCase trim trimEnd
   trimStart trunc unshift values version versions node v8 arch pid uptime warn name scripts dependencies devDependencies engines`,
);
const SCRIPT_DANGEROUS = wordSet(
  `require eval Function import globalThis global window module exports fetch Bun Deno WebAssembly Worker Proxy Reflect Object this
   constructor __proto__ prototype async await setTimeout setInterval queueMicrotask structuredClone self with`,
);

/** Judges code of a language with a whitelist of what only looks; all else can do anything. */
export function judgeCode(call: Call, language: Language, code: Argument): void {
  const found = code.known
    ? language === "python"
      ? readPython(code.text)
      : language === "javascript"
        ? readScript(code.text)
        : undefined
    : undefined;
  if (found === undefined) {
    call.raise("danger", "arbitrary_code", `\`${call.name}\` runs code that can do anything`);
    return;
  }
  for (const path of found.reads) call.touch(knownArgument(path), "read");
  if (found.foreign !== undefined) call.raise("write", "runs_file", `\`${call.name}\` loads \`${found.foreign}\``);
}

interface CodeEffects {
  readonly reads: readonly string[];
  /** A module that is not known to only look. */
  readonly foreign: string | undefined;
}

function readPython(text: string): CodeEffects | undefined {
  if (/__|\\\n/.test(text.replace(/^from __future__/gm, "")) || /[^\t\n -~]/.test(text)) return undefined;
  const reads: string[] = [];
  // A file that is opened by a literal name, for reading only, is a file access and nothing more.
  const opened = text.replace(
    /\bopen\(\s*(['"])([^'"\\]*)\1\s*(?:,\s*(['"])r[bt]?\3\s*)?(?:,\s*encoding\s*=\s*(['"])[\w-]+\4\s*)?\)/g,
    (_all, _quote, path: string) => {
      reads.push(path);
      return "()";
    },
  );
  const code = withoutPythonStrings(opened);
  if (code === undefined) return undefined;
  let foreign: string | undefined;
  const rest = code.replace(
    /\b(?:from\s+([\w.]+)\s+import\s+([^\n;]+)|import\s+([^\n;]+))/g,
    (_all, module?: string, names?: string, modules?: string) => {
      for (const item of (modules ?? module ?? "").split(",")) {
        const name = item.trim().split(/\s+as\s+/)[0] ?? "";
        if (!PYTHON_MODULES.has(name)) foreign ??= name;
      }
      return names === undefined
        ? ""
        : names
            .replace(/[(),]|\bas\b/g, " ")
            .split(/\s+/)
            .filter((name) => name !== "")
            .map((name) => `.${name}`)
            .join(" ");
    },
  );
  for (const [, attribute] of rest.matchAll(/\.\s*([A-Za-z_*]\w*)/g))
    if (!PYTHON_ATTRIBUTES.has(attribute ?? "")) return undefined;
  for (const [name] of rest.matchAll(/(?<![.\w])[A-Za-z_]\w*/g)) if (PYTHON_DANGEROUS.has(name)) return undefined;
  // Both texts and files are replaced by that name, and files can be where paths are.
  if (/\bimport\b[^;\n]*\b(?:os|pathlib)\b/.test(code) && /\.\s*replace\b/.test(rest)) return undefined;
  // What a module that is not known to only look does when it is called is as open as any code.
  if (foreign !== undefined && /[.(]/.test(rest)) return undefined;
  if (/\.\s*\*/.test(rest) || /@/.test(rest)) return undefined;
  return { reads, foreign };
}

/** The code without its strings; those with braces for code keep what stands in the braces. */
function withoutPythonStrings(text: string): string | undefined {
  let isBroken = false;
  const code = text.replace(
    /([rRbBuUfFtT]{0,2})("""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*')|#[^\n]*/g,
    (_all, prefix = "", literal = "") => {
      if (/[fFtT]/.test(prefix))
        return ` (${[...String(literal).matchAll(/\{([^}]*)\}/g)].map(([, inner]) => inner).join(" , ")}) `;
      return ' "" ';
    },
  );
  if (/['"\\]/.test(code.replace(/ "" /g, " "))) isBroken = true;
  return isBroken ? undefined : code;
}

function readScript(text: string): CodeEffects | undefined {
  if (/`|\\u|\/\*|\/\//.test(text.replace(/https?:\/\//g, "")) || /[^\t\n -~]/.test(text)) return undefined;
  const reads: string[] = [];
  const required = text.replace(
    /\brequire\(\s*(['"])(\.{0,2}\/[\w./-]+\.json)\1\s*\)/g,
    (_all, _quote, path: string) => {
      reads.push(path);
      return "()";
    },
  );
  const code = required.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, ' "" ');
  if (/['"]/.test(code.replace(/ "" /g, " "))) return undefined;
  // An index can name any property, a constructor too, unless it is a number.
  if (/[\w)\]"]\s*\[\s*[^\d\s\]]/.test(code)) return undefined;
  for (const [, attribute] of code.matchAll(/\.\s*([A-Za-z_$#][\w$]*)/g))
    if (!SCRIPT_ATTRIBUTES.has(attribute ?? "")) return undefined;
  for (const [name] of code.matchAll(/(?<![.\w$])[A-Za-z_$][\w$]*/g)) if (SCRIPT_DANGEROUS.has(name)) return undefined;
  if (/\bprocess\b(?!\s*\.\s*(?:argv|env|version|versions|platform|arch|pid|uptime)\b)/.test(code)) return undefined;
  return { reads, foreign: undefined };
}
