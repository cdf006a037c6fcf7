import type { CommandRule } from "../rule.ts";

/** Databases, queues and streams. */
export const DATABASE_RULES: readonly CommandRule[] = [
  {
    names: "psql pgcli cockroach-sql",
    tier: "write",
    special: "sql",
    read: "-l --list --version -V --help -?",
    values:
      "-c --command -f --file -d --dbname -h --host -p --port -U --username -v --set --variable -P --pset -F --field-separator -R --record-separator -T",
    outputs: "-o --output -L --log-file",
    flags: "-A -t -q -X -x -1 -w -W -a -b -e -E -n -s -S -z -0 -H",
  },
  {
    names: "mysql mariadb mycli",
    tier: "write",
    special: "sql",
    read: "--version -V --help -? --print-defaults",
    values:
      "-e --execute -h --host -u --user -P --port -S --socket -D --database --default-character-set --protocol --init-command --defaults-file --defaults-extra-file",
    outputs: "--tee",
    danger: "--pager --plugin-dir --local-infile",
    flags: "-B -N -s -t -E -H -X -r -v -f -n -A -q -p -C",
  },
  {
    names: "sqlite3 sqlite litecli",
    tier: "write",
    special: "sql",
    style: "words",
    read: "-version --version -help --help",
    values: "-separator -nullvalue -newline -cmd -init -mmap -vfs -maxsize -lookaside -pagecache",
    flags:
      "-csv -json -line -list -column -html -header -noheader -readonly -batch -bail -echo -interactive -safe -table -markdown -box -quote -tabs -ascii -stats",
  },
  {
    names: "duckdb",
    tier: "write",
    special: "sql",
    style: "words",
    read: "-version --version -help --help",
    values: "-c -s -cmd -init -separator -nullvalue -newline -f -file",
    flags:
      "-csv -json -line -list -column -html -header -noheader -readonly -batch -bail -echo -table -markdown -box -safe -jsonlines",
  },
  {
    names: "sqlcmd usql",
    tier: "write",
    special: "sql",
    read: "-? --version --help -L",
    values: "-S -d -U -P -Q -q -i -s -w -h --server --database --query -l -t -v",
    outputs: "-o",
    flags: "-E -N -W -b -C",
  },
  {
    names:
      "clickhouse-client clickhouse bcp isql isqlplus sqlplus db2 impala-shell hive beeline presto trino spark-sql cqlsh influx arangosh",
    tier: "write",
    special: "sql",
    read: "--version -V --help",
    values: "-q --query -e --execute -h --host -u --user -f --file -d --database -p --port --password --format",
    flags: "-n -m",
  },
  {
    names: "cockroach tidb ysqlsh vitess",
    tier: "write",
    verbs: {
      read: "version, node status, node ls, status",
      danger: "node drain, node decommission, quit, sql, node recommission, demo",
    },
  },
  {
    names: "pg_dump pg_dumpall mysqldump mariadb-dump mongoexport sqlite3-dump redis-dump",
    tier: "read",
    outputs: "-f --file -r --result-file -o --out --output -D --pgdata",
    values: "-h --host -p --port -U --username -d --dbname -t -n -u --user -T -N",
    danger: "--delete-source-logs --clean-target --tab --flush-logs",
    write: "--init -i",
  },
  {
    names: "pg_restore mongorestore mongoimport mysqlimport mysqlpump redis-restore",
    tier: "write",
    danger: "-c --clean --drop --create -C --delete",
    read: "-l --list --version --help",
    outputs: "-f",
  },
  {
    names:
      "createdb createuser initdb pg_ctl pg_ctlcluster mysqladmin mariadb-admin mysql_upgrade vacuumdb reindexdb clusterdb mysqlcheck mysqlrepair pg_upgrade",
    tier: "write",
    verbs: {
      read: "status, version, ping, processlist, extended-status, variables",
      danger: "stop, restart, kill, shutdown, drop, flush-*, promote, password, stop-*",
    },
    flags: "-u -p -h",
  },
  {
    names: "dropdb dropuser pg_resetwal pg_rewind pg_archivecleanup",
    tier: "danger",
    read: "--version --help -n --dry-run",
  },
  {
    names:
      "pg_isready pg_lsclusters pg_config pg_controldata pg_waldump mysqlshow mariadb-show mysqlbinlog mongotop mongostat redis-benchmark pgbadger",
    tier: "read",
  },
  {
    names: "redis-cli valkey-cli keydb-cli",
    tier: "write",
    values: "-h -p -n -a -u --user --pass -i -r -s",
    flags: "--raw --no-raw --csv --json --no-auth-warning --tls -c -2 -3 -x",
    read: "--version --help --bigkeys --memkeys --hotkeys --latency --stat --scan --latency-history",
    danger: "--eval --pipe --cluster",
    verbs: {
      read: "GET, get, MGET, mget, KEYS, keys, SCAN, scan, EXISTS, exists, TTL, ttl, PTTL, TYPE, type, INFO, info, PING, ping, DBSIZE, dbsize, HGET, hget, HGETALL, hgetall, HKEYS, hkeys, HLEN, LRANGE, lrange, LLEN, llen, SMEMBERS, smembers, SCARD, SISMEMBER, ZRANGE, zrange, ZCARD, ZSCORE, STRLEN, XRANGE, XLEN, XINFO, TIME, time, MEMORY, OBJECT, COMMAND, ECHO, CLIENT LIST, client list, CONFIG GET, config get, SLOWLOG, ROLE, LASTSAVE, CLUSTER INFO, CLUSTER NODES, cluster info, cluster nodes, MONITOR, ACL LIST, ACL WHOAMI",
      danger:
        "FLUSHALL, flushall, FLUSHDB, flushdb, DEL, del, UNLINK, unlink, SHUTDOWN, shutdown, CONFIG, config, EVAL, eval, EVALSHA, SCRIPT, script, DEBUG, debug, SLAVEOF, slaveof, REPLICAOF, replicaof, MODULE, module, FUNCTION, FLUSHALL *, CLIENT KILL, client kill, CLUSTER, cluster, MIGRATE, migrate, RESTORE, ACL, acl, SWAPDB, swapdb, FAILOVER, XTRIM, LTRIM, HDEL, hdel, ZREM, SREM, SAVE",
    },
  },
  { names: "mongosh mongo", tier: "danger", read: "--version --help -h", because: "arbitrary_code" },
  {
    names: "mongod mysqld postgres redis-server etcd memcached",
    tier: "write",
    read: "--version -V --help",
    danger: "--loadmodule",
  },
  {
    names: "etcdctl etcdutl",
    tier: "write",
    values: "--endpoints --cacert --cert --key --user -w --write-out --command-timeout",
    verbs: {
      read: "get, member list, endpoint health, endpoint status, endpoint hashkv, version, alarm list, user list, user get, role list, role get, auth status, snapshot status, lease list, lease timetolive, hashkv",
      danger:
        "del, member remove, defrag, compaction, snapshot restore, auth disable, user delete, role delete, role revoke-permission, user revoke-role, lease revoke, alarm disarm, move-leader, auth enable, watch",
    },
  },
  {
    names:
      "kafka-topics kafka-topics.sh kafka-configs kafka-configs.sh kafka-acls kafka-acls.sh kafka-consumer-groups kafka-consumer-groups.sh kafka-broker-api-versions kafka-broker-api-versions.sh kafka-log-dirs kafka-log-dirs.sh kafka-reassign-partitions kafka-reassign-partitions.sh kafka-leader-election kafka-get-offsets kafka-get-offsets.sh kafka-streams-groups kafka-share-groups kafka-transactions kafka-features kafka-cluster kafka-metadata-quorum kafka-delegation-tokens",
    tier: "write",
    values:
      "--bootstrap-server --topic --group --command-config --partitions --replication-factor --config --entity-type --entity-name --zookeeper --bootstrap-controller",
    read: "--list --describe --help --version --verify --state --members --dry-run --api-versions",
    danger:
      "--delete --delete-config --remove --reset-offsets --delete-offsets --execute --force --cancel --expire --remove-controller",
    verbs: {
      read: "describe, list, cluster-id, version-mapping",
      danger: "abort, force-terminate, unregister, remove-controller, downgrade, disable",
    },
  },
  {
    names:
      "kafka-delete-records kafka-delete-records.sh kafka-storage kafka-streams-application-reset zookeeper-shell zkCli.sh",
    tier: "danger",
    read: "--help --version",
    verbs: { read: "info, random-uuid, version-mapping" },
  },
  {
    names: "kafka-console-consumer kafka-console-consumer.sh kafka-dump-log kafka-verifiable-consumer",
    tier: "read",
    danger: "--formatter --consumer.config",
  },
  {
    names:
      "kafka-console-producer kafka-console-producer.sh kafka-producer-perf-test kafka-consumer-perf-test kafka-server-start.sh",
    tier: "write",
  },
  {
    names: "kcat kafkacat",
    tier: "read",
    flags: "-L -C -Q -q -u -e -J -v",
    values: "-b -t -p -o -G -X -f -c -K -D -Z -F -r -k -s",
    write: "-P -T",
    danger: "-F",
  },
  {
    names: "rpk",
    tier: "write",
    verbs: {
      read: "cluster info, cluster health, topic list, topic describe, group list, group describe, version, topic consume, cluster config get, acl list",
      danger:
        "topic delete, group delete, cluster config set, topic trim-prefix, group seek, acl delete, cluster partitions, topic add-partitions, redpanda, container purge, security",
    },
  },
  {
    names: "rabbitmqctl rabbitmq-diagnostics rabbitmq-queues rabbitmq-streams rabbitmq-plugins rabbitmq-upgrade",
    tier: "write",
    values: "-p --vhost -n --node -t --timeout",
    flags: "-q -s --quiet --silent -l --longnames",
    verbs: {
      read: "list_*, status, cluster_status, environment, report, version, help, node_health_check, ping, check_*, *_status, list, is_enabled, directories, is_*, authenticate_user, memory_breakdown, observer, server_version, os_env, listeners, alarms, maybe_stuck, runtime_thread_stats, erlang_version, log_location, log_tail, tls_versions, cipher_suites, command_line_arguments, certificates, stream_status, resolve_hostname, resolver_info, schema_info, quorum_status, peek, await_online_*, await_startup",
      danger:
        "delete_*, reset, force_reset, stop, stop_app, shutdown, purge_queue, forget_cluster_node, eval, eval_file, clear_*, remove_*, close_*, rotate_logs, hibernate, force_*, set_vm_memory_high_watermark, set_disk_free_limit, disable, decode, encode, restart_vhost, import_definitions, cancel_sync_queue, drain, kill_*, shrink, grow, restart_stream, suspend_listeners, exec, terminate_*, deactivate_*, join_cluster, change_cluster_node_type, rename_cluster_node",
    },
  },
  {
    names: "rabbitmqadmin",
    tier: "write",
    values: "-H -P -u -p -V -f -c -N --host --port --username --password --vhost --format",
    flags: "-q -s",
    verbs: { read: "list, show, --version, help", danger: "delete, purge, close, import, get" },
    read: "--help --version",
  },
  {
    names: "nats",
    tier: "write",
    values: "-s --server --user --password --creds --nkey --context --timeout",
    verbs: {
      read: "server info, server list, server ls, server ping, server report, server check, stream ls, stream list, stream info, stream state, stream report, stream get, stream view, stream find, stream subjects, consumer ls, consumer list, consumer info, consumer report, consumer find, consumer graph, kv get, kv ls, kv list, kv status, kv info, kv history, kv watch, object ls, object list, object info, account info, account report, context ls, context list, context show, context info, rtt, errors ls, errors lookup, events, schema ls, schema list, schema info, schema show, schema search, service list, service info, service stats, service ping, sub, governor ls, governor view, cheat, latency, server graph, top, micro list, micro ls, micro info, micro stats, stream ls *",
      danger:
        "stream rm, stream delete, stream del, stream purge, stream rmm, stream seal, stream restore, stream cluster, consumer rm, consumer delete, consumer del, consumer cluster, kv del, kv delete, kv rm, kv purge, kv compact, object del, object delete, object rm, object seal, context rm, context delete, account purge, account restore, account delete, server raft, server request, server cluster, governor rm, governor delete, server account purge, account rm, * rm, * delete, * del, * purge",
    },
  },
  {
    names:
      "pulsar-admin pulsarctl rocketmq mqadmin mosquitto_pub mosquitto_sub stompclt amqp-publish amqp-get amqp-consume",
    tier: "write",
    verbs: {
      read: "topics list, topics stats, namespaces list, tenants list, clusters list, brokers list",
      danger:
        "topics delete, topics clear-backlog, namespaces delete, tenants delete, clusters delete, topics unload, * delete, * delete-*, * clear-*",
    },
  },
  {
    names: "prometheus",
    tier: "write",
    read: "--version --help -h --help-long --help-man",
    danger: "--web.enable-admin-api",
  },
  {
    names: "promtool amtool mimirtool logcli tempo-cli thanos cortextool grafana-cli victoria-metrics vmctl",
    tier: "write",
    verbs: {
      read: "check, query, debug, test, tsdb list, tsdb analyze, tsdb dump, alert query, alert, silence query, silence, config show, config routes, check-config, cluster show, labels, series, instant-query, stats, volume, tools bucket ls, tools bucket inspect, plugins ls, plugins list-remote, plugins list-versions, rules list, rules get, rules print, alertmanager get, rules lint, rules check, rules diff, promql",
      danger:
        "silence expire, tools bucket cleanup, rules delete, alertmanager delete, admin reset-admin-password, tools bucket mark, tools bucket rewrite, plugins remove, plugins uninstall, delete",
    },
  },
  {
    names:
      "curator elasticsearch-sql elasticdump elasticsearch-reset-password es-cli opensearch-cli meilisearch typesense algolia",
    tier: "write",
    read: "--version --help --dry-run",
    danger: "--delete",
    verbs: {
      read: "search, indices list, objects browse, apikeys list",
      danger:
        "objects delete, indices delete, indices clear, apikeys delete, objects operations, synonyms delete, rules delete, * delete, * clear",
    },
  },
  { names: "mongodump pg_basebackup pgbench", tier: "write", read: "--version --help" },
];
