/** The lexical form of a path: no doubled slash, no `.`, `..` taken back, `$HOME` and `${HOME}` as `~`. */
export function plainPath(path: string): string {
  const text = path.replace(/^(?:\$HOME|\$\{HOME\})(?=\/|$)/, "~");
  const isAbsolute = text.startsWith("/");
  const kept: string[] = [];
  for (const step of text.split("/")) {
    if (step === "" || step === ".") continue;
    if (step === ".." && kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (step !== ".." || !isAbsolute) kept.push(step);
  }
  const joined = kept.join("/");
  return isAbsolute ? `/${joined}` : joined === "" ? "." : joined;
}

/** Devices that keep nothing of what is written to them. */
export function isNoFile(path: string): boolean {
  return /^\/dev\/(?:null|stdout|stderr|tty|full|zero|fd\/\d+)$/.test(path);
}

const SYSTEM =
  /^\/(?:etc|boot|bin|sbin|lib(?:32|64|x32)?|usr|sys|proc|root|var\/spool\/cron|Library|System|private\/etc)(?:\/|$)/;
const DEVICE = /^\/dev\/(?!null$|stdout$|stderr$|tty$|full$|zero$|shm\/|fd\/)/;
const STARTUP =
  /(?:^|\/)\.(?:bashrc|bash_profile|bash_login|bash_logout|profile|zshrc|zshenv|zprofile|zlogin|kshrc|cshrc|tcshrc|inputrc|gitconfig|netrc|npmrc|pypirc|pam_environment|xinitrc|xprofile|xsessionrc|vimrc|screenrc|tmux\.conf|envrc|pythonrc|pgpass|my\.cnf)$/;
const OBEYED =
  /(?:^|\/)(?:\.ssh|\.gnupg|\.aws|\.azure|\.kube|\.docker|\.config\/(?:autostart|systemd|fish|git|gh|gcloud)|\.git\/hooks|LaunchAgents|LaunchDaemons|cron\.d|sudoers\.d)(?:\/|$)|(?:^|\/)\.git\/config$|(?:^|\/)authorized_keys$/;

/** Whether the system or other programs obey what stands at this path, so that writing it runs or opens something later. */
export function isSensitivePath(path: string): boolean {
  const plain = plainPath(path);
  return plain === "/" || SYSTEM.test(plain) || DEVICE.test(plain) || STARTUP.test(plain) || OBEYED.test(plain);
}

/** Whether a path lies in a folder for temporary files, itself excluded. */
export function isTemporary(path: string): boolean {
  const text = path.replace(/^(?:\$TMPDIR|\$\{TMPDIR(?::?-\/tmp)?\})(?=\/)/, "/tmp");
  if (text.startsWith("/tmp") && text.split("/").includes("..")) return false;
  return /^\/(?:var\/)?tmp\/./.test(plainPath(text)) || /^\/private\/(?:var\/)?tmp\/./.test(plainPath(text));
}

/** The name behind the last slash. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Folders that hold the system's own programs: a path into them is the same as the bare name. */
const PROGRAM_FOLDER = /^\/(?:usr\/)?(?:local\/)?s?bin$|^\/opt\/homebrew\/bin$/;

/** The name by which the table knows a command, or undefined for a path that leads to a program of its own. */
export function commandName(word: string): string | undefined {
  const slash = word.lastIndexOf("/");
  if (slash === -1) return word;
  return PROGRAM_FOLDER.test(word.slice(0, slash)) ? word.slice(slash + 1) : undefined;
}
