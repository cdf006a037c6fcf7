import { ENDED_VALUE, LISTED_VALUE, PAIRED_NAME, PAIRED_VALUE, QUOTED_VALUE, USERINFO, VALUE } from "./anchor-shape.ts";
import type { SecretPattern } from "./pattern-set.ts";
import { isLikelyCredential, isLikelyName, isLikelyPassword, isLikelyRandom, isLiteral } from "./plausible.ts";

const GAP = "[ \\t]{0,16}";
function anyCase(
  id: string,
  anchors: readonly string[],
  expression: string,
  accepts?: SecretPattern["accepts"],
): SecretPattern {
  return { id, anchors, expression, ignoreCase: true, left: "any", contextual: true, ...(accepts && { accepts }) };
}

/** A pattern whose anchor is in a key that is assigned to, with what may stand behind that. */
function assigned(
  id: string,
  anchors: readonly string[],
  shapes: number,
  expression: string,
  accepts?: SecretPattern["accepts"],
): SecretPattern {
  return { ...anyCase(id, anchors, expression, accepts), shapes };
}

const KEYS = "[A-Za-z0-9_.-]{0,24}";
const SECRET_ANCHORS = [
  "secret",
  "token",
  "api_key",
  "apikey",
  "api-key",
  "access_key",
  "accesskey",
  "license_key",
  "auth_key",
  "private_key",
  "client_key",
];
/** How a key that names a password goes on, by its anchor. */
const PASSWORD_KEYS = [
  ["pass", "(?:word|wd|phrase|(?=[ \\t]{0,4}=))"],
  ["_pass", ""],
  ["pwd", ""],
] as const;

/** Secrets in a protocol's or a URL's usual place. */
const PROTOCOL: readonly SecretPattern[] = [
  anyCase(
    "authorization",
    ["authorization"],
    `authorization(?:\\\\?["'])?[ \\t]{0,4}[:=,][ \\t]{0,4}(?:\\\\?["'\`])?(?:(?:bearer|basic|token|ssws|digest|negotiate|apikey)[ \\t:]{1,4})?([A-Za-z0-9_.~+/:-]{8,4096}={0,2})(?![(\\[])`,
    isLikelyCredential,
  ),
  anyCase("bearer-token", ["bearer "], "bearer ([A-Za-z0-9_.~+/-]{16,4096}={0,2})", isLikelyRandom),
  anyCase(
    "connection-url",
    [
      "mongodb://",
      "mongodb+srv://",
      "postgres://",
      "postgresql://",
      "mysql://",
      "redis://",
      "rediss://",
      "amqp://",
      "amqps://",
    ],
    "(?:mongodb(?:\\+srv)?|postgres(?:ql)?|mysql|rediss?|amqps?)://([^\\s/:@\"'`\\\\<>]{0,100}:[^\\s/@\"'`\\\\<>]{1,200}@[^\\s/\"'`\\\\<>?]{0,400})",
  ),
  {
    ...anyCase("url-userinfo", ["://"], "://([^\\s/:@?#\"'`\\\\<>{}$[\\]]{0,100}:[^\\s/@\"'`\\\\<>{}$[\\]]{1,300})@"),
    left: "word",
    shapes: USERINFO,
  },
  anyCase(
    "user-option",
    [" -u "],
    "[ \\t]-u[ \\t]{1,4}[\"']?([^\\s:\"'\\\\]{1,100}:[^\\s\"'\\\\]{6,200})",
    isLikelyRandom,
  ),
  anyCase(
    "netrc",
    ["machine "],
    '(machine[ \\t]{1,4}[^\\s"\\\\]{1,100}[ \\t]{0,4}(?:\\r?\\n)?[ \\t]{0,8}login[ \\t]{1,4}[^\\s"\\\\]{1,100}[ \\t]{0,4}(?:\\r?\\n)?[ \\t]{0,8}password[ \\t]{1,4}[^\\s"\\\\]{1,200})',
  ),
  assigned(
    "connection-string",
    ["user id", "userid", "uid", "user="],
    ENDED_VALUE,
    '(?:user[ ]?id|uid|user)[ ]{0,2}=[ ]{0,2}([^;"\\s\\\\]{1,100};[ ]{0,4}(?:["\' &]{0,8})(?:password|pwd)[ ]{0,2}=[ ]{0,2}[^;"\\s\\\\]{1,200})',
  ),
];

/** From one line's end to the next key, comments between; never over an empty line. */
const NEXT_KEY =
  '[ \\t,;]{0,20}(?:(?:#|//)[^\\r\\n"\\\\]{0,80})?(?:\\r?\\n(?![\\r\\n])[ \\t]{0,20}(?:(?:#|//)[^\\r\\n"\\\\]{0,80})?){0,4}[ \\t]{0,20}(?:\\\\?["\'])?[$A-OQ-Z_.>-]{0,16}(?:p(?!ass)[$A-OQ-Z_.>-]{0,16}){0,2}pass(?:word|wd)?';

/** A name beside a password: both go. */
const PAIRS: readonly SecretPattern[] = [
  assigned(
    "login-pair",
    ["user"],
    PAIRED_VALUE,
    `user[A-Za-z_]{0,12}[ \\t]{0,4}=[ \\t]{0,4}([A-Za-z0-9_@-]{5,80}${NEXT_KEY}[ \\t]{0,4}=[ \\t]{0,4}[^\\s"'.(){},;$\\\\]{3,100})(?![(.\\[])`,
    isLikelyName,
  ),
  assigned(
    "login-name",
    ["user"],
    PAIRED_NAME,
    `user[A-Za-z_]{0,12}(?:\\\\?["'])?[\\])]{0,2}${GAP}(?:=>|:=|=|:)${GAP}\\\\?["'](?![,:}\\]\\s])([^\\s"',;\\\\]{1,80})(?=\\\\?["']${NEXT_KEY}(?:\\\\?["'])?[\\])]{0,2}${GAP}(?:=>|:=|=|:))`,
    isLiteral,
  ),
];

const ASSIGNMENTS: readonly SecretPattern[] = [
  ...PASSWORD_KEYS.map(([anchor, rest]) => ({
    ...assigned("password", [anchor], VALUE | QUOTED_VALUE, `${anchor}${rest}${KEYS}`, isLikelyPassword),
    assignment: {},
  })),
  anyCase("stated-password", ["password is "], "password is [\"'\\\\]{0,2}([^\\s\"'\\\\]{6,100})[\"'\\\\]", isLiteral),
  anyCase(
    "compared-secret",
    ["password", "secret"].flatMap((word) => ["==", "!=", " ==", " !="].map((operator) => `${word}${operator}`)),
    `(?:password|secret)[ ]?[!=]==?[ ]{0,2}\\\\?["'](?![,:}\\]\\s])([^"'\\\\\\s]{6,200})`,
    isLiteral,
  ),
  ...SECRET_ANCHORS.map((anchor) => ({
    ...assigned("secret", [anchor], VALUE | QUOTED_VALUE | LISTED_VALUE, `${anchor}${KEYS}`, isLikelyRandom),
    assignment: { comma: true },
  })),
];

/** Secrets that are known by the words around them. */
export const CONTEXT_PATTERNS: readonly SecretPattern[] = [...PROTOCOL, ...PAIRS, ...ASSIGNMENTS];
