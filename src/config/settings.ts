/** One variable of the environment, as `--help` and the documentation print it. */
export interface Setting {
  readonly name: string;
  /** The text that an absent variable stands for; empty where there is none. */
  readonly default: string;
  readonly meaning: string;
  /** Who reads it: the server, the commands that talk to one, or only the loader of key material. */
  readonly reader: "server" | "client" | "keys";
  /** Whether its value must never be shown. */
  readonly secret?: true;
}

/** Every variable that Writ reads. A variable that starts with `WRIT_` and is not here is an error. */
export const SETTINGS = [
  { name: "WRIT_DATA", default: "./data", reader: "server", meaning: "the data folder" },
  {
    name: "WRIT_LISTEN",
    default: "127.0.0.1:8620",
    reader: "server",
    meaning: "address and port to listen on; IPv6 in brackets; port 0 takes a free one",
  },
  {
    name: "WRIT_FORWARD_LISTEN",
    default: "",
    reader: "server",
    meaning:
      "address and port of the forward proxy, for programs that know `HTTPS_PROXY` alone; there is none unless set",
  },
  {
    name: "WRIT_FORWARD_OTHERS",
    default: "refuse",
    reader: "server",
    meaning: "what the forward proxy does with hosts that no connection leads to: refuse or tunnel",
  },
  {
    name: "WRIT_PUBLIC_URL",
    default: "http://localhost:8620",
    reader: "server",
    meaning: "the address that people and agents use; changing it later means enrolling passkeys anew",
  },
  {
    name: "WRIT_TRUST_PROXY",
    default: "",
    reader: "server",
    meaning: "addresses or ranges of the reverse proxy in front, separated by commas",
  },
  { name: "WRIT_TLS_CERT", default: "", reader: "server", meaning: "PEM file with the certificate chain" },
  { name: "WRIT_TLS_KEY", default: "", reader: "server", meaning: "PEM file with the certificate's key" },
  {
    name: "WRIT_UPSTREAM_CA",
    default: "",
    reader: "server",
    meaning: "PEM file with authorities to trust for upstreams, beside the public ones",
  },
  {
    name: "WRIT_PROXY",
    default: "",
    reader: "server",
    secret: true,
    meaning: "http or https proxy for calls to upstreams; HTTP_PROXY and its kin are ignored",
  },
  {
    name: "WRIT_ALLOW_RANGES",
    default: "",
    reader: "server",
    meaning: "private address ranges that connections may reach, separated by commas",
  },
  { name: "WRIT_LOG", default: "info", reader: "server", meaning: "log level: debug, info, warn or error" },
  {
    name: "WRIT_METRICS_TOKEN",
    default: "",
    reader: "server",
    secret: true,
    meaning: "bearer token for /metrics; without one it answers loopback only",
  },
  {
    name: "WRIT_TENANT_QUOTA",
    default: "10GiB",
    reader: "server",
    meaning: "disk space of one tenant: a number with B, KiB, MiB, GiB or TiB; 0 is unlimited",
  },
  {
    name: "WRIT_DISK_RESERVE",
    default: "256MiB",
    reader: "server",
    meaning: "free disk space below which nothing new is granted",
  },
  {
    name: "WRIT_RATE_SOURCE",
    default: "3000000",
    reader: "server",
    meaning: "requests a minute from one source address; 0 is unlimited",
  },
  {
    name: "WRIT_RATE_AGENT",
    default: "3000000",
    reader: "server",
    meaning: "requests a minute from one agent; 0 is unlimited",
  },
  {
    name: "WRIT_RATE_TENANT",
    default: "6000000",
    reader: "server",
    meaning: "requests a minute from one tenant; 0 is unlimited",
  },
  {
    name: "WRIT_APPROVAL_TTL",
    default: "15m",
    reader: "server",
    meaning: "how long an approval waits for a person: a number with s, m, h or d; 30s to 7d",
  },
  {
    name: "WRIT_CHECKPOINT_EVERY",
    default: "day",
    reader: "server",
    meaning: "how often each chain gets a checkpoint: day or hour, in UTC",
  },
  {
    name: "WRIT_MAX_BODY",
    default: "1MiB",
    reader: "server",
    meaning: "largest body of a request to Writ itself; routes that take policies, entities or a whole call take more",
  },
  { name: "WRIT_MAX_UPLOAD", default: "1GiB", reader: "server", meaning: "largest body of a call through the proxy" },
  { name: "WRIT_MAX_RESPONSE", default: "1GiB", reader: "server", meaning: "largest answer taken from an upstream" },
  {
    name: "WRIT_ARCHIVE_URL",
    default: "",
    reader: "server",
    meaning: "where segments of the chains are archived: a folder, or `s3://bucket/prefix`",
  },
  {
    name: "WRIT_ARCHIVE_ENDPOINT",
    default: "",
    reader: "server",
    meaning: "origin of the S3-compatible store; Amazon's of the region unless set",
  },
  { name: "WRIT_ARCHIVE_REGION", default: "us-east-1", reader: "server", meaning: "region of the store" },
  {
    name: "WRIT_ARCHIVE_STYLE",
    default: "",
    reader: "server",
    meaning: "where the bucket stands in addresses: `path`, or `host`; `path` where an endpoint is set",
  },
  {
    name: "WRIT_ARCHIVE_ACCESS_KEY",
    default: "",
    reader: "server",
    secret: true,
    meaning: "access key of the store",
  },
  {
    name: "WRIT_ARCHIVE_SECRET_KEY",
    default: "",
    reader: "server",
    secret: true,
    meaning: "secret key of the store",
  },
  {
    name: "WRIT_ARCHIVE_ENCRYPTION",
    default: "",
    reader: "server",
    meaning: "encryption by the store: `AES256`, `aws:kms` or `aws:kms:KEY`",
  },
  {
    name: "WRIT_ARCHIVE_LOCK",
    default: "off",
    reader: "server",
    meaning: "retention lock of what is archived (S3 Object Lock): off, governance or compliance",
  },
  { name: "WRIT_ARCHIVE_HOLD", default: "off", reader: "server", meaning: "legal hold of what is archived: on or off" },
  {
    name: "WRIT_ARCHIVE_RETENTION",
    default: "2557d",
    reader: "server",
    meaning: "how long the archive keeps a segment, locked where locks are on: seven years unless set",
  },
  {
    name: "WRIT_ARCHIVE_GRACE",
    default: "30d",
    reader: "server",
    meaning: "how long a segment is in the archive before its local rows may be pruned",
  },
  {
    name: "WRIT_ARCHIVE_PRUNE",
    default: "off",
    reader: "server",
    meaning: "whether local rows are pruned by themselves: on or off",
  },
  {
    name: "WRIT_BACKUP_URL",
    default: "",
    reader: "server",
    meaning: "where a backup of the instance goes each day: a folder, or `s3://bucket/prefix` in the archive's store",
  },
  {
    name: "WRIT_BACKUP_SCHEDULE",
    default: "",
    reader: "server",
    meaning: "when backups are made, as a cron expression of five fields in UTC; each day unless set",
  },
  {
    name: "WRIT_TELEMETRY",
    default: "on",
    reader: "server",
    meaning: "whether numbers and traces of requests are kept, in a database of their own: on or off",
  },
  { name: "WRIT_URL", default: "", reader: "client", meaning: "the server that commands talk to" },
  {
    name: "WRIT_TOKEN",
    default: "",
    reader: "client",
    secret: true,
    meaning: "the credential that commands present to WRIT_URL",
  },
  {
    name: "WRIT_DEVICE_FILE",
    default: "",
    reader: "client",
    meaning: "where this machine's pairing is kept, for this user alone; `.config/writ/device.json` at home unless set",
  },
  {
    name: "WRIT_HOOK_SOCKET",
    default: "",
    reader: "client",
    meaning: "the helper that answers hooks in a run; `writ run` sets it",
  },
  { name: "WRIT_RUN", default: "", reader: "client", meaning: "the run that an agent's hooks and calls belong to" },
  {
    name: "WRIT_KEY_MASTER",
    default: "",
    reader: "keys",
    secret: true,
    meaning: "keys that wrap the data keys, newest first, a line each",
  },
  {
    name: "WRIT_KEY_UCAN",
    default: "",
    reader: "keys",
    secret: true,
    meaning: "keys that the tenants' signing keys are derived from, newest first, a line each",
  },
  {
    name: "WRIT_KEY_SEAL",
    default: "",
    reader: "keys",
    secret: true,
    meaning: "keys that sign seals and checkpoints, newest first, a line each",
  },
] as const satisfies readonly Setting[];

/** The name of a variable that Writ reads. */
export type SettingName = (typeof SETTINGS)[number]["name"];

const BY_NAME: ReadonlyMap<string, Setting> = new Map(SETTINGS.map((setting) => [setting.name, setting]));

/** The description of a variable, or undefined for a name that Writ does not read. */
export function findSetting(name: string): Setting | undefined {
  return BY_NAME.get(name);
}

/** Whether Writ reads a variable of this name. */
export function isSettingName(name: string): name is SettingName {
  return BY_NAME.has(name);
}

/** The known name nearest to a mistyped one, or undefined where none is near. */
export function suggestSetting(name: string): SettingName | undefined {
  let best: SettingName | undefined;
  let bestDistance = 4;
  for (const setting of SETTINGS) {
    const distance = editDistance(name.slice(0, 40), setting.name);
    if (distance < bestDistance) {
      best = setting.name;
      bestDistance = distance;
    }
  }
  return best;
}

/** How many insertions, deletions and replacements lead from `a` to `b` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replace = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replace, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
