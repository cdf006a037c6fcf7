import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A change that a command tried to make. */
export interface Change {
  readonly line: string;
  /** The system call as strace shows it. */
  readonly call: string;
}

/** What a batch of lines did. */
export interface Traced {
  /** Lines that were started. */
  readonly started: number;
  /** Lines whose first program is there and was run. */
  readonly ran: number;
  readonly changes: readonly Change[];
}

/** How lines are kept from doing harm. */
export type Containment = "bubblewrap" | "nobody";

const CALLS = [
  "execve,openat,open,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat",
  "chmod,fchmodat,chown,lchown,fchownat,truncate,utimensat,setxattr,lsetxattr,mknod,mknodat,kill,tkill,reboot,mount",
  "sethostname,settimeofday,clock_settime,swapon,swapoff,init_module,delete_module",
].join(",");
const WRITING = /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND/;
/** What keeps nothing, or is the process's own. */
const HARMLESS = /"\/dev\/(?:null|tty|zero|full|ptmx|pts\/\d+|stdout|stderr|fd\/\d+)"|"\/proc\/(?:self|thread-self)\//;
/**
 * What programs keep for themselves, whatever they are asked: caches and logs below their user's home, compiled modules,
 * scratch files that nobody else can know the name of, a lock beside what is read, SQLite's way to open what is there.
 */
const OWN_STATE: readonly RegExp[] = [
  /"\/tmp\/(?:[^"]*\/own\/)?home\/\./,
  /\/__pycache__/,
  /"\/tmp\/[^/"]+", [^)]*O_EXCL/,
  /"\/tmp\/(?:hsperfdata_|LIVE-|MERGED-)/,
  /"\/var\/cache\/man\//,
  /"\/etc\/\.pwd\.lock"/,
  /"\/dev\/console"/,
  /mkdir\("\/dev", 0777\) += -1 EEXIST/,
  // The file of a Java machine's counters, in the folder above.
  /"\d+", O_RDWR\|O_CREAT\|O_NOFOLLOW/,
  /\.db", O_RDWR\|O_CREAT\|O_NOFOLLOW\|O_CLOEXEC/,
];
const SECONDS_A_LINE = 1;

/**
 * How lines can be contained on this machine: in bubblewrap with a read-only root, no network and nothing of other processes;
 * where no namespace can be made, as in many containers, as the user nobody, who can write nowhere and connect to nothing.
 * Undefined where neither is possible.
 */
export function findContainment(): Containment | undefined {
  if (Bun.which("strace") === null || Bun.which("bash") === null || Bun.which("timeout") === null) return undefined;
  if (Bun.which("bwrap") !== null && Bun.spawnSync([...BUBBLE, "true"]).exitCode === 0) return "bubblewrap";
  return Bun.which("setpriv") !== null && process.getuid?.() === 0 ? "nobody" : undefined;
}

const BUBBLE = [
  ...["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run"],
  ...["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL", "--die-with-parent"],
];
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"];

/** Runs each line in a bash of its own, one after another, and collects what they tried to change. */
export function traceLines(lines: readonly string[], containment: Containment): Traced {
  const folder = mkdtempSync(join(tmpdir(), "writ-trace-"));
  try {
    mkdirSync(join(folder, "lines"), { mode: 0o755 });
    for (const [at, line] of lines.entries()) writeFileSync(join(folder, "lines", `${at}.sh`), `${line}\n`);
    const driver = join(folder, "driver.sh");
    const base = containment === "bubblewrap" ? "/tmp" : join(folder, "own");
    writeFileSync(driver, driverOf(lines.length, base));
    Bun.spawnSync(["chmod", "-R", "a+rX", folder]);
    if (containment === "nobody") mkdirSync(base, { mode: 0o777 });
    if (containment === "nobody") Bun.spawnSync(["chmod", "777", base]);
    const inner =
      containment === "bubblewrap"
        ? [...BUBBLE, "--ro-bind", folder, "/mnt", "bash", "/mnt/driver.sh", "/mnt"]
        : [...NOBODY, "bash", driver, folder];
    const refusing = containment === "nobody" ? ["-e", "inject=connect,sendto:error=ENETUNREACH"] : ["--seccomp-bpf"];
    const trace = join(folder, "trace");
    const calls = containment === "nobody" ? `${CALLS},connect,sendto` : CALLS;
    Bun.spawnSync(["strace", "-f", "-qq", "-s", "200", ...refusing, "-e", `trace=${calls}`, "-o", trace, ...inner], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
      env: {
        PATH: process.env["PATH"] ?? "/usr/bin:/bin",
        HOME: join(base, "home"),
        LANG: "C",
        GIT_OPTIONAL_LOCKS: "0",
      },
    });
    return readTrace(readFileSync(trace, "utf8"), lines);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Everything is prepared before the first line: what is made later, a line made. */
function driverOf(count: number, base: string): string {
  return `
cd '${base}' 2>/dev/null && mkdir -p home project/src && cd project && {
  printf 'one\\ntwo\\n' > a.txt; printf '{"name":"x"}' > package.json; printf 'print(1)\\n' > src/a.py
  git init -q . && git -c user.name=a -c user.email=a@b.example add . && git -c user.name=a -c user.email=a@b.example commit -qm one
} >/dev/null 2>&1
for at in $(seq 0 ${count - 1}); do
  timeout -k 1 ${SECONDS_A_LINE} bash "$1/lines/$at.sh" </dev/null >/dev/null 2>&1
done`;
}

function readTrace(trace: string, lines: readonly string[]): Traced {
  let current: number | undefined;
  const started = new Set<number>();
  const ran = new Set<number>();
  const changes: Change[] = [];
  for (const text of trace.split("\n")) {
    const call = text.replace(/^\d+\s+/, "");
    const begins = /^execve\("[^"]*\/timeout".*\/lines\/(\d+)\.sh"/.exec(call);
    if (begins !== null) {
      current = Number(begins[1]);
      started.add(current);
    } else if (current === undefined) continue;
    else if (call.startsWith("execve(")) {
      if (/= 0$/.test(call) && !/\/lines\/\d+\.sh"/.test(call)) ran.add(current);
    } else if (isChange(call)) changes.push({ line: lines[current] ?? "", call: call.slice(0, 160) });
  }
  return { started: started.size, ran: ran.size, changes };
}

function isChange(call: string): boolean {
  if (!/^[a-z]/.test(call) || OWN_STATE.some((own) => own.test(call))) return false;
  if (/^(?:open|openat)\(/.test(call)) return WRITING.test(call) && !HARMLESS.test(call);
  // `timeout` ends what takes too long; signal 0 asks whether somebody is there.
  if (/^t?kill\(/.test(call)) return !/SIGTERM|SIGKILL|SIGCONT|, 0\)/.test(call);
  return !/^(?:execve|connect|sendto)\(/.test(call);
}
