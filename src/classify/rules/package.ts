import type { CommandRule } from "../rule.ts";

/** Package managers: of the system and of languages. */
export const PACKAGE_RULES: readonly CommandRule[] = [
  {
    names: "apt apt-get aptitude nala",
    tier: "write",
    read: "-s --simulate --dry-run --just-print --version --print-uris",
    values: "-o -c -t --option --config-file",
    danger: "-o --option -c --config-file --allow-unauthenticated --force-yes",
    flags: "-y -q -qq --yes",
    verbs: {
      read: "list, show, search, policy, changelog, depends, rdepends, why, why-not, check, moo, indextargets, showsrc, help, showpkg, stats",
      danger: "remove, purge, autoremove, autopurge, full-upgrade, dist-upgrade, edit-sources, dselect-upgrade",
    },
  },
  {
    names:
      "apt-cache apt-file apt-show-versions dpkg-query debsums apt-listchanges deborphan rpmquery rpm-query popcon-largest-unused dlocate",
    tier: "read",
    verbs: { write: "update, gencaches" },
  },
  {
    names:
      "apt-mark apt-key add-apt-repository apt-config dpkg-reconfigure debconf-set-selections dpkg-divert dpkg-statoverride",
    tier: "danger",
    verbs: { read: "showauto, showmanual, showhold, list, dump", write: "auto, manual, hold, unhold" },
  },
  {
    names: "dpkg",
    tier: "danger",
    read: "-l -L -s -S -p -V -C --list --listfiles --status --search --print-avail --get-selections --verify --audit --version --help --print-architecture -I --info -c --contents",
  },
  {
    names: "yum dnf dnf5 microdnf zypper urpmi",
    tier: "write",
    flags: "-y -q -C --assumeyes",
    read: "--dry-run --version --help",
    verbs: {
      read: "list, info, search, provides, whatprovides, repolist, check-update, history list, history info, history, deplist, repoquery, updateinfo, grouplist, group list, se, if, lr, lu, patches, packages, products, what-provides, repos, list-updates, versionlock list, module list",
      danger:
        "remove, erase, autoremove, rm, history undo, history rollback, downgrade, distro-sync, dist-upgrade, dup, system-upgrade, shell, group remove, removerepo, rr, swap",
    },
  },
  {
    names: "rpm",
    tier: "danger",
    read: "-q -qa -qi -ql -V --query --verify --querytags --showrc --version -K --checksig",
  },
  {
    names: "pacman yay paru makepkg pamac",
    tier: "write",
    read: "-Q -Ss -Si -Sl -Sg -F -T --version -p --print",
    danger: "-R -Rs -Rns --remove -Scc",
    flags: "-q -i -l -s -o -g -e -k -u -d -t",
    style: "words",
  },
  {
    names: "apk",
    tier: "write",
    flags: "-U -q -v",
    read: "-s --simulate",
    danger: "--allow-untrusted",
    verbs: { read: "info, list, search, policy, stats, audit, version, dot, verify, manifest", danger: "del, fix" },
  },
  {
    names: "emerge equery eix",
    tier: "write",
    read: "-p --pretend -s --search --info --version -S",
    danger: "-C --unmerge -c --depclean -P --prune",
  },
  {
    names:
      "pkg pkg_info pkg_add pkg_delete xbps-query xbps-install xbps-remove opkg swupd eopkg slackpkg slapt-get port fink tlmgr",
    tier: "write",
    verbs: {
      read: "info, query, search, list, installed, contents, deps, which, stats, version, audit, list-installed, echo, provides",
      danger: "delete, remove, uninstall, autoremove, clean, purge",
    },
  },
  {
    names: "snap flatpak",
    tier: "write",
    verbs: {
      read: "list, info, find, search, version, services, connections, interface, logs, changes, remotes, history, remote-ls, remote-info, get, warnings, model",
      danger:
        "remove, uninstall, purge, revert, run, try, refresh, remote-delete, override, permission-reset, repair, connect, alias, set",
    },
  },
  {
    names: "brew",
    tier: "write",
    nested: true,
    read: "--config --prefix --cellar --repository --repo --cache --caskroom --version --help --env --taps",
    flags: "-q -v -d --formula --cask --quiet --verbose --formulae --casks",
    verbs: {
      read: "list, ls, info, abv, search, deps, uses, leaves, outdated, config, doctor, dr, desc, cat, home, homepage, log, options, formulae, casks, missing, commands, help, docs, services list, services info, services, tap-info, formula, which-formula, livecheck, analytics state, analytics, shellenv, --prefix, --cellar, --repository, --repo, --cache, --caskroom, --version, --env, command, linkage, bundle list, bundle check, unbottled, verify, readall, typecheck",
      danger:
        "uninstall, rm, remove, autoremove, cleanup, untap, bundle cleanup, services stop, services kill, sh, ruby, irb, bundle exec, reset, update-reset, vendor-gems, edit, create, developer",
    },
  },
  { names: "brew:tap", tier: "write", alone: "read" },
  {
    names: "nix nix-env nix-store nix-channel nixos-rebuild home-manager",
    tier: "write",
    danger: "--eval --expr --delete --gc --uninstall -e",
    read: "-q --query --dry-run --version",
    verbs: {
      read: "search, show-config, flake show, flake metadata, flake info, path-info, why-depends, log, hash, store ls, store ping, derivation show, profile list, registry list, generations, packages, news, option, config show",
      danger:
        "shell, develop, run, store gc, store delete, profile remove, profile wipe-history, eval, repl, switch, uninstall, expire-generations, remove-generations, fmt, store repair",
    },
  },
  {
    names: "npm pnpm",
    tier: "write",
    nested: true,
    values: "-w --workspace --prefix --registry -C --dir --filter --tag --otp --loglevel",
    flags: "-g -s --global --json --silent --long --all --parseable --depth=0 -D -P --prod --dev",
    read: "--version -v",
    verbs: {
      read: "ls, list, ll, la, view, info, show, v, search, find, s, se, outdated, audit, why, explain, ping, whoami, root, prefix, bin, help, help-search, find-dupes, fund, query, doctor, config list, config ls, config get, c list, c ls, c get, get, access list, access ls, access get, access ls-packages, access ls-collaborators, owner ls, owner list, dist-tag ls, dist-tag list, dist-tags ls, team ls, team list, org ls, org list, token list, token ls, hook ls, hook list, profile get, docs, home, bugs, issues, repo, completion, licenses, sbom, diff, stars, cache ls, cache list, pkg get, audit signatures, trust list, licenses list, licenses ls, store path, store status, hook",
      danger:
        "unpublish, deprecate, access set, access grant, access revoke, access public, access restricted, owner rm, owner remove, dist-tag rm, team rm, team destroy, org rm, token revoke, token delete, token rm, hook rm, cache clean, cache rm, config set, config edit, config delete, set, profile set, profile disable-2fa, store prune, logout, adduser",
    },
  },
  {
    names: "npm:audit pnpm:audit yarn:audit",
    tier: "read",
    write: "--fix",
    verbs: { read: "signatures", write: "fix" },
  },
  {
    names: "npm:exec npm:x pnpm:exec pnpm:dlx yarn:exec yarn:dlx bunx npx pnpx",
    tier: "write",
    values: "-p --package -w --workspace",
    code: "-c --call",
    flags: "-y --yes --no -q",
    runs: { floor: "write", because: "runs_file", alone: "write" },
  },
  {
    names: "yarn yarnpkg",
    tier: "write",
    nested: true,
    values: "--cwd",
    flags: "--silent -s --json",
    read: "--version -v",
    verbs: {
      read: "list, info, why, outdated, audit, licenses, licenses list, licenses ls, bin, config list, config get, config current, cache dir, cache list, global list, global bin, global dir, help, versions, owner list, tag list, team list, npm info, npm whoami, npm audit, workspaces info, workspaces list, check, search, plugin list, explain, constraints query",
      danger:
        "config set, config delete, config unset, cache clean, logout, npm tag remove, unpublish, owner remove, tag remove, plugin import, plugin remove, team destroy, set version",
    },
  },
  {
    names: "pip pip2 pip3 pipx",
    tier: "write",
    nested: true,
    read: "--version -V --help",
    values: "--log --proxy --timeout --cache-dir",
    verbs: {
      read: "list, show, freeze, check, search, index, index versions, config list, config get, config debug, cache list, cache dir, cache info, debug, help, hash, inspect, completion, environment",
      danger:
        "uninstall, cache purge, cache remove, config set, config edit, config unset, uninstall-all, reinstall-all",
    },
    outputs: "--report",
  },
  {
    names: "pipx:run uvx",
    tier: "write",
    values: "--spec --from --with --python -p",
    runs: { floor: "write", because: "runs_file", alone: "write" },
  },
  {
    names: "uv",
    tier: "write",
    nested: true,
    values: "--directory --project --cache-dir --config-file --color --python -p",
    flags: "-q -v -n --quiet --verbose --offline --no-cache --no-progress",
    read: "--version -V --help -h --dry-run",
    verbs: {
      read: "help, version, tree, python list, python find, python dir, pip list, pip freeze, pip show, pip tree, pip check, tool list, tool dir, cache dir, cache size, self version, workspace list, workspace dir, workspace metadata, auth dir, generate-shell-completion",
      danger:
        "pip uninstall, pip sync, tool uninstall, python uninstall, cache clean, cache prune, publish, auth token, auth logout",
    },
  },
  {
    names: "uv:run",
    tier: "write",
    values:
      "--with --with-editable --with-requirements --extra --group --only-group --package --env-file -p --python --directory --project --no-group --index-url --refresh-package --isolated-from",
    flags:
      "--frozen --locked --no-sync --isolated --all-extras --no-dev --dev --active --exact --no-project --quiet -q -v --verbose --offline --all-groups -n --no-cache --no-env-file --all-packages",
    danger: "-s --script",
    runs: { alone: "read" },
  },
  {
    names: "uv:tool:run",
    tier: "write",
    values: "--from --with -p --python",
    runs: { floor: "write", because: "runs_file", alone: "write" },
  },
  {
    names: "poetry pdm hatch rye pipenv pixi conda mamba micromamba",
    tier: "write",
    nested: true,
    read: "--version -V --dry-run --help",
    values: "-C --directory -P --project -n --name -p --prefix",
    verbs: {
      read: "show, check, list, info, search, env list, env info, config --list, about, version, source show, cache list, graph, --where, --venv, --py, tree, project metadata, env show, env find, dep show, python show, repoquery, compare, doctor, self show, package-info",
      danger:
        "remove, uninstall, env remove, env prune, cache clear, clean, publish, purge, config, self, cache clean, project remove, rename",
    },
  },
  {
    names: "poetry:run pdm:run rye:run pipenv:run pixi:run hatch:run conda:run mamba:run micromamba:run bundle:exec",
    tier: "write",
    values: "-n --name -p --prefix -e --environment",
    flags: "--no-capture-output --live-stream -s -v",
    runs: { alone: "write" },
  },
  {
    names: "gem bundle bundler rake cocoapods pod",
    tier: "write",
    nested: true,
    verbs: {
      read: "list, search, info, environment, env, which, contents, dependency, specification, outdated, query, sources, help, show, check, platform, doctor, licenses, -T, --tasks, --version, -v, config list, spec cat, repo list",
      danger:
        "uninstall, yank, owner, cleanup, push, signin, remove, clean, config set, trunk delete, trunk deprecate, exec, console, cache clean",
    },
  },
  {
    names: "cargo",
    tier: "write",
    nested: true,
    read: "--version -V --list --help -h",
    flags: "-v -q --quiet --verbose --offline --locked --frozen",
    values: "-C --config --color -Z -p --package --manifest-path",
    danger: "--config",
    verbs: {
      read: "tree, metadata, search, info, locate-project, pkgid, read-manifest, verify-project, version, help, audit, outdated, deny, geiger, bloat, report, owner --list, --version, --list, fmt --check, config get, machete, udeps, about, semver-checks",
      danger: "publish, yank, uninstall, owner, login, logout,",
    },
  },
  { names: "cargo:fmt", tier: "write", read: "--check" },
  {
    names: "go",
    tier: "write",
    nested: true,
    values: "-C -o -modfile -tags -ldflags",
    style: "words",
    danger: "-toolexec -exec -vettool",
    outputs: "-o",
    verbs: {
      read: "version, env, list, doc, help, vet, mod graph, mod why, mod verify, tool",
      danger: "clean -modcache, clean -cache",
      write: "build, test, run, get, install, mod, fmt, generate, work, clean, telemetry",
    },
  },
  { names: "go:env", tier: "read", danger: "-w -u", style: "words" },
  {
    names:
      "rustup nvm fnm volta asdf mise rtx pyenv rbenv nodenv goenv jenv sdk sdkman jabba tfenv chruby n corepack proto ghcup",
    tier: "write",
    nested: true,
    verbs: {
      read: "show, list, ls, ls-remote, current, version, versions, which, where, whence, root, prefixes, toolchain list, target list, component list, check, plugin list, plugin-list, list-all, latest, doc, help, info, active-toolchain, prefix, completions, doctor, commands, outdated, shims",
      danger:
        "uninstall, toolchain uninstall, self uninstall, remove, implode, prune, plugin remove, plugin add, clear-cache, cache clear, self uninstall",
    },
  },
  {
    names: "rustup:run mise:exec mise:x asdf:exec pyenv:exec rbenv:exec nodenv:exec volta:run fnm:exec",
    tier: "write",
    runs: { floor: "write", alone: "write" },
  },
  {
    names: "composer",
    tier: "write",
    read: "--version -V --dry-run",
    values: "-d --working-dir",
    verbs: {
      read: "show, info, list, search, outdated, status, validate, why, why-not, depends, prohibits, licenses, diagnose, browse, home, fund, check-platform-reqs, about, audit, suggests",
      danger: "remove, clear-cache, config, exec, run-script, global, self-update, create-project",
    },
  },
  {
    names: "mvn mvnw gradle gradlew ant sbt lein mill bazel bazelisk buck buck2 pants",
    tier: "write",
    read: "--version -version -v",
    flags: "-q -B -o",
    verbs: {
      read: "help:*, dependency:tree, dependency:list, dependency:analyze, versions:display-*, help, tasks, dependencies, projects, properties, query, cquery, aquery, info, version, dependencyInsight, validate, buildEnvironment",
      danger: "deploy, publish, release:*, uploadArchives, expunge, exec:exec, exec:java",
    },
  },
  {
    names:
      "mix rebar3 hex stack cabal opam dub nimble shards raco luarocks cpan cpanm vcpkg conan spack dart flutter swift pub dotnet nuget paket choco scoop winget julia-pkg quicklisp zig spago elm",
    tier: "write",
    nested: true,
    read: "--version -v --help",
    verbs: {
      read: "help, deps.tree, hex.info, hex.search, hex.outdated, hex.audit, list, info, show, search, ls, tree, deps, outdated, --list-sdks, --list-runtimes, --info, list package, sln list, workload list, tool list, doctor, devices, emulators, analyze, pub deps, pub outdated, package show-dependencies, package describe, version, env, config, switch list, switch show, repo list, path, ls-remote, spec, find, graph, inspect, status, which",
      danger:
        "remove, uninstall, hex.retire, hex.publish, nuget delete, nuget push, publish, upload, retire, purge, switch remove, exec, pub publish, pub global, delete, cleanup, reset",
    },
  },
];
