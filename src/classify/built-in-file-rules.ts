import type { FileRule } from "./file-rules.ts";

const closed = (...globs: readonly string[]): readonly FileRule[] =>
  globs.map((glob): FileRule => ({ level: "builtin", glob, access: "noAccess" }));
const kept = (...globs: readonly string[]): readonly FileRule[] =>
  globs.map((glob): FileRule => ({ level: "builtin", glob, access: "readOnly" }));
const except = (glob: string, ...others: readonly string[]): FileRule => ({
  level: "builtin",
  glob,
  access: "noAccess",
  except: others,
});

/** What nobody can remove: where credentials lie, and what decides what agents may do. */
export const BUILT_IN_FILE_RULES: readonly FileRule[] = [
  // Settings of the environment, and not their templates.
  except(".env", "**/.env/bin/**", "**/.env/lib/**"),
  except(".env.*", ".env.example", ".env.sample", ".env.template", ".env.dist", ".env.defaults"),
  ...closed(".envrc", "*.env.local", ".dev.vars", ".flaskenv", ".secrets", ".vault_pass*"),
  ...closed("secrets.yml", "secrets.yaml", "secrets.json", "secrets.toml", "secrets.env", "*.tfvars.secret"),
  // Private keys, key stores, and the folders that they lie in.
  except(".ssh/**", ".ssh/known_hosts", ".ssh/*.pub"),
  ...closed("id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"),
  ...closed("*.ppk", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.kdb", "*_rsa", "*_ed25519"),
  except("*.pem", "*cert*.pem", "*chain*.pem", "ca.pem", "*ca-bundle*.pem", "*public*.pem"),
  ...closed("*.key", "/etc/ssl/private/**", "/etc/letsencrypt/**", ".gnupg/**", "*.keytab"),
  // Passwords and credentials of the system and of common programs.
  ...closed("/etc/shadow*", "/etc/gshadow*", "/etc/sudoers", "/etc/sudoers.d/**", "/etc/krb5.keytab"),
  ...closed(
    ".netrc",
    "_netrc",
    ".pgpass",
    ".my.cnf",
    ".mylogin.cnf",
    ".git-credentials",
    ".htpasswd",
    ".smbcredentials",
  ),
  ...closed(".npmrc", ".yarnrc.yml", ".pypirc", ".gem/credentials", ".cargo/credentials*", ".m2/settings*.xml"),
  ...closed(".gradle/gradle.properties", ".composer/auth.json", ".nuget/NuGet.Config", ".config/pip/pip.conf"),
  ...closed(".config/gh/hosts.yml", ".config/hub", ".config/glab-cli/**", ".config/git/credentials", ".bundle/config"),
  ...closed(
    ".config/rclone/**",
    ".s3cfg",
    ".boto",
    ".config/op/**",
    ".terraform.d/credentials*",
    "*.tfstate",
    "*.tfstate.backup",
  ),
  ...closed(".terraformrc", ".vault-token", ".config/doctl/**", ".config/heroku/**", ".fly/**", ".config/hcloud/**"),
  ...closed(".config/configstore/**", ".config/netlify/**", ".local/share/com.vercel.cli/**", ".config/.wrangler/**"),
  // Clouds and clusters.
  ...closed(".aws/**", ".azure/**", ".config/gcloud/**", ".gcloud/**", ".oci/**", ".aliyun/**", ".bluemix/**"),
  ...closed("*service-account*.json", "*service_account*.json", "application_default_credentials.json"),
  ...closed(".kube/**", "kubeconfig", "*.kubeconfig", "/etc/kubernetes/**", "/var/lib/kubelet/**", "/etc/rancher/**"),
  ...closed(".docker/config.json", ".config/containers/auth.json", "/var/run/secrets/**", "/run/secrets/**"),
  ...closed("/run/containerd/**", "docker.sock", "podman.sock"),
  // Browsers.
  ...closed(".mozilla/**", ".config/google-chrome*/**", ".config/chromium/**", ".config/BraveSoftware/**"),
  ...closed(".config/microsoft-edge*/**", ".config/vivaldi*/**", ".config/opera*/**", ".librewolf/**", ".zen/**"),
  ...closed(
    "~/snap/firefox/**",
    "~/snap/chromium/**",
    ".var/app/org.mozilla.firefox/**",
    ".var/app/com.google.Chrome/**",
  ),
  ...closed("~/Library/Application Support/Google/Chrome*/**", "~/Library/Application Support/Firefox/**"),
  ...closed("~/Library/Safari/**", "~/Library/Cookies/**", "~/Library/Application Support/BraveSoftware/**"),
  ...closed("~/AppData/Local/Google/Chrome/**", "~/AppData/Local/Microsoft/Edge/**", "~/AppData/Roaming/Mozilla/**"),
  // Password stores.
  ...closed(".password-store/**", ".local/share/keyrings/**", ".local/share/kwalletd/**", ".config/keepassxc/**"),
  ...closed("~/Library/Keychains/**", "/Library/Keychains/**", ".config/Bitwarden*/**", ".config/1Password/**"),
  ...closed("~/AppData/Roaming/Microsoft/Credentials/**", "~/AppData/Local/Microsoft/Credentials/**"),
  ...closed("~/AppData/Roaming/Microsoft/Protect/**"),
  // Coding agents' own sign-ins; what people write for them to read stays readable.
  except(
    "~/.claude/**",
    "~/.claude/CLAUDE.md",
    "~/.claude/plans/**",
    "~/.claude/projects/**",
    "~/.claude/skills/**",
    "~/.claude/commands/**",
    "~/.claude/agents/**",
    "~/.claude/plugins/**",
  ),
  ...closed("~/.claude.json*", ".credentials.json", "~/.config/claude/**", "~/Library/Application Support/Claude/**"),
  except("~/.codex/**", "~/.codex/AGENTS.md", "~/.codex/prompts/**", "~/.codex/skills/**"),
  except("~/.gemini/**", "~/.gemini/GEMINI.md", "~/.gemini/commands/**"),
  ...closed("~/.config/opencode/auth*", "~/.local/share/opencode/**", "~/.cursor/auth*", "~/.config/Cursor/**"),
  ...closed("~/.config/github-copilot/**", "~/.copilot/**", "~/.config/goose/**", "~/.aider*", "~/.continue/**"),
  ...closed("~/.qwen/**", "~/.config/amp/**", "~/.factory/**", "~/.codeium/**", "~/.config/zed/credentials*"),
  // What decides what an agent may do, and the agents' own hooks.
  ...closed(
    "writ.sock",
    "writ.db",
    "writ.db-wal",
    "writ.db-shm",
    "~/.config/writ/**",
    "~/.local/share/writ/**",
    "~/.writ/**",
    "/etc/writ/**",
  ),
  ...closed("/var/lib/writ/**", "~/Library/Application Support/writ/**", "~/AppData/Roaming/writ/**"),
  ...kept(".writ/**", ".claude/settings*.json", ".codex/config.toml", ".codex/hooks*", ".gemini/settings.json"),
  ...kept("~/.claude/**", "~/.codex/**", "~/.gemini/**", ".cursor/hooks*", ".git/hooks/**", ".git/config"),
  ...kept("/etc/claude-code/**", "/etc/codex/**", "opencode.json", "opencode.jsonc", "~/.config/opencode/**"),
  // The state of other processes: their environment and memory hold credentials.
  ...closed(
    "/proc/*/environ",
    "/proc/*/mem",
    "/proc/*/auxv",
    "/proc/*/task/*/environ",
    "/proc/*/task/*/mem",
    "/proc/kcore",
  ),
  ...closed("/dev/mem", "/dev/kmem", "/dev/port"),
];
