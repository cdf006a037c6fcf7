import type { SecretPattern } from "./pattern-set.ts";
import { isLikelyPassword, isLikelyRandom, isLiteral } from "./plausible.ts";

const GAP = "[ \\t]{0,16}";
/** Between a key and its value: the end of a quoted key, then an operator. */
const ASSIGN = `(?:\\\\?["'\`])?[\\])]{0,2}${GAP}(?:=>|:=|={1,3}|:|,(?=${GAP}["'\`]))[ \\t]{0,16}(?:\\r?\\n[ \\t]{1,16}(?=["'\`]))?`;
/** A quoted value up to its closing quote. A backslash and what it escapes stay together; a double quote always ends it. */
const DOUBLE = '\\\\?"([^"\\\\\\r\\n]{1,400}(?:\\\\[^\\r\\n"][^"\\\\\\r\\n]{0,400}){0,8})';
const SINGLE = "['`]([^'`\"\\\\\\r\\n]{1,400}(?:\\\\[^\\r\\n'][^'`\"\\\\\\r\\n]{0,400}){0,8})";
const BARE = "([A-Za-z0-9_~+/.!@#^*:-]{8,400}={0,2})(?![(\\[])";
const UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";

function anyCase(id: string, anchors: readonly string[], expression: string, accepts?: (value: string) => boolean): SecretPattern {
  return { id, anchors, expression, ignoreCase: true, left: "any", contextual: true, ...(accepts && { accepts }) };
}

const KEYS = "[A-Za-z0-9_.-]{0,24}";
const SECRET_ANCHORS = ["secret", "token", "api_key", "apikey", "api-key", "access_key", "accesskey", "license_key", "auth_key", "private_key", "client_key"];
const PASSWORD_ANCHORS = ["password", "passwd", "passphrase", "_pass", "pwd"];

/** Secrets in a protocol's or a URL's usual place. */
const PROTOCOL: readonly SecretPattern[] = [
  anyCase(
    "authorization",
    ["authorization"],
    `authorization(?:\\\\?["'])?[ \\t]{0,4}[:=,][ \\t]{0,4}(?:\\\\?["'\`])?(?:(?:bearer|basic|token|ssws|digest|negotiate|apikey)[ \\t:]{1,4})?([A-Za-z0-9_.~+/=!:-]{8,4096})(?![(\\[])`,
    (value) => /[0-9=]/.test(value) || value.length > 24,
  ),
  anyCase("bearer-token", ["bearer "], "bearer ([A-Za-z0-9_.~+/-]{16,4096}={0,2})", isLikelyRandom),
  anyCase(
    "connection-url",
    ["mongodb://", "mongodb+srv://", "postgres://", "postgresql://", "mysql://", "redis://", "rediss://", "amqp://", "amqps://"],
    "(?:mongodb(?:\\+srv)?|postgres(?:ql)?|mysql|rediss?|amqps?)://([^\\s/:@\"'`\\\\<>]{0,100}:[^\\s/@\"'`\\\\<>]{1,200}@[^\\s/\"'`\\\\<>?]{0,400})",
  ),
  anyCase("url-userinfo", ["://"], "://([^\\s/:@?#\"'`\\\\<>{}$]{0,100}:[^\\s/@\"'`\\\\<>{}$]{1,300})@"),
  anyCase("user-option", [" -u "], "[ \\t]-u[ \\t]{1,4}[\"']?([^\\s:\"'\\\\]{1,100}:[^\\s\"'\\\\]{6,200})", isLikelyRandom),
  anyCase("netrc", ["machine "], "(machine[ \\t]{1,4}[^\\s\"\\\\]{1,100}[ \\t]{0,4}(?:\\r?\\n)?[ \\t]{0,8}login[ \\t]{1,4}[^\\s\"\\\\]{1,100}[ \\t]{0,4}(?:\\r?\\n)?[ \\t]{0,8}password[ \\t]{1,4}[^\\s\"\\\\]{1,200})"),
  anyCase(
    "connection-string",
    ["user id", "userid", "uid", "user="],
    "(?:user[ ]?id|uid|user)[ ]{0,2}=[ ]{0,2}([^;\"'\\s\\\\]{1,100};[ ]{0,4}(?:[\"' &]{0,8})(?:password|pwd)[ ]{0,2}=[ ]{0,2}[^;\"\\s\\\\]{1,200})",
  ),
];

/** A name beside a password: both go. */
const PAIRS: readonly SecretPattern[] = [
  anyCase(
    "login-name",
    ["user"],
    `user[A-Za-z_]{0,12}(?:\\\\?["'])?[\\])]{0,2}${GAP}(?:=>|:=|=|:)${GAP}(?:\\\\?["'])?([^\\s"',;\\\\]{1,80})(?=(?:\\\\?["'])?[,;]?[^\\r\\n"'=]{0,60}(?:\\r?\\n[ \\t]{0,16}[#/][^\\r\\n]{0,80}){0,3}(?:\\r?\\n)?[ \\t]{0,16}["']?[$A-Za-z_.-]{0,40}(?:password|passwd|_pass)(?:["'])?${GAP}(?:=>|:=|=|:)${GAP}["']?[^\\s"'])`,
  ),
];

const ASSIGNMENTS: readonly SecretPattern[] = [
  anyCase("password", PASSWORD_ANCHORS, `(?:password|passwd|passphrase|_pass|pwd)${KEYS}${ASSIGN}(?:${DOUBLE}|${SINGLE})`, isLikelyPassword),
  anyCase("password", PASSWORD_ANCHORS, `(?:password|passwd|passphrase|_pass|pwd)${KEYS}${ASSIGN}${BARE}`, isLikelyRandom),
  anyCase("password", ["password is "], "password is [\"'\\\\]{0,2}([^\\s\"'\\\\]{6,100})[\"'\\\\]", isLiteral),
  anyCase("compared-secret", ["password", "secret"], `(?:password|secret)[ ]{0,2}[!=]==?[ ]{0,2}\\\\?["']([^"'\\\\\\s]{6,200})`, isLiteral),
  anyCase("secret", SECRET_ANCHORS, `(?:secret|token|api[_-]?key|(?:access|license|auth|private|client)_?key)${KEYS}${ASSIGN}(?:${DOUBLE}|${SINGLE})`, isLikelyRandom),
  anyCase("secret", SECRET_ANCHORS, `(?:secret|token|api[_-]?key|(?:access|license|auth|private|client)_?key)${KEYS}${ASSIGN}${BARE}`, isLikelyRandom),
];

/** Secrets that have no format of their own, in the places where a product's users keep them. */
const PRODUCTS: readonly SecretPattern[] = [
  anyCase("uuid-key", ["heroku", "postmark", "sauce", "jenkins"], `(?:heroku|postmark|sauce|jenkins)${KEYS}(?:["'])?${GAP}[:=]${GAP}["']?(${UUID}|[0-9a-f]{32,34})`),
];

/** Secrets that are known by the words around them. */
export const CONTEXT_PATTERNS: readonly SecretPattern[] = [...PROTOCOL, ...PRODUCTS, ...PAIRS, ...ASSIGNMENTS];
