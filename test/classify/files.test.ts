import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BUILT_IN_FILE_RULES } from "#src/classify/built-in-file-rules.ts";
import {
  compileFileRules,
  FILE_ACCESSES,
  FILE_LEVELS,
  type FileRule,
  type FileVerdict,
  joinGates,
} from "#src/classify/file-rules.ts";
import { filesOfLine } from "#src/classify/line-files.ts";
import { parseFileRules } from "#src/classify/project-file.ts";
import type { FileMode } from "#src/classify/tier.ts";
import { classify, linesOf } from "./support.ts";

const gate = compileFileRules(BUILT_IN_FILE_RULES);
const PLACE = { cwd: "/home/me/app", home: "/home/me" };

function judge(path: string, mode: FileMode = "read", resolved = !/[*?[$]/.test(path)): FileVerdict["kind"] {
  return gate.judge({ path, mode, resolved }, PLACE).kind;
}

describe("the built-in rules", () => {
  const CLOSED = linesOf(`
.env
sub/.env
/srv/app/.env.production
./x/../.env
.//.env
~/.ssh/id_ed25519
$HOME/.ssh/config
\${HOME}/.aws/credentials
~root/.ssh/id_rsa
~/.claude/.credentials.json
~/.codex/auth.json
~/.gemini/oauth_creds.json
~/.mozilla/firefox/x.default/logins.json
~/Library/Keychains/login.keychain-db
~/.password-store/mail.gpg
/etc/shadow
/etc/shadow-
/proc/1/environ
/proc/self/root/etc/shadow
/proc/self/root/proc/self/root/etc/shadow
/proc/thread-self/root/home/me/.netrc
/proc/1234/task/1234/root/etc/shadow
/proc/self/cwd/.env
/private/etc/shadow
/System/Volumes/Data/Users/me/.ssh/id_rsa
deploy.pem
server.key
terraform.tfstate
.env/
.env.
.env::$DATA
sub\\.env
.ENV
.Env
.eNv.local
.ssh/ID_RSA
.e\u200bnv
.e\u00adnv
.ｅｎｖ
.writ.db/../.env
~/.config/gcloud/application_default_credentials.json
~/.kube/config
~/.docker/config.json`);
  for (const path of CLOSED)
    test(`close ${JSON.stringify(path)}`, () => expect(judge(path, "read", true)).toBe("closed"));

  const PATTERNS = linesOf(`
.e*
.en?
.[e]nv
*
~/.ssh/*
~/.s?h/config
/home/*/.ssh/id_rsa
/etc/sh*
/pr*/self/environ
src/../.e*
**
**/id_rsa
~/.aws/**/credentials`);
  for (const path of PATTERNS)
    test(`close the pattern ${path}`, () => expect(judge(path, "read", false)).toBe("closed"));

  const OPEN = linesOf(`
.env.example
.env.sample
src/index.ts
README.md
/usr/share/doc/x
environment.ts
cert.pem
.ssh/known_hosts
~/.ssh/id_ed25519.pub
~/.claude/CLAUDE.md
secretary.ts
monkey.ts
/etc/hosts`);
  for (const path of OPEN) test(`leave ${path} open`, () => expect(judge(path, "read", true)).toBe("open"));
  for (const path of ["*.ts", "src/*.md", "src/**/*.tsx", "test/*.test.ts"]) {
    test(`leave the pattern ${path} open`, () => expect(judge(path, "read", false)).toBe("open"));
  }

  test("let agents read what decides about them, and not change it", () => {
    for (const path of [".writ/files", ".claude/settings.json", ".git/hooks/pre-commit", "~/.claude/CLAUDE.md"]) {
      expect([judge(path), judge(path, "write"), judge(path, "delete")]).toEqual(["open", "closed", "closed"]);
    }
  });

  test("take no path that is none, and none that leads where nobody knows", () => {
    for (const path of ["", "a\0b", "a\ufffdb", "\ud800", "a".repeat(5000), "/".repeat(300), "/proc/self/fd/3"]) {
      expect(judge(path, "read", true)).toBe("invalid");
    }
    expect(gate.judge({ path: "../x", mode: "read", resolved: true }, {}).kind).toBe("invalid");
    for (const path of ["$X", "a/$(pwd)/b", "`x`"]) expect(judge(path, "read", false)).toBe("unknown");
  });

  test("hold where nobody said which folder or home it is", () => {
    const nowhere = (path: string) => gate.judge({ path, mode: "read", resolved: true }, {}).kind;
    expect([nowhere(".env"), nowhere("~/.codex/auth.json"), nowhere("src/a.ts")]).toEqual(["closed", "closed", "open"]);
  });

  test("are judged in bounded time, whatever the path", () => {
    const started = performance.now();
    for (const path of [
      "*a*/".repeat(200),
      "**/".repeat(250),
      `${"*a".repeat(120)}/x`,
      "../".repeat(250),
      "a*".repeat(2000),
    ]) {
      judge(path, "read", false);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

const ACCESS = fc.constantFrom(...FILE_ACCESSES);
const NAME = fc.constantFrom("a", "b", ".c", "*", "a*", "?");
const GLOB = fc
  .array(fc.oneof(NAME, fc.constant("**")), { minLength: 1, maxLength: 4 })
  .map((names) => names.join("/"));
const RULE: fc.Arbitrary<FileRule> = fc.record({ level: fc.constantFrom(...FILE_LEVELS), glob: GLOB, access: ACCESS });
const PATH = fc
  .array(fc.constantFrom("a", "b", ".c", "ab"), { minLength: 1, maxLength: 4 })
  .map((names) => names.join("/"));
const MODE = fc.constantFrom("read", "write", "delete", "execute") as fc.Arbitrary<FileMode>;
const RANK = { open: 0, unknown: 1, closed: 2, invalid: 3 };

describe("for all rules", () => {
  test("one more closes more, never less, wherever it is from", () => {
    fc.assert(
      fc.property(fc.array(RULE, { maxLength: 5 }), RULE, PATH, MODE, (rules, more, path, mode) => {
        const before = compileFileRules(rules).judge({ path, mode, resolved: true }, PLACE);
        const after = compileFileRules([...rules, more]).judge({ path, mode, resolved: true }, PLACE);
        expect(RANK[after.kind]).toBeGreaterThanOrEqual(RANK[before.kind]);
      }),
    );
  });

  test("their order and how they are put together say nothing", () => {
    fc.assert(
      fc.property(fc.array(RULE, { maxLength: 6 }), PATH, MODE, (rules, path, mode) => {
        const asked = { path, mode, resolved: true };
        const whole = compileFileRules(rules).judge(asked, PLACE).kind;
        expect(compileFileRules([...rules].reverse()).judge(asked, PLACE).kind).toBe(whole);
        expect(joinGates(rules.map((rule) => compileFileRules([rule]))).judge(asked, PLACE).kind).toBe(whole);
      }),
    );
  });

  test("a pattern is closed where a name that it finds is", () => {
    const finds = (pattern: string, path: string) => new Bun.Glob(pattern).match(path) && !hidesDot(pattern, path);
    fc.assert(
      fc.property(fc.array(RULE, { minLength: 1, maxLength: 3 }), GLOB, PATH, (rules, pattern, path) => {
        fc.pre(!pattern.includes("**") && finds(pattern, path));
        const own = compileFileRules(rules);
        const named = own.judge({ path, mode: "write", resolved: true }, PLACE);
        if (named.kind === "closed") {
          expect(own.judge({ path: pattern, mode: "write", resolved: !/[*?]/.test(pattern) }, PLACE).kind).toBe(
            "closed",
          );
        }
      }),
    );
  });
});

function hidesDot(pattern: string, path: string): boolean {
  const names = path.split("/");
  return pattern.split("/").some((step, at) => /^[*?]/.test(step) && names[at]?.startsWith("."));
}

describe("a project's file", () => {
  test("is read line by line", () => {
    expect(parseFileRules("# x\n\nnoAccess  a b/*\r\nreadWrite **\n")).toEqual([
      { level: "project", glob: "a b/*", access: "noAccess" },
      { level: "project", glob: "**", access: "readWrite" },
    ]);
  });

  for (const text of [
    "noaccess x",
    "readOnly",
    "x",
    "readOnly ../x",
    `readOnly ${"a/".repeat(60)}`,
    "readOnly a\u0007",
  ]) {
    test(`is refused whole where a line is none: ${JSON.stringify(text.slice(0, 20))}`, () => {
      expect(() => parseFileRules(`readOnly a\n${text}`)).toThrow();
    });
  }
});

describe("the files of a line", () => {
  const pathsOf = (line: string) => filesOfLine(classify(line)).files.map(({ path }) => path);

  test("lie in every folder that it goes to", () => {
    expect(pathsOf("cd /etc && cat shadow")).toContain("/etc/shadow");
    expect(pathsOf("cd /; cd etc; cat shadow")).toContain("//etc/shadow");
    expect(pathsOf("(cd ~/.aws; head credentials)")).toContain("~/.aws/credentials");
    expect(pathsOf("tar -C /root/.kube -cf - config")).toContain("/root/.kube");
    expect(pathsOf("cat a b")).toEqual(["a", "b"]);
  });

  test("are unknown where a folder is", () => {
    expect(filesOfLine(classify('cd "$X" && cat a')).unknown).toBeDefined();
    expect(filesOfLine(classify("cd - && cat a")).unknown).toBeDefined();
    expect(filesOfLine(classify('cd "$X" && cat /a')).unknown).toBeUndefined();
  });

  test("that cannot all be listed make it a danger", () => {
    const names = Array.from({ length: 300 }, (_, at) => `f${at}`).join(" ");
    expect(classify(`cat ${names}`).tier).toBe("danger");
    expect(classify(`${"true; ".repeat(300)}ls`).tier).toBe("danger");
  });
});
