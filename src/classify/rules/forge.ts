import type { CommandRule } from "../rule.ts";

/** Command lines of forges and build services. */
export const FORGE_RULES: readonly CommandRule[] = [
  {
    names: "gh",
    tier: "write",
    nested: true,
    values:
      "-R --repo --hostname -L --limit -q --jq -t --template --json -s --state -l --label -A --author -a --assignee -B --base -H --head -b --branch -w --workflow -e --env -o --org --owner -S --search",
    flags: "-h --help -w --web",
    verbs: {
      read: "* list, * view, * status, * diff, * checks, * ls, pr list, pr view, pr diff, pr checks, pr status, issue list, issue view, issue status, repo list, repo view, repo license, repo gitignore, repo license list, repo license view, repo gitignore list, repo gitignore view, repo deploy-key list, repo autolink list, repo autolink view, run list, run view, run watch, workflow list, workflow view, release list, release view, release verify, release verify-asset, gist list, gist view, search, status, auth status, config get, config list, label list, secret list, variable list, variable get, ssh-key list, gpg-key list, cache list, org list, project list, project view, project field-list, project item-list, ruleset list, ruleset view, ruleset check, extension list, extension search, alias list, attestation verify, attestation trusted-root, codespace list, codespace view, codespace logs, codespace ports, cs list, cs view, cs logs, version, help, completion, api, browse, preview, agent-task list, agent-task view",
      danger:
        "* delete, repo delete, repo archive, repo rename, repo edit, repo deploy-key delete, issue delete, issue transfer, release delete, release delete-asset, gist delete, label delete, secret delete, secret remove, variable delete, variable remove, ssh-key delete, gpg-key delete, cache delete, run delete, project delete, project item-delete, project field-delete, extension install, extension upgrade, extension exec, extension remove, codespace delete, codespace ssh, codespace cp, cs delete, cs ssh, auth logout, auth refresh, auth setup-git, alias set, alias import, alias delete, repo autolink delete, workflow disable",
    },
  },
  {
    names: "gh:api glab:api",
    tier: "read",
    special: "http-api",
    values:
      "-X --method -f -F -H -q -t -p --field --raw-field --header --input --jq --template --hostname --cache --preview",
    flags: "-i --include --paginate --slurp --silent --verbose",
  },
  {
    names: "az:rest",
    tier: "read",
    special: "http-api",
    values: "-m --method -u --url --uri --body -b --headers --resource -o --output --query --uri-parameters",
  },
  {
    names: "glab tea hut",
    tier: "write",
    nested: true,
    values: "-R --repo -P --per-page -p --page",
    verbs: {
      read: "* list, * view, * ls, * diff, * status, * get, * show, ci trace, ci lint, version, help, check-update, config get, user events",
      danger:
        "* delete, repo archive, repo transfer, repo mirror, mr delete, issue delete, ssh-key delete, token revoke, alias set, cluster",
    },
  },
  {
    names: "circleci",
    tier: "write",
    values: "--host --token",
    verbs: {
      read: "* list, * info, * validate, * process, * show, config validate, config process, orb list, orb info, orb source, orb validate, orb process, orb list-categories, context list, context show, context list-secret, context show-secret, pipeline list, pipeline get, pipeline status, pipeline show, policy logs, policy decide, policy fetch, policy diff, policy eval, project list, project get, project show, runner instance list, runner resource-class list, runner token list, diagnostic, version, help, info, namespace list, * get, * status, workflow list, workflow status, build list, job list, dlc list",
      danger:
        "* delete, * remove, *, context delete, context remove-secret, orb unlist, orb delete, orb remove-from-category, pipeline delete, project delete, project secret delete, project env remove, runner resource-class delete, runner token delete, namespace delete, namespace delete-alias, namespace rename, dlc-purge, dlc purge, * purge",
    },
  },
  {
    names: "gitlab-runner",
    tier: "write",
    values: "-n --name -t --token -u --url -c --config",
    verbs: {
      read: "list, status, verify, help, --version",
      danger: "unregister, uninstall, reset-token, stop, exec, run-single, artifacts-uploader",
    },
    danger: "--delete --all-runners",
  },
  {
    names: "travis drone buildkite-agent woodpecker-cli act concourse fly-ci semaphore",
    tier: "write",
    read: "-l --list -n --dryrun",
    verbs: {
      read: "status, logs, show, history, whoami, whatsup, repo ls, repo info, build ls, build info, lint, version, meta-data get, pipelines, targets",
      danger: "* rm, cancel, encrypt, token, repo rm, secret rm, cache delete, delete, disable, exec",
    },
  },
  {
    names: "hub",
    tier: "write",
    verbs: {
      read: "pr list, issue, issue show, release, release show, ci-status, browse, compare, status, log, diff",
      danger: "delete, release delete, api",
    },
  },
  {
    names: "jira acli linear",
    tier: "write",
    verbs: {
      read: "issue list, issue view, project list, board list, sprint list, epic list, me, serverinfo, open, list, view",
      danger: "issue delete, delete, issue unlink",
    },
  },
  {
    names: "sentry-cli",
    tier: "write",
    verbs: {
      read: "info, projects list, organizations list, releases list, issues list, events list, repos list, monitors list",
      danger: "releases delete, monitors run",
    },
  },
  {
    names: "semantic-release release-it standard-version changesets goreleaser",
    tier: "write",
    read: "--dry-run -d --snapshot",
    verbs: { read: "check, healthcheck, status", danger: "release, publish" },
  },
];
