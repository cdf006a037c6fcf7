import type { CommandRule } from "../rule.ts";

/** `git` and its verbs, and other systems that keep versions. */
export const GIT_RULES: readonly CommandRule[] = [
  {
    names: "git",
    tier: "write",
    special: "git",
    nested: true,
    read: "--version --help --man-path --info-path --html-path",
    values: "-C -c --git-dir --work-tree --namespace --config-env --super-prefix --attr-source --list-cmds",
    flags:
      "-p -P --paginate --no-pager --bare --no-replace-objects --literal-pathspecs --glob-pathspecs --no-optional-locks --exec-path",
    verbs: {
      read: "status, log, rev-parse, rev-list, ls-files, ls-tree, ls-remote, cat-file, describe, blame, annotate, shortlog, show-ref, show-branch, name-rev, merge-base, merge-tree, for-each-ref, count-objects, check-ignore, check-attr, check-mailmap, check-ref-format, cherry, whatchanged, var, verify-commit, verify-tag, verify-pack, version, help, diff-tree, diff-files, diff-index, get-tar-commit-id, patch-id, range-diff, fsck, show-index, stripspace, column, fmt-merge-msg, request-pull, unpack-file, interpret-trailers, mailinfo, diagnose, ls-remote, grep, show, diff",
      write:
        "add, commit, fetch, pull, merge, rebase, cherry-pick, revert, clone, init, mv, apply, am, switch, format-patch, bundle, archive, maintenance, pack-refs, repack, sparse-checkout, hash-object, mktree, commit-tree, write-tree, update-index, read-tree, index-pack, notes, rerere, lfs, svn, citool, gui, mergetool, difftool, instaweb, bugreport, credential, send-email, imap-send, daemon, replace, subtree, p4, worktree, submodule, bisect, stash, tag, branch, remote, reflog, config, checkout, restore, reset, push, clean, rm",
      danger:
        "filter-branch, filter-repo, gc, prune, update-ref, fast-import, fast-export, quiltimport, upload-pack, receive-pack, shell, http-backend, symbolic-ref, update-server-info, prune-packed, unpack-objects, credential-cache, credential-store, upload-archive, replay, obliterate",
    },
  },
  {
    names:
      "git:status git:rev-parse git:ls-files git:ls-tree git:describe git:name-rev git:merge-base git:for-each-ref git:show-ref git:rev-list git:cherry git:count-objects git:show-branch git:check-ignore",
    tier: "read",
  },
  {
    names:
      "git:diff git:log git:show git:shortlog git:blame git:annotate git:whatchanged git:diff-tree git:diff-files git:diff-index git:range-diff git:format-log",
    tier: "read",
    outputs: "--output",
    write: "--ext-diff",
    flags: "-p -s --stat",
    values: "-n -S -G -O -L -U",
  },
  { names: "git:grep", tier: "read", code: "-O --open-files-in-pager", values: "-e -f -A -B -C -m" },
  { names: "git:cat-file", tier: "read", danger: "--filters --textconv" },
  { names: "git:ls-remote", tier: "read", danger: "--upload-pack --exec", verbs: { danger: "ext::*" } },
  {
    names: "git:fetch git:pull git:clone",
    tier: "write",
    code: "-u --upload-pack",
    danger: "-c --config --template --receive-pack",
    read: "--dry-run",
    flags: "-q -v -p -a -t -n --all --prune --tags",
    verbs: { danger: "ext::*" },
    values: "-b -o -j --depth --branch --origin",
  },
  {
    names: "git:branch",
    tier: "write",
    alone: "read",
    read: "-a -r -l --list --all --remotes --show-current --contains --no-contains --merged --no-merged --points-at",
    danger: "-D -M -C --delete-force -f --force",
    write:
      "-d -m -c -u --delete --move --copy --set-upstream-to --unset-upstream --edit-description --track --set-upstream",
    values: "--sort --format --column --contains --points-at",
    flags: "-q -v",
  },
  {
    names: "git:tag",
    tier: "write",
    alone: "read",
    read: "-l --list -n -v --verify --contains --no-contains --points-at --merged",
    danger: "-f --force",
    write: "-a -s -m -F -u",
    values: "-m -F -u --sort --format",
    because: "changes_state",
  },
  {
    names: "git:remote",
    tier: "write",
    alone: "read",
    flags: "-v --verbose",
    verbs: {
      read: "show, get-url",
      write: "add, update, prune, set-head, set-branches, rename",
      danger: "remove, rm, set-url",
    },
  },
  { names: "git:stash", tier: "write", verbs: { read: "list, show", danger: "drop, clear" } },
  { names: "git:reflog", tier: "read", verbs: { read: "show, exists, list", danger: "expire, delete, drop, write" } },
  { names: "git:worktree", tier: "write", verbs: { read: "list", danger: "remove, prune" }, danger: "-f --force" },
  {
    names: "git:submodule",
    tier: "write",
    alone: "read",
    flags: "-q --quiet --recursive",
    verbs: { read: "status, summary", danger: "deinit" },
  },
  {
    names: "git:submodule:foreach",
    tier: "write",
    flags: "-q --recursive",
    runs: { joins: true, floor: "write", alone: "write" },
  },
  {
    names: "git:config",
    tier: "danger",
    read: "-l --list --get --get-all --get-regexp --get-urlmatch --get-color --get-colorbool",
    flags: "--global --local --system --worktree --show-origin --show-scope -z --null --includes --name-only",
    values: "-f --file --blob --type --default",
    danger: "-e --edit --unset --unset-all --remove-section --rename-section --replace-all --add",
    verbs: {
      read: "get, list",
      write:
        "user.name, user.email, set user.name, set user.email, color.*, init.defaultBranch, pull.rebase, push.default, core.autocrlf, advice.*",
    },
  },
  {
    names: "git:checkout",
    tier: "write",
    danger: "-f --force -B --ours --theirs",
    values: "-b -B --orphan",
    verbs: { danger: "., ./, :/, HEAD ., HEAD --" },
  },
  { names: "git:restore", tier: "danger", softens: "-S --staged", danger: "-W --worktree", values: "-s --source" },
  { names: "git:switch", tier: "write", danger: "-f --force --discard-changes -C --force-create", values: "-c -C" },
  { names: "git:reset", tier: "write", danger: "--hard --merge --keep" },
  { names: "git:clean", tier: "danger", read: "-n --dry-run", flags: "-f -d -x -X -q -i", values: "-e --exclude" },
  {
    names: "git:push",
    tier: "write",
    danger: "-f --force --force-with-lease --delete -d --mirror --prune --force-if-includes --receive-pack --exec",
    read: "-n --dry-run",
    values: "-o --push-option --repo",
    flags: "-u -q -v --set-upstream --tags --all --follow-tags",
    verbs: { danger: "* +*, * :*, ext::*" },
  },
  { names: "git:rm", tier: "write", danger: "-f -r --force", read: "-n --dry-run", flags: "-q --cached" },
  { names: "git:rebase", tier: "write", code: "-x --exec", values: "-s -X --onto", danger: "-i --interactive --root" },
  {
    names: "git:bisect",
    tier: "write",
    verbs: { read: "log, view, visualize, terms" },
    runs: { verbs: "run", floor: "write", alone: "write" },
  },
  {
    names: "git:add git:mv git:cherry-pick git:revert git:merge git:apply git:am git:init",
    tier: "write",
    read: "-n --dry-run --check",
    values: "-m -s -X -S -C -p",
    danger: "--template",
  },
  {
    names: "git:commit",
    tier: "write",
    read: "--dry-run",
    values: "-m -F -C -c -t -S --message --file --author --date --template --reuse-message --fixup --squash --cleanup",
    flags: "-a -q -v -s -p -n --amend --no-edit",
  },
  { names: "git:gc git:maintenance", tier: "write", danger: "--prune --aggressive --force" },
  {
    names: "git:lfs",
    tier: "write",
    verbs: {
      read: "ls-files, status, env, version, locks, logs, fsck, pointer, ext",
      danger: "prune, migrate, uninstall, unlock",
    },
  },
  {
    names: "git:notes git:bundle git:sparse-checkout git:rerere",
    tier: "write",
    alone: "read",
    verbs: {
      read: "list, show, verify, list-heads, status, diff, check-rules",
      danger: "remove, prune, clear, forget",
    },
  },
  { names: "git:symbolic-ref", tier: "write", read: "-q --short", danger: "-d --delete -m" },
  {
    names: "git:archive",
    tier: "read",
    outputs: "-o --output",
    danger: "--remote --exec",
    values: "--format --prefix",
    read: "-l --list",
  },
  { names: "git:difftool git:mergetool", tier: "write", code: "-x --extcmd", danger: "-t --tool" },
  {
    names: "git:hash-object",
    tier: "read",
    write: "-w",
    flags: "--stdin --literally --no-filters",
    values: "-t --path",
  },
  { names: "git:replace", tier: "write", read: "-l --list", danger: "-d --delete --edit -f --force" },
  { names: "git:fsck", tier: "read", write: "--lost-found" },
  { names: "git:help", tier: "read", write: "-w --web" },
  {
    names: "gitk tig lazygit gitui git-lfs git-crypt git-flow git-annex git-absorb git-branchless git-town gh-dash",
    tier: "write",
    verbs: { read: "ls-files, status, env, version, log, show" },
  },
  {
    names: "svn",
    tier: "write",
    danger: "--force --remove-unversioned --editor-cmd --diff-cmd --diff3-cmd --config-option",
    verbs: {
      read: "status, st, stat, log, info, list, ls, diff, di, cat, blame, annotate, propget, proplist, help",
      danger: "delete, del, remove, rm, revert, cleanup, unlock",
    },
  },
  {
    names: "hg",
    tier: "write",
    danger: "--config --debugger -f --force",
    verbs: {
      read: "status, st, log, diff, cat, annotate, blame, branches, tags, heads, id, identify, paths, summary, manifest, files, grep, help, version, root, tip, parents, config, showconfig, incoming, outgoing",
      danger: "strip, purge, rollback, revert, forget, remove, rm, histedit, debugsetparents",
    },
  },
  {
    names: "jj sl fossil bzr darcs cvs p4",
    tier: "write",
    danger: "--config",
    verbs: {
      read: "log, status, st, diff, show, op log, operation log, file list, branch list, bookmark list, git remote list, config list, config get, root, help, version, info, annotate, blame, interdiff, evolog, obslog, changes, opened, describe -s, files, filelog, timeline, ls",
      danger:
        "abandon, undo, op restore, op undo, op abandon, operation restore, restore, git push, revert, obliterate, delete, sync, purge, hide, prune",
    },
  },
];
