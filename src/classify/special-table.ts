import type { SpecialJudge } from "./call.ts";
import type { SpecialName } from "./rule.ts";
import { judgeAwk } from "./special/awk.ts";
import { judgeAlias, judgeDeclare, judgeEval, judgeReadVariable, judgeSource, judgeTrap } from "./special/builtin.ts";
import { judgeDockerRun, judgeKubectlGet } from "./special/container.ts";
import { judgeDd, judgeRm } from "./special/file.ts";
import { judgeFind, judgeXargs } from "./special/find.ts";
import { judgeFzf } from "./special/fzf.ts";
import { judgeGit } from "./special/git.ts";
import { judgeCurl, judgeHttpApi } from "./special/http.ts";
import { judgeInterpreter, judgeJava } from "./special/interpreter.ts";
import { judgeSed } from "./special/sed.ts";
import { judgeShell } from "./special/shell.ts";
import { judgeSql } from "./special/sql.ts";
import { judgeSsh } from "./special/ssh.ts";
import { judgeTar } from "./special/tar.ts";

const SPECIALS: Readonly<Record<SpecialName, SpecialJudge>> = {
  alias: judgeAlias,
  awk: judgeAwk,
  curl: judgeCurl,
  dd: judgeDd,
  declare: judgeDeclare,
  "docker-run": judgeDockerRun,
  eval: judgeEval,
  find: judgeFind,
  fzf: judgeFzf,
  git: judgeGit,
  "http-api": judgeHttpApi,
  interpreter: judgeInterpreter,
  java: judgeJava,
  "kubectl-get": judgeKubectlGet,
  "read-variable": judgeReadVariable,
  rm: judgeRm,
  sed: judgeSed,
  shell: judgeShell,
  source: judgeSource,
  sql: judgeSql,
  ssh: judgeSsh,
  tar: judgeTar,
  trap: judgeTrap,
  xargs: judgeXargs,
};

/** The function behind a name of the table. */
export function findSpecial(name: SpecialName): SpecialJudge {
  return SPECIALS[name];
}
