import { describe, expect, test } from "bun:test";
import { cleanEnvironment, whyRefused } from "#src/cli/seat/environment.ts";

// Made here, so that no scanner takes it for a key that leaked.
const GITHUB = `ghp_${"aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"}`;

describe("variables that an agent does not get", () => {
  test.each([
    ["OPENAI_API_KEY", "x"],
    ["MY_TOKEN", "x"],
    ["DB_PASSWORD", "x"],
    ["PGPASSWORD", "x"],
    ["GITHUB_PAT", "x"],
    ["AWS_SECRET_ACCESS_KEY", "x"],
    ["npm_config__authToken", "x"],
    ["SENTRY_DSN", "x"],
    ["SSH_AUTH_SOCK", "/tmp/agent"],
    ["LD_PRELOAD", "/tmp/x.so"],
    ["NODE_OPTIONS", "--require /tmp/x.js"],
    ["BASH_FUNC_ls%%", "() { evil; }"],
    ["HTTPS_PROXY", "http://elsewhere"],
    ["WRIT_DATA", "/x"],
  ])("%s by its name", (name, value) => {
    expect(whyRefused(name, value)).toBeString();
  });

  test.each([
    ["COLOUR", GITHUB],
    ["DATABASE", "postgres://u:hunter2@db.example/x"],
    ["BUILD_ID", "f3a91c07be52d84609e7a1b5c3d2f8e6"],
    ["GREETING", "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY"],
  ])("%s by its value", (name, value) => {
    const because = whyRefused(name, value);
    expect(because).toBeString();
    expect(because).not.toContain(value);
  });

  test.each([
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"],
    ["HOME", "/home/somebody"],
    ["PWD", "/home/somebody/project"],
    ["LANG", "en_GB.UTF-8"],
    ["TERM", "xterm-256color"],
    ["JAVA_HOME", "/usr/lib/jvm/java-21-openjdk-amd64"],
    ["EDITOR", "vim"],
    ["EMPTY_TOKEN", ""],
  ])("%s is passed on", (name, value) => {
    expect(whyRefused(name, value)).toBeUndefined();
  });

  test("what is allowed by name passes, and nothing else with it", () => {
    const { kept, refused } = cleanEnvironment({ A_TOKEN: "1", B_TOKEN: "2", LANG: "C" }, new Set(["A_TOKEN"]));
    expect({ ...kept }).toEqual({ A_TOKEN: "1", LANG: "C" });
    expect(refused.map(({ name }) => name)).toEqual(["B_TOKEN"]);
  });
});
