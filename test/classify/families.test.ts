import { describe, expect, test } from "bun:test";
import { knownNames, RULE_FAMILIES } from "#src/classify/command-table.ts";
import { type CommandRule, wordsOf } from "#src/classify/rule.ts";
import { isAbove, type Tier } from "#src/classify/tier.ts";
import { tierOf } from "./support.ts";

const TIERS = ["read", "write", "danger"] as const;

/** The paths of verbs that are words, not patterns. */
function verbsOf(rule: CommandRule, tier: Tier): readonly string[] {
  return (rule.verbs?.[tier] ?? "")
    .split(",")
    .map((path) => path.trim())
    .filter((path) => /^[A-Za-z][\w:. -]*$/.test(path) && !path.includes(" -"));
}

/** The first name of a rule, as it is typed. */
function typedName(rule: CommandRule): string {
  return (wordsOf(rule.names)[0] ?? "").replaceAll(":", " ");
}

test("the table holds far more than 400 commands", () => {
  const commands = knownNames().filter((name) => !name.includes(":"));
  expect(new Set(commands).size).toBeGreaterThan(2_000);
});

test("no name stands in two rules", () => {
  const seen = new Map<string, number>();
  for (const rules of RULE_FAMILIES.values()) {
    for (const rule of rules) for (const name of wordsOf(rule.names)) seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  expect([...seen].filter(([, count]) => count > 1).map(([name]) => name)).toEqual([]);
});

for (const [family, rules] of RULE_FAMILIES) {
  describe(`the family ${family}`, () => {
    test("gives every verb the tier that it is listed under", () => {
      const wrong: string[] = [];
      for (const rule of rules) {
        if (rule.special !== undefined || rule.runs !== undefined || rule.nested === true) continue;
        for (const tier of TIERS) {
          for (const verb of verbsOf(rule, tier)) {
            const line = `${typedName(rule)} ${verb}`;
            if (tierOf(line) !== tier) wrong.push(`${line}: ${tierOf(line)}, not ${tier}`);
          }
        }
      }
      expect(wrong).toEqual([]);
    });

    test("lets no verb of a nested rule fall below its listing", () => {
      const wrong: string[] = [];
      for (const rule of rules.filter(({ nested }) => nested === true)) {
        for (const verb of verbsOf(rule, "danger")) {
          const line = `${typedName(rule)} ${verb} x`;
          if (tierOf(line) === "read") wrong.push(line);
        }
      }
      expect(wrong).toEqual([]);
    });

    test("raises the tier for every option that is listed so", () => {
      const wrong: string[] = [];
      for (const rule of rules) {
        for (const tier of ["write", "danger"] as const) {
          for (const option of wordsOf(rule[tier])) {
            if (!option.startsWith("-") || isListedTwice(rule, option)) continue;
            const line = `${typedName(rule)} ${option} x y`;
            if (isAbove(tier, tierOf(line))) wrong.push(`${line}: ${tierOf(line)}, not ${tier}`);
          }
        }
      }
      expect(wrong).toEqual([]);
    });

    test("is never read with a first word that is unknown, where a verb could change something", () => {
      const wrong: string[] = [];
      for (const rule of rules) {
        const changes = [...verbsOf(rule, "write"), ...verbsOf(rule, "danger")];
        if (changes.length === 0) continue;
        const line = `${typedName(rule)} $(some-command)`;
        if (tierOf(line) === "read") wrong.push(line);
      }
      expect(wrong).toEqual([]);
    });
  });
}

/** An option that lowers one form of a command and raises another is judged by its function. */
function isListedTwice(rule: CommandRule, option: string): boolean {
  return wordsOf(rule.read).includes(option) || rule.special !== undefined || wordsOf(rule.values).includes(option);
}

describe("by argument, not by name", () => {
  const cases: readonly (readonly [Tier, string])[] = [
    ["read", "sed -n 1,20p x"],
    ["write", "sed -i s/a/b/ x"],
    ["write", "sed --in-pl s/a/b/ x"],
    ["write", "sed -n 's/a/b/w out' x"],
    ["read", "find . -name x"],
    ["write", "find . -fprint out"],
    ["danger", "find . -delete"],
    ["read", "find . -name -delete"],
    ["read", "tar tf x.tar"],
    ["read", "tar xOf x.tar a"],
    ["write", "tar xf x.tar"],
    ["read", "sort x"],
    ["write", "sort -o out x"],
    ["write", "sort -uo out x"],
    ["read", "curl https://example.com/x"],
    ["write", "curl -d a=b https://example.com/x"],
    ["write", "curl -o out https://example.com/x"],
    ["read", "curl -o /dev/null https://example.com/x"],
    ["danger", "curl -X DELETE https://example.com/x"],
    ["danger", "curl --reque DELETE https://example.com/x"],
    ["danger", "curl -X POST https://example.com/x/doDelete"],
    ["danger", "curl gopher://localhost:6379/x"],
    ["read", "git branch -a"],
    ["write", "git branch x"],
    ["danger", "git branch -D x"],
    ["write", "git commit -m --help"],
    ["read", "git commit --help"],
    ["read", "git -C /x --no-pager log"],
    ["write", "git -C /x commit"],
    ["danger", "git push origin :main"],
    ["danger", "git push origin +main"],
    ["write", "git restore --staged x"],
    ["danger", "git restore x"],
    ["danger", "aws --unheard-of x s3 rm s3://a/b"],
    ["read", "aws s3 cp a s3://b --dryrun"],
    ["read", "kubectl get pods"],
    ["write", "kubectl get secret x -o yaml"],
    ["danger", "kubectl -n x delete pod y"],
    ["write", "rm x"],
    ["danger", "rm -r x"],
    ["write", "rm -rf /tmp/x"],
    ["danger", "rm -rf /tmp/../x"],
    ["danger", "rm *"],
    ["read", "rm --help"],
    ["read", "psql -c 'SELECT 1'"],
    ["write", "psql -c 'UPDATE a SET b = 1 WHERE c'"],
    ["danger", "psql -c 'DELETE FROM a'"],
    ["write", "psql -c 'WITH x AS (DELETE FROM a WHERE b RETURNING *) SELECT * FROM x'"],
    ["write", "psql -c 'SELECT 1 INTO a'"],
    ["danger", "psql -c \"COPY a TO PROGRAM 'x'\""],
    ["read", "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"a\"])'"],
    ["write", "python3 manage.py migrate"],
    ["danger", "python3 /tmp/x.py"],
    ["write", "./build.sh"],
    ["danger", "/home/x/build.sh"],
    ["write", "make"],
    ["write", "some-unknown-command --version"],
    ["read", "PAGER=cat git log"],
    ["write", "PATH=/usr/bin:$PATH ls"],
    ["read", "X=1 ls"],
    ["read", "wc -l $(git ls-files)"],
    ["write", 'find "$DIR" -name x'],
    ["read", "for f in a.ts b.ts; do sed -n 1p $f; done"],
    ["danger", "git remote -v remove x"],
    ["write", "git branch -v x"],
    ["danger", "systemctl stop x --failed"],
    ["danger", "date 0101"],
    ["danger", "hash -p /x/y ls"],
    ["danger", "less +'!x' y"],
    ["danger", "vim +'!x' y"],
    ["danger", `awk '/"/ { system("rm -r x") } /"/' y`],
    ["read", `awk '/"name"/ { print $1 / 2 }' y`],
    ["read", "awk '/[/]/ { print }' y"],
    ["danger", "sed 's/[/]w/x/e' y"],
    ["read", "sed 's/[/]/x/' y"],
    ["read", "gh api repos/a/b"],
    ["write", "gh api repos/a/b/issues -f title=x"],
    ["danger", "gh api -X DELETE repos/a/b"],
  ];
  for (const [tier, line] of cases) test(`${line} is ${tier}`, () => expect(tierOf(line)).toBe(tier));
});
