import type { CommandRule } from "../rule.ts";

/** Verbs that the command lines of clouds have in common, wherever they stand. */
const LOOKS =
  "list, list-*, show, show-*, get, get-*, describe, describe-*, search, query, view, ls, check, check-*, exists, export-template, download-config, version, help, validate, logs, tail, read, info, status, wait, print-*, test-*, diff, lookup, history, summary, stats, usage, count, whoami, inspect, preview, what-if, explain, compare, head-*, find";
const DESTROYS =
  "delete, delete-*, remove, remove-*, purge, purge-*, destroy, destroy-*, terminate, terminate-*, deregister-*, revoke, revoke-*, detach-*, disable, disable-*, cancel, cancel-*, reset, reset-*, rm, rb, stop, stop-*, deallocate, failover, failover-*, restore-*, reboot-*, unregister, undelete, rollback, abandon-*, wipe, deprovision, disassociate-*, release-*, reject-*, batch-delete-*, force-*, schedule-key-deletion, unsubscribe, clear, clear-*, drain, empty, suspend, prune, reimage, reset-*, regenerate, regenerate-*, renew-*, rotate, invalidate";

export const CLOUD_RULES: readonly CommandRule[] = [
  {
    names: "aws awslocal aws2",
    tier: "write",
    nested: true,
    values:
      "--profile --region --output --query --endpoint-url --color --ca-bundle --cli-read-timeout --cli-connect-timeout --cli-binary-format",
    write: "--with-decryption",
    flags: "--debug --no-verify-ssl --no-paginate --no-sign-request --no-cli-pager --dryrun --dry-run",
    read: "--version --dry-run --generate-cli-skeleton",
    verbs: {
      read: "* admin-get-*, * admin-list-*, * describe-*, * get-*, * list-*, * head-*, * batch-get-*, * search, * search-*, * lookup-*, * query, * scan, * select-*, * view-*, * check-*, * estimate-*, * preview-*, * simulate-*, * validate-*, * test-*, * filter-*, * wait, * help, * discover-*, * detect-*, * verify-*, * decode-*, * compare-*, * count-*, * is-*, * poll-*, * tail, * ls, * calculate-*, * explain-*, * resolve-*, help, s3 ls, s3 presign, configure list, configure list-profiles, configure get, logs tail, logs start-query, ecr get-login-password, eks get-token, sts, sts *, athena batch-get-*, ec2 wait, dynamodb batch-get-item, dynamodb transact-get-items, history list, history show, kms verify, ssm get-*, rekognition detect-*, comprehend detect-*, translate translate-text, ce get-*, pricing get-*, codecommit get-*, cloudtrail lookup-events, resourcegroupstaggingapi get-*, * scan-*",
      danger:
        "* delete-*, * terminate-*, * purge-*, * deregister-*, * remove-*, * revoke-*, * detach-*, * disable-*, * cancel-*, * reset-*, * destroy-*, * schedule-key-deletion, * batch-delete-*, * disassociate-*, * unsubscribe, secretsmanager put-secret-value, secretsmanager update-secret, * release-*, * reject-*, * abort-*, * stop-*, * reboot-*, * failover-*, * forget-*, * wipe-*, * unassign-*, * leave-*, * close-account, * put-bucket-policy, * put-bucket-acl, * put-bucket-lifecycle*, s3 rm, s3 rb, s3 mv, ssm send-command, ssm start-session, ecs execute-command, ec2-instance-connect *, configure set, emr terminate-clusters, * untag-*, * decrease-*, * restore-*, * rotate-*, * force-*, sns unsubscribe, * execute-*, * crash-*, * switchover-*, * decommission-*, * expire-*, * drop-*, * revoke, * remove",
    },
  },
  {
    names: "aws:s3:sync aws:s3:cp",
    tier: "write",
    read: "--dryrun",
    danger: "--delete",
    flags: "--recursive --quiet --exact-timestamps --no-progress --size-only",
    values: "--exclude --include --acl --storage-class --sse --profile --region --content-type",
  },
  {
    names: "aws:s3:mv aws:s3:rm",
    tier: "danger",
    read: "--dryrun",
    flags: "--recursive --quiet",
    values: "--exclude --include --profile --region",
  },
  {
    names: "aws:athena:start-query-execution aws:rds-data:execute-statement aws:redshift-data:execute-statement",
    tier: "write",
    special: "sql",
    values:
      "--query-string --sql --work-group --database --region --profile --output --query-execution-context --result-configuration --cluster-identifier --resource-arn --secret-arn --query",
  },
  { names: "aws:secretsmanager:get-random-password aws:sts:get-caller-identity", tier: "read" },
  {
    names: "az",
    tier: "write",
    nested: true,
    verbAt: "anywhere",
    values:
      "-g --resource-group -n --name --subscription -o --output --query -l --location --ids --vault-name --account-name --server --project --organization --org",
    flags: "-h --help --debug --verbose --only-show-errors -y --yes",
    read: "--help -h --version",
    verbs: {
      read: `${LOOKS}, account show, account list, graph query, monitor metrics, boards query, deployment group validate, config get, list-usage, self-test, lint, compute-*`,
      write: "login, account set, create, update, set, add, start, upload, import, tag, get-credentials, download",
      danger: `${DESTROYS}, run-command, invoke, ssh, logout, rest-delete, repair, approve-*`,
    },
  },
  {
    names: "gcloud",
    tier: "write",
    verbAt: "anywhere",
    values:
      "--project --account --format --filter --region --zone --configuration --impersonate-service-account --limit --sort-by --billing-project --location --organization --folder --verbosity",
    flags: "-q --quiet --help -h --log-http --user-output-enabled",
    read: "--help -h --version -v",
    verbs: {
      read: `${LOOKS}, auth list, auth print-*, get-iam-policy, config list, config get-value, config get, config configurations list, components list, topic, cheat-sheet, print-access-token, print-identity-token, list-grantable-roles, get-server-config, get-value, cat, list-instances, get-health, get-serial-port-output, test-iam-permissions, troubleshoot-*, analyze-*, ancestors, lint, get-ancestors`,
      write:
        "secrets versions access, create, update, set, add, deploy, submit, login, activate, configure-docker, enable, import, start, resize, get-credentials, add-iam-policy-binding",
      danger: `${DESTROYS}, ssh, scp, remove-iam-policy-binding, set-iam-policy, unset, export, execute, call, start-iap-tunnel, set-password, connect, move, interactive`,
    },
  },
  {
    names: "gsutil bq",
    tier: "write",
    flags: "-m -q -D -DD -h --quiet --nouse_legacy_sql -n --headless",
    values: "-o -u -i --project_id --location --format",
    danger: "-d --replace",
    verbs: {
      read: "ls, cat, du, stat, hash, version, help, acl get, iam get, lifecycle get, cors get, versioning get, logging get, web get, label get, defacl get, ubla get, notification list, show, head, info, get-iam-policy, wait",
      danger:
        "rm, rb, rsync, mv, acl set, iam set, iam ch, acl ch, lifecycle set, notification delete, hmac delete, cancel, rewrite, truncate, query",
    },
  },
  {
    names:
      "doctl linode-cli hcloud scw exo vultr-cli ibmcloud oci aliyun tccli yc civo upctl openstack nova swift-cli glance cinder neutron heroku-cloud do",
    tier: "write",
    verbAt: "anywhere",
    values:
      "-t --access-token --context -c --config -o --output --format --region --zone --os-cloud --compartment-id --profile --query",
    flags: "--no-header --json --all",
    read: "--help --version",
    verbs: {
      read: `${LOOKS}, auth list, account, regions, cat, catalog, ls-*`,
      danger: `${DESTROYS}, ssh, rebuild, poweroff, power-off, shutdown, reboot, shelve, evacuate, bulk-delete, change-*, detach, unassign`,
    },
  },
  {
    names:
      "heroku flyctl fly vercel now netlify railway render wrangler firebase supabase surge northflank porter dokku eb pscale neonctl turso convex deno-deploy deployctl ngrok-api cf",
    tier: "write",
    values: "-a --app -r --remote --project --token -t -o --org --scope --config --env --site",
    flags: "--json -y --yes -h",
    read: "--help --version -v",
    verbs: {
      read: "status, list, ls, info, logs, whoami, version, help, apps, apps:info, apps:list, ps, config, config:get, addons, addons:info, domains, releases, releases:info, regions, features, pg:info, pg:ps, pg:backups, auth:whoami, auth whoami, apps list, apps info, secrets list, volumes list, ips list, machine list, machine status, scale show, checks list, platform regions, inspect, env ls, env list, domains ls, dns ls, projects list, project ls, projects ls, sites:list, sites list, env:list, env:get, functions:list, deployments list, deployment list, deployment tail, tail, kv namespace list, kv key list, kv key get, d1 list, d1 info, r2 bucket list, projects:list, apps:sdkconfig, functions:log, functions:config:get, hosting:sites:list, hosting:channel:list, migration list, functions list, branches list, db list, db show, teams ls, certs ls, alias ls, certs, certs list, certs show, doctor, app, services, orgs, spaces, routes, buildpacks, env, events, health, stack, stacks, target, marketplace",
      danger:
        "* delete, * destroy, * remove, * rm, apps:destroy, apps:delete, destroy, delete, rm, remove, pg:reset, pg:kill, pg:killall, pg:promote, pg:copy, pg:psql, run, run:detached, ps:exec, ps:kill, ps:stop, config:unset, addons:destroy, addons:detach, domains:remove, domains:clear, releases:rollback, rollback, maintenance:on, ssh, ssh console, console, apps destroy, volumes destroy, volumes delete, machine destroy, machine kill, machine stop, ips release, secrets unset, env rm, env:unset, dns rm, domains rm, certs rm, alias rm, teams rm, sites:delete, functions:delete, firestore:delete, database:remove, hosting:disable, hosting:sites:delete, projects delete, branches delete, db reset, migration repair, db destroy, kv namespace delete, kv key delete, d1 delete, d1 execute, r2 bucket delete, r2 object delete, terminate, abort, teardown, apps:destroy, delete-space, delete-service, delete-org, unbind-service, stop, logout, access remove, unlink, transfer, pg:credentials:destroy, database:profile, shell, exec, secret delete, secrets delete, versions rollback, pipelines:destroy, spaces:destroy, certs:remove, keys:remove, keys:clear, access:remove, webhooks:remove, drains:remove, pg:backups:delete, pg:backups:restore, pg:unfollow, redis:cli, authorizations:destroy, authorizations:revoke, ps:destroy",
    },
  },
  {
    names: "auth0",
    tier: "write",
    nested: true,
    verbAt: "anywhere",
    values: "--tenant",
    flags: "--json --json-compact --csv --no-color --no-input --debug --force --reveal-secrets -r",
    read: "--help -h --version -v",
    verbs: {
      read: "list, ls, show, tail, get, search, search-by-email, diff, stats, help, completion, preview, roles show, permissions list, tenants list, pages list, flags",
      write:
        "login, create, update, test, open, use, set, add, assign, import, customize, deploy, enable, edit, verify",
      danger:
        "delete, rm, remove, rotate-secret, unassign, block, unblock, logout, disable, revoke, clear, unlink, import, rotate",
    },
  },
  {
    names: "auth0:api",
    tier: "read",
    values: "--tenant -q --query",
    write: "-d --data",
    verbs: { read: "get", write: "post, put, patch", danger: "delete" },
  },
  {
    names:
      "okta databricks snowsql snow dbt airflow prefect dagster astro-cli mlflow wandb dvc kaggle huggingface-cli hf modal sky ray",
    tier: "write",
    verbAt: "anywhere",
    read: "--version --help",
    verbs: {
      read: "list, ls, show, get, info, status, whoami, describe, debug, docs, parse, compile, version, list-*, get-*, logs, view, diff, search, env, health, dags-list, tree",
      danger: `delete, rm, remove, purge, destroy, drop, clear, reset, backfill, gc, exec, shell, uninstall, kill, stop, down, terminate, delete-*, restore, unregister, unpause, ssh, submit, cancel`,
    },
  },
  {
    names: "stripe twilio sendgrid shopify slack plaid paddle datadog-ci newrelic pagerduty pd",
    tier: "write",
    verbAt: "anywhere",
    read: "--version --help -v",
    verbs: {
      read: "list, retrieve, get, logs, version, status, whoami, search, info, events tail",
      danger:
        "delete, cancel, refund, void, remove, terminate, capture, deactivate, reject, unlink, close, revoke, mutate",
    },
  },
  {
    names: "dig-cloud cfssl chezmoi stow yadm ansible-cmdb",
    tier: "write",
    verbs: {
      read: "diff, status, managed, data, doctor, cat, list, source-path, unmanaged, verify",
      danger: "purge, destroy, forget, remove, init, apply, update, execute-template",
    },
  },
  { names: "gam", tier: "danger", verbs: { read: "info, print, show, version, help, report" } },
];
