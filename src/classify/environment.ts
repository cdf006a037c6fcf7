import type { Call } from "./call.ts";
import type { Argument } from "./words.ts";

/** Variables that programs take code, libraries or their own configuration from: setting one is running what it names. */
const TAKES_CODE =
  /^(?:LD_.*|DYLD_.*|BASH_ENV|ENV|BASH_FUNC_.*|BASH_LOADABLES_PATH|SHELLOPTS|BASHOPTS|IFS|PS[0-4]|PROMPT_COMMAND|ZDOTDIR|GCONV_PATH|LOCPATH|NLSPATH|HOSTALIASES|PYTHON(?:PATH|HOME|STARTUP|INSPECT|BREAKPOINT|USERBASE|EXECUTABLE|WARNINGS)|PERL5(?:OPT|LIB|DB)|PERLLIB|RUBY(?:OPT|LIB)|NODE_(?:OPTIONS|PATH|REPL_.*)|NPM_CONFIG_.*|npm_config_.*|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH|MAVEN_OPTS|GRADLE_OPTS|PHPRC|PHP_INI_SCAN_DIR|LUA_(?:PATH|CPATH|INIT).*|GEM_(?:PATH|HOME)|BUNDLE_.*|CARGO_(?:BUILD_RUSTC.*|TARGET_.*|HOME)|RUSTC.*|RUSTDOC.*|GOFLAGS|GOPATH|GOROOT|CGO_.*|CC|CXX|LD|MAKEFLAGS|MAKEFILES|GIT_(?:CONFIG.*|EXEC_PATH|TEMPLATE_DIR|EXTERNAL_DIFF|DIFF_OPTS|ATTR_.*)|SUDO_.*|LESSOPEN|LESSCLOSE|LESSKEY.*|LESS|TERMINFO.*|TERMCAP|INPUTRC|TAR_OPTIONS|GREP_OPTIONS|GZIP|BZIP2?|XZ_OPT|ZIPOPT|UNZIP|RSYNC_.*|DOCKER_(?:HOST|CONFIG)|KUBECONFIG|AWS_CONFIG_FILE|PIP_.*|UV_.*|OPENSSL_(?:CONF|MODULES|ENGINES)|SSLKEYLOGFILE|TMOUT|HISTFILE|HOME|XDG_CONFIG_.*|HTTPS?_PROXY|ALL_PROXY|https?_proxy|all_proxy)$/;

/** Variables whose value is a command line that programs run. */
const IS_COMMAND =
  /^(?:PAGER|.*_PAGER|MANPAGER|EDITOR|VISUAL|FCEDIT|SUDO_EDITOR|KUBE_EDITOR|BROWSER|SSH_ASKPASS|GIT_(?:SSH|SSH_COMMAND|ASKPASS|EDITOR|SEQUENCE_EDITOR|PROXY_COMMAND)|RSYNC_RSH|CVS_RSH|SHELL|DELTA_PAGER)$/;

/** Variables of git that only name people, dates, or how much is said. */
const GIT_HARMLESS =
  /^GIT_(?:(?:AUTHOR|COMMITTER)_.*|TERMINAL_PROMPT|OPTIONAL_LOCKS|PAGER_IN_USE|CURL_VERBOSE|LITERAL_PATHSPECS|MERGE_AUTOEDIT)$/;

/** Folders where only the system's administrator puts programs. */
const SYSTEM_FOLDERS = /^(?:\$PATH|\$\{PATH\}|\/(?:usr\/)?(?:local\/)?s?bin|\/opt\/homebrew\/s?bin)$/;

const NO_COMMAND: ReadonlySet<string> = new Set([
  "",
  "cat",
  "less",
  "more",
  "true",
  "false",
  ":",
  "/bin/true",
  "/bin/false",
  "/bin/cat",
]);

/** Judges a variable by what programs do with it; one that is not listed changes nothing by itself. */
export function judgeAssignment(name: string, value: Argument | undefined, call: Call): void {
  if (name === "PATH" || name === "MANPATH" || name === "CDPATH" || name === "FPATH") {
    const isSystem = value?.text.split(":").every((folder) => SYSTEM_FOLDERS.test(folder)) === true;
    if (isSystem) call.raise("write", "environment", `sets \`${name}\``);
    else call.raise("danger", "environment", `sets \`${name}\`, which decides what a command's name means`);
    return;
  }
  if (IS_COMMAND.test(name)) {
    if (value === undefined || !NO_COMMAND.has(value.text) || !value.known) judgeCommandValue(name, value, call);
    return;
  }
  if (TAKES_CODE.test(name)) {
    call.raise("danger", "environment", `sets \`${name}\`, from which programs take code or configuration`);
  } else if (name.startsWith("GIT_") && !GIT_HARMLESS.test(name)) {
    call.raise("write", "environment", `sets \`${name}\`, which changes what git does`);
  }
}

function judgeCommandValue(name: string, value: Argument | undefined, call: Call): void {
  call.raise("write", "environment", `sets \`${name}\`, whose value is run as a command`);
  if (value === undefined || !value.known)
    call.raise("danger", "environment", `sets \`${name}\` to an unknown command`);
  else call.runShell(value);
}
