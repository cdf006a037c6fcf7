import type { CommandRule } from "../rule.ts";

const DOCKER_VALUES = "-H --host -c --context -l --log-level --config --tlscacert --tlscert --tlskey";
const RUN_VALUES =
  "-v --volume --mount -e --env --env-file -p --publish -w --workdir -u --user --name -h --hostname --network --net --entrypoint -l --label --device --cap-add --cap-drop --security-opt --pid --ipc --userns --cgroupns --add-host --dns --memory -m --cpus --restart --platform --shm-size --tmpfs --ulimit --log-driver --log-opt --gpus --link --expose --volumes-from --pull --stop-signal --health-cmd --cidfile -a --attach --index --context";
const RUN_FLAGS =
  "-i -t -d -P --rm --init --interactive --tty --detach --privileged --read-only -T --no-deps --service-ports --build --quiet-pull";

/** Containers, clusters and what is built and described for them. */
export const CONTAINER_RULES: readonly CommandRule[] = [
  {
    names: "docker podman nerdctl",
    tier: "write",
    nested: true,
    values: DOCKER_VALUES,
    flags: "-D --debug --tls --tlsverify -r --remote",
    read: "-v --version --help",
    verbs: {
      read: "ps, images, inspect, logs, top, stats, port, diff, history, info, version, search, events, wait, container ls, container list, container ps, container inspect, container logs, container top, container stats, container port, container diff, image ls, image list, image inspect, image history, network ls, network list, network inspect, volume ls, volume list, volume inspect, system df, system info, system events, context ls, context list, context show, context inspect, config ls, config list, config inspect, secret ls, secret list, secret inspect, service ls, service list, service ps, service inspect, service logs, stack ls, stack list, stack ps, stack services, stack config, node ls, node list, node ps, node inspect, manifest inspect, buildx ls, buildx inspect, buildx du, buildx version, buildx imagetools inspect, plugin ls, plugin list, plugin inspect, trust inspect, checkpoint ls, compose ps, compose logs, compose config, compose images, compose ls, compose top, compose port, compose version, compose events, compose stats, compose volumes, compose convert, scout, model list, model status, pod ps, pod ls, pod inspect, pod logs, pod top, pod stats, machine list, machine ls, machine inspect, machine info, image tree, image exists, container exists, volume exists, network exists, buildx history ls, buildx history inspect, buildx history logs, extension ls, sbom",
      danger:
        "rm, rmi, container rm, container prune, container kill, image rm, image remove, image prune, volume rm, volume remove, volume prune, network rm, network remove, network prune, system prune, system reset, builder prune, buildx prune, buildx rm, compose down, compose rm, compose kill, stack rm, stack remove, stack down, service rm, service remove, secret rm, secret remove, config rm, config remove, context rm, context remove, node rm, node remove, node demote, swarm leave, swarm ca, plugin rm, plugin install, plugin enable, plugin set, trust revoke, trust signer remove, manifest rm, pod rm, pod prune, pod kill, machine rm, machine ssh, machine reset, unshare, checkpoint rm, kill, extension install, extension rm, compose publish, mcp, ai, image scp, system service, system migrate, logout",
    },
  },
  {
    names:
      "docker:run docker:create docker:container:run docker:container:create podman:run podman:create podman:container:run nerdctl:run nerdctl:create",
    tier: "write",
    special: "docker-run",
    values: RUN_VALUES,
    flags: RUN_FLAGS,
    runs: { skip: 1, floor: "write", alone: "write" },
  },
  {
    names:
      "docker:exec docker:container:exec podman:exec podman:container:exec nerdctl:exec docker:compose:exec docker:compose:run docker-compose:exec docker-compose:run podman:compose:exec podman:compose:run",
    tier: "write",
    special: "docker-run",
    values: RUN_VALUES,
    flags: RUN_FLAGS,
    runs: { skip: 1, alone: "danger" },
  },
  {
    names: "docker-compose podman-compose docker:compose podman:compose nerdctl:compose",
    tier: "write",
    nested: true,
    values: "-f --file -p --project-name --profile --env-file --project-directory",
    read: "-v --version --help",
    verbs: {
      read: "ps, logs, config, images, ls, top, port, version, events, stats, convert, help, volumes",
      danger: "down, rm, kill",
    },
  },
  {
    names: "kubectl oc k microk8s.kubectl k3s-kubectl",
    tier: "write",
    nested: true,
    values:
      "-n --namespace --context --cluster --user --kubeconfig -s --server --token --as --as-group --as-uid --request-timeout --cache-dir --certificate-authority -v -f --filename -l --selector -o --output -c --container --field-selector -k --kustomize",
    flags: "-A --all-namespaces --insecure-skip-tls-verify --warnings-as-errors -w --watch --show-labels",
    read: "--dry-run=client --dry-run=server",
    verbs: {
      read: "get, describe, logs, log, top, explain, api-resources, api-versions, version, cluster-info, auth can-i, auth whoami, config view, config get-contexts, config current-context, config get-clusters, config get-users, rollout status, rollout history, diff, wait, options, events, help, completion, kustomize, plugin list, plugin, whoami, status, project, projects, adm top",
      danger:
        "delete, drain, replace, config delete-context, config delete-cluster, config delete-user, config unset, config set-credentials, certificate approve, certificate deny, auth reconcile, attach, debug, proxy, edit, cp, rollout undo, adm, taint, exec, run, krew install, rsh, rsync, login",
    },
  },
  { names: "kubectl:exec oc:exec k:exec oc:rsh", tier: "danger", runs: { dashes: true, alone: "danger" } },
  {
    names: "kubectl:run k:run",
    tier: "danger",
    danger: "--overrides --privileged",
    runs: { dashes: true, floor: "write", alone: "write" },
  },
  {
    names: "kubectl:get oc:get k:get",
    tier: "read",
    special: "kubectl-get",
    values:
      "-n --namespace -o --output -l --selector --context --field-selector --sort-by -f --filename --kubeconfig --template -L",
    flags: "-A -w --watch --all-namespaces --show-labels --no-headers",
  },
  { names: "kubectl:delete oc:delete k:delete", tier: "danger", read: "--dry-run=client --dry-run=server" },
  {
    names: "helm",
    tier: "write",
    values:
      "-n --namespace --kube-context --kubeconfig --registry-config --repository-cache --repository-config -f --values --set --set-string --version -o --output",
    flags: "--debug",
    read: "--dry-run --dry-run=client --dry-run=server",
    danger: "--post-renderer",
    verbs: {
      read: "list, ls, status, get, history, hist, show, inspect, search, template, lint, verify, version, env, repo list, repo ls, dependency list, dep list, dependency ls, plugin list, plugin ls, help, completion, diff, get all, get values, get manifest, get notes, get hooks, get metadata, dep ls",
      danger:
        "uninstall, delete, del, un, rollback, repo remove, repo rm, plugin install, plugin uninstall, plugin update, plugin remove, registry logout",
    },
  },
  {
    names:
      "kubectx kubens stern kustomize k9s kubectl-ns kubeseal kubescape popeye kube-score skaffold tilt garden devspace werf telepresence okteto",
    tier: "write",
    verbs: {
      read: "build, version, diagnose, render, inspect, lint, status, score, list",
      danger: "delete, down, purge, cleanup, dismiss, destroy, uninstall",
    },
    danger: "-d --delete",
  },
  {
    names: "minikube kind k3d microk8s k3s kubeadm kops eksctl rancher talosctl clusterctl rke",
    tier: "write",
    read: "--dry-run --dryrun",
    verbs: {
      read: "status, profile list, ip, version, logs, service list, addons list, get, cluster list, node list, config view, config print, config images list, token list, certs check-expiration, get clusters, get nodegroup, get nodes, inspect, check, validate, list, describe, options, utils, node ls, image ls",
      danger:
        "delete, stop, reset, purge, delete cluster, delete nodegroup, ssh, cluster delete, node delete, registry delete, token delete, image rm, drain, uninstall, disable, reboot, shutdown, upgrade, certs renew, exec",
    },
  },
  {
    names: "velero",
    tier: "write",
    values: "-n --namespace --kubeconfig --kubecontext",
    verbs: {
      read: "version, get, describe, backup get, backup describe, backup logs, restore get, restore describe, restore logs, schedule get, schedule describe, backup-location get, snapshot-location get, plugin get, repo get, client config get, help, completion, repo-maintenance get",
      danger:
        "backup delete, restore delete, schedule delete, backup-location delete, snapshot-location delete, delete, uninstall, plugin remove, repo delete, * delete",
    },
  },
  {
    names: "argocd argo flux istioctl linkerd cilium consul nomad waypoint boundary",
    tier: "write",
    values: "-n --namespace --address --token --context -datacenter -http-addr",
    verbs: {
      read: "* list, * get, * status, * info, * describe, * logs, * history, * diff, * show, app list, app get, app diff, app history, app logs, app manifests, list, get, get *, logs, lint, version, check, stats, tree, trace, proxy-status, proxy-config, analyze, describe, members, info, catalog, kv get, job status, node status, alloc status, alloc logs, server members, operator raft list-peers, validate, status, ps, pc, diagnostics, connectivity status",
      danger:
        "* delete, * rm, * remove, * terminate, app delete, app rollback, app terminate-op, delete, terminate, uninstall, suspend, kv delete, leave, force-leave, job stop, stop, system gc, node drain, operator raft remove-peer, exec, alloc exec, acl bootstrap, account delete, purge, cluster rm, repo rm, proj delete",
    },
  },
  {
    names: "terraform tofu terragrunt",
    tier: "write",
    style: "words",
    values: "-chdir -var -var-file -target -backend-config",
    flags: "-json -no-color -help",
    read: "-version --version -help",
    danger: "-destroy -auto-approve --auto-approve -force",
    outputs: "-out -state-out",
    verbs: {
      read: "show, output, plan, validate, version, providers, graph, state list, state show, state pull, workspace list, workspace show, fmt -check, metadata, help, modules",
      danger:
        "destroy, apply, state rm, state mv, state push, state replace-provider, force-unlock, workspace delete, taint, untaint, run-all, console, login, logout",
    },
  },
  { names: "terraform:fmt", tier: "write" },
  {
    names: "packer",
    tier: "write",
    style: "words",
    danger: "-force -on-error",
    values: "-var -var-file -only -except",
    verbs: {
      read: "validate, inspect, version, plugins installed, plugins required, fmt -check, help",
      danger: "plugins remove, plugins install",
      write: "console",
    },
  },
  {
    names: "pulumi cdk copilot-cli sst",
    tier: "write",
    nested: true,
    values: "-s --stack -C --cwd -c --context -o --output --profile",
    code: "-a --app",
    danger: "--force --require-approval",
    read: "--version",
    verbs: {
      read: "preview, pre, whoami, stack ls, stack output, stack graph, stack history, stack, logs, config get, about, version, plugin ls, schema check, ls, list, diff, synth, synthesize, doctor, docs, metadata, notices, org get-default, policy ls, deployment ls",
      danger:
        "destroy, stack rm, cancel, state delete, state unprotect, up, refresh, gc, rollback, remove, config rm, logout, import, env rm, policy rm, plugin rm",
    },
  },
  {
    names: "vault bao",
    tier: "write",
    style: "words",
    values: "-address -namespace -format -field -mount -header -ca-cert -wrap-ttl",
    flags: "-json",
    verbs: {
      read: "status, read, list, kv get, kv list, kv metadata get, secrets list, auth list, auth help, policy list, policy read, token lookup, token capabilities, version, audit list, plugin list, plugin info, lease lookup, operator key-status, operator members, operator raft list-peers, namespace list, namespace lookup, path-help, print, print token, pki health-check, pki list-intermediates, version-history, monitor,",
      danger:
        "delete, kv delete, kv destroy, kv metadata delete, secrets disable, auth disable, policy delete, token revoke, lease revoke, audit disable, plugin deregister, operator seal, operator step-down, operator rekey, operator rotate, operator generate-root, operator raft remove-peer, operator raft snapshot restore, namespace delete, operator unseal, secrets move, operator init, operator migrate, ssh, plugin register, plugin reload, kv",
    },
  },
  {
    names: "skopeo crane regctl oras cosign notation buildah umoci ctr crictl img kaniko ko pack dive",
    tier: "write",
    verbs: {
      read: "inspect, list-tags, ls, manifest, digest, config, catalog, tag ls, image inspect, repo tags, verify, tree, triangulate, version, containers, images, images ls, info, containers ls, tasks ls, ps, logs, stats, pods, validate",
      danger:
        "delete, rm, rmi, tag delete, image delete, manifest delete, blob delete, images rm, containers rm, tasks kill, tasks delete, rmp, stopp, unshare, run, exec, mutate, prune, clean",
    },
  },
];
