import type { CommandRule } from "../rule.ts";

/** Other tools that people who run software have at hand. */
export const PLATFORM_RULES: readonly CommandRule[] = [
  {
    names:
      "pass gopass passage bw lpass keepassxc-cli rbw age rage sops secret-tool kwallet-query keyctl pinentry gnome-keyring-daemon",
    tier: "write",
    read: "--version --help",
    outputs: "-o --output",
    danger: "-i --in-place --rotate",
    verbs: {
      read: "ls, list, show, find, grep, get, status, lookup, search, otp, version, audit, estimate, locate, clip, describe, rdescribe",
      danger:
        "rm, remove, delete, edit, git, recipients remove, purge, clear, unlink, revoke, exec-env, exec-file, rotate, updatekeys, destroy, restore, confirm, logout, lock, import",
    },
  },
  {
    names: "tldr-update figma-cli obsidian rg-all zoxide autojump fasd atuin mcfly",
    tier: "write",
    verbs: {
      read: "query, search, stats, history list, status, info, list, doctor",
      danger: "history prune, history dedup, history clear, account delete, remove, store purge",
    },
  },
  {
    names:
      "wp drush artisan rails rake-task symfony craft magento cake yii grails phoenix django-admin manage.py flask alembic flyway liquibase prisma sequelize knex typeorm drizzle-kit goose-migrate dbmate migrate atlas sqitch",
    tier: "write",
    because: "runs_file",
    read: "--version --help",
    verbs: {
      read: "plugin list, theme list, user list, core version, option get, post list, db tables, db size, status, about, routes, route:list, migrate:status, db:migrate:status, show, history, current, heads, info, validate, db:version, --tasks, notes, stats, migrate status, migrate diff, check, showmigrations, diffsettings, list, pm:list, config:get, log, inspect, schema inspect",
      danger:
        "db drop, db reset, db:drop, db:reset, db:purge, db:truncate, db:schema:load, migrate:fresh, migrate:reset, migrate:refresh, db:wipe, flush, sqlflush, reset_db, clean, drop-all, dropAll, drop, downgrade, rollback, rollback-*, db:rollback, migrate:rollback, migrate reset, db push, db execute, site empty, site delete, db query, db cli, db import, search-replace, eval, eval-file, shell, tinker, runner, console, c, dbconsole, db, plugin delete, user delete, post delete, sql-drop, sql:drop, sql-query, sql:query, sql:cli, php:eval, php-eval, php:script, ev, schema clean, schema apply, sqlmigrate-undo, changepassword, remove_stale_contenttypes, undo, revert, down, force",
    },
  },
  {
    names: "supervisorctl pm2 forever monit circusctl s6-svc runsv overmind foreman hivemind mprocs process-compose",
    tier: "write",
    verbs: {
      read: "status, list, ls, l, show, describe, logs, info, tail, summary, report, avail, pid, maintail, jlist, prettylist, env, monit, version, check, ps",
      danger:
        "stop, stopall, delete, del, kill, shutdown, remove, flush, reset, quit, unmonitor, startup, unstartup, clear, signal",
    },
  },
  {
    names: "sendmail-queue postqueue postsuper postfix postconf postmap exim doveadm",
    tier: "danger",
    read: "-p -j -bp -n",
    verbs: {
      read: "check, status, who, user, mailbox list, mailbox status, search, quota get, log find",
      write: "reload",
    },
  },
  {
    names:
      "icinga2 nagios zabbix_get zabbix_sender telegraf collectd fluent-bit fluentd logstash filebeat vector otelcol node_exporter",
    tier: "write",
    read: "--version --help -V --test --config-test",
    verbs: {
      read: "config, test, version, validate, list, top, tap, graph, feature list, object list, test config, export config",
    },
  },
  {
    names:
      "xcrun_unused adb fastboot scrcpy idevice_id ideviceinfo esptool esptool.py avrdude openocd dfu-util arduino-cli platformio pio west idf.py",
    tier: "write",
    values: "-s -t -H -P -p -b",
    verbs: {
      read: "devices, version, get-state, get-serialno, logcat, bugreport, board list, core list, lib list, device list, boards, system info, getvar, help, chip_id, chip-id, flash_id, flash-id, read_mac, read-mac, forward --list, reverse --list, features",
      danger:
        "shell, uninstall, reboot, root, unroot, remount, disable-verity, flash, erase, erase_flash, erase-flash, erase_region, erase-region, format, oem, flashing, wipe, sideload, restore, emu, write_flash, write-flash, boot, -w, set_active, burn_efuse, run, exec",
    },
  },
  {
    names:
      "gimp blender libreoffice soffice unoconv calibre ebook-convert audacity vlc mpv mplayer cvlc feh sxiv eog evince okular zathura firefox chromium google-chrome chrome brave electron lynx w3m links elinks phantomjs puppeteer",
    tier: "write",
    read: "--version --help",
    danger:
      "--python --script --batch -b --eval --remote-debugging-port --load-extension --no-sandbox --python-expr --macro",
  },
  { names: "steam lutris heroic winetricks protontricks gamescope", tier: "write" },
  {
    names: "bitcoin-cli lightning-cli geth cast forge anvil solana near-cli monero-wallet-cli cardano-cli",
    tier: "danger",
    read: "--version --help",
    verbs: {
      read: "getblockchaininfo, getblockcount, getblock, getbalance, getnetworkinfo, getpeerinfo, gettransaction, getrawtransaction, help, version, balance, block, block-number, call, code, chain-id, gas-price, tx, receipt, abi-encode, abi-decode, keccak, sig, 4byte, to-wei, from-wei, to-hex, config get, cluster-version, epoch-info, query, account, inspect, tree",
      write: "build, test, fmt, init, install",
    },
  },
  {
    names: "slurm sbatch srun salloc scontrol qsub bsub condor_submit",
    tier: "write",
    read: "--version --help",
    verbs: { read: "show, ping", danger: "delete, shutdown, cancel, requeue, reconfigure, update" },
    danger: "--wrap",
  },
  { names: "squeue sinfo sacct qstat bjobs condor_q sprio sshare sstat", tier: "read" },
  { names: "scancel qdel bkill condor_rm", tier: "danger" },
  {
    names: "mpirun mpiexec torchrun accelerate deepspeed horovodrun",
    tier: "write",
    because: "runs_file",
    values: "-n -np -N -H --host --hostfile --nproc_per_node --nnodes --master_port",
    runs: { floor: "write", because: "runs_file", alone: "write" },
  },
];
