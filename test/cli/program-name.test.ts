import { expect, test } from "bun:test";
import { programName, shellWord } from "#src/cli/program-name.ts";

test("the program is named as a shell in this folder finds it", () => {
  const cases = [
    ["/usr/local/bin/writ", "/usr/local/bin/writ", "/srv", "writ"],
    ["/srv/app/dist/writ", null, "/srv/app", "./dist/writ"],
    ["/srv/app/dist/writ", "/usr/local/bin/writ", "/srv/app", "./dist/writ"],
    ["/opt/writ", null, "/srv/app", "/opt/writ"],
    ["/srv/my app/writ-0.1.0-linux-x64", null, "/srv/my app", "./writ-0.1.0-linux-x64"],
    ["/opt/my app/writ", null, "/srv", "'/opt/my app/writ'"],
    ["/opt/bun", null, "/srv", "writ"],
  ] as const;
  for (const [executable, onPath, folder, name] of cases) {
    expect([executable, programName(executable, onPath, folder)]).toEqual([executable, name]);
  }
});

test("what a shell would read otherwise is quoted", () => {
  expect(["./data", "a b", "it's", "$HOME", ""].map(shellWord)).toEqual([
    "./data",
    "'a b'",
    "'it'\\''s'",
    "'$HOME'",
    "''",
  ]);
});
