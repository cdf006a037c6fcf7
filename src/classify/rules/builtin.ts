import type { CommandRule } from "../rule.ts";

/** Commands of the shell itself, and what stands beside them. */
export const BUILTIN_RULES: readonly CommandRule[] = [
  { names: "hash", tier: "read", danger: "-p", write: "-d -r" },
  { names: "jobs", tier: "read", danger: "-x" },
  {
    names:
      "echo : true false cd pushd popd dirs times logout exit return break continue shift type which whereis help caller fg bg wait ulimit umask sleep usleep",
    tier: "read",
  },
  { names: "printf test [ read mapfile readarray getopts let unset", tier: "read", special: "read-variable" },
  { names: "set", tier: "read" },
  { names: "shopt setopt unsetopt emulate", tier: "write", read: "-p -q" },
  { names: "history", tier: "read", write: "-c -d -w -a -r -s -p" },
  { names: "fc", tier: "danger", read: "-l" },
  { names: "bind complete compopt enable unalias", tier: "write", danger: "-x -f -C -F -n" },
  { names: "compgen", tier: "read", danger: "-C -F -W" },
  { names: "zmodload autoload zle bindkey compdef", tier: "danger" },
  { names: "suspend disown", tier: "write" },
  { names: "alias", tier: "read", special: "alias" },
  { names: "eval", tier: "read", special: "eval" },
  { names: "source .", tier: "write", special: "source" },
  { names: "trap", tier: "read", special: "trap" },
  { names: "export declare typeset local readonly", tier: "read", special: "declare" },
  { names: "command", tier: "read", read: "-v -V", runs: { alone: "read" } },
  { names: "builtin", tier: "read", runs: { alone: "read" } },
  { names: "exec", tier: "read", values: "-a", flags: "-c -l", runs: { alone: "read" } },
  { names: "coproc", tier: "read", runs: { alone: "write", floor: "write" } },
  { names: "nocorrect noglob -", tier: "read", runs: { alone: "read" } },
];
