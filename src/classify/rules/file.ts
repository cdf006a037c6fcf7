import type { CommandRule } from "../rule.ts";

/** Commands that look at, make, move and remove files and file systems. */
export const FILE_RULES: readonly CommandRule[] = [
  {
    names:
      "ls dir vdir la ll exa eza lsd pwd du df dust duf ncdu gdu broot dua findmnt lsblk blkid lsattr getfacl getfattr namei pathchk cksfv sizeof lstree dutree",
    tier: "read",
    files: "read",
    values: "-I -L -P -w -T --level --ignore --max-depth -d",
  },
  {
    names: "tree",
    tier: "read",
    files: "read",
    values: "-I -L -P --filelimit --charset --sort",
    outputs: "-o",
    write: "-R",
  },
  { names: "find gfind", tier: "read", special: "find" },
  { names: "fd fdfind", tier: "read", special: "find" },
  { names: "locate mlocate plocate", tier: "read" },
  { names: "updatedb", tier: "write" },
  { names: "rm grm srm unlink rimraf trash-rm", tier: "write", special: "rm" },
  { names: "shred wipe scrub", tier: "danger", files: "delete", read: "--help --version" },
  { names: "rmdir", tier: "write", files: "delete" },
  { names: "trash trash-put gio-trash", tier: "write", files: "delete" },
  { names: "trash-empty", tier: "danger" },
  {
    names: "cp gcp install ginstall ditto",
    tier: "write",
    files: "copy",
    because: "writes_file",
    outputs: "-t --target-directory",
    values: "-m -o -g -S --suffix --mode --owner --group",
  },
  {
    names: "mv gmv rename prename mmv",
    tier: "write",
    files: "move",
    because: "writes_file",
    outputs: "-t --target-directory",
    values: "-S --suffix",
    read: "--just-print --nono --no-act",
  },
  { names: "ln link symlink", tier: "write", files: "copy", because: "writes_file", values: "-S -t" },
  {
    names: "mkdir gmkdir touch mkfifo mknod truncate fallocate mktemp tempfile",
    tier: "write",
    files: "write",
    because: "writes_file",
    values: "-m -d -t -r -s -p -l --mode --date --reference --size --tmpdir --suffix",
  },
  {
    names: "chmod chown chgrp setfacl chattr setfattr chcon chflags restorecon",
    tier: "write",
    files: "write",
    skip: 1,
    danger: "-R --recursive --restore -b --remove-all",
    values: "--reference",
  },
  { names: "dd dcfldd dc3dd", tier: "write", special: "dd" },
  {
    names:
      "mkfs mkfs.ext2 mkfs.ext3 mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat mkfs.ntfs mke2fs mkswap mkdosfs newfs wipefs blkdiscard fdisk sfdisk cfdisk gdisk sgdisk parted partprobe mdadm lvremove vgremove pvremove lvreduce cryptsetup hdparm sdparm tune2fs resize2fs e2fsck fsck fsck.ext4 xfs_repair badblocks debugfs losetup zpool zfs btrfs nvme flashrom fwupdmgr dmsetup",
    tier: "danger",
    read: "-l --list --help --version -V",
    verbs: {
      read: "list, status, get, history, iostat, subvolume list, subvolume show, filesystem show, filesystem df, filesystem usage, device stats, isLuks, luksDump, id-ctrl, smart-log, get-devices, ls, info, table",
    },
  },
  {
    names:
      "lvs vgs pvs lvdisplay vgdisplay pvdisplay lvscan vgscan pvscan dumpe2fs smartctl lsusb lspci lscpu lsmem lshw hwinfo inxi dmidecode lsscsi lsmod modinfo lsns lslocks lsipc lslogins lsof numactl-show sensors acpi upower lsinitramfs",
    tier: "read",
    danger: "-s --smart --test --kill",
  },
  {
    names: "lvcreate vgcreate pvcreate lvextend vgextend mount umount swapon swapoff fusermount sshfs",
    tier: "danger",
    read: "-l --help --version --show",
  },
  { names: "mountpoint", tier: "read" },
  { names: "sync fstrim", tier: "write" },
  {
    names: "rsync",
    tier: "write",
    files: "copy",
    because: "writes_file",
    read: "-n --dry-run --list-only --version --help",
    danger:
      "--delete --del --delete-before --delete-during --delete-delay --delete-after --delete-excluded --delete-missing-args --remove-source-files --daemon --write-devices --copy-devices",
    code: "-e --rsh --rsync-path",
    values:
      "-f -T -B -M --exclude --include --filter --exclude-from --include-from --files-from --bwlimit --port --timeout --chmod --chown --max-size --min-size --partial-dir --backup-dir --suffix --compare-dest --copy-dest --link-dest --info --debug --out-format --password-file --temp-dir --usermap --groupmap",
    outputs: "--log-file",
    flags:
      "-a -v -z -r -l -p -t -g -o -D -h -P -u -c -x -H -A -X -S -W -q -i -R --archive --verbose --compress --human-readable --progress --stats --itemize-changes --partial",
  },
  {
    names: "rclone",
    tier: "write",
    read: "--dry-run -n",
    danger:
      "--delete-excluded --delete-before --delete-during --delete-after --delete-empty-src-dirs --rc-no-auth --password-command",
    values:
      "--config --include --exclude --filter --transfers --checkers --bwlimit --log-level --max-age --min-age --max-depth -P",
    flags: "-v -P --progress -i --interactive",
    outputs: "--log-file",
    verbs: {
      read: "ls, lsl, lsd, lsf, lsjson, cat, check, cryptcheck, checksum, size, tree, about, version, listremotes, md5sum, sha1sum, hashsum, ncdu, help, config show, config dump, config file, config paths, config providers, config userinfo, backend features, backend help, test info",
      danger:
        "delete, deletefile, purge, cleanup, dedupe, rmdirs, sync, bisync, move, moveto, config delete, config disconnect, rmdir, serve, rcd, rc, backend",
      write: "copy, copyto, copyurl, rcat, mkdir, touch, mount, config",
    },
  },
  {
    names: "scp sftp",
    tier: "write",
    files: "copy",
    because: "writes_file",
    values: "-P -i -l -c -F -J",
    danger: "-o -S -F -b -D",
  },
  {
    names: "unison duplicity rdiff-backup rsnapshot tarsnap",
    tier: "write",
    danger: "--force -d --remove-older-than",
    verbs: {
      read: "collection-status, list-current-files, verify, --list",
      danger: "remove-older-than, remove-all-but-n-full, remove-all-inc-of-but-n-full, cleanup, restore",
    },
  },
  {
    names: "restic",
    tier: "write",
    read: "--dry-run -n",
    danger: "--prune",
    values:
      "-r --repo -p --password-file --tag --host --path --keep-last --keep-daily --keep-weekly --keep-monthly --keep-yearly --keep-within -o --option",
    code: "--password-command",
    verbs: {
      read: "snapshots, ls, find, stats, check, diff, cat, list, version, dump, cache, help, features, key list",
      danger: "forget, prune, key remove, key passwd, rewrite, repair, cache --cleanup, migrate",
      write: "backup, restore, init, copy, mount, tag, unlock, self-update, key add",
    },
  },
  {
    names: "borg borgmatic",
    tier: "write",
    read: "-n --dry-run",
    values:
      "-a -P --prefix --glob-archives --keep-daily --keep-weekly --keep-monthly --keep-last --keep-within --rsh --remote-path",
    code: "--rsh",
    danger: "--remote-path",
    verbs: {
      read: "list, info, check, diff, help, version, rlist, rinfo, repo-list, repo-info, key export, benchmark",
      danger:
        "delete, prune, rdelete, repo-delete, compact, recreate, break-lock, config, key change-passphrase, with-lock",
      write: "create, extract, init, rcreate, mount, umount, rename, export-tar, import-tar, serve, upgrade, transfer",
    },
  },
  { names: "xattr", tier: "read", files: "read", write: "-w -d -c" },
  {
    names: "mc mcli",
    tier: "write",
    verbs: {
      read: "ls, cat, head, stat, du, diff, find, tree, version, admin info, alias list",
      danger: "rm, rb, mirror, admin, undo, retention clear, ilm rm",
    },
  },
  {
    names: "s3cmd s5cmd",
    tier: "write",
    danger: "--delete-removed --delete",
    read: "-n --dry-run",
    verbs: {
      read: "ls, la, info, du, --version, head, cat",
      danger:
        "del, rm, rb, sync, expire, delpolicy, setlifecycle, dellifecycle, abortmp, fixbucket, setpolicy, accesslog",
    },
  },
];
