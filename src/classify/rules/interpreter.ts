import type { CommandRule } from "../rule.ts";

/** Shells and interpreters: what runs is in their words, in a file, or comes in. */
export const INTERPRETER_RULES: readonly CommandRule[] = [
  {
    names: "sh bash dash zsh ksh ksh93 mksh ash rbash fish csh tcsh nu xonsh elvish",
    tier: "danger",
    special: "shell",
  },
  {
    names:
      "pwsh powershell powershell.exe pwsh.exe cmd cmd.exe wscript cscript mshta rundll32 regsvr32 wmic certutil bitsadmin wine wine64 wsl wsl.exe reg reg.exe schtasks Invoke-Expression iex Invoke-WebRequest iwr Remove-Item Start-Process Set-ExecutionPolicy",
    tier: "danger",
    because: "arbitrary_code",
  },
  {
    names:
      "python pypy python2 python3 perl ruby jruby irb node nodejs bun deno tsx ts-node php lua luajit Rscript R julia tclsh wish expect osascript swift-repl scala-cli groovy jshell clojure clj bb guile racket sbcl clisp ghci runghc ocaml elixir iex-elixir erl escript octave octave-cli gnuplot maxima gjs qjs d8 crystal-i raku janet fennel io pike hy m4 gawk-debug",
    tier: "danger",
    special: "interpreter",
  },
  { names: "ipython bpython ptpython jupyter-console radian pry", tier: "danger", because: "arbitrary_code" },
  { names: "java javaw", tier: "write", special: "java" },
  {
    names: "jenkins-cli.jar jenkins-cli",
    tier: "write",
    values: "-s -i -auth -user -logger -ssh",
    style: "words",
    flags: "-http -webSocket -noKeyAuth -noCertificateCheck",
    verbs: {
      read: "help, version, who-am-i, list-jobs, list-plugins, list-changes, list-credentials, list-credentials-context-providers, list-credentials-as-xml, get-job, get-view, get-node, get-credentials-as-xml, get-credentials-domain-as-xml, get-gradle, console, session-id, check-configuration, export-configuration, declarative-linter, list-credentials-providers",
      danger:
        "delete-*, remove-*, groovy, groovysh, shutdown, safe-shutdown, restart, safe-restart, clear-queue, disconnect-node, quiet-down, stop-builds, reload-configuration, apply-configuration, offline-node, replay-pipeline, update-credentials-by-xml, import-credentials-as-xml",
    },
  },
];
