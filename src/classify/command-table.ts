import { type CommandRule, type CompiledRule, compileRule, wordsOf } from "./rule.ts";
import { ARCHIVE_RULES } from "./rules/archive.ts";
import { BUILTIN_RULES } from "./rules/builtin.ts";
import { CLOUD_RULES } from "./rules/cloud.ts";
import { CONTAINER_RULES } from "./rules/container.ts";
import { DATABASE_RULES } from "./rules/database.ts";
import { DEVELOPMENT_RULES } from "./rules/development.ts";
import { FILE_RULES } from "./rules/file.ts";
import { FORGE_RULES } from "./rules/forge.ts";
import { GIT_RULES } from "./rules/git.ts";
import { INTERPRETER_RULES } from "./rules/interpreter.ts";
import { MACOS_RULES } from "./rules/macos.ts";
import { NETWORK_RULES } from "./rules/network.ts";
import { PACKAGE_RULES } from "./rules/package.ts";
import { PLATFORM_RULES } from "./rules/platform.ts";
import { SYSTEM_RULES } from "./rules/system.ts";
import { TEXT_RULES } from "./rules/text.ts";
import { WRAPPER_RULES } from "./rules/wrapper.ts";

/** All rules, by family. */
export const RULE_FAMILIES: ReadonlyMap<string, readonly CommandRule[]> = new Map([
  ["archive", ARCHIVE_RULES],
  ["builtin", BUILTIN_RULES],
  ["cloud", CLOUD_RULES],
  ["container", CONTAINER_RULES],
  ["database", DATABASE_RULES],
  ["development", DEVELOPMENT_RULES],
  ["file", FILE_RULES],
  ["forge", FORGE_RULES],
  ["git", GIT_RULES],
  ["interpreter", INTERPRETER_RULES],
  ["macos", MACOS_RULES],
  ["network", NETWORK_RULES],
  ["package", PACKAGE_RULES],
  ["platform", PLATFORM_RULES],
  ["system", SYSTEM_RULES],
  ["text", TEXT_RULES],
  ["wrapper", WRAPPER_RULES],
]);

const BY_NAME: ReadonlyMap<string, CompiledRule> = compileTable();

function compileTable(): ReadonlyMap<string, CompiledRule> {
  const table = new Map<string, CompiledRule>();
  for (const rules of RULE_FAMILIES.values()) {
    for (const rule of rules) {
      const compiled = compileRule(rule);
      for (const name of wordsOf(rule.names)) table.set(name, compiled);
    }
  }
  return table;
}

/** The rule of a command, or of a verb with rules of its own as `name:verb`. */
export function findRule(name: string): CompiledRule | undefined {
  return BY_NAME.get(name) ?? BY_NAME.get(name.replace(VERSIONED, "$1"));
}

/** `python3.11`, `gcc-12`: a program under its name and version. */
const VERSIONED = /^(python|pypy|perl|ruby|node|php|pip|gcc|g\+\+|clang|clang\+\+|java|lua|psql)-?\d[\d.]*$/;

/** Every name of the table. */
export function knownNames(): readonly string[] {
  return [...BY_NAME.keys()];
}
