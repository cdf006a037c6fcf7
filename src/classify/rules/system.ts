import type { CommandRule } from "../rule.ts";

/** Commands that look at the running system, its services and its people, or change them. */
export const SYSTEM_RULES: readonly CommandRule[] = [
  {
    names:
      "ps pgrep pidof pstree top htop btop atop glances free vmstat iostat mpstat pidstat sar uptime w uname whoami id groups hostid tty nproc getconf lastcomm locale printenv logname arch-info lsb_release sw_vers neofetch fastfetch screenfetch dstat nvidia-smi rocm-smi perf-top numastat slabtop pmap pwdx ldconfig-p getcap timedatectl-status runlevel uuidgen vmmap leaks heap zprint smem procs bottom gtop vtop nmon who-am-i users cpuid lsb-release",
    tier: "read",
    danger: "-pl --gpu-reset -r --persistence-mode -pm",
    style: "words",
  },
  {
    names: "date",
    tier: "read",
    danger: "-s --set",
    values: "-d -r -f --date --reference",
    verbs: { danger: "0*, 1*, 2*, 3*, 4*, 5*, 6*, 7*, 8*, 9*" },
  },
  {
    names: "hostname domainname dnsdomainname",
    tier: "read",
    flags: "-f -i -I -s -d -A --fqdn --short --ip-address",
    verbs: { write: "*" },
  },
  {
    names: "dmesg",
    tier: "read",
    danger: "-C -c --clear --read-clear",
    write: "-D -E -n --console-off --console-on --console-level",
    flags: "-H -T -k -r -t -u -w -x -L",
    values: "-f -l -s -F --facility --level --since --until",
  },
  {
    names: "journalctl",
    tier: "read",
    danger: "--vacuum-size --vacuum-time --vacuum-files",
    write:
      "--rotate --flush --sync --relinquish-var --setup-keys --update-catalog --smart-relinquish-var --cursor-file",
    values: "-u -n -S -U -p -o -b -t -g -M -D",
    flags: "-f -x -e -k -r -a --no-pager --since --until",
  },
  {
    names: "sysctl",
    tier: "read",
    danger: "-w --write -p --load --system",
    flags: "-a -n -e -N -b -d",
    verbs: { danger: "*=*" },
  },
  {
    names: "systemctl",
    tier: "write",
    flags: "--user --no-pager --all -a -l --full -q --now --failed",
    values: "-t -p -H -M --type --state --property -n -o",
    danger: "-H -M --host --machine",
    read: "--version --help",
    alone: "read",
    verbs: {
      read: "status, show, list-units, list-unit-files, list-timers, list-sockets, list-dependencies, list-jobs, is-active, is-enabled, is-failed, is-system-running, cat, help, get-default, show-environment, list-machines, list-paths",
      danger:
        "poweroff, reboot, halt, kexec, suspend, hibernate, hybrid-sleep, emergency, rescue, isolate, mask, kill, set-default, edit, link, exit, switch-root, revert, stop, disable, set-environment, import-environment, daemon-reexec",
    },
  },
  {
    names: "service rc-service initctl rc-update chkconfig update-rc.d sv s6-rc",
    tier: "write",
    read: "--status-all -l --list",
    verbs: { read: "* status, status, show, list", danger: "* stop, stop, del, * disable, delete" },
  },
  {
    names: "launchctl",
    tier: "danger",
    verbs: {
      read: "list, print, print-cache, print-disabled, blame, hostinfo, procinfo, resolveport, managername, manageruid, managerpid, dumpstate, help, version, plist, examine, getenv, limit, dumpjpcategory, error, variant",
      write: "limit * *, start, kickstart, enable, load, bootstrap, setenv",
    },
  },
  { names: "shutdown reboot halt poweroff init telinit kexec zsh-reboot", tier: "danger", read: "--help --version" },
  {
    names: "kill pkill killall skill snice xkill",
    tier: "write",
    read: "-l -L --list",
    danger: "-9 -KILL -SIGKILL",
    style: "words",
  },
  { names: "renice swaplabel", tier: "write" },
  {
    names:
      "useradd adduser userdel deluser usermod groupadd groupdel groupmod gpasswd passwd chpasswd chage vipw vigr visudo chsh chfn newusers addgroup delgroup lchage pwconv grpconv",
    tier: "danger",
    read: "-S --status -l --list -c --check --help --version",
  },
  {
    names:
      "insmod rmmod modprobe depmod kmod dkms update-initramfs dracut mkinitcpio grub-install update-grub grub-mkconfig efibootmgr bootctl grubby setenforce semanage setsebool auditctl aa-enforce aa-complain aa-disable apparmor_parser ldconfig setcap update-alternatives alternatives update-ca-certificates",
    tier: "danger",
    read: "-n --dry-run --show-depends -p --print-cache -l -D --list --help --version --display --query",
    verbs: { read: "list, status, fcontext -l, port -l, boolean -l, dump" },
  },
  { names: "sestatus getenforce getsebool ausearch aureport auditd-status aa-status apparmor_status", tier: "read" },
  { names: "logger wall write mesg", tier: "write" },
  { names: "logrotate", tier: "danger", read: "-d --debug" },
  {
    names:
      "stty setterm loadkeys setfont xrandr xset xinput xmodmap setxkbmap xdotool wmctrl xclip xsel wl-copy pbcopy xdg-open xdg-mime xdg-settings notify-send gsettings dconf",
    tier: "write",
    read: "-a -o -q --query --listmonitors -p --list",
    verbs: {
      read: "get, list-schemas, list-keys, list-recursively, read, list, dump, query default, query filetype, getactivewindow, search",
      danger: "reset, reset-recursively",
    },
  },
  {
    names: "wl-paste pbpaste xprop xwininfo xdpyinfo glxinfo vulkaninfo clinfo fc-list fc-match xlsclients",
    tier: "read",
  },
  {
    names: "perf bpftrace bpftool trace-cmd ftrace sysdig",
    tier: "danger",
    read: "--version --help",
    verbs: {
      read: "report, list, diff, annotate, evlist, version, prog show, prog list, map show, map list",
      write: "stat, top",
    },
  },
  { names: "fuser", tier: "read", danger: "-k --kill" },
  { names: "ipcs ipcmk", tier: "read" },
  { names: "ipcrm", tier: "danger" },
  { names: "quota repquota edquota", tier: "read" },
  {
    names: "hwclock ntpdate chronyc rdate timesyncd",
    tier: "write",
    read: "-r --show -q",
    verbs: { read: "tracking, sources, sourcestats, activity" },
  },
  { names: "lp lpr cancel lprm lpadmin cupsenable", tier: "write" },
  { names: "lpstat lpq lpinfo", tier: "read" },
  {
    names: "ansible",
    tier: "write",
    read: "--list-hosts --version --help",
    values: "-i -l -f -u -e -m -a -t --inventory --limit",
    flags: "-b -C -v",
  },
  {
    names: "ansible-playbook",
    tier: "write",
    read: "--list-hosts --list-tasks --list-tags --syntax-check -C --check --version --help",
    flags: "-b -v -D --diff",
    values: "-i -l -f -u -e -t --inventory --limit --tags --skip-tags --extra-vars --start-at-task",
  },
  { names: "ansible-inventory ansible-doc", tier: "read", outputs: "--output", values: "-i -t -M --host" },
  { names: "ansible-config", tier: "write", verbs: { read: "list, dump, view, validate" } },
  { names: "ansible-lint", tier: "read", write: "--fix --write --generate-ignore" },
  { names: "ansible-vault", tier: "write", verbs: { read: "view" } },
  {
    names: "ansible-galaxy",
    tier: "write",
    verbs: {
      read: "role list, role search, role info, collection list, collection verify, list, search, info",
      danger: "role delete, role remove, delete, remove, collection publish",
    },
  },
  { names: "ansible-test ansible-pull", tier: "write", verbs: { read: "env, --help" } },
  {
    names: "puppet chef-client salt salt-call knife chef",
    tier: "write",
    read: "--noop --version --help -W --why-run",
    verbs: {
      read: "config print, facts, module list, node list, node show, role list, role show, search, status",
      danger:
        "node delete, client delete, bag delete, cookbook delete, environment delete, role delete, ssh, exec, apply, agent",
    },
  },
  {
    names: "vagrant",
    tier: "write",
    code: "-c --command",
    verbs: {
      read: "status, global-status, version, box list, snapshot list, ssh-config, port, validate, plugin list",
      danger: "destroy, box remove, snapshot delete, snapshot restore, halt, cap",
    },
  },
  {
    names:
      "virsh qm pct lxc-ls lxc incus VBoxManage vboxmanage prlctl multipass virt-install qemu-img qemu-system-x86_64 limactl colima",
    tier: "write",
    verbs: {
      read: "list, info, dominfo, domstate, net-list, pool-list, vol-list, nodeinfo, dumpxml, capabilities, version, config show, config get, image list, network list, profile list, storage list, status, showvminfo, check, map, snapshot-list, find, remote list, show",
      danger:
        "destroy, undefine, delete, snapshot-delete, snapshot-revert, vol-delete, pool-destroy, pool-delete, net-destroy, net-undefine, vol-wipe, reset, stop, purge, unregistervm, controlvm, exec, image delete, reboot, shutdown, rollback, guestcontrol",
    },
  },
];
