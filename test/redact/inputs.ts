/** Repeats `unit` up to about `bytes` bytes. */
export function repeated(unit: string, bytes: number): Uint8Array {
  const one = Buffer.from(unit);
  return new Uint8Array(Buffer.concat(Array.from({ length: Math.ceil(bytes / one.length) }, () => one)));
}

function concat(start: string, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([Buffer.from(start), bytes]));
}

const RECORD = {
  name: "left-pad",
  version: "1.3.0",
  dist: {
    integrity: "sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcqQGsdot8ghrjyrvMCoEA==",
    shasum: "5b8a3a7765dfe001261dde915589e782f8c94d1e",
    tarball: "http://localhost:4873/left-pad/-/left-pad-1.3.0.tgz",
    signatures: [
      {
        keyid: "SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA",
        sig: "MEUCIQCD1yZ+VmZ0mIxvQ1m1jO0Qe1o6bD1eH9i8m3rmkXJ3vAIgYV5Zp6sQ0k2H8n0yYx1yR8pS3d1Y0b5s6a7m8n9o0pE=",
      },
    ],
  },
  gitHead: "2fca6157fcca165438e0f9495cf0e5a4e6f71349",
  repository: { type: "git", url: "git+ssh://git@github.com/stevemao/left-pad.git" },
  time: { created: "2014-03-14T09:09:05.149Z", modified: "2024-01-02T03:04:05.678Z" },
  _id: "left-pad@1.3.0",
  maintainers: [{ name: "someone", email: "someone@example.com" }],
};
const ENGLISH =
  "The command reads its standard input and writes what it understood to its standard output, a line at a time; a user who forgets the token of a session or the password of an account asks the operator, and nothing of it is secret.\n";
const MINIFIED =
  'function e(t,n){var r=t.key,o=n.token||null;return o&&o.type==="password"?i(o,{type:"password",secret:!0}):a.map(function(e){return e.user?e.user.name:u[e.id]}).filter(Boolean)}const l={password:s,username:c,token:p};';

const ANSWER = {
  login: "octocat",
  node_id: "MDQ6VXNlcjU4MzIzMQ==",
  avatar_url: "https://avatars.githubusercontent.com/u/583231?v=4",
  url: "https://api.github.com/users/octocat",
  followers_url: "https://api.github.com/users/octocat/followers",
  user_view_type: "public",
  site_admin: false,
};
const LOG =
  "2026-01-02T03:38:02.123Z INFO  user=octocat request id=7f3a9c GET /api/v1/users/123?page=2 200 12ms key-value auth=ok\n";

/** Ordinary input, by name. */
export function ordinary(bytes: number): ReadonlyMap<string, Uint8Array> {
  return new Map([
    ["json", repeated(`${JSON.stringify(RECORD)},`, bytes)],
    ["english", repeated(ENGLISH, bytes)],
    ["minified", repeated(MINIFIED, bytes)],
    ["unicode", repeated("Der Schlüssel paßt nicht: 漢字かな交じり文、éàü. ", bytes)],
    ["api answer", repeated(`${JSON.stringify(ANSWER)},`, bytes)],
    ["log", repeated(LOG, bytes)],
    [
      "typographic",
      repeated("The agent’s “token” — it said… that’s how it’s done; “users” forget passwords – ever. ", bytes),
    ],
    ["base64", repeated("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk", bytes)],
  ]);
}

/** Input made to be slow, by name. */
export function hostile(anchors: readonly string[], bytes: number): ReadonlyMap<string, Uint8Array> {
  return new Map([
    ["all anchors", repeated(anchors.join(""), bytes)],
    ["all anchors, spaced", repeated(anchors.join(" "), bytes)],
    ["eyJ", repeated("eyJ", bytes)],
    ["eyJ, dotted", repeated(`${"eyJ".repeat(600)}.`, bytes)],
    ["password=", repeated("password=", bytes)],
    ['password="', repeated('password="', bytes)],
    ["token: a1", repeated("token: a1 ", bytes)],
    ["secret=short", repeated("secret=abc,", bytes)],
    ["://", repeated("://", bytes)],
    ["://a:", repeated("://a:", bytes)],
    ["user = ", repeated("user = abcdef,", bytes)],
    ["machine", repeated("machine a\nlogin ", bytes)],
    ["begin", repeated("-----BEGIN PRIVATE KEY-----", bytes)],
    ["begin, open", repeated(`-----BEGIN PRIVATE KEY-----${"A".repeat(4)}`, bytes)],
    ["zero width", repeated("\u200b", bytes)],
    ["zero width, every other", repeated("a\u200b", bytes)],
    ["joiners", repeated("👩\u200d", bytes)],
    ["secrets", repeated("ghp_XIxB7KMNdAr3zqWtQqhE94qglHqOzn1D1stg ", bytes)],
    ["tokens, short", repeated("sk-ant-", bytes)],
    ["escapes", repeated('password:"\\"', bytes)],
    ["long base64", repeated("QUJD", bytes)],
    ["quotes", repeated(`password='a b" pwd="c d' pass = \\'x y`, bytes)],
    ["json escapes", concat('{"', repeated("\\u200b\\ud83d\\udc69", bytes))],
    ["json escapes, seen", concat('{"', repeated("\\u0041", bytes))],
    ["backslashes", concat('{"', repeated("\\\\u", bytes))],
    ["uid", repeated("uid", bytes)],
    ["uid=", repeated("uid=", bytes)],
    ["user", repeated("user", bytes)],
    ["user, paired", repeated("user=aaaaa, p", bytes)],
    ["://, long", repeated(`://${"a".repeat(20)}:${"b".repeat(60)}`, bytes)],
    ["psexec", repeated("psexec a -a ", bytes)],
    ["okta", repeated("okta", bytes)],
    ["$5$", repeated("$5$", bytes)],
    ["known, almost", repeated("known-credential-", bytes)],
    ["known", repeated("known-credential-0123456789 ", bytes)],
  ]);
}
